"""The medicine on one page: a loop and a procedure become a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from napari_fluoroinject.analysis.evidence import Evidence
from napari_fluoroinject.analysis.expectation import expected_patterns
from napari_fluoroinject.analysis.field import find_open_field
from napari_fluoroinject.analysis.findings import assess, judge
from napari_fluoroinject.analysis.gas import hold_gas_still
from napari_fluoroinject.analysis.gauge import calibrate_by_gauge
from napari_fluoroinject.analysis.header_mask import check_mask, choose_mask
from napari_fluoroinject.analysis.leads import find_leads
from napari_fluoroinject.analysis.leads.doubts import lead_doubts
from napari_fluoroinject.analysis.legible import check_size, why_illegible
from napari_fluoroinject.analysis.local import hold_tissue_still
from napari_fluoroinject.analysis.measure import measure
from napari_fluoroinject.analysis.measures.every import measure_for
from napari_fluoroinject.analysis.measures.leads import asks_for_leads
from napari_fluoroinject.analysis.measures.seen import Seen
from napari_fluoroinject.analysis.measures.views import shown_view
from napari_fluoroinject.analysis.motion import estimate_motion
from napari_fluoroinject.analysis.needle import find_needle, given_needle
from napari_fluoroinject.analysis.noise import FALSE_ALARM_RATE
from napari_fluoroinject.analysis.onset import find_injection
from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.analysis.recursive import without_recursive_filter
from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.analysis.vascular import begin_at_run_off, find_run_off
from napari_fluoroinject.analysis.working import binned_annotation, binned_loop, full_size
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.needle import Needle, NeedleKind, NoNeedle
from napari_fluoroinject.model.report import Provenance, Report
from napari_fluoroinject.model.spread import (
    NoiseModel,
    OpacityScale,
    RunOff,
    SpreadMaps,
    SpreadMeasurements,
)

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.annotation import Annotation, MaskWish
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.lead import Lead
    from napari_fluoroinject.model.motion import Injection, Motion
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.study import Study

SOFTWARE = "napari-fluoroinject"
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def analyze_loop(
    loop: CineLoop,
    procedure: Procedure,
    annotation: Annotation,
    *,
    on: Backend,
    study: Study | None = None,
    progress: Progress = lambda _step, _fraction: None,
) -> Report:
    """Measure needle, spread and run-off in one loop and judge them by the procedure's rules.

    Parameters
    ----------
    loop
        The cine loop; one frame is enough for a needle, contrast needs frames before it.
    procedure, annotation
        What was done, and what a person marked; `generic` and an empty annotation will do.
    on
        The compute backend, chosen once and stamped on the result.
    study
        What is known of the study that the loop belongs to; None = nothing, then it is not judged.
    progress
        Told before each step.

    Raises
    ------
    UnreadableObjectError
        A frame cannot be decoded.
    AnalysisError
        The picture is too small, an annotation lies outside it, or the header's mask frames were
        asked for and it has none.
    """
    check_size(loop)
    check_mask(loop, annotation.mask or "auto")
    progress("reading", 0.0)
    small = binned_loop(loop, on=on)
    marked = binned_annotation(annotation, binning(loop.shape[1:]))
    # More threads add up in another order, so that results would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        report = _analyze(small, procedure, marked, on, study, progress)
    progress("done", 1.0)
    return full_size(report, loop, annotation)


def _analyze(
    loop: CineLoop,
    procedure: Procedure,
    annotation: Annotation,
    on: Backend,
    study: Study | None,
    progress: Progress,
) -> Report:
    progress("following the anatomy", 0.05)
    registered = register(
        loop, on=on, mask=annotation.mask or "auto", mask_frames=annotation.mask_frames
    )

    progress("finding the needle", 0.4)
    needle = _needle(registered, annotation, on)
    kind = NeedleKind(gauge=annotation.gauge, length_mm=annotation.needle_length_mm)
    registered = _calibrated(registered, needle, kind)

    contrast = _contrast(registered, needle, kind, on, progress)
    registered = contrast.registered

    leads = find_leads(registered, on=on) if asks_for_leads(procedure) else ()
    evidence = _evidence(contrast, needle, leads, procedure, annotation, study)
    findings = judge(evidence, procedure)
    return Report(
        loop=registered.loop,
        procedure=procedure,
        annotation=annotation,
        motion=registered.motion,
        injection=registered.injection,
        needle=needle,
        opacity=contrast.scale,
        noise=contrast.noise,
        maps=contrast.maps,
        measurements=contrast.measurements,
        run_off=contrast.run_off,
        measured=evidence.measured,
        leads=leads,
        study=study,
        expected=expected_patterns(evidence, procedure, findings),
        findings=findings,
        assessable=assess(evidence, procedure),
        provenance=_provenance(
            loop, annotation, registered.mask.source, contrast.tissue_held_still, on
        ),
    )


def _evidence(
    contrast: _Contrast,
    needle: Needle | NoNeedle,
    leads: tuple[Lead, ...],
    procedure: Procedure,
    annotation: Annotation,
    study: Study | None,
) -> Evidence:
    """What the procedure's rules are held against."""
    registered = contrast.registered
    seen = Seen(
        loop=registered.loop,
        annotation=annotation,
        motion=registered.motion,
        needle=needle,
        view=shown_view(registered.loop.view, annotation, procedure),
    )
    return Evidence(
        loop=registered.loop,
        annotation=annotation,
        motion=registered.motion,
        injection=registered.injection,
        needle=needle,
        run_off=contrast.run_off,
        mask=registered.mask,
        illegible=why_illegible(registered.ln, registered.field),
        study=study,
        doubts=tuple(lead_doubts(leads, registered.field)),
        measured=measure_for(
            procedure, seen, contrast.maps, contrast.measurements, contrast.run_off, leads=leads
        ),
    )


