"""What subtraction leaves of the background, against what noise alone would leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.noise import effective_frames
from napari_fluoroinject.analysis.pose import poses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.spread import NoiseModel


def residual_over_noise(
    ln: FloatArray,
    motion: Motion,
    background: BoolArray,
    *,
    mask_frames: Sequence[int],
    noise: NoiseModel,
    on: Backend,
) -> float | None:
    """RMS of the background in the subtracted frames over the noise floor, the median of frames.

    The floor is the noise of a frame and of the mask frames' mean; what is above it is anatomy
    that was not brought to cover itself. Each frame's median is taken off first.

    Parameters
    ----------
    ln
        (frames, rows, columns), log frames, each in its own geometry.
    motion
        What brings them into the reference pose.
    background
        (rows, columns) of the reference pose, where there is neither contrast nor needle.
    mask_frames, noise
        As measured.
    on
        The compute backend.

    Returns
    -------
    float or None
        None where there are no mask frames, no other locked frames, no background, or no noise.
    """
    mask = list(mask_frames)
    others = [k for k in np.flatnonzero(motion.locked) if k not in mask]
    if not mask or not others or not background.any() or not noise.a > 0:
        return None
    aligned = on.kernels.warp(ln, poses(motion))[:, background]
    level = aligned[mask].mean(axis=0)
    inflated = 1.0 + 1.0 / effective_frames(len(mask), noise.lag1_time)
    floor = float(np.sqrt(noise.a * inflated * np.exp(-level).mean()))
    left = aligned[others] - level
    left -= np.median(left, axis=1, keepdims=True)
    return float(np.median(np.sqrt(np.square(left).mean(axis=1)))) / floor
