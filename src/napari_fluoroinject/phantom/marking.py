"""What a person who sees everything would mark in a loop, and say of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull

from napari_fluoroinject.model.annotation import Annotation, ContrastAgent, Event, Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point, Side
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.scenery import Landmark, Site
    from napari_fluoroinject.phantom.stage import Stage

_INSIDE_PX = 1.0
"""Marks end so far inside the picture."""
_LEAST_APART_PX = 2.0
_LEAST_AREA_PX = 9.0
_MEDICATION_S = 2.0
"""So long after the contrast medication follows, or before it where the order was wrong."""


def marked(stage: Stage) -> Annotation:
    """Target, landmarks of the view, level, side, agent and events; not the needle.

    Points are exact, in the reference pose; what lies outside the picture is not marked.
    """
    site, beam, twin = stage.patient.site, stage.beam, stage.twin
    side: Side = "left" if site.side > 0 else "right"
    if twin.told == "other_side":
        side = "right" if side == "left" else "left"
    target = _point(beam.project(site.target_mm))
    return Annotation(
        target_px=target if _inside(target, beam.size) else None,
        gauge=None if stage.shaft is None else stage.shaft.gauge,
        level=site.level,
        side=side,
        view=stage.view,
        marks=marks_in(site, beam, stage.view),
        agent=_agent(stage),
        events=_events(stage),
    )


def marks_in(site: Site, beam: Beam, view: str) -> tuple[Mark, ...]:
    """The landmarks that a person marks in a view, as far as they lie in the picture."""
    drawn = (
        _mark(name, landmark, beam)
        for name, landmark in site.landmarks.items()
        if view in landmark.views
    )
    return tuple(mark for mark in drawn if mark is not None)


def _agent(stage: Stage) -> ContrastAgent | None:
    injection = stage.contrast.injection
    if injection is None:
        return None
    volume_ml = injection.mean_mm3_s * (injection.end_s - injection.onset_s) / 1000
    return ContrastAgent(
        kind="iodinated",
        iodine_mg_ml=round(injection.iodine_mg_ml, 1),
        volume_ml=round(volume_ml, 2),
    )


def _events(stage: Stage) -> tuple[Event, ...]:
    injection = stage.contrast.injection
    if injection is None:
        return ()
    start = float(stage.acquisition.plan.times_s[0])
    contrast, end = injection.onset_s - start, injection.end_s - start
    first = stage.twin.told == "medication_first"
    medication = contrast - _MEDICATION_S if first else end + _MEDICATION_S
    return (
        Event(kind="contrast", time_s=round(contrast, 2)),
        Event(kind="medication", time_s=round(medication, 2)),
    )


def _mark(name: str, landmark: Landmark, beam: Beam) -> Mark | None:
    """A landmark as it is marked; None where too little of it lies in the picture."""
    pixels = beam.project(landmark.points_mm)
    if landmark.level is not None:
        return _ladder(name, landmark, pixels, beam.size)
    draw: dict[str, Callable[[DoubleArray, int], DoubleArray]] = {
        "point": _kept,
        "line": _clipped_line,
        "area": _clipped_area,
        "outline": _clipped_outline,
    }
    points = draw[landmark.kind](pixels, beam.size)
    if len(points) < {"point": 1, "line": 2, "area": 3, "outline": 3}[landmark.kind]:
        return None
    beyond = None
    if landmark.beyond_mm is not None:
        beyond = _far_side(landmark.points_mm, landmark.beyond_mm, beam)
        if beyond is None:
            return None
    return Mark(landmark=name, points_px=tuple(_point(p) for p in points), beyond_px=beyond)


def _far_side(line_mm: DoubleArray, beyond_mm: DoubleArray, beam: Beam) -> Point | None:
    """A point on the far side of a line, as near to the picture's middle as there is."""
    share = np.linspace(0.0, 1.0, 9)[:, None]
    along = [one + share * (other - one) for one, other in pairwise(line_mm)]
    pixels = beam.project(np.concatenate(along) + beyond_mm)
    nearest = pixels[np.hypot(*(pixels - beam.centre_px).T).argmin()]
    point = _point(nearest)
    return point if _inside(point, beam.size) else None


def _ladder(name: str, landmark: Landmark, pixels: DoubleArray, size: int) -> Mark | None:
    """End plates: those in the picture, with the name of the first of them."""
    inside = [number for number, point in enumerate(pixels) if _inside(_point(point), size)]
    if len(inside) < 2 or landmark.level is None:
        return None
    first = _level_below(landmark.level, inside[0])
    points = tuple(_point(pixels[number]) for number in inside)
    return Mark(landmark=name, points_px=points, level=first)


