"""Lines through a picture: sampled in one direction, and the best segment of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_Place = np.uintp


@nb.njit(cache=True)
def sample_lines(
    image: FloatArray, field: BoolArray, cosine: float, sine: float, step: float
) -> tuple[FloatArray, BoolArray]:
    """Parallel lines of one direction, 1 px apart, sampled every `step` px, bilinear.

    Parameters
    ----------
    image
        (rows, columns) float32.
    field
        (rows, columns), True where a sample may be used.
    cosine, sine
        Of the direction's angle from +column towards +row.
    step
        Distance of the samples along a line, px.

    Returns
    -------
    tuple
        Values (lines, samples) float32 and where they are inside `field`. Line `i`, sample `j`
        stands at
        centre + (j - (samples - 1) / 2) step along and i - (lines - 1) / 2 across, the normal
        being
        (row, column) = (cosine, -sine) and the centre that of the picture.
    """
    rows, columns = image.shape
    diagonal = np.hypot(rows, columns)
    lines, samples = int(np.ceil(diagonal)), int(np.ceil(diagonal / step))
    values = np.zeros((lines, samples), np.float32)
    inside = np.zeros((lines, samples), np.bool_)
    pixels, usable, stride = image.reshape(-1), field.reshape(-1), _Place(columns)
    for i in range(lines):
        across = i - 0.5 * (lines - 1)
        # Half of all samples lie outside: a line comes in and goes out once.
        far = np.sqrt(max(0.25 * diagonal**2 - across**2, 0.0)) / step + 1.0
        first = max(int(0.5 * (samples - 1) - far), 0)
        last = min(int(0.5 * (samples - 1) + far) + 1, samples)
        for j in range(first, last):
            along = (j - 0.5 * (samples - 1)) * step
            row = 0.5 * (rows - 1) + along * sine + across * cosine
            column = 0.5 * (columns - 1) + along * cosine - across * sine
            if row < 0 or column < 0 or row >= rows - 1 or column >= columns - 1:
                continue
            r, c = int(row), int(column)
            fr, fc = np.float32(row - r), np.float32(column - c)
            place = _Place(r) * stride + _Place(c)
            below = place + stride
            top = pixels[place] + fc * (pixels[place + _Place(1)] - pixels[place])
            bottom = pixels[below] + fc * (pixels[below + _Place(1)] - pixels[below])
            values[i, j] = top + fr * (bottom - top)
            # A sum, not a choice: which neighbour is nearest cannot be foretold.
            inside[i, j] = usable[place + stride * _Place(fr >= 0.5) + _Place(fc >= 0.5)]
    return values, inside


@nb.njit(cache=True)
def values_beside(
    image: FloatArray,
    axis: DoubleArray,
    normal: DoubleArray,
    across_px: DoubleArray,
    out: FloatArray,
) -> None:
    """Values beside a curve, (positions, across), bilinear; NaN outside the picture.

    `axis` and `normal` are (positions, 2), (row, column); `out[i, j]` stands at
    `axis[i] + across_px[j] * normal[i]`.
    """
    rows, columns = image.shape
    for i in range(axis.shape[0]):
        for j in range(across_px.size):
            row = axis[i, 0] + across_px[j] * normal[i, 0]
            column = axis[i, 1] + across_px[j] * normal[i, 1]
            if not (row >= 0 and column >= 0 and row <= rows - 1 and column <= columns - 1):
                out[i, j] = np.nan
                continue
            r, c = int(row), int(column)
            fr, fc = row - r, column - c
            below, right = min(r + 1, rows - 1), min(c + 1, columns - 1)
            top = (1.0 - fc) * image[r, c] + fc * image[r, right]
            bottom = (1.0 - fc) * image[below, c] + fc * image[below, right]
            out[i, j] = (1.0 - fr) * top + fr * bottom


@nb.njit(cache=True)
def best_segments(score: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """The contiguous piece of each row with the largest sum (Kadane's algorithm; Bentley 1984).

    Parameters
    ----------
    score
        (lines, samples) float32.

    Returns
    -------
    tuple
        Sum (lines,) float32 and (lines, 2) int64 first and last sample of the piece; the sum
        is 0 and the piece
        (0, 0) where no sample is positive.
    """
    lines, samples = score.shape
    best = np.zeros(lines, np.float32)
    piece = np.zeros((lines, 2), np.int64)
    for i in range(lines):
        total, start = np.float32(0), 0
        for j in range(samples):
            if total <= 0:
                total, start = np.float32(0), j
            total += score[i, j]
            if total > best[i]:
                best[i] = total
                piece[i, 0], piece[i, 1] = start, j
    return best, piece
