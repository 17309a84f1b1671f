"""Where and when the registered picture darkens and stays dark, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fluoroinject.analysis.chunks import chunks, picked
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.steel import find_steel
from napari_fluoroinject.model.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.motion import Motion

BLOCK_PX = 4
"""Side of a block: smaller than any film, larger than what noise and residual motion correlate."""
USUAL_NOISE = 0.026
"""Noise of a block in one frame, natural log units, at 20 nGy per frame."""
BLUR_BLOCKS, WIDEST_BLUR_BLOCKS = 1.6, 2.7
"""Sigma of the blur at the usual noise and most of it: the noisier, the wider. Films and gas are
wider than either."""
LAG_FRAMES = 4
"""Noise is taken from differences over this lag, beyond the memory of recursive filters."""
LEAST_SHARE = 0.4
"""A block of which less is left is not looked at."""
RISES = (2.0, 5.0, 12.0)
"""Frames in which a block fills."""
STAYS = (9, 16, 26)
"""Frames after which a passing run-off is gone."""
PULSE_EDGE_FRAMES = 3
EARLIEST, LATEST = 3, 3
"""Frames that a step needs before and after it to be one."""
ENOUGH_FRAMES = 80
"""In a longer loop medians and means are taken over every second frame and so on, and steps sought
in the mean of as many frames."""
NOISE_STRENGTH = 5.0
"""Strength that noise alone reaches somewhere in a loop."""
RIVAL_BLOCKS = 9
"""An edge that moves brightens on one side as it darkens on the other, within 1 cm."""
SURE_STRENGTH = 7.0
"""Blocks this sure that are connected belong together."""
FEWEST_BLOCKS = 30
"""A smaller group is the edge of gas or of a hub: 30 blocks are 40 mm2."""
ANSWER_BLOCKS = 12
"""The two sides of a bubble are less than 14 mm apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Darkening:
    """Darkening of every block in every locked frame, in sigmas of one frame.

    `z` is (locked frames, rows, columns) float32 of blocks, rising where the picture darkens;
    `frames` are their numbers in the loop; `usable` (rows, columns) tells the blocks that may be
    looked at, elsewhere `z` is 0; `noise` is the median noise of an unblurred block in one frame,
    natural log units.
    """

    z: FloatArray
    frames: npt.NDArray[np.int64]
    usable: BoolArray
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The best step of every block: flat, then darker, for good or for a while.

    Attributes
    ----------
    strength
        (rows, columns) float32: the step over its own standard error, less what neighbours
        brighten in the same way, and less what is answered by brightening beside its group.
        0 outside the groups.
    groups
        (rows, columns) int32: connected blocks that darken, numbered from 1; 0 = none.
    """

    strength: FloatArray
    groups: npt.NDArray[np.int32]


def measure_darkening(
    ln: FloatArray, field: BoolArray, motion: Motion, *, on: Backend
) -> Darkening:
    """Bin the aligned frames and express their darkening in sigmas.

    Lines as dark as steel are left out: a needle being advanced is no contrast. Frames that the
    registration lost are left out of everything.

    Parameters
    ----------
    ln
        (frames, rows, columns) log frames.
    field
        (rows, columns) open field.
    motion
        Registration of the loop, with a locked frame at least.
    on
        The compute backend.
    """
    pose, frames = poses(motion), np.flatnonzero(motion.locked)
    seen = (field & ~find_steel(ln, pose, frames, on=on)).astype(np.float32)
    blocks = np.empty((len(ln), *(size // BLOCK_PX for size in field.shape)), dtype=np.float32)
    for part in chunks(len(ln)):
        blocks[part] = on.kernels.bin_frames(on.kernels.warp(ln[part], pose[part]), seen, BLOCK_PX)
    blocks = picked(blocks, motion.locked)
    share = on.kernels.bin_frames(seen[None], np.ones_like(seen), BLOCK_PX)[0]
    inside: BoolArray = ndimage.binary_erosion(_open_blocks(field), iterations=2)
    usable: BoolArray = np.logical_and(inside, share > LEAST_SHARE)
    noise = _level(_sigma(blocks), usable)
    blur = min(max(BLUR_BLOCKS * noise / USUAL_NOISE, BLUR_BLOCKS), WIDEST_BLUR_BLOCKS)
    dark = -on.kernels.smooth(blocks, usable.astype(np.float32), blur)
    dark -= np.median(_some(dark), axis=0)
    dark -= np.median(dark[:, usable], axis=1)[:, None, None] if usable.any() else 0.0
    sigma = _sigma(dark)
    z = (dark / np.maximum(sigma, 0.5 * _level(sigma, usable) + 1e-6)).astype(np.float32)
    z[:, ~usable] = 0.0
    return Darkening(z=z, frames=frames, usable=usable, noise=noise)


def _level(sigma: FloatArray, usable: BoolArray) -> float:
    return float(np.median(sigma[usable])) if usable.any() else 1.0


def _open_blocks(field: BoolArray) -> BoolArray:
    """Blocks of which every pixel is open."""
    rows, columns = (size // BLOCK_PX for size in field.shape)
    cut = field[: rows * BLOCK_PX, : columns * BLOCK_PX]
    least = cut.astype(np.uint8).reshape(rows, BLOCK_PX, columns, BLOCK_PX).min(axis=(1, 3))
    whole: BoolArray = np.equal(least, 1)
    return whole


def _some(frames: FloatArray) -> FloatArray:
    """As many frames as a median or mean over a loop needs."""
    return frames[:: _every(len(frames))]


def _every(frames: int) -> int:
    return max(1, frames // ENOUGH_FRAMES)


def _sigma(dark: FloatArray) -> FloatArray:
    """Noise of one frame and block, from differences over a lag; a step costs it little."""
    lag = min(LAG_FRAMES, max(len(dark) - 1, 1))
    change = np.abs(_some(dark[lag:]) - _some(dark[:-lag]))
    sigma: FloatArray = MAD_TO_SIGMA / np.sqrt(2.0) * np.median(change, axis=0)
    even: FloatArray = ndimage.median_filter(sigma, size=3)
    return even


def fit_steps(darkening: Darkening, first: int, *, on: Backend) -> Steps:
    """Fit flat-then-darker curves to every block from frame `first` on.

    What wanders (gas, a layer that lags) leaves a large residual; what moves brightens elsewhere.
    """
    begin = int(np.searchsorted(darkening.frames, first))
    step = max(1, (len(darkening.z) - begin) // ENOUGH_FRAMES)
    z = _binned(darkening.z[begin:], step) * np.float32(np.sqrt(step))
    curves = _curves(darkening.frames[begin:].astype(np.float64), step)
    darker, brighter = _strength(z, curves, on), _strength(-z, curves, on)
    rival = ndimage.maximum_filter(brighter, size=RIVAL_BLOCKS)
    own = np.maximum(darker - np.maximum(rival - NOISE_STRENGTH, 0.0), 0.0)
    groups = _groups((darker > SURE_STRENGTH) & (darker > brighter))
    return Steps(strength=_unanswered(own, groups, darker, brighter), groups=groups)


def _binned(values: FloatArray, step: int) -> FloatArray:
    """Mean of every `step` values along the first axis; those left over are dropped."""
    if step == 1:
        return values
    count = len(values) // step
    mean: FloatArray = values[: count * step].reshape(count, step, *values.shape[1:]).mean(axis=1)
    return mean


def _groups(sure: BoolArray) -> npt.NDArray[np.int32]:
    """Number the connected parts of at least `FEWEST_BLOCKS`."""
    parts, count = ndimage.label(sure, structure=np.ones((3, 3)))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= FEWEST_BLOCKS
    large[0] = False
    return np.where(large[parts], parts, 0).astype(np.int32)


def _unanswered(
    own: FloatArray, groups: npt.NDArray[np.int32], darker: FloatArray, brighter: FloatArray
) -> FloatArray:
    """What of each block's strength in a group is not answered by brightening beside the group.

    A bubble of gas that moves darkens on the side that it leaves and brightens as much on the
    side that it comes to, so a group loses the share of its sum that is answered, but no block
    more than the strongest answer. A brighter block answers the group that it is nearest to.
    """
    if not groups.any():
        return np.zeros(groups.shape, dtype=np.float32)
    distance, nearest = ndimage.distance_transform_edt(groups == 0, return_indices=True)
    beside = np.where((groups == 0) & (distance <= ANSWER_BLOCKS), groups[tuple(nearest)], 0)
    count = int(groups.max()) + 1
    excess = np.maximum(darker - brighter, 0.0)
    answer = np.maximum(brighter - np.maximum(darker, NOISE_STRENGTH), 0.0)
    dark = np.bincount(groups.ravel(), weights=excess.ravel(), minlength=count)
    bright = np.bincount(beside.ravel(), weights=answer.ravel(), minlength=count)
    share = np.clip(1.0 - bright / np.maximum(dark, 1e-6), 0.0, 1.0)
    strongest = np.zeros(count)
    np.maximum.at(strongest, beside.ravel(), answer.ravel())
    left = np.maximum(own * share[groups], own - strongest[groups])
    return np.where(groups > 0, left, 0.0).astype(np.float32)


def _curves(times: DoubleArray, step: int) -> FloatArray:
    """Ramps that stay and pulses that pass at these times, without their mean, as (curves, steps).

    They begin in every step; a step is the mean of so many frames. A pulse needs to be seen for
    half its stay.
    """
    curves = []
    for begin in times[EARLIEST : len(times) - LATEST : step]:
        since = times - begin
        curves += [np.clip(since / rise, 0.0, 1.0) for rise in RISES]
        curves += [
            np.clip(np.minimum(since, stay - since) / PULSE_EDGE_FRAMES, 0.0, 1.0)
            for stay in STAYS
            if begin + stay < times[-LATEST]
            and 2 * np.count_nonzero((since > 0) & (since < stay)) >= stay
        ]
    stacked = np.ascontiguousarray(_binned(np.array(curves, dtype=np.float32).T, step).T)
    stacked -= stacked.mean(axis=1, keepdims=True)
    return stacked


def _strength(z: FloatArray, curves: FloatArray, on: Backend) -> FloatArray:
    """Amplitude of every block's best curve over the standard error of it."""
    centred = z - z.mean(axis=0)
    _, _, explained = on.kernels.best_curve(centred, curves)
    left = np.einsum("kij,kij->ij", centred, centred) - explained
    sigma2 = np.maximum(left / max(len(z) - 4, 1), 1.0)
    strength: FloatArray = np.sqrt(np.maximum(explained, 0.0) / sigma2).astype(np.float32)
    return strength
