"""The medicine on one page: a loop and a procedure become a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_fluoroinject import __version__
from napari_fluoroinject.analysis.field import find_open_field
from napari_fluoroinject.analysis.findings import Evidence, assess, judge
from napari_fluoroinject.analysis.measure import measure
from napari_fluoroinject.analysis.motion import estimate_motion, re_reference
from napari_fluoroinject.analysis.needle import find_needle, given_needle
from napari_fluoroinject.analysis.onset import find_injection
from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.analysis.registered import RegisteredLoop
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.analysis.vascular import find_run_off
from napari_fluoroinject.model.report import Provenance, Report

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.needle import Needle, NoNeedle
    from napari_fluoroinject.model.procedure import Procedure

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def analyze_loop(
    loop: CineLoop,
    procedure: Procedure,
    annotation: Annotation,
    *,
    on: Backend,
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
    progress
        Told before each step.

    Raises
    ------
    UnreadableObjectError
        A frame cannot be decoded.
    AnalysisError
        An annotation lies outside the picture.
    """
    progress("reading frames", 0.0)
    ln = loop.intensity.ln(loop.frames.every())
    field = find_open_field(ln, loop.open_field)

    progress("following the anatomy", 0.1)
    motion = estimate_motion(ln, field, on=on)
    injection = find_injection(ln, field, motion, on=on)
    motion = re_reference(motion, injection.mask_frames)
    registered = RegisteredLoop(loop=loop, ln=ln, field=field, motion=motion, injection=injection)

    progress("finding the needle", 0.4)
    needle = _needle(registered, annotation, on)

    progress("measuring opacity", 0.5)
    opacity = measure_opacity(registered, needle, gauge=annotation.gauge, on=on)
    maps = spread_maps(opacity, registered, needle, on=on)
    measurements = measure(maps, opacity, registered, needle)

    progress("searching for run-off", 0.8)
    run_off = find_run_off(opacity, registered, needle, on=on)
    evidence = Evidence(
        loop=loop,
        annotation=annotation,
        motion=motion,
        injection=injection,
        needle=needle,
        run_off=run_off,
    )
    progress("done", 1.0)
    return Report(
        loop=loop,
        procedure=procedure,
        annotation=annotation,
        motion=motion,
        injection=injection,
        needle=needle,
        opacity=opacity.scale,
        noise=opacity.noise,
        maps=maps,
        measurements=measurements,
        run_off=run_off,
        findings=judge(evidence, procedure),
        assessable=assess(evidence, procedure),
        provenance=_provenance(annotation, on),
    )


def _needle(registered: RegisteredLoop, annotation: Annotation, on: Backend) -> Needle | NoNeedle:
    if annotation.needle is not None:
        return given_needle(annotation.needle, registered)
    return find_needle(registered, gauge=annotation.gauge, on=on)


def _provenance(annotation: Annotation, on: Backend) -> Provenance:
    gauge = "unknown" if annotation.gauge is None else str(annotation.gauge)
    return Provenance(
        software="napari-fluoroinject",
        version=__version__,
        backend=on.name,
        device=on.device,
        backend_version=on.version,
        parameters=(("needle_gauge", gauge),),
    )
