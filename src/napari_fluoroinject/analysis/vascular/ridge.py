"""Thin lines in a picture: how far each place stands above what lies on both sides of it."""

from __future__ import annotations

from functools import cache
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

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
_MAD = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""
_SAMPLING = 3
"""Every so many allowed pixels are enough for a median."""

Offset = tuple[int, int]


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
    lines = line_means(picture)
    response = np.empty_like(lines)
    for k, line in enumerate(lines):
        left, right = _beside(k, SIDES_PX)
        sides = np.maximum(_mean_of_shifts(line, left), _mean_of_shifts(line, right))
        np.subtract(line, np.maximum(sides, THINNESS * sides), out=response[k])
    response, sigma = _standardised(response, allowed)
    alone, _ = _standardised(lines, allowed)
    return np.minimum(response, alone, out=response), sigma


def line_means(picture: FloatArray) -> FloatArray:
    """Mean along a line through every place in every direction, (directions, rows, columns)."""
    smooth = gaussian_filter(picture, CROSS_SECTION_PX, mode="nearest")
    return np.stack([_mean_of_shifts(smooth, _along(k)) for k in range(DIRECTIONS)])


def steps_across(picture: FloatArray) -> FloatArray:
    """Height of the step across a line, for every place and direction of the line.

    The largest difference between what lies to the left and to the right of it: where a path
    runs along an edge of the anatomy, that edge need only move a little to look like a vessel.
    """
    lines = line_means(picture)
    steps = np.zeros_like(lines)
    for k, line in enumerate(lines):
        for reach in STEP_REACH_PX:
            left, right = _beside(k, (reach,))
            step = np.abs(_mean_of_shifts(line, left) - _mean_of_shifts(line, right))
            np.maximum(steps[k], step, out=steps[k])
    return steps


def _standardised(response: FloatArray, allowed: BoolArray) -> tuple[FloatArray, float]:
    known = response[:, allowed][:, ::_SAMPLING]
    middle = np.median(known)
    sigma = max(_MAD * float(np.median(np.abs(known - middle))), 1e-12)
    response -= middle
    response *= np.float32(1.0 / sigma)
    return response, sigma


@cache
def _along(direction: int) -> tuple[Offset, ...]:
    """Whole-pixel offsets of a line: the picture is smooth, parts of a pixel hardly matter."""
    row, column = _unit(direction)
    half = (LINE_PX - 1) / 2
    count = round(LINE_PX * max(abs(row), abs(column)))
    places = np.linspace(-half, half, count)
    return tuple(dict.fromkeys((round(s * row), round(s * column)) for s in places))


@cache
def _beside(
    direction: int, distances: tuple[float, ...]
) -> tuple[tuple[Offset, ...], tuple[Offset, ...]]:
    row, column = _unit(direction)
    left = tuple((round(d * column), round(-d * row)) for d in distances)
    return left, tuple((-r, -c) for r, c in left)


def _unit(direction: int) -> tuple[float, float]:
    angle = pi * direction / DIRECTIONS
    return sin(angle), cos(angle)


def _mean_of_shifts(picture: FloatArray, offsets: tuple[Offset, ...]) -> FloatArray:
    """Mean of the picture seen at several offsets; edges are repeated."""
    reach = max(max(abs(r), abs(c)) for r, c in offsets)
    rows, columns = picture.shape
    wide = np.pad(picture, reach, mode="edge")
    total = np.zeros_like(picture)
    for row, column in offsets:
        total += wide[reach + row : reach + row + rows, reach + column : reach + column + columns]
    total *= np.float32(1.0 / len(offsets))
    return total
