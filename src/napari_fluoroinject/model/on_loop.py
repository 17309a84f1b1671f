"""Marks that can stand in a loop: in its picture and frames, as far apart as what they mark."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import Annotation, check_annotation
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.measurement import LANDMARK_OF

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Flag, Mark, NeedleTrajectory
    from napari_fluoroinject.model.cine import CineLoop

SHORTEST_SHAFT_PX = 5.0
"""A shorter shaft has no direction: a hand's error at both ends turns it by 23 degrees."""
LEAST_LEVEL_MM = 8.0
"""Half of the least height of an adult's vertebra with its disc (15 to 20 mm in the neck), so that
a tilted beam has its room."""
LEAST_MIDLINE_SHARE = 0.05
"""Of the picture's longer side: a midline is prolonged over all of it, and its error with it."""
_LADDER, _MIDLINE = LANDMARK_OF["levels"], LANDMARK_OF["midline_crossing"]


def check_on_loop(annotation: Annotation, loop: CineLoop) -> None:
    """Check what a person marked against the loop in which it was marked.

    Raises
    ------
    AnnotationError
        A point outside the picture, a frame that does not exist, a shaft or a midline too short
        for a direction, or end plates nearer together than vertebrae are.
    """
    frames, rows, columns = loop.shape
    check_annotation(annotation, picture=(rows, columns))
    check_mask_frames(annotation.mask_frames, frames)
    _check_flags(annotation.flags, frames)
    if annotation.needle is not None:
        _check_needle(annotation.needle, frames)
    midline, ladder = annotation.mark(_MIDLINE), annotation.mark(_LADDER)
    if midline is not None:
        _check_midline(midline, LEAST_MIDLINE_SHARE * max(rows, columns))
    if ladder is not None and loop.mm_per_px is not None:
        _check_ladder(ladder, loop.mm_per_px)


def check_mask_frames(chosen: tuple[int, ...], frames: int) -> None:
    """Check mask frames that a person chose, rising, against the number of frames of the loop.

    Raises
    ------
    AnnotationError
        The loop does not have one of them, or has no other: nothing could be subtracted from.
    """
    if chosen and chosen[-1] >= frames:
        raise AnnotationError(
            f"mask frame {chosen[-1]} was chosen, but the loop has frames 0 to {frames - 1}; "
            "give some of them (counted from 0)"
        )
    if chosen and len(chosen) == frames:
        raise AnnotationError(
            f"all {frames} frames of the loop were chosen as mask frames; expected those before "
            "the contrast, so that others are left"
        )


def _check_flags(flags: tuple[Flag, ...], frames: int) -> None:
    last = max((flag.frame for flag in flags), default=0)
    if last >= frames:
        raise AnnotationError(
            f"frame {last} was flagged, but the loop has frames 0 to {frames - 1}; give one of "
            "them (counted from 0)"
        )


def _check_needle(needle: NeedleTrajectory, frames: int) -> None:
    if not 0 <= needle.frame < frames:
        raise AnnotationError(
            f"the needle was marked in frame {needle.frame}, but the loop has frames 0 to "
            f"{frames - 1}; give one of them (counted from 0)"
        )
    if length_px(needle.hub_px, needle.tip_px) < SHORTEST_SHAFT_PX:
        raise AnnotationError(
            f"hub {needle.hub_px} and tip {needle.tip_px} of the needle are less than "
            f"{SHORTEST_SHAFT_PX:g} px apart: too short for a direction; mark the shaft where it "
            "is first seen, then the tip"
        )


def _check_midline(midline: Mark, least_px: float) -> None:
    first, last = midline.points_px[0], midline.points_px[-1]
    seen = length_px(first, last)
    if len(midline.points_px) > 1 and seen < least_px:
        raise AnnotationError(
            f"marks: {midline.landmark!r} is {seen:.1f} px long from end to end; expected "
            f"{least_px:.0f} or more: it is prolonged over the whole picture; mark it as far as "
            "it is seen"
        )
    if abs(last[1] - first[1]) > abs(last[0] - first[0]):
        raise AnnotationError(
            f"marks: {midline.landmark!r} runs across the picture; expected from head to feet, "
            "and pictures that stand head up: mark two points of the spine's middle, one above "
            "the other"
        )


def _check_ladder(ladder: Mark, mm_per_px: float) -> None:
    points = ladder.points_px
    for number in range(1, len(points)):
        (row, column), (below, beside) = points[number - 1], points[number]
        apart_mm = hypot(below - row, beside - column) * mm_per_px
        if apart_mm < LEAST_LEVEL_MM:
            raise AnnotationError(
                f"marks: {ladder.landmark!r} has points {number} and {number + 1} "
                f"{apart_mm:.1f} mm apart; expected {LEAST_LEVEL_MM:g} or more, as vertebrae are: "
                "one point for the upper end plate of each vertebra"
            )
