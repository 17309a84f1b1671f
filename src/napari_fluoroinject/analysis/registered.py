"""The registered loop: what every measurement stands on."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.spread import NoiseModel, OpacityScale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegisteredLoop:
    """A loop with its log frames, open field, motion and injection.

    Attributes
    ----------
    loop
        The cine loop itself (times, calibration, kVp, body part).
    ln
        (frames, rows, columns) float32, natural log of the relative beam intensity, each frame
        in its own geometry.
    field
        (rows, columns), True inside the open field (shutters, blades and padding are False).
    motion, injection
        `motion` is relative to the mean pose of `injection.mask_frames`.
    """

    loop: CineLoop
    ln: FloatArray
    field: BoolArray
    motion: Motion
    injection: Injection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opacity:
    """Contrast opacity of every frame in the reference pose.

    Attributes
    ----------
    od
        (frames, rows, columns) float32, natural-log units, scatter-corrected where the loop is
        quantitative,
        else the plain difference of the log frames (relative, not opacity).
    valid
        (rows, columns), True where opacity can be judged in every locked frame.
    residue
        (rows, columns) float32, at least 1: negative excursions (gas, motion) against 1.5 times
        the field's median;
        contrast only darkens, so what also brightens is not contrast.
    scale, noise
        How the opacity was corrected, and how noisy it is.
    """

    od: FloatArray
    valid: BoolArray
    residue: FloatArray
    scale: OpacityScale
    noise: NoiseModel
