"""Compiled loops for registration: binning, smoothing, warping, normal equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

    Index = npt.NDArray[np.int64]

_SUMS = {"reassoc", "contract"}
"""Sums may be reordered so that they vectorise; NaN and infinity keep their meaning."""


@njit(cache=True, nogil=True)
def bin_frames(frames: FloatArray, field: FloatArray, factor: int, out: FloatArray) -> None:  # noqa: C901 - one loop nest, compiled as a whole
    """Mean of the open pixels of each block into `out`, which is (frames, blocks, blocks)."""
    count, rows, columns = out.shape
    share = np.zeros((rows, columns), dtype=np.float32)
    for y in range(rows * factor):
        for x in range(columns * factor):
            share[y // factor, x // factor] += field[y, x] > 0
    for k in range(count):
        for row in range(rows):
            into = out[k, row]
            into[:] = 0
            for y in range(row * factor, (row + 1) * factor):
                for column in range(columns):
                    for x in range(column * factor, (column + 1) * factor):
                        if field[y, x] > 0:
                            into[column] += frames[k, y, x]
            for column in range(columns):
                into[column] /= max(share[row, column], np.float32(1))


@njit(cache=True, nogil=True)
def convolve(frames: FloatArray, weight: FloatArray, taps: FloatArray, out: FloatArray) -> None:  # noqa: C901 - one loop nest, compiled as a whole
    """Separable sum of `frames` times `weight` under `taps`; nothing lies outside the picture."""
    count, rows, columns = frames.shape
    reach = taps.size // 2
    across = np.empty((rows, columns), dtype=np.float32)
    line = np.zeros(columns + 2 * reach, dtype=np.float32)
    for k in range(count):
        for row in range(rows):
            for column in range(columns):
                w = weight[row, column]
                line[reach + column] = frames[k, row, column] * w if w > 0 else np.float32(0)
            into = across[row]
            into[:] = 0
            for tap in range(taps.size):
                w = taps[tap]
                for column in range(columns):
                    into[column] += w * line[column + tap]
        for row in range(rows):
            into = out[k, row]
            into[:] = 0
            for tap in range(taps.size):
                source = row + tap - reach
                if 0 <= source < rows:
                    w = taps[tap]
                    for column in range(columns):
                        into[column] += w * across[source, column]


@njit(cache=True, nogil=True)
def shear(  # noqa: C901 - one loop nest, compiled as a whole
    frame: FloatArray,
    row_start: Index,
    row_taps: FloatArray,
    column_start: Index,
    column_taps: FloatArray,
    out: FloatArray,
) -> None:
    """Sample one frame along its columns, then along its rows; edges are repeated."""
    rows, columns = frame.shape
    taps = row_taps.shape[0]
    standing = np.zeros((rows, columns), dtype=np.float32)
    begin = 0
    while begin < columns:
        end = begin + 1
        while end < columns and row_start[end] == row_start[begin]:
            end += 1
        for row in range(rows):
            for tap in range(taps):
                source = min(max(row + row_start[begin] + tap, 0), rows - 1)
                for column in range(begin, end):
                    standing[row, column] += row_taps[tap, column] * frame[source, column]
        begin = end
    line = np.empty(columns + taps, dtype=np.float32)
    for row in range(rows):
        for place in range(columns + taps):
            line[place] = standing[row, min(max(place + column_start[row], 0), columns - 1)]
        into = out[row]
        into[:] = 0
        for tap in range(taps):
            w = column_taps[tap, row]
            for column in range(columns):
                into[column] += w * line[column + tap]


@njit(cache=True, nogil=True, fastmath=_SUMS)
def motion_equations(
    aligned: FloatArray,
    template: FloatArray,
    gradient: FloatArray,
    weight: FloatArray,
    sums: DoubleArray,
) -> None:
    """Sums of one Gauss-Newton step per frame into `sums` (frames, 14).

    The order is that of the upper triangle of the 4 x 4 matrix, row by row, then the vector.
    Rows are summed in 32 bits and added up in 64: a picture has too many pixels for 32.
    """
    count, rows, columns = aligned.shape
    middle_y, middle_x = np.float32((rows - 1) / 2), np.float32((columns - 1) / 2)
    zero = np.float32(0)
    for k in range(count):
        for row in range(rows):
            y = np.float32(row) - middle_y
            yy = yx = ya = yo = xx = xa = xo = aa = ao = oo = zero
            ey = ex = ea = eo = zero
            for column in range(columns):
                w = weight[k, row, column]
                gy, gx = gradient[0, row, column], gradient[1, row, column]
                ga = gy * (np.float32(column) - middle_x) - gx * y
                e = w * (aligned[k, row, column] - template[row, column])
                wy, wx, wa = w * gy, w * gx, w * ga
                yy += wy * gy
                yx += wy * gx
                ya += wy * ga
                yo -= wy
                xx += wx * gx
                xa += wx * ga
                xo -= wx
                aa += wa * ga
                ao -= wa
                oo += w
                ey -= e * gy
                ex -= e * gx
                ea -= e * ga
                eo += e
            values = (yy, yx, ya, yo, xx, xa, xo, aa, ao, oo, ey, ex, ea, eo)
            for place in range(14):
                sums[k, place] += values[place]


@njit(cache=True, nogil=True)
def weighted_mean(frames: FloatArray, weight: FloatArray, out: FloatArray) -> None:
    """Mean over frames of each pixel, in 64 bits because a loop may be long."""
    count, rows, columns = frames.shape
    total = np.empty(columns)
    share = np.empty(columns)
    for row in range(rows):
        total[:] = 0
        share[:] = 0
        for k in range(count):
            for column in range(columns):
                w = weight[k, row, column]
                total[column] += frames[k, row, column] * w
                share[column] += w
        for column in range(columns):
            out[row, column] = total[column] / share[column] if share[column] > 0 else 0.0
