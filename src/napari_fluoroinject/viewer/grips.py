"""Placed points as things to take hold of: where they are, and what moving one changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.geometry import Point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.viewer.scene import Scene
    from napari_fluoroinject.viewer.session import Session

DECIMALS = 2
"""Of a point in pixels: a hand is not steadier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grip:
    """One point that a person placed; `number` counts those of a landmark."""

    what: Literal["hub", "tip", "target", "mark", "far side"]
    point_px: Point
    landmark: str = ""
    number: int = 0


def grips(scene: Scene, frame: int) -> Iterator[Grip]:
    """Yield every placed point where it stands in the picture of a frame; proposals are none."""
    annotation = scene.annotation
    shaft = scene.shaft(frame)
    if shaft is not None and annotation.needle is not None:
        yield Grip(what="hub", point_px=shaft.hub_px)
        yield Grip(what="tip", point_px=shaft.tip_px)
    if annotation.target_px is not None:
        yield Grip(what="target", point_px=scene.to_picture(annotation.target_px, frame))
    for mark in annotation.marks:
        for number, point in enumerate(mark.points_px):
            there = scene.to_picture(point, frame)
            yield Grip(what="mark", point_px=there, landmark=mark.landmark, number=number)
        if mark.beyond_px is not None:
            there = scene.to_picture(mark.beyond_px, frame)
            yield Grip(what="far side", point_px=there, landmark=mark.landmark)


def nearest(scene: Scene, frame: int, point: Point, *, reach_px: float) -> Grip | None:
    """Return the placed point nearest to one of the picture; None where none is within reach."""
    found = [(_apart(one.point_px, point), one) for one in grips(scene, frame)]
    near = min(found, key=lambda pair: pair[0], default=None)
    return None if near is None or near[0] > reach_px else near[1]


def move(session: Session, scene: Scene, grip: Grip, to: Point, *, amend: bool) -> None:
    """Move a placed point to one of the picture of the shown frame."""
    frame = session.frame
    if grip.what in ("hub", "tip"):
        _move_needle(session, scene, grip, to, amend=amend)
        return
    there = tidy(scene.to_reference(to, frame))
    if grip.what == "target":
        session.place_target(there, amend=amend)
        return
    mark = session.annotation.mark(grip.landmark)
    if mark is None:
        return
    if grip.what == "far side":
        session.place_mark(replace(mark, beyond_px=there), amend=amend)
        return
    points = list(mark.points_px)
    points[grip.number] = there
    session.place_mark(replace(mark, points_px=tuple(points)), amend=amend)


def tidy(point: Point) -> Point:
    """Return a point to the hundredth of a pixel."""
    return round(point[0], DECIMALS), round(point[1], DECIMALS)


def _move_needle(session: Session, scene: Scene, grip: Grip, to: Point, *, amend: bool) -> None:
    """The needle is then the one that stands in the shown frame."""
    frame = session.frame
    shaft = scene.shaft(frame)
    if shaft is None:
        return
    hub, tip = (to, shaft.tip_px) if grip.what == "hub" else (shaft.hub_px, to)
    session.place_needle(
        NeedleTrajectory(
            hub_px=tidy(scene.to_frame(hub, frame)),
            tip_px=tidy(scene.to_frame(tip, frame)),
            frame=frame,
        ),
        amend=amend,
    )


def _apart(one: Point, other: Point) -> float:
    return hypot(one[0] - other[0], one[1] - other[1])
