"""A complete report of a small loop, made without any analysis: every value is chosen here."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import sources

from napari_fluoroinject.dicom.encode import encode_results
from napari_fluoroinject.dicom.outputs import EXTRAS, Outputs, Pictures
from napari_fluoroinject.model.annotation import (
    Annotation,
    CArm,
    ContrastAgent,
    Event,
    Flag,
    Mark,
    NeedleTrajectory,
    SignOff,
)
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.expectation import ExpectedPattern, ToldFeature
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.procedure import LandmarkRule, Procedure
from napari_fluoroinject.model.report import Assessable, Finding, Provenance, Report
from napari_fluoroinject.model.spread import (
    NoiseModel,
    OpacityScale,
    RunOff,
    SpreadMaps,
    SpreadMeasurements,
)
from napari_fluoroinject.rendering.color_map import draw_color_map
from napari_fluoroinject.rendering.key_image import draw_key_image
from napari_fluoroinject.rendering.pdf import draw_pdf

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.dicom.write import EncodedObject

ONSET = 4
"""First frame with contrast of the example, when it has more than one frame."""


def example_report(paths: list[Path], **changes: Any) -> Report:
    """Return a report of the loop in these files; `changes` replace fields of the report.

    Each frame k is displaced by (k / 10, -k / 5) pixels; a disc of contrast grows from the tip.
    """
    headers = _in_frame_order(paths)
    loop = example_loop(paths, headers)
    frames = loop.shape[0]
    shift = np.stack([np.arange(frames) / 10, -np.arange(frames) / 5], axis=1)
    needle = example_needle(shift)
    report = Report(
        loop=loop,
        procedure=example_procedure(),
        annotation=Annotation(target_px=(26.0, 33.0), gauge=22, level="L4/5", side="left"),
        motion=Motion(
            shift_px=shift,
            residual=np.ones(frames),
            locked=np.ones(frames, bool),
            bone_weight=np.ones(loop.shape[1:], np.float32),
            uncertainty_px=0.05,
        ),
        injection=Injection(
            mask_frames=tuple(range(min(3, frames))),
            onset_frame=ONSET if frames > ONSET else None,
            onset_score=12.0,
        ),
        needle=needle,
        opacity=OpacityScale(
            scale=1.35,
            relative_uncertainty=0.12,
            scatter_to_primary=0.35,
            scatter_to_primary_sigma=0.1,
            basis=("field edge", "needle of 22 G"),
        ),
        noise=NoiseModel(a=0.001, lag1_time=0.2, lag1_space=0.3, pixel_sigma_od=0.03),
        maps=example_maps(loop.shape, shift),
        measurements=example_measurements(frames),
        run_off=RunOff(
            score=0.4,
            kind="transient",
            path_px=np.array([[10.0, 20.0], [12.0, 30.0], [13.0, 41.0]]),
            frames=(min(5, frames - 1), min(7, frames - 1)),
            smallest_seen_od=0.08,
        ),
        findings=(),
        assessable=Assessable(
            frames=max(frames - 1, 1),
            of=frames,
            reasons=() if frames == 1 else ("1 frame could not be registered to the mask frames",),
        ),
        provenance=Provenance(
            software="napari-fluoroinject",
            version="0.1.0",
            backend="reference",
            device="any processor",
            backend_version="2.0",
            parameters=(("needle_gauge", "22"), ("smoothing_px", "1.5")),
        ),
    )
    return replace(report, **changes)


def written_source(kind: str, folder: Path) -> list[Path]:
    """Write the source of that kind and return its files."""
    return sources.write_source(sources.SOURCES[kind](), folder / kind)


def with_events(report: Report) -> Report:
    """The report with two events that a person stated: it has a log."""
    events = (Event(kind="contrast", time_s=0.2), Event(kind="medication", time_s=1.5))
    return replace(report, annotation=replace(report.annotation, events=events))


def encode_everything(
    report: Report, paths: list[Path], *, profile: str = "viewer", **options: Any
) -> tuple[EncodedObject, ...]:
    """Every object that there is, with pictures of it."""
    outputs = Outputs(also=frozenset(EXTRAS), seg_profile=profile)
    pictures = Pictures(
        key_image=draw_key_image(report),
        color_map=draw_color_map(report),
        document=draw_pdf(report),
    )
    return encode_results(report, paths, outputs=outputs, pictures=pictures, **options)


def encoded(report: Report, paths: list[Path], **options: Any) -> dict[str, pydicom.Dataset]:
    """Encode the results and return them by name."""
    return {made.name: made.dataset for made in encode_results(report, paths, **options)}


def vascular_finding() -> Finding:
    return Finding(
        id="vascular_uptake",
        severity="critical",
        text="Possible vascular uptake: a transient tubular run-off was seen; review the run.",
        score=1.8,
        frames=(5, 7),
    )


def example_loop(paths: list[Path], headers: list[pydicom.Dataset]) -> CineLoop:
    first = headers[0]
    frames = len(headers) if len(headers) > 1 else int(first.get("NumberOfFrames") or 1)
    return CineLoop(
        frames=ArrayFrames(np.zeros((frames, first.Rows, first.Columns), np.uint16)),
        times_s=np.arange(frames) / 15,
        intensity=IntensityScale(
            relationship="linear", ln_beam=np.log(np.arange(1, 4097, dtype=np.float32))
        ),
        reference=LoopReference(
            study_instance_uid=first.StudyInstanceUID,
            series_instance_uid=first.SeriesInstanceUID,
            sop_instance_uid=first.SOPInstanceUID,
            sop_class_uid=first.SOPClassUID,
            frame_instance_uids=tuple(h.SOPInstanceUID for h in headers)
            if len(headers) > 1
            else (),
        ),
        sha256=_sha256(paths, headers),
        calibration=Calibration(mm_per_px=0.588, basis="iso_ermf", relative_uncertainty=0.05),
        detector_mm_per_px=0.84,
        view=View(primary_angle_deg=-25.0, secondary_angle_deg=5.0),
        kvp=78.0,
        notes=("The first frame is brighter than the others.",),
    )


def example_needle(shift: np.ndarray) -> Needle:
    hub, tip = np.array([8.0, 44.0]), np.array([24.25, 30.5])
    frame = len(shift) - 1
    return Needle(
        tip_px=tuple(tip + shift[frame]),
        hub_px=tuple(hub + shift[frame]),
        frame=frame,
        tip_uncertainty_px=0.6,
        hub_uncertainty_px=2.0,
        tip_by_frame_px=tip + shift,
        hub_by_frame_px=hub + shift,
        source="detected",
        tip_end_by="contrast",
    )


def example_maps(shape: tuple[int, int, int], shift: np.ndarray) -> SpreadMaps:
    frames, rows, columns = shape
    row, column = np.mgrid[:rows, :columns]
    region = np.zeros(shape, bool)
    for k in range(ONSET, frames):
        centre = np.array([24.0, 30.0]) + shift[k]
        region[k] = np.hypot(row - centre[0], column - centre[1]) < 1.5 * (k - ONSET + 1)
    last = np.hypot(row - 24, column - 30)
    arrival = np.where(last < 12, last / 12 * 0.5, np.nan)
    return SpreadMaps(
        peak_od=np.where(last < 12, np.exp(-last / 8), 0.01),
        arrival_s=arrival,
        time_to_peak_s=arrival + 0.2,
        washout_per_s=np.where(np.isfinite(arrival), 0.05 - arrival / 5, np.nan),
        transit_s=arrival / 2,
        region=last < 12 if frames > ONSET else np.zeros((rows, columns), bool),
        region_by_frame=region,
        arrival_threshold_od=0.06,
        region_threshold_od=0.05,
        detection_limit_od=0.031,
    )


def example_measurements(frames: int) -> SpreadMeasurements:
    mm = 0.588
    return SpreadMeasurements(
        area_px=441,
        area_mm2=441 * mm**2,
        along_px=24.0,
        along_mm=24 * mm,
        across_px=22.5,
        across_mm=22.5 * mm,
        cranial_px=14.0,
        cranial_mm=14 * mm,
        caudal_px=10.0,
        caudal_mm=10 * mm,
        centroid_px=(24.0, 30.0),
        direction_deg=243.4,
        front_speed_px_s=18.0,
        front_speed_mm_s=18 * mm,
        first_arrival_s=0.267,
        median_time_to_peak_s=0.533,
        peak_od=1.02,
        iodine_mg=187.0,
        peak_iodine_mg_cm2=41.0,
        iodine_relative_uncertainty=0.14,
        area_by_frame_px=np.linspace(0, 441, frames),
        mean_od_by_frame=np.linspace(0, 0.4, frames),
        reasons=("Mean transit time: the run ended before opacity fell.",),
    )


def example_procedure() -> Procedure:
    return Procedure(
        key="esi_il_lumbar",
        name="Lumbar interlaminar epidural injection",
        region="lumbar",
        concept=("esi_il_lumbar", "99FLUOROINJECT", "Lumbar interlaminar epidural injection"),
        anatomic_region=("122496007", "SCT", "Lumbar spine"),
        clinician_signed_off=False,
        expected_spread="Epidural sheet.",
    )


def marked(report: Report) -> Report:
    """The same report with everything that a person can say, and measures of every sort."""
    return replace(
        report,
        procedure=replace(report.procedure, landmarks=_landmarks()),
        annotation=example_annotation(),
        measured=example_measured(),
        expected=example_expected(),
    )


def example_annotation() -> Annotation:
    """Every field is stated; numbers that no 32-bit float holds, letters that ASCII lacks."""
    return Annotation(
        needle=NeedleTrajectory(hub_px=(8.1, 44.3), tip_px=(1 / 3, 31.2), frame=0),
        target_px=(26.1, 33.7),
        gauge=22,
        needle_length_mm=88.9,
        level="L4/5",
        side="left",
        view="CLO",
        c_arm=CArm(primary_angle_deg=-44.7, secondary_angle_deg=3.1),
        marks=(
            Mark(landmark="entry", points_px=((12.3, 40.9),)),
            Mark(
                landmark="ventral_interlaminar_line",
                points_px=((5.1, 20.2), (40.3, 22.4)),
                beyond_px=(20.0, 10.1),
            ),
            Mark(
                landmark="end_plates",
                points_px=((4.1, 50.2), (20.3, 51.1), (37.9, 52.7)),
                level="L3",
            ),
            Mark(landmark="facet_joint", points_px=((30.1, 40.1), (30.2, 48.1), (36.4, 44.4))),
        ),
        agent=ContrastAgent(
            name='Jod "240" \N{LATIN SMALL LETTER E WITH ACUTE}\\',
            kind="iodinated",
            iodine_mg_ml=240.0,
            volume_ml=0.1 + 0.2,
        ),
        events=(
            Event(kind="aspiration", time_s=-12.5),
            Event(kind="contrast", time_s=0.267),
            Event(kind="medication", time_s=65.0),
        ),
        mask="auto",
        flags=(Flag(kind="vascular_uptake", frame=0),),
        sign_off=SignOff(
            operator="Operator \N{LATIN CAPITAL LETTER A WITH RING ABOVE}",
            at="20261122163000+0100",
            confirmed=("needle_and_target", "contrast", "warnings"),
        ),
    )


def example_measured() -> tuple[Measurement, ...]:
    """With and without a landmark, a view, an uncertainty, a value."""
    vill = "ventral_interlaminar_line"
    return (
        Measurement(id="tip_to_line", value=-2.345, sigma=0.41, unit="mm", of=vill, view="CLO"),
        Measurement(id="tip_to_target", value=1.794, unit="mm", view="CLO"),
        Measurement(id="line_contact", value=37.5, sigma=4.0, unit="%", of=vill, view="CLO"),
        Measurement(
            id="levels_per_ml", value=1.5, unit="{levels}/mL", of="end_plates", view="CLO"
        ),
        Measurement(id="tip_in_area", value=0.4, unit="1", of="sites_own", view="steep"),
        Measurement(id="compactness", value=0.61, unit="1"),
        Measurement(id="midline_crossing", value=None, unit="%", of="midline", reason=_UNMARKED),
        Measurement(id="side_asymmetry", value=None, unit="%", of="midline", reason=_UNMARKED),
        Measurement(id="front_speed", value=float("nan"), unit="mm/s", view="CLO"),
    )


def example_expected() -> tuple[ExpectedPattern, ...]:
    """One of each state, the last a pattern of the site's own."""
    touched = ToldFeature(
        measure="line_contact",
        of="ventral_interlaminar_line",
        view="CLO",
        value=37.5,
        sigma=4.0,
        unit="%",
        bound="least",
        limit=30.0,
        reached=True,
    )
    return (
        ExpectedPattern(
            pattern="epidural_interlaminar",
            name="Epidural spread, interlaminar",
            state="shown",
            score=1.117,
            told=(touched,),
            text="The CLO view shows: 38 +- 4 % (the pattern takes 30 % at least).",
        ),
        ExpectedPattern(
            pattern="facet_arthrogram",
            name="Facet arthrogram",
            state="not shown",
            score=0.4,
            told=(replace(touched, measure="filled_joint_length", of=None, reached=False),),
            text="It falls short.",
        ),
        ExpectedPattern(
            pattern="sites_own",
            name="The site's own",
            state="not judged",
            score=None,
            text="It was not judged: it was not marked.",
            reason="it was not marked",
        ),
    )


