"""What is said of the contrast: masks, motion, what could be judged and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.subtracted import frames_where, numbered

if TYPE_CHECKING:
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.viewer.session import Session

OUT_OF_DATE = "Out of date: something was changed since the analysis. Analyse again."


def contrast_said(session: Session) -> tuple[str, ...]:
    """What is known of the contrast of the shown run, a sentence each."""
    analysed, run = session.analysed, session.run
    if analysed is None:
        look = session.look
        if look is None or run is None:
            return ("First look: not made yet.",)
        return (
            f"Mask frames found: {_frames(look.injection.mask_frames)}.",
            onset_said(look.injection.onset_frame),
            motion_said(look.motion),
        )
    report = analysed.report
    return (
        f"Mask frames: {_frames(report.injection.mask_frames)}.",
        onset_said(report.injection.onset_frame),
        motion_said(report.motion),
        assessable_said(report),
        *report.assessable.reasons,
    )


def not_analysed(session: Session) -> tuple[str, ...]:
    """What is missing before results can be looked at."""
    if session.analysed is None:
        return ("Not analysed yet.",)
    return (OUT_OF_DATE,) if session.out_of_date else ()


def onset_said(frame: int | None) -> str:
    """When contrast came."""
    return (
        "Contrast: none seen to arrive." if frame is None else f"Contrast from frame {frame + 1}."
    )


def motion_said(motion: Motion) -> str:
    """How well the anatomy was followed."""
    lost = frames_where(~motion.locked)
    where = f"; lost in frames {numbered(lost)}" if lost else "; lost in no frame"
    worst = float(np.max(motion.residual, initial=0.0))
    return (
        f"Residual motion: {motion.uncertainty_px:.2f} px (1 sigma of a frame); largest residual "
        f"{worst:.1f} x the usual{where}."
    )


def assessable_said(report: Report) -> str:
    """How many frames could be judged, and which could not."""
    judged, of = report.assessable.frames, report.assessable.of
    if judged == 0:
        return f"Not assessable: none of {of} frames could be judged."
    left = report.assessable.not_judged
    which = f" Not judged: frames {numbered(left)}." if left else ""
    return f"{judged} of {of} frames could be judged.{which}"


def opacity_said(report: Report) -> str:
    """Whether opacity is a quantity in this loop, and how well it is known."""
    scale = report.opacity
    if scale.scale is None or scale.relative_uncertainty is None:
        return "Opacity is relative, not quantitative."
    sigma = f"\N{PLUS-MINUS SIGN} {100 * scale.relative_uncertainty:.0f} %"
    return f"Opacity is quantitative: scale x {scale.scale:.2f} {sigma} (scatter and veiling)."


def _frames(frames: tuple[int, ...]) -> str:
    return numbered(sorted(frames)) if frames else "none"
