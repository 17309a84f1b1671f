"""What the report says in words: what is known, how well, and what is not known.

Unknown is said, never left out; and the absence of a warning is never worded as an all-clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import algorithm_parameters
from napari_fluoroinject.dicom.items import plain
from napari_fluoroinject.dicom.maps import is_quantitative
from napari_fluoroinject.dicom.sr_annotation import annotation_items
from napari_fluoroinject.dicom.sr_groups import LARGEST_OUTLINES, last_outlines
from napari_fluoroinject.dicom.sr_measures import not_measured
from napari_fluoroinject.dicom.sr_stated import stated
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.sign_off import sign_off_text
from napari_fluoroinject.model.spread import RUN_OFF_MISSED

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import CalibrationBasis
    from napari_fluoroinject.model.report import Report

INTENDED_USE = (
    "Research software; not for clinical decisions. Not a substitute for watching the loop itself."
)

_BASIS: dict[CalibrationBasis, str] = {
    "iso_ermf": "in the plane of the isocentre, from the header's magnification factor",
    "iso_sid_sod": "in the plane of the isocentre, from the distances to detector and patient",
    "pixel_spacing_fiducial": "in the plane of the calibration object named by the header",
    "needle_gauge": "in the plane of the needle, from its gauge",
    "none": "without a stated basis",
}
_GREY = {
    "linear": "Stored values are proportional to beam intensity",
    "log": "Stored values are logarithmic in beam intensity",
    "display": "Stored values are display-processed",
    "unknown": "The meaning of the stored values is unknown",
}
_TIP_END = {
    "moved": "the end that moved with the advance",
    "edge": "the only end that lies in the open field",
    "hub": "the end opposite the visible hub",
    "contrast": "the end where contrast left",
    "centre": "the end nearer to the middle of the picture, the weakest evidence",
    "given": "marked by a person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of the report under its coded heading; `answer` is a code instead of words."""

    heading: Code
    text: str = ""
    answer: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """A result that this report does not give, and why."""

    name: str
    reason: str


def statements(report: Report, omissions: tuple[Omission, ...]) -> tuple[Statement, ...]:
    """Return everything that the report says in words: coded answers, then the most important.

    Parameters
    ----------
    report
        The analysed loop.
    omissions
        The results that were not written.
    """
    said = (
        _say("intended-use", INTENDED_USE),
        _say("sign-off", sign_off_text(report.annotation.sign_off)),
        *_warnings(report),
        _vascular(report),
        _assessable(report),
        *_asked(report),
        *(_say(heading, words) for heading, words in stated(report)),
        _grey_values(report),
        _calibration(report),
        _time_axis(report),
        _opacity_scale(report),
        _needle(report),
        _target(report),
        *_contrast(report),
        *(_say("expected-pattern", one.text) for one in report.expected),
        *(_say("not-measured", why) for why in not_measured(report)),
        *(_say("not-written", f"{o.name}: {o.reason}") for o in omissions),
        *(_say("reader-note", note) for note in report.loop.notes),
        _made_by(report),
        *(Statement(heading=heading, text=text) for heading, text in annotation_items(report)),
    )
    # The template wants coded answers before words (TID 1500 rows 13 and 14, order significant).
    return tuple(sorted(said, key=lambda statement: statement.answer is None))


def frame_span(frames: tuple[int, int]) -> str:
    """Return a range of frames in words, counted from 1 as viewers do."""
    first, last = frames[0] + 1, frames[1] + 1
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def _say(heading: str, text: str) -> Statement:
    return Statement(heading=codes.private(heading), text=plain(text))


def _warnings(report: Report) -> list[Statement]:
    judged, unassessed = _judged(report), _vascular_unassessed(report)
    if not report.findings:
        return [
            _say("warnings", f"None raised{judged}. This does not rule anything out.{unassessed}")
        ]
    count = len(report.findings)
    said = [_say("warnings", f"{count} raised{judged}; review the loop.{unassessed}")]
    for finding in report.findings:
        where = "" if finding.frames is None else f" ({frame_span(finding.frames)})"
        text = f"{finding.severity.upper()}: {finding.text}{where}"
        said.append(Statement(heading=codes.warning(finding.id), text=plain(text)))
    return said


