"""Thin lines in a picture: how much darker each place is than what lies on both sides of it."""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.model.arrays import BoolArray, FloatArray

DIRECTIONS = 16
"""Directions of a line over half a turn: 11.25 degrees apart, which is also how far a path may turn per step."""
LINE_PX = 9.0
"""Length over which a line is averaged."""
CROSS_SECTION_PX = 0.9
"""Sigma of the smoothing, which is the cross-section of the thinnest line that is sought."""
SIDES_PX = (3.0, 4.5)
"""Distances of the parallel lines on either side."""
_MAD = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""


def line_ridges(picture: FloatArray, allowed: BoolArray) -> tuple[FloatArray, float]:
    """Response to thin lines in every direction, in robust standard deviations of the picture's own responses.

    A line counts by what it stands above the **larger** of its two sides: the edge of a film has one low side and
    answers nothing, which a second derivative does not give.

    Parameters
    ----------
    picture
        (rows, columns), high where there is contrast; finite everywhere.
    allowed
        (rows, columns), where the responses that set the scale are taken from.

    Returns
    -------
    tuple
        (directions, rows, columns) float32, direction k pointing along (row, column) = (sin, cos) of k/16 of half a
        turn; and one standard deviation in the units of the picture.
    """
    smooth = gaussian_filter(picture, CROSS_SECTION_PX, mode="nearest")
    response = np.empty((DIRECTIONS, *picture.shape), np.float32)
    for k in range(DIRECTIONS):
        along, left, right = _offsets(k)
        line = _mean_of_shifts(smooth, along)
        sides = np.maximum(_mean_of_shifts(line, left), _mean_of_shifts(line, right))
        np.subtract(line, sides, out=response[k])
    known = response[:, allowed]
    middle = float(np.median(known))
    sigma = _MAD * float(np.median(np.abs(known - middle)))
    response -= middle
    response /= max(sigma, 1e-12)
    return response, sigma


def unit_steps() -> FloatArray:
    """(2 * directions, 2): unit vectors (row, column) of a whole turn; k and k + directions are opposite."""
    angles = pi * np.arange(2 * DIRECTIONS) / DIRECTIONS
    return np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


Offset = tuple[int, int]


@lru_cache(maxsize=DIRECTIONS)
def _offsets(direction: int) -> tuple[tuple[Offset, ...], tuple[Offset, ...], tuple[Offset, ...]]:
    """Whole-pixel offsets of a line and of its two sides: the picture is smooth, so a part of a pixel hardly matters."""
    angle = pi * direction / DIRECTIONS
    row, column = sin(angle), cos(angle)
    half = (LINE_PX - 1) / 2
    count = round(LINE_PX * max(abs(row), abs(column)))
    along = tuple(
        dict.fromkeys((round(s * row), round(s * column)) for s in np.linspace(-half, half, count))
    )
    left = tuple((round(d * column), round(-d * row)) for d in SIDES_PX)
    right = tuple((-r, -c) for r, c in left)
    return along, left, right


def _mean_of_shifts(picture: FloatArray, offsets: tuple[Offset, ...]) -> FloatArray:
    """Mean of the picture seen at several offsets; edges are repeated."""
    reach = max(max(abs(r), abs(c)) for r, c in offsets)
    rows, columns = picture.shape
    wide = np.pad(picture, reach, mode="edge")
    total = np.zeros_like(picture)
    for row, column in offsets:
        total += wide[reach + row : reach + row + rows, reach + column : reach + column + columns]
    total /= len(offsets)
    return total
