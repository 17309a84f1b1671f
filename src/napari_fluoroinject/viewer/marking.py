"""What a person does to the marks of one run: each function makes a step and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_fluoroinject.model.annotation import Flag
from napari_fluoroinject.model.flags import MOST_FLAGS
from napari_fluoroinject.viewer.draft import Accepted, Marked

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import (
        Annotation,
        Mark,
        MaskWish,
        NeedleTrajectory,
        SignOff,
    )
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was done, as undo names it, and what is said of the run from then on."""

    label: str
    marked: Marked


def annotate(marked: Marked, label: str, annotation: Annotation) -> Step:
    """Take new marks; of the plan's fields nothing is taken.

    An accepted needle that is moved is no longer what was proposed, but the person's own.
    """
    own = replace(annotation, level=None, side=None, agent=None, gauge=None, needle_length_mm=None)
    moved = own.needle != marked.annotation.needle
    accepted = _less_needle(marked) if moved else marked.accepted
    return Step(label=label, marked=replace(marked, annotation=own, accepted=accepted))


def place_needle(marked: Marked, needle: NeedleTrajectory | None) -> Step:
    """Mark the needle; None takes the mark away."""
    label = "remove the needle" if needle is None else "place the needle"
    return annotate(marked, label, replace(marked.annotation, needle=needle))


def place_target(marked: Marked, target_px: Point | None) -> Step:
    """Mark the target, in the reference pose; None takes the mark away."""
    label = "remove the target" if target_px is None else "place the target"
    return annotate(marked, label, replace(marked.annotation, target_px=target_px))


def place_mark(marked: Marked, mark: Mark) -> Step:
    """Mark a landmark in place of an earlier mark of it."""
    marks = (*_other_marks(marked, mark.landmark), mark)
    return annotate(
        marked, f"mark {_words(mark.landmark)}", replace(marked.annotation, marks=marks)
    )


def remove_mark(marked: Marked, landmark: str) -> Step:
    """Take the mark of a landmark away."""
    marks = _other_marks(marked, landmark)
    return annotate(marked, f"remove {_words(landmark)}", replace(marked.annotation, marks=marks))


def choose_mask(marked: Marked, wish: MaskWish | None, frames: tuple[int, ...]) -> Step:
    """Choose whose mask frames are subtracted, or which; None and none = found."""
    chosen = replace(marked.annotation, mask=wish, mask_frames=frames)
    return annotate(marked, "choose mask frames", chosen)


def flag(marked: Marked, frame: int) -> Step:
    """Flag vascular uptake in a frame; where it is flagged, take the flag away."""
    flags, one = marked.annotation.flags, Flag(kind="vascular_uptake", frame=frame)
    if one in flags:
        label, left = "remove the flag", [other for other in flags if other != one]
    else:
        label, left = "flag vascular uptake", [*flags, one]
    rising = tuple(sorted(left, key=lambda flag: flag.frame))
    step = f"{label} in frame {frame + 1}"
    return annotate(marked, step, replace(marked.annotation, flags=rising))


def why_not_flagged(run: Run | None, marked: Marked, frame: int) -> str:
    """Why a frame cannot be flagged; empty where it can, or where its flag can be taken away."""
    if run is None:
        return "Nothing was flagged: no run is open. Open one in step 1."
    flags, frames = marked.annotation.flags, run.loop.shape[0]
    if not 0 <= frame < frames:
        return f"Frame {frame + 1} was not flagged: the run has frames 1 to {frames}."
    if len(flags) >= MOST_FLAGS and frame not in [one.frame for one in flags]:
        return f"Frame {frame + 1} was not flagged: {MOST_FLAGS} flags stand there; remove one."
    return ""


def sign(marked: Marked, sign_off: SignOff | None) -> Step:
    """Say who confirmed the results; None takes it back."""
    return annotate(marked, "sign off", replace(marked.annotation, sign_off=sign_off))


def accept_needle(marked: Marked, needle: NeedleTrajectory, operator: str) -> Step:
    """Make the proposed needle the operator's own."""
    return Step(
        label="accept the proposed needle",
        marked=replace(
            marked,
            annotation=replace(marked.annotation, needle=needle),
            accepted=(*_less_needle(marked), Accepted(what="needle", operator=operator)),
        ),
    )


def decline_needle(marked: Marked) -> Step:
    """Say that the proposed needle is none."""
    declined = (*(one for one in marked.declined if one != "needle"), "needle")
    return Step(label="decline the proposed needle", marked=replace(marked, declined=declined))


def _less_needle(marked: Marked) -> tuple[Accepted, ...]:
    return tuple(one for one in marked.accepted if one.what != "needle")


def _other_marks(marked: Marked, landmark: str) -> tuple[Mark, ...]:
    return tuple(one for one in marked.annotation.marks if one.landmark != landmark)


def _words(landmark: str) -> str:
    return landmark.replace("_", " ")