def register(
    loop: CineLoop, *, on: Backend, mask: MaskWish = "auto", mask_frames: tuple[int, ...] = ()
) -> RegisteredLoop:
    """Decode a loop, undo the vendor's time filter, follow the anatomy, find onset and mask."""
    ln = loop.intensity.ln(loop.frames.every())
    field = find_open_field(ln, loop.open_field)
    ln = without_recursive_filter(ln, field)
    motion = estimate_motion(ln, field, on=on)
    injection = find_injection(ln, field, motion, on=on)
    if injection.onset_frame is None and motion.other_scene.any():
        motion, injection = _in_other_scene(ln, field, motion, injection, on)
    injection, motion, choice = choose_mask(loop, injection, motion, wish=mask, frames=mask_frames)
    return RegisteredLoop(
        loop=loop, ln=ln, field=field, motion=motion, injection=injection, mask=choice
    )


def _in_other_scene(
    ln: FloatArray, field: BoolArray, motion: Motion, injection: Injection, on: Backend
) -> tuple[Motion, Injection]:
    """Motion and onset in another scene of the loop, if contrast was seen in that alone."""
    other = estimate_motion(ln, field, on=on, among=motion.other_scene)
    found = find_injection(ln, field, other, on=on)
    return (motion, injection) if found.onset_frame is None else (other, found)


def _needle(registered: RegisteredLoop, annotation: Annotation, on: Backend) -> Needle | NoNeedle:
    if annotation.needle is not None:
        return given_needle(annotation.needle, registered)
    return find_needle(registered, gauge=annotation.gauge, on=on)


def _calibrated(
    registered: RegisteredLoop, needle: Needle | NoNeedle, kind: NeedleKind
) -> RegisteredLoop:
    """The same loop with millimetres from the needle, where the file gives none."""
    if registered.loop.calibration is not None:
        return registered
    calibration = calibrate_by_gauge(registered, needle, kind=kind)
    return replace(registered, loop=replace(registered.loop, calibration=calibration))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contrast:
    """What contrast did; without frames before it, only that this could not be measured.

    `registered` has the onset of a lone run-off, if that is how contrast was found;
    `tissue_held_still` is the share of the field in which tissue that lags bone was corrected.
    """

    registered: RegisteredLoop
    scale: OpacityScale
    noise: NoiseModel | None
    maps: SpreadMaps | None
    measurements: SpreadMeasurements | None
    run_off: RunOff
    tissue_held_still: float


def _contrast(
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    kind: NeedleKind,
    on: Backend,
    progress: Progress,
) -> _Contrast:
    if not registered.injection.mask_frames:
        return _unmeasured(registered, "no frames before contrast to subtract")
    progress("measuring opacity", 0.5)
    opacity = measure_opacity(registered, needle, kind=kind, on=on)
    held_still = hold_still(opacity, registered, needle, on)
    progress("searching for run-off", 0.6)
    run_off = find_run_off(opacity, registered, needle, on=on)
    with_onset, run_off = begin_at_run_off(registered, opacity, run_off)
    if with_onset is not registered:
        registered = with_onset
        opacity = measure_opacity(registered, needle, kind=kind, on=on)
        held_still = hold_still(opacity, registered, needle, on)
    progress("mapping the spread", 0.85)
    maps = spread_maps(opacity, registered, needle, run_off, on=on)
    return _Contrast(
        registered=registered,
        scale=opacity.scale,
        noise=opacity.noise,
        maps=maps,
        measurements=measure(maps, opacity, registered, needle, run_off),
        run_off=run_off,
        tissue_held_still=float(held_still.sum()) / max(int(registered.field.sum()), 1),
    )


def hold_still(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, on: Backend
) -> FloatArray:
    """Take gas and tissue that move by themselves out of the opacity; where tissue was taken."""
    hold_gas_still(opacity, registered, needle, on=on)
    return hold_tissue_still(opacity, registered, needle, on=on)


def _unmeasured(registered: RegisteredLoop, why: str) -> _Contrast:
    scale = OpacityScale(
        scale=None,
        relative_uncertainty=None,
        scatter_to_primary=None,
        scatter_to_primary_sigma=None,
        basis=(why,),
    )
    run_off = RunOff(
        score=None,
        kind=None,
        path_px=np.empty((0, 2)),
        frames=None,
        smallest_seen_od=None,
        reason=why,
    )
    return _Contrast(
        registered=registered,
        scale=scale,
        noise=None,
        maps=None,
        measurements=None,
        run_off=run_off,
        tissue_held_still=0.0,
    )


def _provenance(
    loop: CineLoop, annotation: Annotation, mask: str, tissue_held_still: float, on: Backend
) -> Provenance:
    decoder = () if loop.decoder is None else (("decoder", loop.decoder),)
    gauge = "unknown" if annotation.gauge is None else str(annotation.gauge)
    given_mm = annotation.needle_length_mm
    length = () if given_mm is None else (("needle_length_mm", f"{given_mm:g}"),)
    return Provenance(
        software=SOFTWARE,
        version=version(SOFTWARE),
        backend=on.name,
        device=on.device,
        backend_version=on.version,
        parameters=(
            ("needle_gauge", gauge),
            *length,
            ("mask", mask),
            ("false_alarm_rate", f"{FALSE_ALARM_RATE:g}"),
            ("tissue_held_still", f"{tissue_held_still:.2f}"),
            *decoder,
        ),
    )
