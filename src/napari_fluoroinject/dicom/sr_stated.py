"""What a person stated about the loop, in words: view, needle, agent, events, flags, marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.sr_marks import landmark_name
from napari_fluoroinject.model.flags import flags_text
from napari_fluoroinject.model.subtracted import numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.annotation import Annotation, ContrastAgent, Mark
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.report import Report

_EVENTS = {
    "aspiration": "aspiration",
    "contrast": "contrast",
    "test_dose": "test dose",
    "medication": "medication",
}


def stated(report: Report) -> Iterator[tuple[str, str]]:
    """Private heading and words of everything that was stated; what was not stated is left out.

    Level, side and target are told elsewhere, stated or not.
    """
    yield from _setting(report.annotation)
    yield from _done(report)


def _setting(annotation: Annotation) -> Iterator[tuple[str, str]]:
    """View, C-arm, needle and agent."""
    if annotation.view is not None:
        yield "view", annotation.view
    if annotation.c_arm is not None:
        arm = annotation.c_arm
        yield (
            "c-arm",
            f"Primary {arm.primary_angle_deg:g} degrees (towards the patient's left positive), "
            f"secondary {arm.secondary_angle_deg:g} degrees (towards the head positive).",
        )
    if needle := _needle(annotation):
        yield "needle-stated", needle
    if annotation.agent is not None and (agent := _agent(annotation.agent)):
        yield "agent", agent


def _done(report: Report) -> Iterator[tuple[str, str]]:
    """Events, mask frames, flags and marks."""
    annotation = report.annotation
    if annotation.events:
        told = "; ".join(f"{_EVENTS[one.kind]} {one.time_s:g} s" for one in annotation.events)
        yield "events", f"{told}; from the first frame's time."
    if mask := _mask(annotation):
        yield "mask-wish", mask
    if flags := flags_text(annotation.flags, report.loop.times_s):
        yield "flags", flags
    if marks := _marks(annotation, report.procedure):
        yield "marks", marks


def _mask(annotation: Annotation) -> str:
    if annotation.mask_frames:
        return f"frames {numbered(annotation.mask_frames)}, chosen by a person"
    if annotation.mask is None:
        return ""
    return "those of the header" if annotation.mask == "header" else "found in the picture"


def _needle(annotation: Annotation) -> str:
    gauge, length_mm = annotation.gauge, annotation.needle_length_mm
    parts = [
        *([] if gauge is None else [f"{gauge} G"]),
        *([] if length_mm is None else [f"{length_mm:g} mm from hub to tip"]),
    ]
    return ", ".join(parts)


def _agent(agent: ContrastAgent) -> str:
    iodine, volume = agent.iodine_mg_ml, agent.volume_ml
    said = (
        agent.name,
        agent.kind,
        None if iodine is None else f"{iodine:g} mg of iodine per mL",
        None if volume is None else f"{volume:g} mL",
    )
    return ", ".join(part for part in said if part)


def _marks(annotation: Annotation, procedure: Procedure) -> str:
    marked = [
        *([] if annotation.needle is None else ["the needle, hub and tip"]),
        *([] if annotation.target_px is None else ["the target"]),
        *(_mark(mark, procedure) for mark in annotation.marks),
    ]
    return "; ".join(marked)


def _mark(mark: Mark, procedure: Procedure) -> str:
    count = len(mark.points_px)
    parts = [
        "1 point" if count == 1 else f"{count} points",
        *([] if mark.level is None else [f"the first at {mark.level}"]),
        *([] if mark.beyond_px is None else ["with its far side"]),
    ]
    return f"{landmark_name(procedure, mark.landmark)} ({', '.join(parts)})"
