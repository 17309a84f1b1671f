"""What a report says in words: findings, numbers with their units, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.model.flags import flags_text
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.procedure import Severity
from napari_fluoroinject.model.sign_off import sign_off_text
from napari_fluoroinject.model.spread import RUN_OFF_MISSED, patch_area_px

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import CalibrationBasis, Point
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.report import Provenance, Report
    from napari_fluoroinject.model.spread import Extent, SpreadMeasurements

RESEARCH_ONLY = "Research software - not for diagnostic use"
"""Stands on every picture."""

_SEVERITIES: tuple[Severity, ...] = ("critical", "high", "moderate", "info")

_BASIS: dict[CalibrationBasis, str] = {
    "iso_ermf": "isocentre plane, header factor",
    "iso_sid_sod": "isocentre plane, SID/SOD",
    "pixel_spacing_fiducial": "fiducial in the picture",
    "needle_gauge": "estimated from the needle's gauge",
    "none": "no basis",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One warning as a person reads it; `when` is empty for a warning about the whole loop."""

    severity: Severity
    name: str
    text: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured value with its unit, and what qualifies it."""

    label: str
    value: str
    note: str = ""


class OfLoop(Protocol):
    """What was made of a loop: a report, or a subtracted loop."""

    @property
    def loop(self) -> CineLoop:
        """The loop itself."""
        ...

    @property
    def provenance(self) -> Provenance:
        """What made it."""
        ...


def title(report: Report) -> str:
    """Procedure, level and side."""
    side = report.annotation.side or report.loop.laterality
    asked = [report.annotation.level, f"side {side}" if side else None]
    return " · ".join([report.procedure.name, *[part for part in asked if part]])


def subtitle(report: OfLoop) -> str:
    """What kind of loop it is: size, rate, view, intensity, millimetres."""
    frames, rows, columns = report.loop.shape
    parts = [f"{columns} x {rows} px", f"{frames} frame{'s' * (frames != 1)}"]
    rate = frames_per_s(report)
    if report.loop.times_s is None:
        parts.append("frame times unknown")
    elif rate is not None:
        parts.append(f"{rate:.3g} frames/s")
    parts.append(f"view {report.loop.view.name}" if report.loop.view.name else "view unknown")
    return " · ".join([*parts, scale(report.loop)])


def scale(loop: CineLoop) -> str:
    """Millimetres per pixel and their basis, or that there are none."""
    if loop.calibration is None:
        return "uncalibrated"
    return f"{loop.calibration.mm_per_px:.3f} mm/px ({basis(loop)})"


def basis(loop: CineLoop) -> str:
    """What the loop's millimetres rest on; `uncalibrated` where it has none."""
    return "uncalibrated" if loop.calibration is None else _BASIS[loop.calibration.basis]


def notices(report: Report) -> tuple[Notice, ...]:
    """Every warning, the most severe first."""
    ranked = sorted(
        report.findings, key=lambda found: (_SEVERITIES.index(found.severity), -found.score)
    )
    return tuple(
        Notice(
            severity=found.severity,
            name=found.id.replace("_", " "),
            text=found.text,
            when="" if found.frames is None else span(report, found.frames),
        )
        for found in ranked
    )


def verdict(report: Report) -> tuple[Severity | None, str]:
    """The one line that is read first: the gravest warning, or what may be said without one."""
    found = notices(report)
    if not found:
        return None, all_quiet(report)
    more = f" (+{len(found) - 1} more)" if len(found) > 1 else ""
    when = f" · {found[0].when}" if found[0].when else ""
    vessels = vascular_unassessed(report)
    unseen = f" · {vessels}" if vessels else ""
    return found[0].severity, f"{found[0].severity.upper()} · {found[0].name}{when}{more}{unseen}"


def all_quiet(report: Report) -> str:
    """What may be said when there is no warning: never that nothing is there."""
    judged, of = report.assessable.frames, report.assessable.of
    if judged == 0:
        return f"Not assessable: none of {of} frames could be judged."
    seen = f"detected in {judged} assessable of {of} frames; not a clearance."
    vessels = vascular_unassessed(report)
    first = f"{vessels[:1].upper()}{vessels[1:]}. " if vessels else ""
    if report.maps is not None and report.injection.onset_frame is None:
        first = f"No contrast was seen. {first}"
    what = "Nothing else" if vessels and report.run_off.score is None else "Nothing"
    return f"{first}{what} {seen}"


def vascular_unassessed(report: Report) -> str:
    """Whether the search for vascular uptake could not be made, or not in full; else empty."""
    run_off = report.run_off
    if run_off.reason is None or run_off.alarmed:
        return ""
    if run_off.score is None:
        return "vascular uptake: not assessed"
    return "vascular uptake: assessed in part only"


def flagged(report: Report) -> str:
    """What the operator flagged, as theirs and no finding of the software; empty for nothing."""
    return flags_text(report.annotation.flags, report.loop.times_s)


def measured(report: Report) -> tuple[Row, ...]:
    """The numbers of the report, each with its unit."""
    return (
        *_needle_rows(report),
        *_lead_rows(report),
        *_spread_rows(report),
        *_limit_rows(report),
    )


