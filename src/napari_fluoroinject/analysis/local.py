"""Soft tissue that lags or leads bone as the patient breathes: a smooth correction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from napari_fluoroinject.analysis.blocks import (
    PAD,
    blocks_of,
    enlarged,
    free_of_contrast,
    squares_of,
)
from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.blocks import Blocks
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

ROUNDS = 2
"""Film is looked for in what the correction leaves, then the correction is found anew."""
PATH_BLUR_FRAMES = 1.0
LEAST_WAY_PX, LEAST_WAY_SHARE = 0.25, 0.1
"""A shorter way (RMS over the frames) shows nothing that lags, or errors of the registration, and
so does one so much shorter than the longest."""
NEAR_BLOCKS = 0.6
"""Gaussian over which neighbouring control points share their equations."""
NOISE_SHARE = 0.25
"""What that leaves of a block's noise: the sum of the squares of the Gaussian's weights."""
PRIOR_BLUR_BLOCKS, ACCEPT_BLUR_BLOCKS = 4.0, 4.0
WEAK_PRIOR = 2.0
"""Ridge for factors of which nothing is known yet, in frames."""
FOLD_FRAMES = 8
"""So many frames in a row are left out together, for a breath is slower than a frame."""
LEAST_GAIN, FULL_GAIN = 0.003, 0.012
"""Share by which the variance of frames that were left out must fall for the correction to be
accepted, and to be accepted whole. It has few parameters: where nothing lags it falls by .001."""
_LEAST_SIZE = 1e-4
_LEAST_WEIGHT = 1e-3
_TINY = 1e-6


def hold_tissue_still(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> FloatArray:
    """Take out of the opacity what tissue does that lags or leads bone, in place.

    Tissue adds to bone in the log of the primary beam. To first order, what it does to the picture
    is its displacement against bone times its own slopes. In time that displacement follows bone's
    own path and that path's speed, which is to say bone's path some time ago (`_ways`); in space
    each control point, a block, has its own factors. (The slopes of the mean picture would stand
    for tissue's only where there is no bone, and explain less.) Factors come by least squares from
    blocks and frames free of contrast, shrunk as much as two halves of the frames disagree about
    them, and are accepted only where they lower the variance of frames that were left out.

    Parameters
    ----------
    opacity
        Its `od` is changed: a loop is not held twice. Without an onset, with few frames, or where
        bone rests or no tissue moves against it, it stays as it is.
    registered, needle
        The loop and its needle.
    on
        The compute backend.

    Returns
    -------
    FloatArray
        (rows, columns), the share of the correction that was accepted, 0 to 1.

    References
    ----------
    Regression on the path and its past: Friston et al. 1996 (Magn Reson Med 35:346). The prior's
    width from the data: Efron and Morris 1973 (JASA 68:117).
    """
    share = np.zeros(opacity.valid.shape, dtype=np.float32)
    ways = _ways(registered)
    loop = blocks_of(opacity, registered, needle, on) if ways.shape[1] else None
    if loop is None:
        return share
    lag = _find(loop, ways[list(loop.frames)], registered, on)
    accepted = _accepted(lag)
    if not accepted.any():
        return share
    pictures = (lag.pictures * accepted * loop.sigma_od)[:, PAD:-PAD, PAD:-PAD]
    _apply(opacity.od, enlarged(pictures, loop.factor, share.shape, on), ways, registered)
    inner = accepted[None, PAD:-PAD, PAD:-PAD]
    held: FloatArray = enlarged(inner, loop.factor, share.shape, on)[0]
    return held


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """Some frames, and for each block the equations that they give for the factors.

    `change`, `weight` (frames, rows, columns); `ways` (frames, ways); `mean` and `mean_way`
    (ways, ...) over the frames, with `total` (rows, columns) the sum of weights; `matrix`
    (ways, ways, rows, columns) and `vector` (ways, rows, columns), each block's mean taken off.
    """

    change: FloatArray
    weight: FloatArray
    ways: FloatArray
    total: FloatArray
    mean: FloatArray
    mean_way: FloatArray
    matrix: FloatArray
    vector: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lag:
    """Factors of the ways (ways, rows, columns), their prior, and both halves of the frames."""

    pictures: FloatArray
    prior: FloatArray
    halves: tuple[_Part, _Part]


def _ways(registered: RegisteredLoop) -> FloatArray:
    """How tissue may go against bone, (frames, ways) of RMS 1, 0 on average over the mask frames.

    The principal components of bone's path and its speed that are long enough; none at rest.
    """
    motion, mask = registered.motion, list(registered.injection.mask_frames)
    locked, every = np.flatnonzero(motion.locked), np.arange(len(motion.locked))
    if not locked.size or not mask:
        return np.zeros((len(every), 0), dtype=np.float32)
    path = np.stack([np.interp(every, locked, way[locked]) for way in motion.shift_px.T], axis=1)
    path = gaussian_filter1d(path, PATH_BLUR_FRAMES, axis=0, mode="nearest")
    speed = np.gradient(path, axis=0) if len(path) > 1 else np.zeros_like(path)
    path, speed = (way - way[locked].mean(axis=0) for way in (path, speed))
    speed *= _rms(path[locked]) / max(_rms(speed[locked]), _TINY)
    both = np.column_stack([path, speed])
    _, length, axes = np.linalg.svd(both[locked], full_matrices=False)
    length = length / np.sqrt(len(locked))
    far = length > max(LEAST_WAY_PX, LEAST_WAY_SHARE * length[0])
    ways = both @ axes[far].T / length[far]
    result: FloatArray = (ways - ways[mask].mean(axis=0)).astype(np.float32)
    return result


def _rms(values: DoubleArray) -> float:
    return float(np.sqrt(np.square(values).mean()))


def _find(loop: Blocks, ways: FloatArray, registered: RegisteredLoop, on: Backend) -> _Lag:
    """Alternate between where film is, given the factors, and the factors."""
    left = loop.change
    first = np.arange(len(ways)) // FOLD_FRAMES % 2 == 0
    for _ in range(ROUNDS):
        weight = free_of_contrast(left, loop, registered, on)
        one, other = (_part(loop.change[k], weight[k], ways[k]) for k in (first, ~first))
        prior = _prior(one, other, loop.open_)
        pictures = _solved(_part(loop.change, weight, ways), prior)
        left = loop.change - np.tensordot(ways, pictures, axes=1)
    return _Lag(pictures=pictures, prior=prior, halves=(one, other))


def _part(change: FloatArray, weight: FloatArray, ways: FloatArray) -> _Part:
    shape, count = change.shape[1:], ways.shape[1]
    flat = weight.reshape(len(weight), -1)
    drawn = flat * change.reshape(len(change), -1)
    total = np.maximum(flat.sum(axis=0), np.float32(_LEAST_WEIGHT))
    mean_way, mean = ways.T @ flat / total, drawn.sum(axis=0) / total
    pairs = (ways[:, :, None] * ways[:, None, :]).reshape(len(ways), -1)
    matrix = (pairs.T @ flat).reshape(count, count, -1) - total * mean_way[:, None] * mean_way
    vector = ways.T @ drawn - total * mean_way * mean
    near = (NEAR_BLOCKS, NEAR_BLOCKS)
    return _Part(
        change=change,
        weight=weight,
        ways=ways,
        total=total.reshape(shape),
        mean=mean.reshape(shape),
        mean_way=mean_way.reshape(count, *shape),
        matrix=gaussian_filter(matrix.reshape(count, count, *shape), (0, 0, *near)),
        vector=gaussian_filter(vector.reshape(count, *shape), (0, *near)),
    )


def _solved(part: _Part, prior: FloatArray) -> FloatArray:
    """Factors (ways, rows, columns) by least squares with a ridge of this size for each."""
    ridge = np.einsum("krc,kl->rckl", prior, np.eye(len(prior), dtype=np.float32))
    matrix = np.moveaxis(part.matrix, (0, 1), (2, 3)) + ridge
    factors = np.linalg.solve(matrix, np.moveaxis(part.vector, 0, 2)[..., None])[..., 0]
    result: FloatArray = np.moveaxis(factors, 2, 0).astype(np.float32)
    return result


def _prior(one: _Part, other: _Part, open_: FloatArray) -> FloatArray:
    """Noise over the variance that factors have near a block, (ways, rows, columns).

    The noise of two halves is not the same, so that the mean of their product is the variance of
    what is true. Noise is what either half leaves of the other: where that is more than a block's
    own (gas), it is as slow as breathing and tells the less by the same factor.
    """
    weak = np.full((len(one.vector), *open_.shape), WEAK_PRIOR, dtype=np.float32)
    known = np.minimum(one.total, other.total) * open_
    product = _solved(one, weak) * _solved(other, weak) * known
    near = (PRIOR_BLUR_BLOCKS, PRIOR_BLUR_BLOCKS)
    there = np.maximum(gaussian_filter(known, near), np.float32(_LEAST_WEIGHT))
    size = gaussian_filter(product, (0, *near)) / there
    _, left = _left(one, other, weak)
    frames = gaussian_filter((one.total + other.total) * open_, near)
    noise = gaussian_filter(left, near) / np.maximum(frames, np.float32(_LEAST_WEIGHT))
    noise = np.float32(NOISE_SHARE) * np.square(np.maximum(noise, 1.0))
    prior: FloatArray = (noise / np.maximum(size, np.float32(_LEAST_SIZE))).astype(np.float32)
    return prior


def _accepted(lag: _Lag) -> FloatArray:
    """Share of the correction to accept, (rows, columns)."""
    sums = _left(*lag.halves, lag.prior)
    before, after = (gaussian_filter(one, ACCEPT_BLUR_BLOCKS) for one in sums)
    gain = (before - after) / np.maximum(before, np.float32(_TINY))
    share = np.clip((gain - LEAST_GAIN) / (FULL_GAIN - LEAST_GAIN), 0.0, 1.0)
    result: FloatArray = share.astype(np.float32)
    return result


def _left(one: _Part, other: _Part, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums of squares (rows, columns) without and with the correction, each half by the other."""
    without, with_it = np.zeros_like(one.total), np.zeros_like(one.total)
    for known, tried in ((one, other), (other, one)):
        pictures = _solved(known, prior)
        mean = known.mean - (known.mean_way * pictures).sum(axis=0)
        explained = mean + np.tensordot(tried.ways, pictures, axes=1)
        without += squares_of(tried.change - known.mean, tried.weight)
        with_it += squares_of(tried.change - explained, tried.weight)
    return without, with_it


def _apply(
    od: FloatArray, pictures: FloatArray, ways: FloatArray, registered: RegisteredLoop
) -> None:
    """Add what tissue brightened against the mask frames, in every frame that is registered."""
    locked = np.flatnonzero(registered.motion.locked)
    for some in chunks(len(locked)):
        brighter = np.tensordot(ways[locked[some]], pictures, axes=1)
        for frame, one in zip(locked[some], brighter, strict=True):
            od[frame] += one
