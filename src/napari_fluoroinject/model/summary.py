"""The summary that other programs read: a report as plain JSON values (contract, section 3)."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.study import Dose, DoseReference

if TYPE_CHECKING:
    from napari_fluoroinject.model.expectation import ExpectedPattern
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.spread import SpreadMeasurements

SCHEMA = "fluoroinject-summary/1"
"""Name and version of the summary's schema."""


@cache
def summary_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every summary satisfies."""
    text = (files(__package__) / "summary.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def summarize(report: Report, outputs: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    """Turn a report into the summary's JSON values; unknown is None.

    Parameters
    ----------
    report
        The analysed loop.
    outputs
        One {file, sop_class_uid, sop_instance_uid} for each object written.
    """
    return {
        "schema": SCHEMA,
        "software": {"name": report.provenance.software, "version": report.provenance.version},
        "source": _source(report),
        "procedure": report.procedure.key,
        "level": report.annotation.level,
        "side": report.annotation.side,
        "backend": {
            "name": report.provenance.backend,
            "device": report.provenance.device,
            "version": report.provenance.backend_version,
        },
        "parameters": dict(report.provenance.parameters),
        "mask_frames": list(report.injection.mask_frames),
        "contrast_onset_frame": report.injection.onset_frame,
        "motion": {
            "shift_px": _numbers(report.motion.shift_px.tolist()),
            "largest_turn_deg": _number(math.degrees(abs(report.motion.angle_rad).max())),
            "uncertainty_px": _number(report.motion.uncertainty_px),
        },
        "needle": _needle(report),
        "needle_reason": None if isinstance(report.needle, Needle) else report.needle.reason,
        "target": _target(report),
        "spread": _spread(report),
        "run_off": _run_off(report),
        "leads": [
            {
                "contacts_px": _numbers(lead.contacts_px.tolist()),
                "sigma_px": _number(lead.sigma_px),
                "order": lead.order,
            }
            for lead in report.leads
        ],
        "end_plates": _end_plates(report),
        "measured": [_measure(one) for one in report.measured],
        "expected": [_expected(one) for one in report.expected],
        "dose": _dose(report),
        "warnings": _warnings(report),
        "reminders": list(report.reminders),
        "assessable": {
            "frames": report.assessable.frames,
            "of": report.assessable.of,
            "not_judged": list(report.assessable.not_judged),
            "reasons": list(report.assessable.reasons),
        },
        "notes": list(report.loop.notes),
        "outputs": list(outputs),
        "intended_use": "Research software. Not a medical device: no warning is not a clearance.",
    }


def _measure(one: Measurement) -> dict[str, Any]:
    return {
        "id": one.id,
        "of": one.of,
        "value": _number(one.value),
        "sigma": _number(one.sigma),
        "unit": one.unit,
        "view": one.view,
        "reason": one.reason or None,
    }


def _expected(one: ExpectedPattern) -> dict[str, Any]:
    return {
        "pattern": one.pattern,
        "name": one.name,
        "state": one.state,
        "score": _number(one.score),
        "features": [
            {
                "measure": told.measure,
                "of": told.of,
                "view": told.view,
                "value": _number(told.value),
                "sigma": _number(told.sigma),
                "unit": told.unit,
                "bound": told.bound,
                "limit": _number(told.limit),
                "reached": told.reached,
            }
            for told in one.told
        ],
        "reason": one.reason or None,
        "text": one.text,
    }


def _source(report: Report) -> dict[str, Any]:
    loop = report.loop
    frames, rows, columns = loop.shape
    return {
        "sop_instance_uid": loop.reference.sop_instance_uid,
        "sha256": loop.sha256,
        "rows": rows,
        "columns": columns,
        "frames": frames,
        "times_s": None if loop.times_s is None else _numbers(loop.times_s.tolist()),
        "intensity": loop.intensity.relationship,
        "quantitative": loop.intensity.quantitative,
        "mm_per_px": loop.mm_per_px,
        "mm_per_px_basis": "none" if loop.calibration is None else loop.calibration.basis,
        "mm_per_px_relative_uncertainty": None
        if loop.calibration is None
        else _number(loop.calibration.relative_uncertainty),
        "view": {
            "name": loop.view.name,
            "primary_angle_deg": loop.view.primary_angle_deg,
            "secondary_angle_deg": loop.view.secondary_angle_deg,
        },
        "laterality": loop.laterality,
        "body_part": loop.body_part,
        "lossy": loop.lossy,
    }


def _needle(report: Report) -> dict[str, Any] | None:
    needle = report.needle
    if not isinstance(needle, Needle):
        return None
    return {
        "tip_px": list(needle.tip_px),
        "hub_px": list(needle.hub_px),
        "frame": needle.frame,
        "axis_deg": _number(needle.axis_deg),
        "tip_uncertainty_px": _number(needle.tip_uncertainty_px),
        "hub_uncertainty_px": _number(needle.hub_uncertainty_px),
        "source": needle.source,
        "tip_end_by": needle.tip_end_by,
        "at_rest_from_frame": needle.at_rest_from_frame,
        "tip_by_frame_px": _numbers(needle.tip_by_frame_px.tolist()),
        "hub_by_frame_px": _numbers(needle.hub_by_frame_px.tolist()),
    }


def _end_plates(report: Report) -> dict[str, Any] | None:
    """The end plates as a person marked them: leads of two examinations are compared by them."""
    mark = report.annotation.mark("end_plates")
    if mark is None:
        return None
    points = [[_number(float(value)) for value in point] for point in mark.points_px]
    return {"points_px": points, "first_level": mark.level}


def _target(report: Report) -> dict[str, Any] | None:
    if report.annotation.target_px is None:
        return None
    return {
        "target_px": list(report.annotation.target_px),
        "tip_distance_px": _number(report.tip_target_px),
        "tip_distance_mm": _number(report.tip_target_mm),
    }


_LENGTHS = (
    *("area_px", "area_mm2", "along_px", "along_mm", "across_px", "across_mm"),
    *("cranial_px", "cranial_mm", "caudal_px", "caudal_mm", "direction_deg"),
    *("front_speed_px_s", "front_speed_mm_s", "first_arrival_s", "median_time_to_peak_s"),
    *("peak_od", "iodine_mg", "peak_iodine_mg_cm2", "iodine_relative_uncertainty"),
)


def _spread(report: Report) -> dict[str, Any]:
    maps, measured = report.maps, report.measurements
    spread: dict[str, Any] = {name: _measured(measured, name) for name in _LENGTHS}
    spread |= {
        "centroid_px": None
        if measured is None or measured.centroid_px is None
        else list(measured.centroid_px),
        "area_by_frame_px": None
        if measured is None
        else _numbers(measured.area_by_frame_px.tolist()),
        "mean_od_by_frame": None
        if measured is None
        else _numbers(measured.mean_od_by_frame.tolist()),
        "arrival_threshold_od": None if maps is None else _number(maps.arrival_threshold_od),
        "region_threshold_od": None if maps is None else _number(maps.region_threshold_od),
        "detection_limit_od": None if maps is None else _number(maps.detection_limit_od),
        "opacity_scale": _number(report.opacity.scale),
        "opacity_relative_uncertainty": _number(report.opacity.relative_uncertainty),
        "scatter_to_primary": _number(report.opacity.scatter_to_primary),
        "scatter_to_primary_sigma": _number(report.opacity.scatter_to_primary_sigma),
        "opacity_basis": list(report.opacity.basis),
        "lower_bounds": [] if measured is None else list(measured.lower_bounds),
        "reasons": [] if measured is None else list(measured.reasons),
    }
    return spread


def _run_off(report: Report) -> dict[str, Any]:
    run_off = report.run_off
    return {
        "score": _number(run_off.score),
        "kind": run_off.kind,
        "frames": _pair(run_off.frames),
        "path_px": _numbers(run_off.path_px.tolist()),
        "smallest_seen_od": _number(run_off.smallest_seen_od),
        "reason": run_off.reason,
    }


def _dose(report: Report) -> dict[str, Any]:
    """What the equipment recorded of the study; figures of the literature are no limits."""
    dose, reference = Dose(), DoseReference()
    if report.study is not None:
        dose, reference = report.study.dose, report.study.reference
    figures = (report.procedure.figures or {}).items()
    return {
        "kap_gycm2": _number(dose.kap_gycm2),
        "fluoroscopy_s": _number(dose.fluoroscopy_s),
        "kerma_mgy": _number(dose.kerma_mgy),
        "basis": dose.basis,
        "site_p75": {
            "kap_gycm2": reference.kap_p75_gycm2,
            "fluoroscopy_s": reference.time_p75_s,
            "kerma_mgy": reference.kerma_p75_mgy,
        },
        "literature": [
            {
                "name": name,
                "low": figure.low,
                "high": figure.high,
                "unit": figure.unit,
                "note": figure.note or None,
                "grade": figure.grade,
                "sources": list(figure.sources),
            }
            for name, figure in figures
            if name.startswith(("dose", "fluoroscopy_time"))
        ],
    }


def _warnings(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "id": finding.id,
            "severity": finding.severity,
            "text": finding.text,
            "score": _number(finding.score),
            "frames": _pair(finding.frames),
        }
        for finding in report.findings
    ]


def _measured(measured: SpreadMeasurements | None, name: str) -> float | int | None:
    if measured is None:
        return None
    value = getattr(measured, name)
    return value if value is None or isinstance(value, int) else _number(value)


def _number(value: float | None) -> float | None:
    """Return a JSON number; NaN and infinity are unknown, and JSON has no word for them."""
    return None if value is None or not math.isfinite(value) else round(float(value), 6)


def _numbers(values: list[Any]) -> list[Any]:
    return [_numbers(v) if isinstance(v, list) else _number(v) for v in values]


def _pair(frames: tuple[int, int] | None) -> list[int] | None:
    return None if frames is None else list(frames)