_UNMARKED = "the midline was not marked"


def _landmarks() -> tuple[LandmarkRule, ...]:
    return tuple(
        LandmarkRule(id=key, name=name, kind=kind, views=("CLO",), grade="D")
        for key, name, kind in (
            ("entry", "Eintritt der Nadel, \N{LATIN SMALL LETTER U WITH DIAERESIS}ber", "point"),
            ("ventral_interlaminar_line", "ventral interlaminar line (VILL)", "line"),
            ("end_plates", "upper end plates, from head to feet", "line"),
            ("facet_joint", "facet joint", "area"),
            ("midline", "midline", "line"),
            ("sites_own", "the site's own area", "area"),
        )
    )


def uncalibrated(report: Report) -> Report:
    """The same report of a loop without millimetres."""
    assert report.measurements is not None
    without_mm = {
        name: None
        for name in report.measurements.__slots__
        if name.endswith(("_mm", "_mm2", "_mm_s"))
    }
    return replace(
        report,
        loop=replace(report.loop, calibration=None, detector_mm_per_px=None),
        measurements=replace(report.measurements, **without_mm),
    )


def display_processed(report: Report) -> Report:
    """The same report of a loop whose grey values are not quantitative."""
    intensity = IntensityScale(
        relationship="display", ln_beam=report.loop.intensity.ln_beam, scale_known=False
    )
    return replace(
        report,
        loop=replace(report.loop, intensity=intensity),
        opacity=OpacityScale(
            scale=None,
            relative_uncertainty=None,
            scatter_to_primary=None,
            scatter_to_primary_sigma=None,
            basis=(),
        ),
    )


def _in_frame_order(paths: list[Path]) -> list[pydicom.Dataset]:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    return sorted(headers, key=lambda header: int(header.get("InstanceNumber") or 0))


def _sha256(paths: list[Path], headers: list[pydicom.Dataset]) -> str:
    by_uid = {}
    for path in paths:
        uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
        whole = path.read_bytes()
        # preamble, prefix and (0002,0000) are 144 bytes; it tells how long the rest is
        start = 144 + int.from_bytes(whole[140:144], "little")
        by_uid[uid] = hashlib.sha256(whole[start:]).hexdigest()
    digests = [by_uid[header.SOPInstanceUID] for header in headers]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
