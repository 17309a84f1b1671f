"""Least squares over a family of ramps by running sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

    Index = npt.NDArray[np.int64]

_Place = np.uintp
LANES = 128
"""Pixels that are worked on side by side."""


@nb.njit(cache=True, nogil=True)
def running_sums(
    curves: FloatArray,
    decline: tuple[DoubleArray, DoubleArray, float],
    rising: DoubleArray,
    falling: FloatArray,
) -> None:
    """Sums of `curves` (frames, `LANES`) that products with ramps are differences of.

    `decline` is (positions, fade, held_frames). The held constant's share is taken off every
    frame f. `rising` (2, frames + 1, LANES) holds the sums of f and of f t over the frames before;
    `falling` (decays, frames + 1, LANES) of what is still there of the frames from here on: what
    has been added up in 64 bits is kept in 32, for it is only multiplied from there on.
    """
    positions, fade, held = decline
    count = curves.shape[0]
    mean = _shares(curves, held)
    rising[:, 0] = 0.0
    for k in range(count):
        at = positions[k]
        for p in range(LANES):
            value = curves[k, p] - mean[p]
            rising[0, k + 1, p] = rising[0, k, p] + value
            rising[1, k + 1, p] = rising[1, k, p] + value * at
    left = np.empty(LANES)
    for d in range(fade.shape[0]):
        falling[d, count] = 0.0
        left[:] = 0.0
        for k in range(count - 1, -1, -1):
            stays = fade[d, k]
            for p in range(LANES):
                left[p] = curves[k, p] - mean[p] + stays * left[p]
                falling[d, k, p] = left[p]


@nb.njit(cache=True, nogil=True)
def _shares(curves: FloatArray, held: float) -> DoubleArray:
    """What the held constant takes of every frame, (LANES,)."""
    mean = np.zeros(LANES)
    for k in range(curves.shape[0]):
        for p in range(LANES):
            mean[p] += curves[k, p]
    mean /= curves.shape[0] + held
    return mean


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def best_of(
    ramp: tuple[Index, Index, DoubleArray, DoubleArray],
    weights: tuple[FloatArray, FloatArray],
    sums: tuple[DoubleArray, FloatArray],
    best: Index,
    score: FloatArray,
) -> None:
    """The curve of the highest normalised product, `best` (LANES,) and its `score` (LANES,).

    `ramp` is (first, full, start, rise), `weights` (norm, norm * after) of `RampTables` as
    (ramps, decays), `sums` (rising, falling) of `running_sums`. Where no product is above 0 both
    stay 0. The best wash-out is told apart only once the ramp is known.
    """
    first, full, start, rise = ramp
    norm, after = weights
    rising, falling = sums[0].reshape(-1), sums[1].reshape(-1)
    decays, stops = sums[1].shape[0], sums[1].shape[1]
    moments = _Place(stops * LANES)
    up, high = np.empty(LANES, dtype=np.float32), np.empty(LANES, dtype=np.float32)
    chosen = np.zeros(LANES, dtype=np.int32)
    score[:] = np.float32(0.0)
    for r in range(first.size):
        a, b = _Place(first[r] * LANES), _Place(full[r] * LANES)
        origin, over = start[r], 1.0 / rise[r]
        for i in range(_Place(LANES)):
            number = rising[b + i] - rising[a + i]
            moment = rising[moments + b + i] - rising[moments + a + i]
            up[i] = (moment - origin * number) * over
            high[i] = np.float32(0.0)
        d = 0
        while d + 5 <= decays:
            unit5, left5 = norm[r, d : d + 5], after[r, d : d + 5]
            _highest_of_five(unit5, left5, up, falling, (_Place(d) * moments + b, moments), high)
            d += 5
        while d < decays:
            unit, left, c = norm[r, d], after[r, d], _Place(d) * moments + b
            for i in range(_Place(LANES)):
                value = unit * up[i] + left * falling[c + i]
                high[i] = max(high[i], value)
            d += 1
        for i in range(_Place(LANES)):
            better = high[i] > score[i]
            chosen[i] = np.int32(r) if better else chosen[i]
            score[i] = high[i] if better else score[i]
    for p in range(LANES):
        best[p] = _washed_out(ramp, weights, sums, chosen[p], p) if score[p] > 0 else 0


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def _highest_of_five(
    norm: FloatArray,
    after: FloatArray,
    up: FloatArray,
    falling: FloatArray,
    place: tuple[np.uintp, np.uintp],
    high: FloatArray,
) -> None:
    """`high` at least the products of five wash-outs, `place` the first one's and their distance.

    One at a time costs twice as much: `up` and `high` would be fetched for each.
    """
    p, q, r, s, t = norm[0], norm[1], norm[2], norm[3], norm[4]
    u, v, w, x, y = after[0], after[1], after[2], after[3], after[4]
    a, apart = place
    b, c = a + apart, a + apart + apart
    d, e = c + apart, c + apart + apart
    for i in range(_Place(LANES)):
        rise = up[i]
        one = max(p * rise + u * falling[a + i], q * rise + v * falling[b + i])
        two = max(r * rise + w * falling[c + i], s * rise + x * falling[d + i])
        last = max(t * rise + y * falling[e + i], high[i])
        high[i] = max(one, two, last)


@nb.njit(cache=True, nogil=True)
def _washed_out(
    ramp: tuple[Index, Index, DoubleArray, DoubleArray],
    weights: tuple[FloatArray, FloatArray],
    sums: tuple[DoubleArray, FloatArray],
    r: int,
    p: int,
) -> int:
    """Which curve of ramp r has the highest product in lane p."""
    first, full, start, rise = ramp
    norm, after = weights
    rising, falling = sums
    number = rising[0, full[r], p] - rising[0, first[r], p]
    moment = rising[1, full[r], p] - rising[1, first[r], p]
    up = np.float32((moment - start[r] * number) / rise[r])
    chosen, highest = 0, np.float32(0.0)
    for d in range(norm.shape[1]):
        value = norm[r, d] * up + after[r, d] * falling[d, full[r], p]
        if value > highest:
            chosen, highest = d, value
    index: int = r * norm.shape[1] + chosen
    return index


@nb.njit(cache=True, nogil=True)
def fit_ramps(
    frames: FloatArray,
    decline: tuple[DoubleArray, DoubleArray, float],
    ramp: tuple[Index, Index, DoubleArray, DoubleArray],
    weights: tuple[FloatArray, FloatArray],
    best: npt.NDArray[np.int32],
    score: FloatArray,
) -> None:
    """`best_of` for every pixel of `frames` (frames, pixels); results are (pixels,)."""
    count, pixels = frames.shape
    decays = decline[1].shape[0]
    strip = np.zeros((count, LANES), dtype=np.float32)
    rising = np.empty((2, count + 1, LANES))
    falling = np.empty((decays, count + 1, LANES), dtype=np.float32)
    found, height = np.empty(LANES, dtype=np.int64), np.empty(LANES, dtype=np.float32)
    for begin in range(0, pixels, LANES):
        width = min(LANES, pixels - begin)
        for k in range(count):
            for p in range(width):
                strip[k, p] = frames[k, begin + p]
        running_sums(strip, decline, rising, falling)
        best_of(ramp, weights, (rising, falling), found, height)
        for p in range(width):
            best[begin + p] = found[p]
            score[begin + p] = height[p]
