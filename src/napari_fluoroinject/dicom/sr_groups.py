"""Which measurement groups the report has: TID 1501, needle, target, contrast, run-off, scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.graphic import cut_to_picture
from napari_fluoroinject.dicom.maps import is_quantitative
from napari_fluoroinject.dicom.sr_expected import expected_groups
from napari_fluoroinject.dicom.sr_marks import (
    landmark_groups,
    needle_mark,
    points_marked,
    target_shape,
)
from napari_fluoroinject.dicom.sr_measures import measure_groups
from napari_fluoroinject.dicom.sr_writer import Group, GroupWriter, Number, Shape, thinned
from napari_fluoroinject.model.drawing import Outline, outlines
from napari_fluoroinject.model.geometry import binning, length_px
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.spread import patch_area_px

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Finding, Report
    from napari_fluoroinject.model.spread import Extent, SpreadMeasurements

LARGEST_OUTLINES = 5
"""So many parts of the contrast region are outlined; the Segmentation holds all of them."""


def measurement_groups(report: Report, identity: Identity) -> list[Group]:
    """Return all groups of the report; there is always at least that of the assessment.

    Lengths are in millimetres where the loop is calibrated, else in pixels; there is no group, and
    no number in a group, for what could not be measured.
    """
    write = GroupWriter(report, identity)
    groups = (
        _assessment(write),
        *(_warning(write, finding) for finding in report.findings),
        *_needle(write),
        needle_mark(write),
        _target(write),
        *landmark_groups(write),
        *measure_groups(write),
        *expected_groups(write),
        *_outlines(write),
        _spread(write),
        _kinetics(write),
        *_run_off(write),
        _opacity_scale(write),
    )
    return [group for group in groups if group is not None]


def last_outlines(report: Report) -> tuple[int, tuple[Outline, ...]] | None:
    """Return the last frame on which contrast lies and its outlines there; None without any.

    Parts that are smaller than the patch of the detection limit are left out: they are noise.
    """
    if report.maps is None:
        return None
    seen = np.flatnonzero(report.maps.region_by_frame.any(axis=(1, 2)))
    if not seen.size:
        return None
    frame = int(seen[-1])
    parts = outlines(report.maps.region_by_frame[frame])
    least_px = patch_area_px(report.loop.mm_per_px, binned=binning(report.loop.shape[1:]))
    kept = tuple(part for part in parts if part.area_px >= least_px)
    return (frame, kept) if kept else None


def _assessment(write: GroupWriter) -> Group | None:
    """Count the frames; the one group that names every instance of a loop of single frames."""
    assessable, instances = write.report.assessable, len(write.identity.headers)
    return write.group(
        "assessment",
        codes.private("assessment"),
        (
            Number(
                name=codes.private("frames-judged"),
                value=assessable.frames,
                unit=codes.FRAMES,
            ),
            Number(name=codes.private("frames-total"), value=assessable.of, unit=codes.FRAMES),
        ),
        frames=(0, instances - 1) if instances > 1 else None,
    )


def _warning(write: GroupWriter, finding: Finding) -> Group | None:
    return write.group(
        f"warning {finding.id}",
        codes.warning(finding.id),
        (Number(name=codes.private("warning-score"), value=finding.score, unit=codes.RATIO),),
        frames=finding.frames,
        answers=(
            (codes.warning(finding.id), codes.private("raised")),
            (codes.private("severity"), codes.private(finding.severity)),
        ),
    )


def _needle(write: GroupWriter) -> tuple[Group | None, ...]:
    needle = write.report.needle
    if not isinstance(needle, Needle):
        return ()
    seen = cut_to_picture([needle.hub_px, needle.tip_px], write.report.loop.shape[1:])
    trajectory = write.group(
        "needle trajectory",
        codes.NEEDLE,
        (
            write.length(codes.LENGTH, length_px(needle.hub_px, needle.tip_px)),
            Number(name=codes.ANGLE, value=needle.axis_deg, unit=codes.DEGREE),
        ),
        shape=Shape(tool="Length", points_px=seen, frame=needle.frame) if len(seen) else None,
    )
    tip = write.group(
        "needle tip",
        codes.NEEDLE,
        (write.length(codes.private("tip-sigma"), needle.tip_uncertainty_px),),
        shape=Shape(tool="Probe", points_px=[needle.tip_px], frame=needle.frame),
    )
    return trajectory, tip


def _target(write: GroupWriter) -> Group | None:
    """The target as it was marked, and its distance where that is known."""
    report = write.report
    target = report.annotation.target_px
    if target is None:
        return None
    return write.group(
        "target",
        codes.TARGET,
        (
            write.length(codes.DISTANCE, report.tip_target_px, report.tip_target_mm),
            points_marked([target]),
        ),
        shape=target_shape(report, target),
    )


def _outlines(write: GroupWriter) -> tuple[Group | None, ...]:
    found = last_outlines(write.report)
    if found is None:
        return ()
    frame, parts = found
    return tuple(
        _outline(write, number, part, frame)
        for number, part in enumerate(parts[:LARGEST_OUTLINES], start=1)
    )


def _outline(write: GroupWriter, number: int, part: Outline, frame: int) -> Group | None:
    return write.group(
        f"contrast outline {number}",
        codes.private("contrast-outline"),
        (write.area(codes.AREA, part.area_px),),
        shape=Shape(tool="PlanarFreehandROI", points_px=thinned(part.points_px), frame=frame),
    )


def _spread(write: GroupWriter) -> Group | None:
    """The whole region; a lower bound has a concept of its own, so that none reads it for more."""
    spread = write.report.measurements
    if spread is None or spread.area_px is None:
        return None

    def concept(extent: Extent, name: Code) -> Code:
        return codes.private(f"{extent}-at-least") if extent in spread.lower_bounds else name

    along, across, cranial, caudal = (
        concept(extent, codes.private(f"extent-{extent}"))
        for extent in ("along", "across", "cranial", "caudal")
    )
    return write.group(
        "contrast spread",
        codes.private("contrast-spread"),
        (
            write.area(concept("area", codes.AREA), spread.area_px),
            write.length(along, spread.along_px, spread.along_mm),
            write.length(across, spread.across_px, spread.across_mm),
            write.length(cranial, spread.cranial_px, spread.cranial_mm),
            write.length(caudal, spread.caudal_px, spread.caudal_mm),
            Number(
                name=codes.private("spread-direction"),
                value=spread.direction_deg,
                unit=codes.DEGREE,
            ),
            _speed(spread),
        ),
    )


def _speed(spread: SpreadMeasurements) -> Number:
    name = codes.private("front-speed")
    if spread.front_speed_mm_s is not None:
        return Number(name=name, value=spread.front_speed_mm_s, unit=codes.MM_PER_S)
    return Number(name=name, value=spread.front_speed_px_s, unit=codes.PIXELS_PER_S)


def _kinetics(write: GroupWriter) -> Group | None:
    """Times, and opacities in natural-log units or, on an unknown scale, as relative values."""
    spread, maps = write.report.measurements, write.report.maps
    if spread is None or maps is None:
        return None
    absolute = is_quantitative(write.report)
    unit = codes.NO_UNITS if absolute else codes.ARBITRARY
    peak = codes.private("peak-opacity" if absolute else "peak-relative")
    timed = write.report.loop.times_s is not None
    return write.group(
        "contrast kinetics",
        codes.CONTRAST_MEDIA,
        (
            Number(
                name=codes.ARRIVAL_TIME,
                value=spread.first_arrival_s if timed else None,
                unit=codes.SECOND,
            ),
            Number(
                name=codes.TIME_TO_PEAK,
                value=spread.median_time_to_peak_s if timed else None,
                unit=codes.SECOND,
            ),
            Number(name=peak, value=spread.peak_od, unit=unit),
            *_iodine(spread),
            Number(
                name=codes.private("detection-limit"), value=maps.detection_limit_od, unit=unit
            ),
        ),
    )


def _iodine(spread: SpreadMeasurements) -> tuple[Number, ...]:
    """Mass and areal density of iodine; none where the loop does not carry them."""
    if spread.peak_iodine_mg_cm2 is None:
        return ()
    return (
        Number(name=codes.private("iodine-mass"), value=spread.iodine_mg, unit=codes.MILLIGRAM),
        Number(
            name=codes.private("iodine-density"),
            value=spread.peak_iodine_mg_cm2,
            unit=codes.MG_PER_CM2,
        ),
        Number(
            name=codes.private("iodine-sigma"),
            value=spread.iodine_relative_uncertainty,
            unit=codes.RATIO,
        ),
    )


def _run_off(write: GroupWriter) -> tuple[Group | None, ...]:
    """Score of the search; and the path, but only where an alarm was raised."""
    report, run_off = write.report, write.report.run_off
    if run_off.score is None:
        answer = write.group(
            "vascular search",
            codes.private("run-off"),
            (),
            answers=((codes.warning("vascular_uptake"), codes.UNDETERMINED),),
        )
        return (answer,)
    raised = any(finding.id == "vascular_uptake" for finding in report.findings)
    absolute = is_quantitative(report)
    search = write.group(
        "vascular search",
        codes.private("run-off"),
        (
            Number(name=codes.private("run-off-score"), value=run_off.score, unit=codes.RATIO),
            Number(
                name=codes.private("run-off-limit"),
                value=run_off.smallest_seen_od,
                unit=codes.NO_UNITS if absolute else codes.ARBITRARY,
            ),
        ),
        frames=run_off.frames if raised else None,
        answers=() if raised else ((codes.warning("vascular_uptake"), codes.UNDETERMINED),),
    )
    return search, _path(write) if raised else None


def _path(write: GroupWriter) -> Group | None:
    """Draw the path on the last frame of the event, in that frame's own geometry."""
    run_off = write.report.run_off
    if run_off.frames is None or len(run_off.path_px) < 2:
        return None
    frame = run_off.frames[1]
    steps = np.diff(run_off.path_px, axis=0)
    return write.group(
        "run-off path",
        codes.private("run-off"),
        (
            write.length(
                codes.private("run-off-length"), float(np.hypot(steps[:, 0], steps[:, 1]).sum())
            ),
        ),
        shape=Shape(
            tool="PlanarFreehandROI",
            points_px=write.report.motion.all_in_frame(run_off.path_px, frame),
            frame=frame,
        ),
    )


def _opacity_scale(write: GroupWriter) -> Group | None:
    scale = write.report.opacity
    return write.group(
        "opacity scale",
        codes.CONTRAST_MEDIA,
        (
            Number(name=codes.private("opacity-scale"), value=scale.scale, unit=codes.RATIO),
            Number(
                name=codes.private("opacity-sigma"),
                value=scale.relative_uncertainty,
                unit=codes.RATIO,
            ),
            Number(
                name=codes.private("scatter-primary"),
                value=scale.scatter_to_primary,
                unit=codes.RATIO,
            ),
        ),
    )