def unknowns(report: Report) -> tuple[str, ...]:
    """What is not known about the loop, one sentence each; nothing is said twice."""
    loop = report.loop
    lines = []
    if loop.calibration is None:
        lines.append("No millimetres: the loop is uncalibrated, lengths are in pixels.")
    if loop.intensity.relationship == "display":
        lines.append("Display-processed pixels: opacity is relative, not quantitative.")
    elif not loop.intensity.quantitative:
        lines.append("The meaning of the pixel values is unknown: opacity is relative.")
    if loop.times_s is None:
        lines.append("No frame times: seconds cannot be given.")
    if loop.laterality is None and report.annotation.side is None:
        lines.append("Side: nobody said which, and the picture does not tell left from right.")
    spread = () if report.measurements is None else report.measurements.reasons
    said = (*lines, *report.assessable.reasons, *spread, *loop.notes)
    return tuple(dict.fromkeys(line[:1].upper() + line[1:] for line in said))


def signed(report: Report) -> str:
    """Who signed off, when, and what they looked at; or that nobody did."""
    return sign_off_text(report.annotation.sign_off)


def made_by(report: OfLoop) -> str:
    """Software, version and device."""
    made = report.provenance
    return f"{made.software} {made.version} · {made.backend} ({made.device})"


def moment(report: OfLoop, frame: int) -> str:
    """A frame as a person counts it (from 1), with its time where there is one."""
    frames = report.loop.shape[0]
    if report.loop.times_s is None or frames == 1:
        return f"frame {frame + 1} of {frames}"
    return f"frame {frame + 1} of {frames}, {report.loop.times_s[frame]:.2f} s"


def span(report: Report, frames: tuple[int, int]) -> str:
    """First and last frame of an event as a person counts them, in seconds where there are any."""
    first, last = frames
    times = report.loop.times_s
    if first == last:
        return f"frame {first + 1}" if times is None else f"{times[first]:.2f} s"
    if times is None:
        return f"frames {first + 1} to {last + 1}"
    return f"{times[first]:.1f} to {times[last]:.1f} s"


def frames_per_s(report: OfLoop) -> float | None:
    """Mean frame rate; None without frame times or with a single frame."""
    times = report.loop.times_s
    if times is None or len(times) < 2 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / float(times[-1] - times[0])


def in_frame(motion: Motion, point: Point, *, drawn_in: int, into: int | None) -> Point:
    """A point seen in one frame, moved into another or (None) into the reference pose."""
    if into == drawn_in:
        return point
    still = motion.in_reference_pose(point, drawn_in)
    return still if into is None else motion.in_frame(still, into)


def _needle_rows(report: Report) -> tuple[Row, ...]:
    needle = report.needle
    if not isinstance(needle, Needle):
        return (Row(label="Needle", value="not found", note=needle.reason),)
    how = "marked by a person" if needle.source == "given" else "detected"
    sigma = f"\N{PLUS-MINUS SIGN} {needle.tip_uncertainty_px:.1f} px along the shaft"
    tip = Row(
        label="Needle tip",
        value=f"row {needle.tip_px[0]:.1f}, column {needle.tip_px[1]:.1f} px",
        note=f"{sigma}; {how}, frame {needle.frame + 1}",
    )
    axis = Row(
        label="Needle axis",
        value=f"{needle.axis_deg:.0f}\N{DEGREE SIGN}",
        note="hub to tip, from image right towards image bottom",
    )
    return (tip, axis, *_target_rows(report), *_line_rows(report))


def _target_rows(report: Report) -> tuple[Row, ...]:
    distance_px = report.tip_target_px
    if distance_px is None:
        return ()
    value = _length(report.tip_target_mm, distance_px)
    one = next((one for one in report.measured if one.id == "tip_to_target"), None)
    if one is not None and one.sigma is not None:
        number, unit = value.split()
        value = f"{number} \N{PLUS-MINUS SIGN} {one.sigma:.1f} {unit}"
    return (Row(label="Tip to target", value=value, note="in the image plane, 1 sigma"),)


def _line_rows(report: Report) -> tuple[Row, ...]:
    """How far the tip stands beyond each line that it must not pass."""
    names = {one.id: one.name for one in report.procedure.landmarks}
    found = (one for one in report.measured if one.id == "tip_to_line")
    rows = []
    for limit, one in zip(report.procedure.limits, found, strict=False):
        if one.value is None:
            continue
        unit = "mm" if one.unit == "mm" else "px"
        sigma = "" if one.sigma is None else f" \N{PLUS-MINUS SIGN} {one.sigma:.1f}"
        margin = "" if limit.margin is None else f" (margin {limit.margin.high:g} mm)"
        rows.append(
            Row(
                label=f"Tip {limit.beyond} of {names[limit.landmark]}",
                value=f"{one.value:.1f}{sigma} {unit}{margin}",
            )
        )
    return tuple(rows)


def _lead_rows(report: Report) -> tuple[Row, ...]:
    ends = {"distal_first": "the tip is first", "unknown": "at which end the tip is, is not known"}
    return tuple(
        Row(label=f"Lead {i}", value=f"{len(one.contacts_px)} contacts", note=ends[one.order])
        for i, one in enumerate(report.leads, start=1)
    )


