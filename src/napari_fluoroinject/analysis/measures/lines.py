"""Signed distances from lines that a person marked: positive on the far side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point

_AT_A_TIME = 4096
"""Points whose distances from every piece of a line are held together."""
SHORTEST_PX = 1e-6
"""Points of a line that lie closer together are one point."""


def signed_distance_px(point: Point, line_px: Sequence[Point], beyond_px: Point) -> float:
    """Distance of a point (row, column) from a line, positive on the side of `beyond_px`.

    Raises
    ------
    ValueError
        As `sides_px`.
    """
    return float(sides_px(np.asarray([point], np.float64), line_px, beyond_px)[0])


def sides_px(points: npt.ArrayLike, line_px: Sequence[Point], beyond_px: Point) -> DoubleArray:
    """Distances of points from a line, positive on the side of `beyond_px`.

    A line of several points bends at them; its first and last piece go on without end, for a
    landmark is longer than what a person marks of it. At a bend the side is told by the sum of
    the normals of both pieces (Baerentzen and Aanaes 2005, IEEE TVCG 11:3, for meshes).

    Parameters
    ----------
    points
        (points, 2), (row, column).
    line_px
        Two points or more.
    beyond_px
        A point on the far side.

    Returns
    -------
    DoubleArray
        (points,) pixels.

    Raises
    ------
    ValueError
        All points of the line are one, or the far side was marked on the line itself.
    """
    corners = _corners(line_px)
    there = float(_signed(np.asarray([beyond_px], np.float64), corners)[0])
    if abs(there) < SHORTEST_PX:
        raise ValueError("the far side is marked on the line itself; expected a point beside it")
    sides: DoubleArray = np.sign(there) * _signed(np.asarray(points, np.float64), corners)
    return sides


def direction_across(point: Point, line_px: Sequence[Point]) -> DoubleArray:
    """Return the unit vector (row, column) across the piece of a line nearest to a point.

    Raises
    ------
    ValueError
        All points of the line are one.
    """
    _, across, _ = _nearest(np.asarray([point], np.float64), _corners(line_px))
    unit: DoubleArray = across[0] / np.linalg.norm(across[0])
    return unit


def _corners(line_px: Sequence[Point]) -> DoubleArray:
    points = np.asarray(line_px, np.float64)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    kept: DoubleArray = points[np.concatenate([[True], steps > SHORTEST_PX])]
    if len(kept) < 2:
        raise ValueError("all points of the line are one; expected two that lie apart")
    return kept


def _signed(points: DoubleArray, corners: DoubleArray) -> DoubleArray:
    signed = np.empty(len(points))
    for begin in range(0, len(points), _AT_A_TIME):
        part = slice(begin, begin + _AT_A_TIME)
        offset, across, distance = _nearest(points[part], corners)
        signed[part] = np.sign((across * offset).sum(axis=1)) * distance
    return signed


def _nearest(
    points: DoubleArray, corners: DoubleArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """From the line to each point, the direction across the line there, and how far it is.

    Offsets and directions are (points, 2); at a bend both pieces have a say in the direction.
    """
    begins, along = corners[:-1], np.diff(corners, axis=0)
    lengths = np.linalg.norm(along, axis=1)
    share = ((points[:, None] - begins) * along).sum(axis=2) / lengths**2
    low, high = np.zeros(len(along)), np.ones(len(along))
    low[0], high[-1] = -np.inf, np.inf
    offset = points[:, None] - begins - np.clip(share, low, high)[..., None] * along
    distance = np.linalg.norm(offset, axis=2)
    closest = distance.argmin(axis=1)
    every = np.arange(len(points))
    near = distance <= distance[every, closest][:, None] + SHORTEST_PX
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1) / lengths[:, None]
    return offset[every, closest], near @ normals, distance[every, closest]
