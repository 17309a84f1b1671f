"""What is said of the contrast: masks, motion, what could be judged and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.subtracted import frames_where, numbered

if TYPE_CHECKING:
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.session import Session

MAPS: dict[MapKind, str] = {
    "none": "Off",
    "opacity": "Opacity",
    "arrival": "Arrival",
    "time_to_peak": "Time to peak",
    "washout": "Washout",
}
"""Maps that can lie over the picture, as the screen names them."""
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
    if report.maps is None:
        return "Opacity: not measured."
    if scale.scale is None or scale.relative_uncertainty is None:
        return "Opacity is relative, not quantitative."
    sigma = f"\N{PLUS-MINUS SIGN} {100 * scale.relative_uncertainty:.0f} %"
    return f"Opacity is quantitative: scale x {scale.scale:.2f} {sigma} (scatter and veiling)."


def map_missing(report: Report | None, kind: MapKind) -> str:
    """Why a map cannot be shown; empty where it can."""
    if kind == "none":
        return ""
    if report is None:
        return "not analysed yet"
    if report.maps is None:
        return "opacity could not be measured in this loop"
    timed = kind in ("arrival", "time_to_peak", "washout")
    return "the file tells no frame times" if timed and report.loop.times_s is None else ""


def map_said(report: Report | None, kind: MapKind) -> str:
    """What a map shows, and from which opacity on; empty where there is none."""
    maps = None if report is None else report.maps
    if report is None or maps is None or kind == "none":
        return ""
    unit = "" if report.opacity.scale is not None else ", relative"
    if kind == "opacity":
        return (
            f"Peak opacity (natural log units{unit}). The spread is outlined from opacity "
            f"{maps.region_threshold_od:.3f}; transparent where nothing is known."
        )
    if kind == "arrival":
        return (
            f"Seconds from the first frame until opacity first exceeds "
            f"{maps.arrival_threshold_od:.3f} and stays there for two frames; transparent where "
            "it never does."
        )
    if kind == "time_to_peak":
        return (
            "Seconds from the first frame until opacity is highest; transparent where contrast "
            f"never exceeds {maps.arrival_threshold_od:.3f}."
        )
    return "How fast opacity falls after its peak, per second; transparent where it is not known."


def _frames(frames: tuple[int, ...]) -> str:
    return numbered(sorted(frames)) if frames else "none"