def _spread_rows(report: Report) -> tuple[Row, ...]:
    spread = report.measurements
    if spread is None:
        return (Row(label="Contrast", value="not measured"),)
    if spread.area_px is None:
        return (Row(label="Contrast", value="not measured: no spread was found"),)
    area = f"{spread.area_px} px" if spread.area_mm2 is None else f"{spread.area_mm2:.0f} mm²"
    note = "at the end of the loop"
    if spread.lower_bounds:
        note += "; contrast reaches the edge of the open field"
    rows = [Row(label="Spread area", value=f"{_at_least(spread, 'area')}{area}", note=note)]
    rows.extend(_extent_rows(spread))
    if spread.front_speed_px_s is not None:
        rows.append(
            Row(
                label="Front speed",
                value=f"{_length(spread.front_speed_mm_s, spread.front_speed_px_s)}/s",
                note="median, away from the tip, in the image plane",
            )
        )
    rows.extend(_iodine_rows(spread))
    if spread.first_arrival_s is not None:
        rows.append(
            Row(
                label="First arrival",
                value=f"{spread.first_arrival_s:.2f} s",
                note=_arrival_note(report),
            )
        )
    return tuple(rows)


def _arrival_note(report: Report) -> str:
    """Why it is not the onset: that is told from many pixels, an arrival from each pixel's fit."""
    if report.maps is None or report.injection.onset_frame is None:
        return ""
    threshold = report.maps.arrival_threshold_od
    onset = span(report, (report.injection.onset_frame, report.injection.onset_frame))
    return f"where the fit first exceeds opacity {threshold:.2f}; onset, from many pixels: {onset}"


def _iodine_rows(spread: SpreadMeasurements) -> list[Row]:
    peak, sigma = spread.peak_iodine_mg_cm2, spread.iodine_relative_uncertainty
    if peak is None or sigma is None:
        return []
    densest = f"{peak:.0f} mg/cm² at its densest"
    mass = spread.iodine_mg
    bound = _at_least(spread, "area")
    value = densest if mass is None else f"{bound}{mass:.0f} mg, {densest}"
    note = f"\N{PLUS-MINUS SIGN} {100 * sigma:.0f} %, from opacity and tube voltage"
    return [Row(label="Iodine in the region", value=value, note=note)]


def _extent_rows(spread: SpreadMeasurements) -> list[Row]:
    rows = []
    extents: tuple[tuple[str, Extent, float | None, float | None], ...] = (
        ("Along the spine", "along", spread.along_mm, spread.along_px),
        ("Across the spine", "across", spread.across_mm, spread.across_px),
    )
    for label, name, mm, px in extents:
        if px is not None:
            rows.append(Row(label=label, value=f"{_at_least(spread, name)}{_length(mm, px)}"))
    if spread.cranial_px is not None and spread.caudal_px is not None:
        cranial = f"{_at_least(spread, 'cranial')}{_length(spread.cranial_mm, spread.cranial_px)}"
        caudal = f"{_at_least(spread, 'caudal')}{_length(spread.caudal_mm, spread.caudal_px)}"
        rows.append(Row(label="From the tip", value=f"{cranial} cranial, {caudal} caudal"))
    return rows


def _at_least(spread: SpreadMeasurements, name: Extent) -> str:
    return "at least " if name in spread.lower_bounds else ""


def _limit_rows(report: Report) -> tuple[Row, ...]:
    rows = []
    scale = report.opacity
    if scale.scale is not None and scale.relative_uncertainty is not None:
        sigma = f"\N{PLUS-MINUS SIGN} {100 * scale.relative_uncertainty:.0f} %"
        rows.append(
            Row(
                label="Opacity scale",
                value=f"x {scale.scale:.2f} {sigma}",
                note="correction for scatter and veiling",
            )
        )
    if report.maps is not None:
        limit = report.maps.detection_limit_od
        area_px = patch_area_px(None, binned=binning(report.loop.shape[1:]))
        patch = f"{area_px:.0f} px patch" if report.loop.calibration is None else "3 mm patch"
        rows.append(Row(label="Faintest visible", value=f"{limit:.2f} opacity, {patch}"))
    return (*rows, *_run_off_rows(report))


def _run_off_rows(report: Report) -> tuple[Row, ...]:
    """What the search came to; and how little a score below the alarm says."""
    run_off = report.run_off
    if run_off.score is None:
        return (Row(label="Run-off score", value="unknown: not searched"),)
    part = "searched in part only" if run_off.reason is not None else ""
    seen = run_off.smallest_seen_od
    limit = "" if seen is None else f"fainter than about {seen:.2f} is missed"
    return (
        Row(
            label="Run-off score",
            value=f"{run_off.score:.2f} (alarm at 1)",
            note="; ".join(word for word in (run_off.kind, part, limit, RUN_OFF_MISSED) if word),
        ),
    )


def _length(mm: float | None, px: float) -> str:
    return f"{px:.0f} px" if mm is None else f"{mm:.1f} mm"