def _vascular_unassessed(report: Report) -> str:
    """That the search for vascular uptake could not be made, or not in full; else empty."""
    run_off = report.run_off
    if run_off.reason is None or run_off.alarmed:
        return ""
    extent = "not assessed" if run_off.score is None else "assessed in part only"
    return f" Vascular uptake: {extent}."


def _vascular(report: Report) -> Statement:
    """Say what the search for vascular uptake came to; there is no answer that means absence."""
    run_off, raised = report.run_off, {finding.id for finding in report.findings}
    if "vascular_uptake" in raised:
        text = "The search found a tubular run-off that reached the alarm threshold; see above."
    elif run_off.score is None:
        text = f"Undetermined: the search could not be made ({run_off.reason})."
    elif report.assessable.frames == 0:
        text = "Undetermined: no frame of the loop could be judged."
    else:
        text = f"Undetermined: nothing detected{_judged(report)}."
        if run_off.reason is not None:
            text += f" Searched in part only: {run_off.reason}."
        if run_off.smallest_seen_od is not None:
            limit = f"{_opacity(report)} {run_off.smallest_seen_od:.2f}"
            text += f" A run-off fainter than about {limit} is missed; {RUN_OFF_MISSED}."
    return _say("vascular-search", text)


def _opacity(report: Report) -> str:
    return "opacity" if is_quantitative(report) else "relative opacity"


def _judged(report: Report) -> str:
    count, of = report.assessable.frames, report.assessable.of
    if count == 0:
        return f"; none of {of} frames could be judged"
    return f" in {count} assessable of {of} frames"


def _assessable(report: Report) -> Statement:
    count, of = report.assessable.frames, report.assessable.of
    why = "; ".join(report.assessable.reasons)
    because = f" {why[:1].upper()}{why[1:]}." if why else ""
    return _say("assessable", f"{count} of {of} frames could be judged.{because}")


def _asked(report: Report) -> list[Statement]:
    """Procedure, level and side: what people said, not what was seen."""
    procedure, annotation = report.procedure, report.annotation
    value, scheme, meaning = procedure.concept
    signed = "have been" if procedure.clinician_signed_off else "have not been"
    side = annotation.side
    return [
        Statement(
            heading=codes.private("procedure"),
            answer=Code(value, scheme, plain(meaning, limit=64)),
        ),
        _say("rules", f"They {signed} reviewed by a clinician."),
        _say("level", annotation.level or "Unknown: not stated."),
        Statement(heading=codes.private("side"), answer=codes.SIDES[side])
        if side is not None
        else _say("side", report.loop.laterality or "Unknown: not stated."),
    ]


def _grey_values(report: Report) -> Statement:
    intensity = report.loop.intensity
    if intensity.quantitative:
        reading = "opacities are in natural-log units"
    elif intensity.relationship in ("linear", "log"):
        reading = "but on a scale that is not known, so that opacities are relative"
    else:
        reading = "opacities are relative, not quantitative"
    lossy = " Pixels were compressed with loss." if report.loop.lossy else ""
    return _say("grey-values", f"{_GREY[intensity.relationship]}; {reading}.{lossy}")


def _calibration(report: Report) -> Statement:
    calibration = report.loop.calibration
    if calibration is None:
        return _say("calibration", "Not calibrated: lengths are in pixels, there are no mm.")
    sigma = calibration.relative_uncertainty
    known = "unknown" if sigma is None else f"{100 * sigma:.0f} % (1 sigma)"
    return _say(
        "calibration",
        f"{calibration.mm_per_px:.4g} mm per pixel {_BASIS[calibration.basis]}; uncertainty "
        f"{known}. Lengths hold in that plane only.",
    )


