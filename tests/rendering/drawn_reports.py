"""Small reports to draw: a drawn spine, a needle, a film that grows and a vessel that passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.expectation import ExpectedPattern
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.procedure import Procedure
from napari_fluoroinject.model.report import Assessable, Finding, Provenance, Report
from napari_fluoroinject.model.spread import (
    NoiseModel,
    OpacityScale,
    RunOff,
    SpreadMaps,
    SpreadMeasurements,
)

ONSET = 0.2
THRESHOLD_OD = 0.12


def drawn_report(*, frames: int = 30, size: int = 128, seed: int = 0) -> Report:
    """A calibrated, quantitative lumbar loop with needle, target and contrast, and no warning."""
    times = np.arange(frames) / 15.0
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    spine = np.hypot((rows * 4) % 1 - 0.5, 2.4 * (columns - 0.5)) < 0.42
    ln_still = 7.0 + 0.6 * columns - 0.8 * spine
    onset = int(frames * ONSET)
    growth = np.clip((np.arange(frames) - onset) / max(frames - onset, 1), 0.0, 1.0)
    reach = np.hypot(rows - 0.5, 2.2 * (columns - 0.55))
    od = np.stack([np.clip(6 * (0.25 * g - reach), 0.0, 0.6) for g in growth]).astype(np.float32)
    tip, hub = (0.52 * size, 0.56 * size), (0.86 * size, 0.80 * size)
    shift = np.stack([0.012 * size * np.sin(times), 0.004 * size * np.cos(times)], axis=1)
    shift -= shift[: max(onset, 1)].mean(axis=0)
    steel = _distance(tip, hub, size) < 0.008 * size
    ln = ln_still - 0.7 * steel - od + rng.normal(0.0, 0.06, od.shape)
    stored = np.clip(np.exp(ln), 1, 4000).astype(np.uint16)
    return Report(
        loop=_loop(stored, times),
        procedure=_procedure(),
        annotation=Annotation(target_px=(0.49 * size, 0.54 * size), level="L4-L5", side="right"),
        motion=Motion(
            shift_px=shift,
            residual=np.ones(frames),
            locked=np.ones(frames, bool),
            bone_weight=np.ones((size, size)),
            uncertainty_px=0.05,
        ),
        injection=Injection(
            mask_frames=tuple(range(onset)), onset_frame=onset or None, onset_score=20.0
        ),
        needle=Needle(
            tip_px=tip,
            hub_px=hub,
            frame=0,
            tip_uncertainty_px=0.6,
            hub_uncertainty_px=2.0,
            tip_by_frame_px=np.array(tip) + shift,
            hub_by_frame_px=np.array(hub) + shift,
            source="detected",
            tip_end_by="moved",
        ),
        opacity=OpacityScale(
            scale=1.62,
            relative_uncertainty=0.07,
            scatter_to_primary=0.6,
            scatter_to_primary_sigma=0.1,
            basis=("kvp", "needle"),
        ),
        noise=NoiseModel(a=1.0, lag1_time=0.03, lag1_space=0.3, pixel_sigma_od=0.08),
        maps=_maps(od, times, noise=rng.normal(0.0, 0.03, (size, size))),
        measurements=_measurements(od, size),
        run_off=RunOff(
            score=0.62,
            kind="transient",
            path_px=np.zeros((0, 2)),
            frames=None,
            smallest_seen_od=0.08,
        ),
        findings=(),
        assessable=Assessable(frames=frames, of=frames, reasons=()),
        provenance=Provenance(
            software="napari-fluoroinject",
            version="0.1.0",
            backend="cpu",
            device="numba, 1 core",
            backend_version="0.61",
        ),
    )


def with_run_off(report: Report) -> Report:
    """The same loop with a transient run-off and the warnings that go with it."""
    frames, _, size = report.loop.shape
    along = np.linspace(0.0, 1.0, 8)
    path = size * np.stack([0.48 - 0.32 * along, 0.60 + 0.22 * along**2], axis=1)
    event = (frames // 3, frames // 2)
    return replace(
        report,
        run_off=replace(report.run_off, score=2.4, kind="transient", path_px=path, frames=event),
        findings=(
            finding(
                "contrast_not_seen", "moderate", "Opacity near the tip stays below the limit."
            ),
            finding(
                "vascular_uptake",
                "critical",
                "A thin line of contrast fills and clears within 0.9 s, 41 mm from the tip.",
                frames=event,
            ),
        ),
    )


def with_expected(report: Report) -> Report:
    """The same loop with what it shows of an expected pattern."""
    shown = ExpectedPattern(
        pattern="epidural_interlaminar",
        name="Epidural spread, interlaminar",
        state="shown",
        score=1.1,
        text=(
            "Of the expected pattern (epidural spread, interlaminar) the AP view shows: vertebral "
            "levels along which the spread was seen (end plates) 2.1 levels (the pattern takes "
            "0.8 levels at least). This does not exclude other spread or vessels."
        ),
    )
    return replace(report, expected=(shown,))


def uncalibrated(report: Report) -> Report:
    """The same loop as a display-processed export without millimetres, times or laterality."""
    scale = replace(report.loop.intensity, relationship="display", scale_known=False)
    measured = report.measurements
    assert measured is not None
    return replace(
        report,
        loop=replace(
            report.loop,
            intensity=scale,
            calibration=None,
            times_s=None,
            laterality=None,
            view=View(),
            notes=("PixelIntensityRelationship is DISP.",),
        ),
        annotation=Annotation(),
        opacity=OpacityScale(
            scale=None,
            relative_uncertainty=None,
            scatter_to_primary=None,
            scatter_to_primary_sigma=None,
            basis=(),
        ),
        measurements=replace(
            measured, area_mm2=None, cranial_mm=None, caudal_mm=None, along_mm=None
        ),
    )


def bare(report: Report) -> Report:
    """The same loop where nothing could be had: no needle, no contrast, no maps."""
    return replace(
        report,
        annotation=Annotation(),
        injection=Injection(mask_frames=(), onset_frame=None, onset_score=0.0),
        needle=NoNeedle(reason="no straight dark line longer than 40 px was found"),
        noise=None,
        maps=None,
        measurements=None,
        run_off=RunOff(
            score=None,
            kind=None,
            path_px=np.zeros((0, 2)),
            frames=None,
            smallest_seen_od=None,
            reason="too few frames to tell a run-off from noise",
        ),
        assessable=Assessable(
            frames=0,
            of=report.loop.shape[0],
            reasons=(
                "No frames before the contrast.",
                "vascular uptake: not assessed (too few frames to tell a run-off from noise)",
            ),
        ),
    )


def finding(
    name: str, severity: Any, text: str, *, frames: tuple[int, int] | None = None
) -> Finding:
    """One warning."""
    return Finding(id=name, severity=severity, text=text, score=1.5, frames=frames)


def _distance(tip: tuple[float, float], hub: tuple[float, float], size: int) -> Any:
    points = np.stack(np.mgrid[:size, :size], axis=-1).astype(float)
    axis = np.array(hub) - np.array(tip)
    share = np.clip(((points - tip) @ axis) / (axis @ axis), 0.0, 1.0)
    return np.linalg.norm(points - np.array(tip) - share[..., None] * axis, axis=-1)


def _loop(stored: Any, times: Any) -> CineLoop:
    return CineLoop(
        frames=ArrayFrames(stored),
        times_s=times,
        intensity=IntensityScale(
            relationship="linear", ln_beam=np.log(np.maximum(np.arange(4096), 1))
        ),
        reference=LoopReference(
            study_instance_uid="1.2.3",
            series_instance_uid="1.2.3.4",
            sop_instance_uid="1.2.3.4.5",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        ),
        sha256="0" * 64,
        calibration=Calibration(mm_per_px=0.287, basis="iso_sid_sod"),
        view=View(primary_angle_deg=0.0, secondary_angle_deg=2.0, name="AP"),
        kvp=75.0,
        laterality="right",
    )


def _procedure() -> Procedure:
    return Procedure(
        key="esi_il_lumbar",
        name="Lumbar interlaminar epidural",
        region="lumbar",
        concept=("1", "99FLUOROINJECT", "Epidural injection"),
        anatomic_region=None,
        clinician_signed_off=False,
        expected_spread="a sheet with vacuoles",
    )


def _maps(od: Any, times: Any, *, noise: Any) -> SpreadMaps:
    peak = od.max(axis=0)
    arrived = od > THRESHOLD_OD
    arrival = np.where(arrived.any(axis=0), times[np.argmax(arrived, axis=0)], np.nan)
    nothing = np.full(peak.shape, np.nan)
    return SpreadMaps(
        peak_od=np.abs(peak + noise),
        arrival_s=arrival,
        time_to_peak_s=nothing,
        washout_per_s=nothing,
        transit_s=nothing,
        region=od[-1] > 0.06,
        region_by_frame=od > 0.06,
        arrival_threshold_od=THRESHOLD_OD,
        region_threshold_od=0.06,
        detection_limit_od=0.018,
    )


def _measurements(od: Any, size: int) -> SpreadMeasurements:
    inside = od > 0.06
    area = inside.sum(axis=(1, 2))
    mean = np.array(
        [float(f[m].mean()) if m.any() else 0.0 for f, m in zip(od, inside, strict=True)]
    )
    return SpreadMeasurements(
        area_px=int(area[-1]),
        area_mm2=float(area[-1]) * 0.287**2,
        along_px=0.5 * size,
        along_mm=0.5 * size * 0.287,
        across_px=None,
        across_mm=None,
        cranial_px=0.3 * size,
        cranial_mm=0.3 * size * 0.287,
        caudal_px=0.2 * size,
        caudal_mm=0.2 * size * 0.287,
        centroid_px=(0.5 * size, 0.55 * size),
        direction_deg=270.0,
        front_speed_px_s=20.0,
        front_speed_mm_s=5.7,
        first_arrival_s=1.0,
        median_time_to_peak_s=None,
        peak_od=0.5,
        iodine_mg=187.0,
        peak_iodine_mg_cm2=41.0,
        iodine_relative_uncertainty=0.14,
        area_by_frame_px=area,
        mean_od_by_frame=mean,
        reasons=(),
    )
