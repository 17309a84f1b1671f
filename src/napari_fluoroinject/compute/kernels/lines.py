"""Thin lines in every direction through a picture: what they stand above, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import FloatArray

    Index = npt.NDArray[np.int64]

_SIGN = np.uint32(0x80000000)
_ALL = np.uint32(0xFFFFFFFF)
_BINS = 1 << 12
_LEADING = np.uint32(20)
"""Counts by the 12 leading of 32 bits stay in the nearest cache."""
_NO_NAN = {"nnan"}
"""A maximum that need not mind NaN becomes vectors."""


@njit(cache=True, nogil=True)
def line_means(padded: FloatArray, along: Index, counts: Index, out: FloatArray) -> None:
    """Mean along a line through every place, direction by direction.

    Parameters
    ----------
    padded
        (rows, columns) and as many more on every side as the lines reach.
    along
        (directions, most, 2) whole-pixel offsets (row, column) of the places of a line.
    counts
        (directions,) how many of them a line has.
    out
        (directions, rows, columns).
    """
    directions, rows, columns = out.shape
    margin = (padded.shape[0] - rows) // 2
    for k in range(directions):
        share = np.float32(1.0 / counts[k])
        for row in range(rows):
            line = out[k, row]
            line[:] = 0
            for i in range(counts[k]):
                left = margin + along[k, i, 1]
                _add(padded[margin + row + along[k, i, 0], left : left + columns], line)
            _scale(line, share)


@njit(cache=True, nogil=True)
def above_sides(lines: FloatArray, beside: Index, thinness: float, out: FloatArray) -> None:
    """What a line stands above the larger of its sides, or above `thinness` times that.

    Parameters
    ----------
    lines
        (directions, rows, columns) and as many more on every side as `beside` reaches.
    beside
        (directions, 4, 2) offsets (row, column): two parallel lines to the left, two to the right.
    thinness
        How often positive sides count.
    out
        (directions, rows, columns).
    """
    directions, rows, columns = out.shape
    margin = (lines.shape[1] - rows) // 2
    lift = np.float32(thinness)
    for k in range(directions):
        picture, offsets = lines[k], margin + beside[k]
        for row in range(rows):
            _above(
                picture[margin + row, margin : margin + columns],
                _seen(picture, row, columns, offsets[:2]),
                _seen(picture, row, columns, offsets[2:]),
                lift,
                out[k, row],
            )


@njit(cache=True, nogil=True)
def lesser_deviation(
    response: FloatArray, scale: FloatArray, lines: FloatArray, line_scale: FloatArray
) -> None:
    """The lesser of a response and of its line, each (value - scale[0]) * scale[1], in place.

    `lines` has the margin that it has in `above_sides`.
    """
    directions, rows, columns = response.shape
    margin = (lines.shape[1] - rows) // 2
    for k in range(directions):
        for row in range(rows):
            line = lines[k, margin + row, margin : margin + columns]
            _lesser(response[k, row], scale, line, line_scale)


@njit(cache=True, nogil=True, fastmath=_NO_NAN, error_model="numpy")
def discount(
    response: FloatArray,
    doubt: FloatArray,
    scale: float,
    trust: FloatArray,
    most: float,
    ceiling: FloatArray,
) -> None:
    """min(response, most) * trust / sqrt(1 + (scale * doubt)^2), at most the ceiling, in place.

    `response` and `doubt` are (directions, places), `trust` and `ceiling` (places,).
    """
    squared, one, cap = np.float32(scale * scale), np.float32(1), np.float32(most)
    for k in range(response.shape[0]):
        values, doubts = response[k], doubt[k]
        for i in range(values.size):
            share = trust[i] / np.sqrt(one + squared * doubts[i] * doubts[i])
            values[i] = min(min(values[i], cap) * share, ceiling[i])


@njit(cache=True, nogil=True)
def pick(stack: FloatArray, rows: Index, columns: Index, out: FloatArray) -> None:
    """Values of every picture of a stack at places, one picture after the other."""
    for k in range(stack.shape[0]):
        picture, into = stack[k], out[k * rows.size : (k + 1) * rows.size]
        for i in range(rows.size):
            into[i] = picture[rows[i], columns[i]]


@njit(cache=True, nogil=True)
def lower_median(values: FloatArray) -> np.float32:
    """The median, of an even number of values the lower of the two in the middle; no NaN.

    Counting by the leading bits, and a partition of the few that share those of the median only,
    cost an eighth of a partition of all.
    """
    bits = values.view(np.uint32)
    even, odd = np.zeros(_BINS, np.uint32), np.zeros(_BINS, np.uint32)
    for i in range(bits.size // 2):
        # Neighbours often fall into one bin; two tables need not wait for each other.
        even[_key(bits[2 * i]) >> _LEADING] += np.uint32(1)
        odd[_key(bits[2 * i + 1]) >> _LEADING] += np.uint32(1)
    if bits.size % 2:
        even[_key(bits[-1]) >> _LEADING] += np.uint32(1)
    even += odd
    rank = (bits.size - 1) // 2
    leading = 0
    while rank >= even[leading]:
        rank -= even[leading]
        leading += 1
    keys = np.empty(even[leading] + 1, np.uint32)
    found = 0
    for i in range(bits.size):
        key = _key(bits[i])
        keys[found] = key
        found += key >> _LEADING == leading
    chosen = np.partition(keys[:found], rank)[rank : rank + 1]
    chosen[0] ^= _SIGN if chosen[0] & _SIGN else _ALL
    median: np.float32 = chosen.view(np.float32)[0]
    return median


@njit(cache=True, nogil=True)
def _key(bits: np.uint32) -> np.uint32:
    """Whole numbers in the order of the floats of these bits."""
    return bits ^ (np.uint32(np.int32(bits) >> np.int32(31)) | _SIGN)


@njit(cache=True, nogil=True)
def _seen(
    picture: FloatArray, row: int, columns: int, offsets: Index
) -> tuple[FloatArray, FloatArray]:
    """One row, seen at two offsets."""
    left, right = offsets[0, 1], offsets[1, 1]
    return (
        picture[row + offsets[0, 0], left : left + columns],
        picture[row + offsets[1, 0], right : right + columns],
    )


@njit(cache=True, nogil=True)
def _add(one: FloatArray, total: FloatArray) -> None:
    for i in range(total.size):
        total[i] += one[i]


@njit(cache=True, nogil=True)
def _scale(line: FloatArray, by: np.float32) -> None:
    for i in range(line.size):
        line[i] *= by


@njit(cache=True, nogil=True, fastmath=_NO_NAN)
def _lesser(
    response: FloatArray, scale: FloatArray, line: FloatArray, line_scale: FloatArray
) -> None:
    for i in range(response.size):
        value = (response[i] - scale[0]) * scale[1]
        response[i] = min(value, (line[i] - line_scale[0]) * line_scale[1])


@njit(cache=True, nogil=True, fastmath=_NO_NAN)
def _above(
    line: FloatArray,
    one_side: tuple[FloatArray, FloatArray],
    other_side: tuple[FloatArray, FloatArray],
    lift: np.float32,
    out: FloatArray,
) -> None:
    a, b = one_side
    c, d = other_side
    half = np.float32(0.5)
    for i in range(out.size):
        side = max((a[i] + b[i]) * half, (c[i] + d[i]) * half)
        out[i] = line[i] - max(side, lift * side)
