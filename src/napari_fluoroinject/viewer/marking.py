"""What a person does to the marks of one run: each function makes a step and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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
