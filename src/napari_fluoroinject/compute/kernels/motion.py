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


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _down(frame: FloatArray, first: int, taps: FloatArray, out: FloatArray) -> None:
    """Six rows from `first` on, weighed by `taps` (6, columns), into one row; edges repeat."""
    last = frame.shape[0] - 1
    a, b = frame[min(max(first, 0), last)], frame[min(max(first + 1, 0), last)]
    c, d = frame[min(max(first + 2, 0), last)], frame[min(max(first + 3, 0), last)]
    e, f = frame[min(max(first + 4, 0), last)], frame[min(max(first + 5, 0), last)]
    u, v, w, x, y, z = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for i in range(out.size):
        above = u[i] * a[i] + v[i] * b[i] + w[i] * c[i]
        out[i] = above + x[i] * d[i] + y[i] * e[i] + z[i] * f[i]


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _along(line: FloatArray, taps: FloatArray, out: FloatArray) -> None:
    """Every sample of `out` from six of `line`, the first at its own place."""
    u, v, w, x, y, z = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    a, b, c, d, e, f = line, line[1:], line[2:], line[3:], line[4:], line[5:]
    for i in range(out.size):
        left = u * a[i] + v * b[i] + w * c[i]
        out[i] = left + x * d[i] + y * e[i] + z * f[i]


@njit(cache=True, nogil=True)
def shear(
    frame: FloatArray,
    row_start: Index,
    row_taps: FloatArray,
    column_start: Index,
    column_taps: FloatArray,
    out: FloatArray,
) -> None:
    """Sample one frame along its columns, then along its rows, by six taps; edges are repeated.

    Loops run over whole lines from 0: only so does the compiler make vectors of them.
    """
    rows, columns = frame.shape
    standing = np.empty((rows, columns), dtype=np.float32)
    begin = 0
    while begin < columns:
        end = begin + 1
        while end < columns and row_start[end] == row_start[begin]:
            end += 1
        part, taps = frame[:, begin:end], row_taps[:, begin:end]
        for row in range(rows):
            _down(part, row + row_start[begin], taps, standing[row, begin:end])
        begin = end
    line = np.empty(columns + row_taps.shape[0], dtype=np.float32)
    for row in range(rows):
        shift, source = column_start[row], standing[row]
        low = min(max(-shift, 0), line.size)
        high = max(min(columns - shift, line.size), low)
        line[:low] = source[0]
        line[low:high] = source[low + shift : high + shift]
        line[high:] = source[columns - 1]
        _along(line, column_taps[:, row], out[row])


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
