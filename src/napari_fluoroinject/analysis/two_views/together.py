"""What marks in two loops say together: needle, target and plan in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.seen import MARK_SIGMA_PX
from napari_fluoroinject.analysis.measures.views import angle_contradiction
from napari_fluoroinject.analysis.two_views.pairing import PairedLoops, pair_loops, pose_of
from napari_fluoroinject.analysis.two_views.refine import (
    FEWEST_POINTS,
    NoRefinement,
    Refined,
    refine,
)
from napari_fluoroinject.analysis.two_views.shaft import Angle, Way, angle_between, way
from napari_fluoroinject.analysis.two_views.triangulate import (
    CommonPoint,
    Located,
    NoTriangulation,
    locate,
    stated_pair,
)
from napari_fluoroinject.model.measurement import LANDMARK_OF
from napari_fluoroinject.model.pose import PoseSigma, ZeroSide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import Point

TIP, HUB, TARGET = "tip", "hub", "target"
PLAN_START, PLAN_END = "start of the plan", "end of the plan"
"""Names of the points that are located."""
_PLAN = LANDMARK_OF["shaft_angle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a person states about two views, none of which a file tells.

    `sigma` of the poses, `mark_px` of a mark per axis (one standard deviation), where the detector
    stands at angle 0, and whether table and patient stood still.
    """

    sigma: PoseSigma
    mark_px: float = MARK_SIGMA_PX
    zero: ZeroSide = "ventral"
    table_still: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTwice:
    """Points, needle and distances in space.

    Attributes
    ----------
    loops
        How the two loops belong together.
    located
        Tip, hub, target and both ends of the planned axis, as far as both loops show them.
    refined
        The poses after refinement by common points; None where they stay as stated, and
        `not_refined` says why.
    needle
        From hub to tip.
    tip_to_target
        Its length is the distance; `bound_mm` says how sure the target's place is, seen from the
        tip.
    against_plan
        Angle between needle and planned axis.
    """

    loops: PairedLoops
    located: Located
    refined: Refined | None
    not_refined: str
    needle: Way | None
    tip_to_target: Way | None
    against_plan: Angle | None


def see_twice(
    loops: tuple[CineLoop, CineLoop],
    annotations: tuple[Annotation, Annotation],
    *,
    stated: Stated,
) -> SeenTwice | NoTriangulation:
    """Triangulate what was marked in both of two loops.

    Needle, target and planned axis (`planned_trajectory`, first and last point) are located;
    every other landmark that is one point in both refines the poses, from five on. A mark counts
    as it stands in its picture: movement within a run is not taken out of it. Hub, tip and ends of
    the plan must be the same points of the patient in both.
    """
    poses = [
        pose_of(loop, c_arm=annotation.c_arm, zero=stated.zero)
        for loop, annotation in zip(loops, annotations, strict=True)
    ]
    (paired,) = pair_loops(loops, poses=poses, table_still=stated.table_still)
    first, second = poses
    reason = paired.reason or _disagreement(*annotations) or _against_files(loops, annotations)
    if reason or isinstance(first, str) or isinstance(second, str):
        return NoTriangulation(reason=reason)
    pair = stated_pair(first, second, sigma=stated.sigma)
    landmarks = _marks(_landmarks(*annotations), stated.mark_px)
    refined = refine(pair, landmarks)
    if isinstance(refined, NoRefinement) and len(landmarks) >= FEWEST_POINTS:
        # points that cannot be the same ones: neither poses nor marks are to be trusted
        return NoTriangulation(reason=refined.reason)
    wanted = _marks(_wanted(*annotations), stated.mark_px)
    if not wanted:
        return NoTriangulation(reason="neither needle nor target nor plan is marked in both loops")
    located = locate(refined.pair if isinstance(refined, Refined) else pair, wanted)
    if isinstance(located, NoTriangulation):
        return located
    return SeenTwice(
        loops=paired,
        located=located,
        refined=refined if isinstance(refined, Refined) else None,
        not_refined=refined.reason if isinstance(refined, NoRefinement) else "",
        needle=way(located, HUB, TIP),
        tip_to_target=way(located, TIP, TARGET),
        against_plan=angle_between(located, (HUB, TIP), (PLAN_START, PLAN_END)),
    )


_Common = tuple[str, "Point", "Point"]
"""Name of a point, and where the first and the second loop show it."""


def _marks(points: Iterator[_Common], sigma_px: float) -> list[CommonPoint]:
    return [
        CommonPoint(name=name, first_px=one, second_px=other, sigma_px=(sigma_px, sigma_px))
        for name, one, other in points
    ]


def _wanted(first: Annotation, second: Annotation) -> Iterator[_Common]:
    if first.needle is not None and second.needle is not None:
        yield TIP, first.needle.tip_px, second.needle.tip_px
        yield HUB, first.needle.hub_px, second.needle.hub_px
    if first.target_px is not None and second.target_px is not None:
        yield TARGET, first.target_px, second.target_px
    plan, its = first.mark(_PLAN), second.mark(_PLAN)
    if plan is not None and its is not None and len(plan.points_px) > 1 < len(its.points_px):
        yield PLAN_START, plan.points_px[0], its.points_px[0]
        yield PLAN_END, plan.points_px[-1], its.points_px[-1]


def _landmarks(first: Annotation, second: Annotation) -> Iterator[_Common]:
    for mark in first.marks:
        its = second.mark(mark.landmark)
        if its is not None and len(mark.points_px) == len(its.points_px) == 1:
            yield mark.landmark, mark.points_px[0], its.points_px[0]


def _against_files(
    loops: tuple[CineLoop, CineLoop], annotations: tuple[Annotation, Annotation]
) -> str:
    """Angles of the C-arm that a person and the file tell differently: one of them is wrong."""
    for number, (loop, annotation) in enumerate(zip(loops, annotations, strict=True), start=1):
        if said := angle_contradiction(loop.view, annotation):
            told = said.partition(":")[0]
            return f"of loop {number}, {told}: find out which is right, and say that alone"
    return ""


def _disagreement(first: Annotation, second: Annotation) -> str:
    """What both say of level and side must be the same: else they are not of one needle."""
    for what, one, other in (
        ("level", first.level, second.level),
        ("side", first.side, second.side),
    ):
        if one is not None and other is not None and one != other:
            return f"the annotations name different {what}s: {one} and {other}"
    return ""
