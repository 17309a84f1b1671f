"""What is said of needle and target: who put them there, and how far they stand apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.geometry import axis_deg, length_px
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.rendering import statement

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.session import Session

FOLLOWING = "The picture is being followed: until then marks are taken as they stand."
"""Said while no motion is known: a mark goes into the reference pose without being moved."""
NOT_FOLLOWED = "The picture was not followed yet: marks are taken as they stand."
_TOLD_BY = {
    "moved": "the end that moved with the advance",
    "edge": "the only end that lies in the open field",
    "hub": "the end opposite the visible hub",
    "contrast": "the end where contrast left",
    "centre": "the end nearer to the middle of the picture, the weakest evidence",
    "given": "a person",
}


def needle_said(session: Session) -> tuple[str, str]:
    """What is said of the needle, and what is missing; one of the two is empty."""
    needle = session.annotation.needle
    if needle is None:
        proposed = proposal(session) is not None
        return "", f"Needle: {'proposed, not accepted' if proposed else 'not marked'}."
    who = accepted_by(session)
    how = f"proposed by the picture, accepted by {who}" if who else "marked by a person"
    return f"Needle: {how}, frame {needle.frame + 1}.", ""


def target_said(session: Session) -> tuple[str, str]:
    """The same of the target; a procedure without one asks for none."""
    if session.annotation.target_px is not None:
        return "Target: marked by a person.", ""
    if session.procedure.target is None:
        return "Target: not marked; this procedure asks for none.", ""
    return "", f"Target: not marked ({session.procedure.target.name})."


def accepted_by(session: Session) -> str:
    """Who accepted the proposed needle that stands there; empty where a person marked it."""
    run = session.run
    accepted = () if run is None else session.draft.marked(run.uid).accepted
    return next((one.operator for one in accepted if one.what == "needle"), "")


def proposal(session: Session) -> Needle | None:
    """The needle that the picture proposes, as long as nobody has said anything of it."""
    run, look = session.run, session.look
    if run is None or look is None or not isinstance(look.needle, Needle):
        return None
    if session.annotation.needle is not None:
        return None
    return None if "needle" in session.draft.marked(run.uid).declined else look.needle


def proposal_said(needle: Needle) -> str:
    """A proposed needle in words."""
    (hub_row, hub_column), (tip_row, tip_column) = needle.hub_px, needle.tip_px
    return (
        f"Proposed needle: hub row {hub_row:.0f}, column {hub_column:.0f} px; tip row "
        f"{tip_row:.1f}, column {tip_column:.1f} px, \N{PLUS-MINUS SIGN} "
        f"{needle.tip_uncertainty_px:.1f} px along the shaft; frame {needle.frame + 1}. "
        f"The tip was told by {_TOLD_BY[needle.tip_end_by]}."
    )


def tip_to_target(session: Session) -> str:
    """How far the tip stands from the target, with unit and basis; empty where not known."""
    run, needle, target = session.run, session.annotation.needle, session.annotation.target_px
    if run is None or needle is None or target is None:
        return ""
    motion = session.motion_of(run.uid)
    tip = (
        needle.tip_px if motion is None else motion.in_reference_pose(needle.tip_px, needle.frame)
    )
    apart_px, mm_per_px = length_px(tip, target), run.loop.mm_per_px
    length = f"{apart_px:.1f} px" if mm_per_px is None else f"{apart_px * mm_per_px:.1f} mm"
    as_it_stands = ", anatomy not followed yet" if motion is None else ""
    return f"{length} in the image plane ({statement.basis(run.loop)}{as_it_stands})"


def needle_angle(session: Session) -> str:
    """Which way the needle points, with its unit; empty where there is none."""
    needle = session.annotation.needle
    if needle is None:
        return ""
    angle = axis_deg(needle.hub_px, needle.tip_px)
    return f"{angle:.0f}\N{DEGREE SIGN}, hub to tip, from image right towards image bottom"
