"""What lies along the time of the shown run: frames, masks, onset, and curves, to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.patch import patch_curve
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.subtracted import frames_where
from napari_fluoroinject.rendering import palette

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Injection
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.viewer.session import Session

Kind = Literal["opacity", "area"]
Dash = Literal["solid", "dashed", "dotted", "dash-dotted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskShown:
    """The mask frames, rising, and whose they are in a word; no frames = none are known."""

    frames: tuple[int, ...]
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One curve; `values` (frames,) are NaN where there is no value."""

    name: str
    kind: Kind
    values: DoubleArray
    colour: str
    dash: Dash

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values, np.float64))


def abscissa(loop: CineLoop) -> DoubleArray:
    """Seconds of the frames, or their numbers from 1 where the file tells no times."""
    if loop.times_s is not None:
        return loop.times_s
    return np.arange(1, loop.shape[0] + 1, dtype=np.float64)


def nearest_frame(loop: CineLoop, at: float) -> int:
    """The frame nearest to a place on that axis."""
    return int(np.argmin(np.abs(abscissa(loop) - at)))


def masks(session: Session) -> MaskShown:
    """The mask frames that were chosen; else those that were used, or found."""
    chosen = session.annotation.mask_frames
    if chosen:
        return MaskShown(frames=chosen, whose="chosen")
    made, injection = session.subtracted, _injection(session)
    if made is not None and made.mask_frames:
        whose = "header" if made.mask_source == "header" else "found"
        return MaskShown(frames=made.mask_frames, whose=whose)
    frames = () if injection is None else injection.mask_frames
    return MaskShown(frames=tuple(sorted(frames)), whose="found")


def onset(session: Session) -> int | None:
    """The first frame with contrast; None = none was seen, or nobody has looked."""
    injection, made = _injection(session), session.subtracted
    if injection is not None:
        return injection.onset_frame
    return None if made is None else made.onset_frame


def not_judged(session: Session) -> tuple[int, ...]:
    """Frames that could not be judged, rising."""
    report, run = _report(session), session.run
    if report is not None:
        return report.assessable.not_judged
    motion = None if run is None else session.motion_of(run.uid)
    return () if motion is None else frames_where(~motion.locked)


def flagged(session: Session) -> tuple[int, ...]:
    """Frames that the operator flagged, rising."""
    return tuple(sorted({flag.frame for flag in session.annotation.flags}))


def lines(session: Session, point_px: Point | None = None) -> tuple[Line, ...]:
    """Every curve that there is; `point_px` is a place that somebody pointed at.

    It stands in the reference pose, as the target does.
    """
    return (*_measured(session), *_places(session, point_px))


def note(session: Session) -> str:
    """What the curves lack, and what brings it; empty where nothing is to be said."""
    if session.run is None:
        return "No run is open: open one in step 1, and its curves come here."
    report = _report(session)
    if report is None and session.subtracted is None:
        return "No curves yet: subtract or analyse the run in step 4."
    if report is None:
        return "Area and mean opacity of the spread come with the analysis in step 4."
    if session.out_of_date:
        return "Spread: as analysed before the last change. Analyse again in step 4."
    if report.measurements is None or not np.isfinite(report.measurements.area_by_frame_px).any():
        return "No spread was measured: see step 5 for the reasons."
    return ""


def opacity_name(session: Session) -> str:
    """What the opacity axis shows; opacities of places are not corrected for scatter."""
    run = session.run
    quantitative = run is not None and run.loop.intensity.quantitative
    return "opacity (ln)" if quantitative else "relative opacity"


def area_name(session: Session) -> str:
    """What the area axis shows: millimetres only where the run is calibrated."""
    run = session.run
    return "area (px)" if run is None or run.loop.mm_per_px is None else "area (mm²)"


def _measured(session: Session) -> tuple[Line, ...]:
    """The curves of the overview: mean opacity and area of the spread."""
    report = _report(session)
    if report is None or report.measurements is None:
        return ()
    per_px = 1.0 if report.loop.mm_per_px is None else report.loop.mm_per_px**2
    return (
        Line(
            name="spread (mean)",
            kind="opacity",
            values=report.measurements.mean_od_by_frame,
            colour=palette.REGION,
            dash="solid",
        ),
        Line(
            name="spread",
            kind="area",
            values=report.measurements.area_by_frame_px * per_px,
            colour=palette.REGION,
            dash="solid",
        ),
    )


def _places(session: Session, point_px: Point | None) -> tuple[Line, ...]:
    made = session.subtracted
    if made is None:
        return ()
    needle, name = _tip(session)
    tip = needle
    if needle is not None and made.motion is not None:
        tip = made.motion.in_reference_pose(needle[0], needle[1]), needle[1]
    places: tuple[tuple[str, Point | None, str, Dash], ...] = (
        (name, None if tip is None else tip[0], palette.NEEDLE, "dashed"),
        ("target", session.annotation.target_px, palette.TARGET, "dash-dotted"),
        ("point", point_px, palette.LANDMARK, "dotted"),
    )
    return tuple(
        Line(
            name=told,
            kind="opacity",
            values=patch_curve(made, point).opacity,
            colour=colour,
            dash=dash,
        )
        for told, point, colour, dash in places
        if point is not None
    )


def _tip(session: Session) -> tuple[tuple[Point, int] | None, str]:
    """The tip and the frame in which it stands there, as marked, else as found; and its name."""
    marked = session.annotation.needle
    if marked is not None:
        return (marked.tip_px, marked.frame), "tip"
    report, look = _report(session), session.look
    found = report.needle if report is not None else None if look is None else look.needle
    if isinstance(found, Needle):
        return (found.tip_px, found.frame), "tip (proposed)"
    return None, ""


def _report(session: Session) -> Report | None:
    """The last report of the shown run; curves that are out of date say so."""
    return None if session.analysed is None else session.analysed.report


def _injection(session: Session) -> Injection | None:
    report, look = _report(session), session.look
    if report is not None:
        return report.injection
    return None if look is None else look.injection
