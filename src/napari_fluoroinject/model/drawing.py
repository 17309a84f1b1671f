"""Shapes drawn as masks, and masks drawn as shapes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil, floor, hypot, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.needle import bow_px

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_PLACES_PX = tuple((k + 0.5) / 8 - 0.5 for k in range(8))
"""Where a pixel is looked at, from its centre, along rows and columns."""
_LEAST_SLOPE = 1e-3
"""A shaft that is this level crosses a row too far away to tell where: its box is thin anyway."""
_Indices = npt.NDArray[np.int64]


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
    mask = np.zeros(shape, dtype=np.bool_)
    half_width_px = max(width_px / 2, _HALF_DIAGONAL_PX)
    for frame, shaft in _shafts(mask, hub_by_frame_px, tip_by_frame_px, sag_px=sag_px):
        rows, columns = shaft.near(half_width_px, frame.shape)
        along, across = shaft.seen_from(rows, columns)
        within = (along >= -_HALF_DIAGONAL_PX) & (along <= shaft.length_px + _HALF_DIAGONAL_PX)
        within &= np.abs(shaft.bent(along, across)) <= half_width_px
        frame[rows[within], columns[within]] = True
    return mask


def needle_coverage(
    shape: tuple[int, int, int],
    hub_by_frame_px: npt.ArrayLike,
    tip_by_frame_px: npt.ArrayLike,
    *,
    width_px: float = UNKNOWN_WIDTH_PX,
    sag_px: float | None = None,
) -> FloatArray:
    """Tell what share of each pixel the shaft covers.

    Parameters
    ----------
    shape, hub_by_frame_px, tip_by_frame_px, sag_px
        As `needle_mask` takes them.
    width_px
        Of the shaft; one that is thinner than a pixel covers none of them whole.

    Returns
    -------
    FloatArray
        (frames, rows, columns) from 0 to 1, to 1 / 64: each pixel is looked at in 8 x 8 places.
    """
    share = np.zeros(shape, dtype=np.float32)
    for frame, shaft in _shafts(share, hub_by_frame_px, tip_by_frame_px, sag_px=sag_px):
        rows, columns = shaft.near(width_px / 2, frame.shape)
        along, across = shaft.seen_from(rows, columns)
        touched = np.abs(shaft.bent(along, across)) <= width_px / 2 + shaft.pixel_px
        along, across = along[touched], across[touched]
        covered = np.zeros(len(along), dtype=np.uint8)
        for y, x in product(_PLACES_PX, _PLACES_PX):
            there = along + (y * shaft.down + x * shaft.right)
            off = np.abs(shaft.bent(there, across + (x * shaft.down - y * shaft.right)))
            covered += (there >= 0) & (there <= shaft.length_px) & (off <= width_px / 2)
        frame[rows[touched], columns[touched]] = covered / np.float32(len(_PLACES_PX) ** 2)
    return share


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


def _shafts(
    frames: npt.NDArray[Any],
    hub_by_frame_px: npt.ArrayLike,
    tip_by_frame_px: npt.ArrayLike,
    *,
    sag_px: float | None,
) -> Iterator[tuple[npt.NDArray[Any], _Shaft]]:
    """Each frame that has a shaft, and its shaft."""
    hubs, tips = (np.asarray(p, dtype=np.float64) for p in (hub_by_frame_px, tip_by_frame_px))
    for frame, hub, tip in zip(frames, hubs, tips, strict=True):
        if np.isfinite(hub).all() and np.isfinite(tip).all():
            yield frame, _Shaft.of(hub, tip, sag_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shaft:
    """A shaft in one frame; `down` and `right` are its direction from the hub to the tip."""

    hub: tuple[float, float]
    tip: tuple[float, float]
    down: float
    right: float
    length_px: float
    sag_px: float

    @classmethod
    def of(cls, hub: DoubleArray, tip: DoubleArray, sag_px: float | None) -> _Shaft:
        length = hypot(tip[0] - hub[0], tip[1] - hub[1])
        # A needle seen end on has no direction: any will do, both ends are one pixel.
        down, right = (tip - hub) / length if length > 0 else (0.0, 1.0)
        return cls(
            hub=(float(hub[0]), float(hub[1])),
            tip=(float(tip[0]), float(tip[1])),
            down=float(down),
            right=float(right),
            length_px=length,
            sag_px=(sag_px or 0.0) if length > 0 else 0.0,
        )

    def near(self, half_width_px: float, shape: tuple[int, ...]) -> tuple[_Indices, _Indices]:
        """Rows and columns of the pixels that can lie on it: a band round its chord, row by row.

        A picture has a hundred times as many pixels as a needle.
        """
        margin = half_width_px + 1 + abs(self.sag_px)
        top, bottom = (
            int(np.clip(edge, 0, shape[0]))
            for edge in (
                floor(min(self.hub[0], self.tip[0]) - margin),
                ceil(max(self.hub[0], self.tip[0]) + margin) + 1,
            )
        )
        row = np.arange(top, bottom)
        first = np.full(len(row), min(self.hub[1], self.tip[1]) - margin)
        last = np.full(len(row), max(self.hub[1], self.tip[1]) + margin)
        if abs(self.down) > _LEAST_SLOPE:
            middle = self.hub[1] + (row - self.hub[0]) * (self.right / self.down)
            first = np.maximum(first, middle - margin / abs(self.down))
            last = np.minimum(last, middle + margin / abs(self.down))
        begin = np.floor(first).clip(0, shape[1]).astype(np.int64)
        end = (np.ceil(last) + 1).clip(begin, shape[1]).astype(np.int64)
        count = end - begin
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(row, count), np.repeat(begin, count) + offset

    @property
    def pixel_px(self) -> float:
        """How far across the shaft a pixel can reach from its centre: the axis may be slanted."""
        slope = 4 * abs(self.sag_px) / self.length_px if self.sag_px else 0.0
        return _HALF_DIAGONAL_PX * (1 + slope)

    def seen_from(self, rows: _Indices, columns: _Indices) -> tuple[DoubleArray, DoubleArray]:
        """How far pixels lie along the chord from the hub, and across it."""
        y, x = rows - self.hub[0], columns - self.hub[1]
        return y * self.down + x * self.right, x * self.down - y * self.right

    def bent(self, along: DoubleArray, across: DoubleArray) -> DoubleArray:
        """How far points lie across the bent axis."""
        if not self.sag_px:
            return across
        return across + bow_px(along / self.length_px, self.sag_px)


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
