"""Areas that a person marked: what lies in them, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.geometry import Point

_TINY_PX2 = 1e-9


def inside(points: DoubleArray, corners_px: Sequence[Point]) -> BoolArray:
    """Which points (n, 2) lie in a polygon, by the even-odd rule."""
    corners = np.asarray(corners_px, np.float64)
    within = np.zeros(len(points), np.bool_)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if start[0] == end[0]:
            continue
        spans = (start[0] > points[:, 0]) != (end[0] > points[:, 0])
        share = (points[:, 0] - start[0]) / (end[0] - start[0])
        within ^= spans & (points[:, 1] < start[1] + share * (end[1] - start[1]))
    return within


def place_in_area(point: Point, corners_px: Sequence[Point]) -> tuple[float, float] | None:
    """Where a point stands on the way from an area's middle to its border.

    Returns
    -------
    (float, float) or None
        The share of the way (0 in the middle, 1 on the border, more outside) and the length of
        the way in pixels; None where the area has no extent. The middle is the centroid of the
        polygon; of several borders on the way the farthest counts.
    """
    corners = np.asarray(corners_px, np.float64)
    middle = _centroid(corners)
    if middle is None:
        return None
    way = np.asarray(point, np.float64) - middle
    distance = float(np.hypot(*way))
    if distance == 0:
        return 0.0, float(np.hypot(*(corners - middle).T).min())
    border = _reach(middle, way / distance, corners)
    return None if border is None else (distance / border, border)


def _centroid(corners: DoubleArray) -> DoubleArray | None:
    """Centroid of a polygon's area, None where it has none."""
    following = np.roll(corners, -1, axis=0)
    cross = corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]
    if abs(cross.sum()) < _TINY_PX2:
        return None
    middle: DoubleArray = ((corners + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
    return middle


def _reach(start: DoubleArray, way: DoubleArray, corners: DoubleArray) -> float | None:
    """How far a ray goes until it leaves the polygon for the last time."""
    edges = np.roll(corners, -1, axis=0) - corners
    from_start = corners - start
    turn = way[0] * edges[:, 1] - way[1] * edges[:, 0]
    crossing = np.abs(turn) > _TINY_PX2
    safe = np.where(crossing, turn, 1.0)
    far = (from_start[:, 0] * edges[:, 1] - from_start[:, 1] * edges[:, 0]) / safe
    share = (from_start[:, 0] * way[1] - from_start[:, 1] * way[0]) / safe
    met = crossing & (far > 0) & (share >= 0) & (share <= 1)
    return float(far[met].max()) if met.any() else None
