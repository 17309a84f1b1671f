"""Least squares over a family of ramps by running sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

    Index = npt.NDArray[np.int64]

LANES = 32
"""Pixels that are worked on side by side."""


@nb.njit(cache=True, nogil=True)
def running_sums(
    curves: FloatArray,
    positions: DoubleArray,
    fade: DoubleArray,
    rising: DoubleArray,
    falling: DoubleArray,
) -> None:
    """Sums of `curves` (frames, `LANES`) that products with ramps are differences of.

    `rising` (2, frames + 1, LANES) holds the sums of f and of f t over the frames before;
    `falling` (decays, frames + 1, LANES) of what is still there of the frames from here on.
    """
    count = curves.shape[0]
    rising[:, 0] = 0.0
    for k in range(count):
        for p in range(LANES):
            value = np.float64(curves[k, p])
            rising[0, k + 1, p] = rising[0, k, p] + value
            rising[1, k + 1, p] = rising[1, k, p] + value * positions[k]
    for d in range(fade.shape[0]):
        falling[d, count] = 0.0
        for k in range(count - 1, -1, -1):
            for p in range(LANES):
                falling[d, k, p] = curves[k, p] + fade[d, k] * falling[d, k + 1, p]


@nb.njit(cache=True, nogil=True)
def best_of(
    ramp: tuple[Index, Index, DoubleArray, DoubleArray],
    weights: tuple[DoubleArray, DoubleArray, DoubleArray],
    sums: tuple[DoubleArray, DoubleArray],
    best: Index,
    score: DoubleArray,
) -> None:
    """The curve of the highest normalised product, `best` (LANES,) and its `score` (LANES,).

    `ramp` is (first, full, start, rise), `weights` (after, share, norm) of `RampTables`, `sums`
    (rising, falling) of `running_sums`. Where no product is above 0 both stay 0.
    """
    first, full, start, rise = ramp
    after, share, norm = weights
    rising, falling = sums
    decays, last = falling.shape[0], rising.shape[1] - 1
    up = np.empty(LANES)
    best[:] = 0
    score[:] = 0.0
    for r in range(first.size):
        low, high = first[r], full[r]
        for p in range(LANES):
            number = rising[0, high, p] - rising[0, low, p]
            moment = rising[1, high, p] - rising[1, low, p]
            up[p] = (moment - start[r] * number) / rise[r]
        for d in range(decays):
            left, part, unit, index = after[r, d], share[r, d], norm[r, d], r * decays + d
            for p in range(LANES):
                product = up[p] + left * falling[d, high, p] - part * rising[0, last, p]
                value = product * unit
                better = value > score[p]
                best[p] = index if better else best[p]
                score[p] = value if better else score[p]


@nb.njit(cache=True, nogil=True)
def fit_ramps(
    frames: FloatArray,
    decline: tuple[DoubleArray, DoubleArray],
    ramp: tuple[Index, Index, DoubleArray, DoubleArray],
    weights: tuple[DoubleArray, DoubleArray, DoubleArray],
    best: npt.NDArray[np.int32],
    score: FloatArray,
) -> None:
    """`best_of` for every pixel of `frames` (frames, pixels); results are (pixels,).

    `decline` is (positions, fade).
    """
    count, pixels = frames.shape
    positions, fade = decline
    strip = np.zeros((count, LANES), dtype=np.float32)
    rising = np.empty((2, count + 1, LANES))
    falling = np.empty((fade.shape[0], count + 1, LANES))
    found, height = np.empty(LANES, dtype=np.int64), np.empty(LANES)
    for begin in range(0, pixels, LANES):
        width = min(LANES, pixels - begin)
        for k in range(count):
            for p in range(width):
                strip[k, p] = frames[k, begin + p]
        running_sums(strip, positions, fade, rising, falling)
        best_of(ramp, weights, (rising, falling), found, height)
        for p in range(width):
            best[begin + p] = found[p]
            score[begin + p] = height[p]
