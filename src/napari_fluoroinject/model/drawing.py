"""Shapes drawn as masks, and masks drawn as shapes."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, read_only
from napari_fluoroinject.model.needle import bow_px

NEEDLE_DIAMETER_MM = {
    18: 1.270,
    19: 1.067,
    20: 0.908,
    21: 0.819,
    22: 0.718,
    23: 0.642,
    24: 0.566,
    25: 0.515,
}
"""Outer diameter by gauge: ISO 9626, nominal size of the hypodermic tube."""

UNKNOWN_WIDTH_PX = 3.0
"""Width of a drawn shaft whose true width is unknown: thin, and still seen on a large screen."""

_HALF_DIAGONAL_PX = sqrt(0.5)
"""Half a pixel's diagonal: any point of a pixel lies this close to the pixel's centre."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """The outer border of one connected part of a mask.

    Attributes
    ----------
    points_px
        (points, 2) float64, (row, column); closed: the last point equals the first.
    area_px
        Pixels that the border encloses, holes included.
    """

    points_px: DoubleArray
    area_px: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_px", read_only(self.points_px, np.float64))


def needle_width_px(gauge: int | None, mm_per_px: float | None) -> float:
    """Width at which a shaft is drawn: its true one where gauge and calibration tell it."""
    diameter_mm = None if gauge is None else NEEDLE_DIAMETER_MM.get(gauge)
    if diameter_mm is None or mm_per_px is None:
        return UNKNOWN_WIDTH_PX
    return diameter_mm / mm_per_px


def needle_mask(
    shape: tuple[int, int, int],
    hub_by_frame_px: npt.ArrayLike,
    tip_by_frame_px: npt.ArrayLike,
    *,
    width_px: float = UNKNOWN_WIDTH_PX,
    sag_px: float | None = None,
) -> BoolArray:
    """Draw the shaft from hub to tip in every frame.

    Parameters
    ----------
    shape
        (frames, rows, columns) of the loop.
    hub_by_frame_px, tip_by_frame_px
        (frames, 2), (row, column) in each frame's own geometry; a frame with NaN stays empty.
    width_px
        Of the shaft. Never drawn thinner than a pixel's diagonal, so that it has no gaps.
    sag_px
        How far its middle lies off the chord, as `Needle.sag_px` says.

    Returns
    -------
    BoolArray
        (frames, rows, columns); square ends, so that nothing is drawn past the tip.
    """
    hubs, tips = (np.asarray(p, dtype=np.float64) for p in (hub_by_frame_px, tip_by_frame_px))
    mask = np.zeros(shape, dtype=np.bool_)
    for frame, hub, tip in zip(mask, hubs, tips, strict=True):
        if np.isfinite(hub).all() and np.isfinite(tip).all():
            half_width_px = max(width_px / 2, _HALF_DIAGONAL_PX)
            _draw_shaft(frame, hub, tip, half_width_px, sag_px=sag_px)
    return mask


def outlines(mask: BoolArray) -> tuple[Outline, ...]:
    """Trace the outer border of every 4-connected part of a mask, the largest first.

    The border runs through the middles of the pixel edges that part the mask from the rest
    (marching squares at one half), so that it lies within half a pixel of the true border and a
    slanted edge is a straight line. Points on a straight line are left out.

    Parameters
    ----------
    mask
        (rows, columns).
    """
    traced = []
    for corners in _border_loops(mask):
        # Corners run clockwise on the screen round a part and the other way round a hole.
        area = _signed_area(corners)
        if area > 0:
            middles = (corners[:-1] + corners[1:]) / 2
            traced.append(Outline(points_px=_without_straight(middles), area_px=round(area)))
    return tuple(sorted(traced, key=lambda outline: -outline.area_px))


def _draw_shaft(
    frame: BoolArray,
    hub: DoubleArray,
    tip: DoubleArray,
    half_width_px: float,
    *,
    sag_px: float | None,
) -> None:
    """Set the pixels of the shaft's rectangle, bent; looks only at the box round it."""
    rows, columns = frame.shape
    margin = half_width_px + 1 + abs(sag_px or 0.0)
    low = np.floor(np.minimum(hub, tip) - margin).astype(int).clip(0, (rows, columns))
    high = np.ceil(np.maximum(hub, tip) + margin).astype(int).clip(0, (rows, columns)) + 1
    row, column = np.ogrid[low[0] : min(high[0], rows), low[1] : min(high[1], columns)]
    length = hypot(tip[0] - hub[0], tip[1] - hub[1])
    # A needle seen end on has no direction: any will do, both ends are one pixel.
    down, right = (tip - hub) / length if length > 0 else (0.0, 1.0)
    along = (row - hub[0]) * down + (column - hub[1]) * right
    across = (column - hub[1]) * down - (row - hub[0]) * right
    if sag_px and length > 0:
        across = across + bow_px(along / length, sag_px)
    within = (along >= -_HALF_DIAGONAL_PX) & (along <= length + _HALF_DIAGONAL_PX)
    frame[low[0] : high[0], low[1] : high[1]] |= within & (np.abs(across) <= half_width_px)


_RIGHT, _DOWN, _LEFT, _UP = range(4)
_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])


def _border_loops(mask: BoolArray) -> list[DoubleArray]:
    """Chain the pixel edges of the border into closed loops of corners, the mask on the right."""
    edges = _border_edges(mask)
    loops = []
    while edges:
        start, headings = next(iter(edges.items()))
        first = heading = headings[0]
        corner, points = start, [start]
        while True:
            edges[corner].remove(heading)
            if not edges[corner]:
                del edges[corner]
            step = _STEPS[heading]
            corner = (corner[0] + int(step[0]), corner[1] + int(step[1]))
            points.append(corner)
            if corner == start and (corner not in edges or (heading + 1) % 4 == first):
                break
            heading = _next_heading(heading, edges[corner])
        loops.append(np.asarray(points, dtype=np.float64) - 0.5)
    return loops


def _next_heading(heading: int, free: list[int]) -> int:
    """Turn right where two parts touch at a corner: they stay apart (4-connected)."""
    right = (heading + 1) % 4
    return right if right in free else free[0]


def _border_edges(mask: BoolArray) -> dict[tuple[int, int], list[int]]:
    """Return every directed pixel edge of the border by the corner from which it starts."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    edges: dict[tuple[int, int], list[int]] = {}
    for heading, neighbour, (row_offset, column_offset) in (
        (_RIGHT, padded[:-2, 1:-1], (0, 0)),
        (_DOWN, padded[1:-1, 2:], (0, 1)),
        (_LEFT, padded[2:, 1:-1], (1, 1)),
        (_UP, padded[1:-1, :-2], (1, 0)),
    ):
        for row, column in np.argwhere(inside & ~neighbour):
            corner = (int(row) + row_offset, int(column) + column_offset)
            edges.setdefault(corner, []).append(heading)
    return edges


def _signed_area(corners: DoubleArray) -> float:
    """Area of a closed polygon, positive where it runs from +column towards +row."""
    row, column = corners[:, 0], corners[:, 1]
    return float(np.dot(column[:-1], row[1:]) - np.dot(column[1:], row[:-1])) / 2


def _without_straight(points: DoubleArray) -> DoubleArray:
    """Drop the points on straight lines from a ring of points, and close it."""
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    arriving, leaving = points - before, after - points
    turn = arriving[:, 0] * leaving[:, 1] - arriving[:, 1] * leaving[:, 0]
    kept = points[turn != 0]
    return np.concatenate([kept, kept[:1]])
