"""Thin lines in a picture: how far each place stands above what lies on both sides of it."""

from __future__ import annotations

from functools import cache
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.compute.kernels.lines import (
    above_sides,
    lesser_deviation,
    line_means,
    lower_median,
    pick,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

    Index = npt.NDArray[np.int64]

DIRECTIONS = 16
"""Directions of a line over half a turn: 11.25 degrees apart."""
LINE_PX = 9.0
"""Length over which a line is averaged."""
CROSS_SECTION_PX = 0.9
"""Sigma of the smoothing: the cross-section of the thinnest line that is sought."""
SIDES_PX = (3.0, 4.5)
"""Distances of the parallel lines on either side."""
THINNESS = 2.0
"""The sides count so often: of a line they hold little, of a root sleeve or a film most."""
STEP_REACH_PX = (3.0, 6.0, 9.0)
"""Distances on either side between which an edge of the anatomy is looked for."""
"""Standard deviation of a normal variable over its median absolute deviation."""
_SAMPLING = 3
"""Every so many allowed pixels are enough for a median."""


def line_ridges(picture: FloatArray, allowed: BoolArray) -> tuple[FloatArray, float]:
    """Response to thin lines in every direction, in standard deviations of the picture's own.

    A line counts by what it stands above `THINNESS` times the **larger** of its two sides: the
    edge of a film has one low side and answers nothing, which a second derivative does not give.
    It also has to stand out by itself: a gap in a film that grows darker is no vessel.

    Parameters
    ----------
    picture
        (rows, columns) float32, high where there is contrast; finite everywhere.
    allowed
        (rows, columns), where the responses that set the scale are taken from.

    Returns
    -------
    tuple
        (directions, rows, columns) float32, direction k pointing along (row, column) =
        (sin, cos) of k/16 of half a turn; and one standard deviation in the picture's units.
    """
    beside = _beside(SIDES_PX)
    margin = int(np.abs(beside).max())
    lines = _line_means(picture, margin)
    response = np.empty((DIRECTIONS, *picture.shape), np.float32)
    above_sides(lines, beside, THINNESS, response)
    rows, columns = (places[::_SAMPLING] for places in np.nonzero(allowed))
    scale = _scale(response, rows, columns)
    alone = _scale(lines, rows + margin, columns + margin)
    lesser_deviation(response, scale, lines, alone)
    return response, float(1.0 / scale[1])


def steps_across(picture: FloatArray) -> FloatArray:
    """Height of the step across a line, for every place and direction of the line.

    The largest difference between what lies to the left and to the right of it: where a path
    runs along an edge of the anatomy, that edge need only move a little to look like a vessel.
    """
    rows, columns = picture.shape
    margin = int(max(STEP_REACH_PX))
    lines = _line_means(picture, margin)
    steps = np.zeros((DIRECTIONS, rows, columns), np.float32)
    for reach in STEP_REACH_PX:
        for k, (left, right) in enumerate(_beside((reach,))):
            seen = (
                lines[k, margin + r : margin + r + rows, margin + c : margin + c + columns]
                for r, c in (left, right)
            )
            np.maximum(steps[k], np.abs(np.subtract(*seen)), out=steps[k])
    return steps


def _line_means(picture: FloatArray, margin: int) -> FloatArray:
    """Mean along a line through every place in every direction; edges are repeated.

    (directions, rows, columns), with so many more pixels on every side.
    """
    along, counts = _along()
    smooth = gaussian_filter(picture, CROSS_SECTION_PX, mode="nearest")
    padded = np.pad(smooth, margin + int(np.abs(along).max()), mode="edge")
    rows, columns = picture.shape
    lines = np.empty((DIRECTIONS, rows + 2 * margin, columns + 2 * margin), np.float32)
    line_means(padded, along, counts, lines)
    return lines


def _scale(stack: FloatArray, rows: Index, columns: Index) -> FloatArray:
    """What to take off and what to multiply by, so that the median is 0 and a deviation 1."""
    known = np.empty(len(stack) * len(rows), np.float32)
    pick(stack, rows, columns, known)
    middle = lower_median(known)
    known -= middle
    sigma = max(MAD_TO_SIGMA * float(lower_median(np.abs(known, out=known))), 1e-12)
    return np.array([middle, 1.0 / sigma], np.float32)


@cache
def _along() -> tuple[Index, Index]:
    """Whole-pixel offsets of a line: the picture is smooth, parts of a pixel hardly matter.

    (directions, most, 2), and how many of them each direction has.
    """
    lines = []
    for row, column in _units():
        count = round(LINE_PX * max(abs(row), abs(column)))
        places = np.linspace(-(LINE_PX - 1) / 2, (LINE_PX - 1) / 2, count)
        lines.append(list(dict.fromkeys((round(s * row), round(s * column)) for s in places)))
    counts = [len(line) for line in lines]
    filled = [line + [(0, 0)] * (max(counts) - len(line)) for line in lines]
    return np.array(filled, np.int64), np.array(counts, np.int64)


@cache
def _beside(distances: tuple[float, ...]) -> Index:
    """Offsets to the left, then to the right: (directions, twice the distances, 2)."""
    left = [[(round(d * column), round(-d * row)) for d in distances] for row, column in _units()]
    offsets = np.array(left, np.int64)
    return np.concatenate([offsets, -offsets], axis=1)


def _units() -> list[tuple[float, float]]:
    angles = [pi * k / DIRECTIONS for k in range(DIRECTIONS)]
    return [(sin(angle), cos(angle)) for angle in angles]
