"""Compiled loops for registration: binning, smoothing, warping, normal equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

    Index = npt.NDArray[np.int64]

_Place = np.uintp
_SUMS = {"reassoc", "contract"}
"""Sums may be reordered so that they vectorise; NaN and infinity keep their meaning."""


@njit(cache=True, nogil=True)
def _add_open(row: FloatArray, open_: FloatArray, line: FloatArray) -> None:
    """Add what is open; what is not may be anything, NaN included."""
    for i in range(line.size):
        line[i] += row[i] if open_[i] > 0 else np.float32(0)


@njit(cache=True, nogil=True)
def bin_frames(frames: FloatArray, field: FloatArray, factor: int, out: FloatArray) -> None:
    """Mean of the open pixels of each block into `out`, which is (frames, blocks, blocks)."""
    count, rows, columns = out.shape
    width = columns * factor
    share = np.empty((rows, columns), dtype=np.float32)
    line, ones = np.empty(width, dtype=np.float32), np.ones(width, dtype=np.float32)
    for row in range(rows):
        line[:] = 0
        for y in range(row * factor, (row + 1) * factor):
            _add_open(ones, field[y, :width], line)
        _sum_up(line, factor, share[row])
        for column in range(columns):
            share[row, column] = max(share[row, column], np.float32(1))
    for k in range(count):
        for row in range(rows):
            line[:] = 0
            for y in range(row * factor, (row + 1) * factor):
                _add_open(frames[k, y, :width], field[y, :width], line)
            into, open_ = out[k, row], share[row]
            _sum_up(line, factor, into)
            for column in range(columns):
                into[column] /= open_[column]


@njit(cache=True, nogil=True)
def _sum_up(line: FloatArray, factor: int, out: FloatArray) -> None:
    """Sum of every `factor` values of a line; pairs are usual and become vectors."""
    if factor == 2:
        for i in range(_Place(out.size)):
            out[i] = line[i + i] + line[i + i + _Place(1)]
        return
    for i in range(out.size):
        total = np.float32(0)
        for x in range(factor):
            total += line[i * factor + x]
        out[i] = total


@njit(cache=True, nogil=True)
def convolve(
    frames: FloatArray, weight: FloatArray, taps: FloatArray, scale: FloatArray, out: FloatArray
) -> None:
    """Separable sum of `frames` times `weight` under `taps`, times `scale`.

    Nothing lies outside the picture, and what has no weight may be anything, NaN included.
    """
    count, rows, columns = frames.shape
    reach = taps.size // 2
    # Rows of zeros above and below spare a test in the inner loop.
    across = np.zeros((rows + 2 * reach) * columns, dtype=np.float32)
    line = np.zeros(columns + 2 * reach, dtype=np.float32)
    for k in range(count):
        for row in range(rows):
            _weigh(frames[k, row], weight[row], line[reach : reach + columns])
            start = (reach + row) * columns
            _add_up(line, 0, 1, taps, across[start : start + columns])
        for row in range(rows):
            into = out[k, row]
            _add_up(across, row * columns, columns, taps, into)
            share = scale[row]
            for column in range(columns):
                into[column] *= share[column]


@njit(cache=True, nogil=True)
def _weigh(row: FloatArray, weight: FloatArray, line: FloatArray) -> None:
    for i in range(line.size):
        w = weight[i]
        line[i] = row[i] * w if w > 0 else np.float32(0)


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _add_up(source: FloatArray, begin: int, apart: int, taps: FloatArray, out: FloatArray) -> None:
    """Every sample of `out` from one of the flat `source` per tap, each `apart` from the next.

    Several taps at a time: a sum that lies in memory costs more to fetch than a product.
    """
    size, step = _Place(out.size), _Place(apart)
    a, tap = _Place(begin), 0
    out[:] = 0
    while tap + 8 <= taps.size:
        b, c, d = a + step, a + step + step, a + step + step + step
        e, f, g = d + step, d + step + step, d + step + step + step
        h = g + step
        q, r, s, t = taps[tap], taps[tap + 1], taps[tap + 2], taps[tap + 3]
        u, v, w, x = taps[tap + 4], taps[tap + 5], taps[tap + 6], taps[tap + 7]
        for i in range(size):
            left = q * source[a + i] + r * source[b + i] + s * source[c + i] + t * source[d + i]
            right = u * source[e + i] + v * source[f + i] + w * source[g + i] + x * source[h + i]
            out[i] += left + right
        a, tap = h + step, tap + 8
    while tap + 4 <= taps.size:
        b, c, d = a + step, a + step + step, a + step + step + step
        q, r, s, t = taps[tap], taps[tap + 1], taps[tap + 2], taps[tap + 3]
        for i in range(size):
            left = q * source[a + i] + r * source[b + i]
            out[i] += left + s * source[c + i] + t * source[d + i]
        a, tap = d + step, tap + 4
    while tap < taps.size:
        q = taps[tap]
        for i in range(size):
            out[i] += q * source[a + i]
        a, tap = a + step, tap + 1


@njit(cache=True, nogil=True)
def warp(frames: FloatArray, pose: DoubleArray, table: DoubleArray, out: FloatArray) -> None:
    """Every frame under its pose, by two shears; `table` is `taps.lanczos_table`."""
    count, rows, columns = frames.shape
    down_px, across_px = np.empty(columns), np.empty(rows)
    row_start, column_start = np.empty(columns, np.int64), np.empty(rows, np.int64)
    row_taps = np.empty((table.shape[0], columns), dtype=np.float32)
    column_taps = np.empty((table.shape[0], rows), dtype=np.float32)
    for k in range(count):
        down, right, angle = pose[k, 0], pose[k, 1], pose[k, 2]
        if angle == 0.0:
            down_px[0], across_px[0] = down, right
            _interpolate(down_px[:1], table, row_start, row_taps)
            _interpolate(across_px[:1], table, column_start, column_taps)
            _shift(
                frames[k], row_start[0], row_taps[:, 0], column_start[0], column_taps[:, 0], out[k]
            )
            continue
        # See `taps.shears_px`.
        for column in range(columns):
            down_px[column] = down + angle * ((column - (columns - 1) / 2) - right)
        for row in range(rows):
            across_px[row] = right - angle * (row - (rows - 1) / 2)
        _interpolate(down_px, table, row_start, row_taps)
        _interpolate(across_px, table, column_start, column_taps)
        _shear(frames[k], row_start, row_taps, column_start, column_taps, out[k])


@njit(cache=True, nogil=True)
def _interpolate(
    shift_px: DoubleArray, table: DoubleArray, start: Index, taps: FloatArray
) -> None:
    """First sample and weights (6, shifts) of every shift, on straight lines of the table."""
    steps = table.shape[1] - 2
    for i in range(shift_px.size):
        whole = np.floor(shift_px[i])
        place = (shift_px[i] - whole) * steps
        entry = int(place)
        part = place - entry
        start[i] = int(whole) + 1 - taps.shape[0] // 2
        for tap in range(taps.shape[0]):
            low = table[tap, entry]
            taps[tap, i] = low + part * (table[tap, entry + 1] - low)


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _shift(
    frame: FloatArray,
    row_start: int,
    row_taps: FloatArray,
    column_start: int,
    column_taps: FloatArray,
    out: FloatArray,
) -> None:
    """`_shear` where every column and every row is looked up equally far away."""
    rows, columns = frame.shape
    pixels, stride, last = frame.reshape(-1), _Place(columns), rows - 1
    u, v, w = row_taps[0], row_taps[1], row_taps[2]
    x, y, z = row_taps[3], row_taps[4], row_taps[5]
    line = np.empty(columns, dtype=np.float32)
    for row in range(rows):
        first = row + row_start
        a, b = _line_of(first, last, stride), _line_of(first + 1, last, stride)
        c, d = _line_of(first + 2, last, stride), _line_of(first + 3, last, stride)
        e, f = _line_of(first + 4, last, stride), _line_of(first + 5, last, stride)
        for i in range(stride):
            upper = u * pixels[a + i] + v * pixels[b + i]
            middle = w * pixels[c + i] + x * pixels[d + i]
            line[i] = upper + middle + (y * pixels[e + i] + z * pixels[f + i])
        _along(line, column_start, column_taps, out[row])


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _shear(
    frame: FloatArray,
    row_start: Index,
    row_taps: FloatArray,
    column_start: Index,
    column_taps: FloatArray,
    out: FloatArray,
) -> None:
    """Sample one frame along its columns, then along its rows, by six taps; edges are repeated.

    Places are counted without a sign in flat arrays: a signed index may count from the end, and
    the compiler would test each instead of making vectors.
    """
    rows, columns = frame.shape
    pixels, taps = frame.reshape(-1), row_taps.reshape(-1)
    stride, last = _Place(columns), rows - 1
    ends = np.append(np.flatnonzero(np.diff(row_start)) + 1, columns)
    line = np.empty(columns, dtype=np.float32)
    for row in range(rows):
        begin = 0
        for end in ends:
            first = row + row_start[begin]
            a, b = _line_of(first, last, stride), _line_of(first + 1, last, stride)
            c, d = _line_of(first + 2, last, stride), _line_of(first + 3, last, stride)
            e, f = _line_of(first + 4, last, stride), _line_of(first + 5, last, stride)
            for i in range(_Place(begin), _Place(end)):
                t = i + stride
                upper = taps[i] * pixels[a + i] + taps[t] * pixels[b + i]
                t += stride
                middle = taps[t] * pixels[c + i] + taps[t + stride] * pixels[d + i]
                t += stride + stride
                lower = taps[t] * pixels[e + i] + taps[t + stride] * pixels[f + i]
                line[i] = upper + middle + lower
            begin = end
        _along(line, column_start[row], column_taps[:, row], out[row])


@njit(cache=True, nogil=True)
def _line_of(row: int, last: int, stride: np.uintp) -> np.uintp:
    """Where a row begins in the flat picture; the first and the last are repeated."""
    return _Place(min(max(row, 0), last)) * stride


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _along(line: FloatArray, start: int, taps: FloatArray, out: FloatArray) -> None:
    """Every sample of `out` from six of `line`, the first of them `start` further on."""
    size = out.size
    low = min(max(-start, 0), size)
    high = max(min(size - 5 - start, size), low)
    u, v, w, x, y, z = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    into, source = _Place(low), _Place(low + start)
    for i in range(_Place(high - low)):
        k = source + i
        left = u * line[k] + v * line[k + _Place(1)] + w * line[k + _Place(2)]
        right = x * line[k + _Place(3)] + y * line[k + _Place(4)] + z * line[k + _Place(5)]
        out[into + i] = left + right
    for part in (range(low), range(high, size)):
        for i in part:
            total = np.float32(0)
            for tap in range(6):
                total += taps[tap] * line[min(max(i + start + tap, 0), size - 1)]
            out[i] = total


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
