"""Which of a procedure's views a loop shows."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.geometry import View
    from napari_fluoroinject.model.procedure import Procedure, ViewRule

FARTHEST_DEG = 10.0
"""A turn farther than this outside a view's range is another view (proposed here)."""
_SAME_ANGLE_DEG = 2.0
"""Displays and headers differ by less: angles are shown in whole degrees, one after the other."""
_OBLIQUE_DEG = 70.0
"""Views that begin beyond this turn are lateral ones."""


def shown_view(recorded: View, annotation: Annotation, procedure: Procedure) -> str | None:
    """Return the name of a loop's view in the procedure; None where it is not known.

    The name that a person said counts first. Else the C-arm's angle tells it, the file's, and
    where that has none the one that a person read off: the view whose range is
    nearest, where one is nearest. The turn counts towards the needle's side, so that without a
    side both ways must lead to the same view. The file is believed on what is left: a C-arm that
    was not told that its patient lies prone may take one side for the other.
    """
    if annotation.view is not None:
        return annotation.view
    primary = recorded.primary_angle_deg
    if primary is None and annotation.c_arm is not None:
        primary = annotation.c_arm.primary_angle_deg
    if primary is None:
        return None
    named = {_nearest(turn, procedure.views) for turn in _turns(primary, annotation)}
    return named.pop() if len(named) == 1 else None


def angle_contradiction(recorded: View, annotation: Annotation) -> str:
    """Say where the C-arm's angles of file and person differ; empty where they do not."""
    if annotation.c_arm is None:
        return ""
    said = annotation.c_arm.primary_angle_deg, annotation.c_arm.secondary_angle_deg
    filed = recorded.primary_angle_deg, recorded.secondary_angle_deg
    differ = [
        f"{told:g} degrees ({what}) where the file has {angle:g}"
        for what, told, angle in zip(("primary", "secondary"), said, filed, strict=True)
        if angle is not None and abs((told - angle + 180) % 360 - 180) > _SAME_ANGLE_DEG
    ]
    if not differ:
        return ""
    return f"the C-arm was said to stand at {' and '.join(differ)}: the file's angles count"


def _nearest(turn_deg: float, views: tuple[ViewRule, ...]) -> str | None:
    """The view whose range a turn comes nearest to, if one alone does and near enough."""
    off = sorted((_off_deg(turn_deg, view), view.name) for view in views)
    if not off or off[0][0] > FARTHEST_DEG:
        return None
    alone = len(off) == 1 or off[0][0] < off[1][0]
    return off[0][1] if alone else None


def _turns(primary_deg: float, annotation: Annotation) -> tuple[float, ...]:
    """The turn towards the needle's side, positive; both ways where the side is not known.

    PositionerPrimaryAngle is positive towards the patient's left (PS3.3 C.8.7.5).
    """
    if annotation.side == "left":
        return (primary_deg,)
    if annotation.side == "right":
        return (-primary_deg,)
    return (primary_deg, -primary_deg)


def _off_deg(turn_deg: float, view: ViewRule) -> float:
    """How far a turn lies outside a view's range; without a range it is no candidate."""
    if view.oblique is None:
        return inf
    low, high = view.oblique.low, view.oblique.high
    # from either side a lateral view shows the same
    turns = (turn_deg, -turn_deg) if low > _OBLIQUE_DEG else (turn_deg,)
    return min(max(low - turn, turn - high, 0.0) for turn in turns)
