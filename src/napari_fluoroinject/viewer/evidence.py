"""Where in a loop a warning is to be looked at: a frame, and points of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.model.drawing import outlines
from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.procedure import LimitRule
    from napari_fluoroinject.model.report import Finding, Report

MOST_POINTS = 64
"""A path of more points is shown by so many of them."""
WHOLE_LOOP = "About the whole loop: there is no one place to show."


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A frame, and what stands where in the reference pose; `what` names it for a person."""

    frame: int
    points_px: tuple[Point, ...]
    what: str


def evidence(report: Report, finding: Finding) -> Spot | None:
    """Where a warning is best seen; None where it is about the whole loop.

    The frame is the middle one of those that the warning names.
    """
    if finding.id in LIKENESSES:
        points, what = _region(report)
    elif finding.id in _PLACES:
        points, what = _PLACES[finding.id](report)
    else:
        points, what = (), ""
    if finding.frames is None and not points:
        return None
    last = report.loop.shape[0] - 1
    frame = last if finding.frames is None else sum(finding.frames) // 2
    return Spot(
        frame=min(max(frame, 0), last), points_px=points, what=what or "the frames of the warning"
    )


def tip_px(report: Report) -> Point | None:
    """The needle's tip in the reference pose; None where no needle is known."""
    needle = report.needle
    if not isinstance(needle, Needle):
        return None
    return report.motion.in_reference_pose(needle.tip_px, needle.frame)


def _run_off(report: Report) -> tuple[tuple[Point, ...], str]:
    path = tuple((float(row), float(column)) for row, column in report.run_off.path_px)
    return _fewer(path), "the path of the run-off" if path else ""


def _region(report: Report) -> tuple[tuple[Point, ...], str]:
    """Where the spread's largest part ends: top, right, bottom, left; more would hide it."""
    found = () if report.maps is None else outlines(report.maps.region)
    if not found:
        return (), ""
    border = [(float(row), float(column)) for row, column in found[0].points_px]
    ends = (min(border), max(border, key=_column), max(border), min(border, key=_column))
    return ends, "the ends of the spread"


def _column(point: Point) -> float:
    return point[1]


def _off_target(report: Report) -> tuple[tuple[Point, ...], str]:
    points = [one for one in (tip_px(report), report.annotation.target_px) if one is not None]
    return tuple(points), "tip and target"


def _past_limit(report: Report) -> tuple[tuple[Point, ...], str]:
    """The tip and the line that it passed farthest, or the contacts of a lead in place of it."""
    tip = tip_px(report)
    contacts = [(float(r), float(c)) for one in report.leads for r, c in one.contacts_px]
    points = contacts if tip is None else [tip]
    farthest = _farthest(report)
    mark = None if farthest is None else report.annotation.mark(farthest.landmark)
    line = () if mark is None else mark.points_px
    what = "the contacts" if tip is None else "the tip"
    return _fewer((*points, *line)), f"{what} and the line" if line else what


def _farthest(report: Report) -> LimitRule | None:
    """The limit beyond which the tip stands farthest; measures stand in the order of limits."""
    measured = [one for one in report.measured if one.id == "tip_to_line"]
    beyond = [
        (one.value - (0.0 if limit.margin is None else limit.margin.high), limit)
        for limit, one in zip(report.procedure.limits, measured, strict=False)
        if one.value is not None
    ]
    return max(beyond, key=lambda one: one[0])[1] if beyond else None


def _fewer(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(points) <= MOST_POINTS:
        return points
    return tuple(points[i * len(points) // MOST_POINTS] for i in range(MOST_POINTS))


_PLACES: dict[str, Callable[[Report], tuple[tuple[Point, ...], str]]] = {
    "vascular_uptake": _run_off,
    "tip_past_limit": _past_limit,
    "tip_off_target": _off_target,
}
"""Warnings about a place, beside those of what the spread resembles."""
