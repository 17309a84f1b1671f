"""Blocks of the opacity in sigmas, and which are free of contrast: layers are found in these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.analysis.ramp import fit_ramps
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

BLOCKS_ACROSS = 64
"""Gas and soft tissue are wide, their edges soft: so many blocks show them in any picture."""
PAD = 4
"""Blocks around the picture from which gas may come; it is not followed farther than this."""
FEWEST_FRAMES, MOST_FRAMES = 20, 100
"""Longer loops are thinned out for the estimate: breathing takes seconds."""
FEWEST_QUIET_FRAMES = 6
"""With fewer frames before contrast the layers below film are not known."""
FEWEST_BLOCKS = 200
LEAST_SIGMA_OD = 1e-3
"""No block's noise is taken to be less: what interpolation leaves is no noise."""
BLUR_BLOCKS = 1.0
CONTRAST_SIGMAS = 1.0
"""A block in which a ramp has come to this many sigmas of a smoothed frame counts for a quarter,
with more of it soon for nothing: film that is taken for gas would be taken away."""
RIM_BLOCKS = 3
"""Side of the square in which the most contrast decides."""
_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Padded blocks of the frames that count, in sigmas of a block in one frame.

    `change` (frames, rows, columns) is brightness against the mean before contrast, `anatomy`
    (rows, columns) that mean, `open_` (rows, columns) 1 where blocks may be used, else 0; `frames`
    the frames' numbers, `sigma_od` the unit.
    """

    change: FloatArray
    anatomy: FloatArray
    open_: FloatArray
    frames: tuple[int, ...]
    sigma_od: np.float32
    factor: int


def blocks_of(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, on: Backend
) -> Blocks | None:
    """Blocks of the loop; None where there is too little to tell two layers apart."""
    injection, quiet = registered.injection, list(registered.quiet_frames)
    # The first frame has another exposure and more noise (pulsed fluoroscopy).
    frames = tuple(int(k) for k in np.flatnonzero(registered.motion.locked) if k > 0)
    frames = frames[:: ceil(len(frames) / MOST_FRAMES) or 1]
    enough = len(frames) >= FEWEST_FRAMES and len(quiet) >= FEWEST_QUIET_FRAMES
    if injection.onset_frame is None or not enough:
        return None
    judged = (opacity.valid & ~needle_corridor(registered, needle)).astype(np.float32)
    factor = max(1, ceil(max(judged.shape) / BLOCKS_ACROSS))
    share = on.kernels.bin_frames(judged[None], np.ones_like(judged), factor)[0]
    open_ = np.pad((share > 0.5).astype(np.float32), PAD)
    if open_.sum() < FEWEST_BLOCKS:
        return None
    bright = _padded(-on.kernels.bin_frames(opacity.od, judged, factor))[list(frames)]
    inside = bright[:, open_ > 0]
    sigma = max(sigma_of(np.diff(inside, axis=0)) / np.sqrt(2.0), LEAST_SIGMA_OD)
    before = on.kernels.warp(registered.ln[quiet], poses(registered.motion)[quiet]).mean(axis=0)
    anatomy = _padded(on.kernels.bin_frames(before[None], judged, factor))[0]
    bright -= np.median(inside, axis=1)[:, None, None]
    unit = np.float32(sigma)
    return Blocks(
        change=bright * open_ / unit,
        anatomy=anatomy * np.float32(opacity.scale.scale or 1.0) / unit,
        open_=open_,
        frames=frames,
        sigma_od=unit,
        factor=factor,
    )


def free_of_contrast(
    left: FloatArray, loop: Blocks, registered: RegisteredLoop, on: Backend
) -> FloatArray:
    """Weights (frames, rows, columns) that fall as the ramp fitted to the darkening rises."""
    inside = loop.open_ > 0
    left = left - np.median(left[:, inside], axis=1)[:, None, None]
    dark = -on.kernels.smooth(left, loop.open_, BLUR_BLOCKS)
    sigma = max(sigma_of(np.diff(dark[:, inside], axis=0)) / np.sqrt(2.0), _TINY)
    count = len(registered.ln)
    whole = np.zeros((count, *loop.open_.shape), dtype=np.float32)
    whole[list(loop.frames)] = dark
    fit = fit_ramps(whole, _with_frames(registered, loop.frames), on=on)
    ramps = np.stack([fit.at(float(fit.positions[k])) for k in loop.frames])
    # Film that grows pulls the gas along by its rim, where a ramp is still too faint to be seen.
    ramps = maximum_filter(ramps, (1, RIM_BLOCKS, RIM_BLOCKS))
    doubt = np.square(ramps / np.float32(CONTRAST_SIGMAS * sigma))
    weight: FloatArray = loop.open_ / np.square(1.0 + doubt).astype(np.float32)
    return weight


def enlarged(blocks: FloatArray, factor: int, shape: tuple[int, ...], on: Backend) -> FloatArray:
    """Blocks (frames, ...) as pictures of `shape`, interpolated between their centres."""
    # Beyond the outermost centres, and where rows are left over, the edge is repeated.
    wide = np.pad(blocks, ((0, 0), (2, 2), (2, 2)), mode="edge")
    place = np.full((len(blocks), 2), 2.0 + 0.5 / factor - 0.5)
    return on.kernels.sample(wide, place, 1.0 / factor, (shape[0], shape[1]))


def squares_of(left: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted sum of squares over the frames, each frame's own brightness taken off."""
    total = np.maximum(weight.sum(axis=(1, 2)), _TINY)
    mean = np.einsum("nrc,nrc->n", left, weight) / total
    result: FloatArray = (weight * np.square(left - mean[:, None, None])).sum(axis=0)
    return result


def sigma_of(values: FloatArray) -> float:
    """Robust standard deviation of values about 0."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values)))


def _with_frames(registered: RegisteredLoop, frames: tuple[int, ...]) -> RegisteredLoop:
    """The loop as if no other frames were registered."""
    locked = np.isin(np.arange(len(registered.ln)), frames)
    return replace(registered, motion=replace(registered.motion, locked=locked))


def _padded(frames: FloatArray) -> FloatArray:
    return np.pad(frames, ((0, 0), (PAD, PAD), (PAD, PAD)))
