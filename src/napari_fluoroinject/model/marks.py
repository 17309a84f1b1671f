"""Marks that can be measured against: drawn points that make a line, a ladder or an area."""

from __future__ import annotations

from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING

from napari_fluoroinject.model.geometry import area_px
from napari_fluoroinject.model.measurement import LANDMARK_OF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.annotation import Mark
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.procedure import LandmarkKind

LEAST_APART_PX = 1.0
"""Points nearer together than a pixel are one click too many."""
LEAST_AREA_PX = 1.0
MOST_POINTS = 200
"""More points than a hand draws: each costs time and memory in every measure."""
_POINTS: dict[LandmarkKind, tuple[int, int]] = {
    "point": (1, 1),
    "line": (2, MOST_POINTS),
    "area": (3, MOST_POINTS),
}
"""Fewest and most points of a mark."""


def why_unfit(mark: Mark, kind: LandmarkKind) -> str | None:
    """Say why nothing can be measured against a mark, and what was expected; else None."""
    count, (fewest, most) = len(mark.points_px), _POINTS[kind]
    if not fewest <= count <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        return f"has {count} points; expected {wanted} for one of kind {kind}"
    if kind != "line" and mark.beyond_px is not None:
        return f"has a far side and is of kind {kind}; expected a far side of lines alone"
    close = _too_close(mark.points_px)
    if close is not None:
        return close
    if kind == "area":
        return _no_area(mark.points_px)
    return _no_ladder(mark.points_px) if mark.landmark == LANDMARK_OF["levels"] else None


def _too_close(points: Sequence[Point]) -> str | None:
    for number, (one, other) in enumerate(pairwise(points), start=1):
        if hypot(other[0] - one[0], other[1] - one[1]) < LEAST_APART_PX:
            return (
                f"has points {number} and {number + 1} less than {LEAST_APART_PX:g} pixel apart; "
                "expected one in their place"
            )
    return None


def _no_ladder(points: Sequence[Point]) -> str | None:
    """Whether end plates, from head to feet, come one after the other along the spine."""
    (top, left), (bottom, right) = points[0], points[-1]
    along = [p[0] * (bottom - top) + p[1] * (right - left) for p in points]
    if top - bottom > abs(right - left):
        return (
            "runs upwards in the picture; expected from head to feet, in a picture that stands "
            "head up: give the points in the other order, or turn the picture"
        )
    for number, (one, other) in enumerate(pairwise(along), start=1):
        if other <= one:
            return (
                f"has point {number + 1} before point {number} along the spine; expected one "
                "point for each end plate, from head to feet"
            )
    return None


def _no_area(points: Sequence[Point]) -> str | None:
    edges = list(zip(points, (*points[1:], points[0]), strict=True))
    if area_px(points) < LEAST_AREA_PX:
        return "encloses nothing; expected corners round an area"
    for i, one in enumerate(edges):
        for j in range(i + 2, len(edges)):
            if (i, j) != (0, len(edges) - 1) and _cross(*one, *edges[j]):
                return (
                    f"has edges {i + 1} and {j + 1} that cross; expected corners in order round "
                    "the area"
                )
    return None


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
