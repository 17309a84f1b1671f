"""The registered loop: what every measurement stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.spread import NoiseModel, OpacityScale


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskChoice:
    """Whose mask frames are subtracted.

    Attributes
    ----------
    source
        The picture (`found`), the header, or a person (`given`).
    quiet_frames
        Beside mask frames of the header or of a person, those found in the picture before
        contrast: they tell the noise, of which one mask frame says nothing.
    unused_frames
        Mask frames of theirs that were left out, because the registration lost them.
    elsewhere
        So many frames have another mask in the header than the one that is subtracted.
    offset_px
        How much further from the mask, (row, column), the header puts the frames than was
        measured; None where it says nothing about that.
    only_intervals
        The header was asked for, and has no mask frames but pairs of frames (TID, REV_TID).
    """

    source: Literal["found", "header", "given"] = "found"
    quiet_frames: tuple[int, ...] = ()
    unused_frames: tuple[int, ...] = ()
    elsewhere: int = 0
    offset_px: Point | None = None
    only_intervals: bool = False


FOUND = MaskChoice()
"""The mask frames were found in the picture, as nobody asked for others."""


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
    mask
        Whose mask frames those are.
    """

    loop: CineLoop
    ln: FloatArray
    field: BoolArray
    motion: Motion
    injection: Injection
    mask: MaskChoice = FOUND

    @property
    def quiet_frames(self) -> tuple[int, ...]:
        """Frames before contrast: the mask frames, or those found beside the chosen ones."""
        return self.mask.quiet_frames or self.injection.mask_frames


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