def _time_axis(report: Report) -> Statement:
    times = report.loop.times_s
    if report.loop.shape[0] == 1:
        return _say("time-axis", "Unknown: a single frame has no time axis.")
    if times is None:
        return _say("time-axis", "Unknown: the loop does not state when its frames were taken.")
    return _say("time-axis", f"{times[-1] - times[0]:.2f} s from the first frame to the last.")


def _opacity_scale(report: Report) -> Statement:
    scale = report.opacity
    if scale.scale is None:
        return _say("opacity-scale", "Unknown: opacities are relative, not corrected for scatter.")
    basis = ", ".join(scale.basis) or "not stated"
    sigma = scale.relative_uncertainty
    known = "unknown" if sigma is None else f"{100 * sigma:.0f} % (1 sigma)"
    return _say(
        "opacity-scale",
        f"Multiplied by {scale.scale:.2f} for scatter and veiling, uncertainty {known}; "
        f"from: {basis}.",
    )


def _needle(report: Report) -> Statement:
    needle = report.needle
    if not isinstance(needle, Needle):
        return _say("needle", f"No needle is reported: {needle.reason}")
    found = "Marked by a person" if needle.source == "given" else "Found by the software"
    return _say(
        "needle",
        f"{found}, {frame_span((needle.frame, needle.frame))}. Tip: "
        f"{_TIP_END[needle.tip_end_by]}. The length is that of the visible shaft, a lower bound. "
        "The angle is from image right towards image bottom, pointing from hub to tip.",
    )


def _target(report: Report) -> Statement:
    if report.annotation.target_px is None:
        return _say("target", "Unknown: no target was given.")
    if report.tip_target_px is None:
        return _say("target", "Given; no distance, because no needle is reported.")
    return _say("target", "Given; distances are in the image plane, depth is not measured.")


def _contrast(report: Report) -> list[Statement]:
    maps, measured = report.maps, report.measurements
    if maps is None or measured is None:
        return [_say("contrast", "Not measured: there are no usable frames before contrast.")]
    return [
        _say(
            "contrast",
            f"{_first_seen(report, maps.arrival_threshold_od)} In the last frames a patch fainter "
            f"than {_opacity(report)} {maps.detection_limit_od:.3f} is not seen. "
            f"{_outlined(report)}",
        ),
        *([_say("limits", _AT_LEAST)] if measured.lower_bounds else []),
        *(_say("limits", reason) for reason in measured.reasons),
    ]


_AT_LEAST = (
    "Contrast reaches the edge of the open field: what is named 'at least' may be larger, "
    "because what lies beyond the edge is not seen."
)


def _first_seen(report: Report, threshold_od: float) -> str:
    """The onset, told from many pixels, and why the earliest pixel's arrival is another time."""
    onset = report.injection.onset_frame
    if onset is not None:
        return (
            f"Onset, told from many pixels together: frame {onset + 1}. Arrival, told pixel by "
            f"pixel, is when its fitted {_opacity(report)} rises above {threshold_od:.3f}; "
            "the two may differ."
        )
    if report.run_off.alarmed:
        return "No spread outside the suspected vessel was seen."
    return "No contrast was seen."


def _outlined(report: Report) -> str:
    found = last_outlines(report)
    if found is None:
        return "Nothing is outlined."
    frame, parts = found
    where = frame_span((frame, frame))
    count = len(parts)
    most = f": the {LARGEST_OUTLINES} largest of {count} parts" if count > LARGEST_OUTLINES else ""
    return (
        f"Outlined on {where}{most}, holes filled, without parts that are smaller than the patch "
        "of the limit; the segmentation has all of it."
    )


def _made_by(report: Report) -> Statement:
    made = report.provenance
    parts = (f"{made.software} {made.version}", *algorithm_parameters(made))
    return _say("software", "; ".join(parts))