def _level_below(level: str, steps: int) -> str:
    """The vertebra so many levels below one: T12 and one step is L1."""
    spine = [f"{letter}{n + 1}" for letter, count in _COUNTS for n in range(count)]
    return spine[spine.index(level) + steps]


_COUNTS = (("C", 7), ("T", 12), ("L", 5), ("S", 5))


def _kept(pixels: DoubleArray, size: int) -> DoubleArray:
    return pixels[[_inside(_point(point), size) for point in pixels]]


def _clipped_line(pixels: DoubleArray, size: int) -> DoubleArray:
    """The longest stretch of a polyline inside the picture, cut at its border."""
    stretches: list[list[DoubleArray]] = [[]]
    for one, other in pairwise(pixels):
        ends = _clipped_piece(one, other, size)
        if ends is None:
            stretches.append([])
            continue
        if not stretches[-1] or np.abs(stretches[-1][-1] - ends[0]).max() > 1e-6:
            stretches.append([ends[0]])
        stretches[-1].append(ends[1])
    longest = max(stretches, key=_length)
    return _apart(np.array(longest).reshape(-1, 2))


def _clipped_piece(
    one: DoubleArray, other: DoubleArray, size: int
) -> tuple[DoubleArray, DoubleArray] | None:
    """The part of a straight piece inside the picture (Liang and Barsky 1984)."""
    step = other - one
    first, last = 0.0, 1.0
    for axis in (0, 1):
        for sign, room in (
            (-1.0, one[axis] - _INSIDE_PX),
            (1.0, size - 1 - _INSIDE_PX - one[axis]),
        ):
            speed = sign * step[axis]
            if speed == 0.0 and room < 0:
                return None
            if speed < 0:
                first = max(first, room / speed)
            elif speed > 0:
                last = min(last, room / speed)
    return (one + first * step, one + last * step) if first < last else None


def _clipped_area(pixels: DoubleArray, size: int) -> DoubleArray:
    """The outline of a cloud of points, cut at the picture's border."""
    spread = pixels - pixels.mean(axis=0)
    if np.linalg.svd(spread, compute_uv=False)[-1] < 1.0:
        return np.empty((0, 2))
    return _clipped_outline(pixels[ConvexHull(pixels).vertices], size)


def _clipped_outline(pixels: DoubleArray, size: int) -> DoubleArray:
    """An outline, cut at the picture's border (Sutherland and Hodgman 1974)."""
    outline = pixels
    low, high = _INSIDE_PX, size - 1 - _INSIDE_PX
    for axis, sign, limit in ((0, 1.0, low), (0, -1.0, high), (1, 1.0, low), (1, -1.0, high)):
        outline = _cut(outline, sign * outline[:, axis] - sign * limit)
        if len(outline) < 3:
            return np.empty((0, 2))
    points = _apart(outline, closed=True)
    x, y = points.T
    large = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 >= _LEAST_AREA_PX
    return points if large else np.empty((0, 2))


def _cut(outline: DoubleArray, room: DoubleArray) -> DoubleArray:
    """What of a polygon lies where `room` (corners,) is not below zero."""
    kept: list[DoubleArray] = []
    for number, point in enumerate(outline):
        before, free = outline[number - 1], room[number - 1]
        if (free < 0) != (room[number] < 0):
            kept.append(before + free / (free - room[number]) * (point - before))
        if room[number] >= 0:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)


def _apart(points: DoubleArray, *, closed: bool = False) -> DoubleArray:
    """Points without those that lie on the one before."""
    kept: list[DoubleArray] = []
    for point in points:
        if not kept or np.hypot(*(point - kept[-1])) >= _LEAST_APART_PX:
            kept.append(point)
    if closed and len(kept) > 1 and np.hypot(*(kept[0] - kept[-1])) < _LEAST_APART_PX:
        kept.pop()
    return np.array(kept).reshape(-1, 2)


def _length(points: list[DoubleArray]) -> float:
    return float(sum(np.hypot(*(b - a)) for a, b in pairwise(points)))


def _point(value: DoubleArray) -> Point:
    return round(float(value[0]), 3), round(float(value[1]), 3)


def _inside(point: Point, size: int) -> bool:
    return all(_INSIDE_PX <= value <= size - 1 - _INSIDE_PX for value in point)
