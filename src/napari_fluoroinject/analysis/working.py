"""The size at which a loop is analysed, and the way from there back to its own pixels.

What is looked for (bone edges, films, vessels) is as coarse as the detector's blur, which a
large matrix only samples more finely: its pixels are averaged in pairs before the analysis.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_fluoroinject.dicom.frames import thread_count
from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.cine import ArrayFrames, IntensityScale
from napari_fluoroinject.model.geometry import Calibration, Point, binning
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.annotation import Annotation, Mark
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.lead import Lead
    from napari_fluoroinject.model.motion import Injection, Motion
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.spread import RunOff, SpreadMaps, SpreadMeasurements

_CODES = 65536
"""Binned frames are kept as codes of the logarithm, 2e-4 apart: a hundredth of their noise."""
_MOST_THREADS = 8

Picture = TypeVar("Picture", BoolArray, FloatArray)


def binned_loop(loop: CineLoop, *, on: Backend) -> CineLoop:
    """The loop as it is analysed: `binning` pixels of its own make one, along rows and columns.

    The beam's intensity is averaged, never its logarithm. Rows and columns left over at the end
    are dropped. A loop that is small enough is returned as it is.
    """
    factor = binning(loop.shape[1:])
    if factor == 1:
        return loop
    scale, codes = _binned_codes(loop, factor, on)
    spacing = loop.detector_mm_per_px
    open_field = None
    if loop.open_field is not None:
        share = on.kernels.bin_frames(
            loop.open_field[None].astype(np.float32), np.ones(loop.shape[1:], np.float32), factor
        )
        open_field = share[0] >= 1.0
    return replace(
        loop,
        frames=ArrayFrames(codes),
        intensity=scale,
        calibration=_scaled_calibration(loop.calibration, factor),
        detector_mm_per_px=None if spacing is None else spacing * factor,
        open_field=open_field,
        binned=factor,
        masks=tuple(mask.scaled(1.0 / factor) for mask in loop.masks),
    )


def binned_annotation(annotation: Annotation, factor: int) -> Annotation:
    """What a person marked, in the pixels of the binned loop."""
    if factor == 1:
        return annotation  # not a digit of it is changed
    needle, target = annotation.needle, annotation.target_px
    if needle is not None:
        needle = replace(
            needle,
            hub_px=_binned_point(needle.hub_px, factor),
            tip_px=_binned_point(needle.tip_px, factor),
        )
    return replace(
        annotation,
        needle=needle,
        target_px=None if target is None else _binned_point(target, factor),
        marks=tuple(_binned_mark(mark, factor) for mark in annotation.marks),
    )


def _binned_mark(mark: Mark, factor: int) -> Mark:
    beyond = mark.beyond_px
    return replace(
        mark,
        points_px=tuple(_binned_point(point, factor) for point in mark.points_px),
        beyond_px=None if beyond is None else _binned_point(beyond, factor),
    )


def full_size(report: Report, loop: CineLoop, annotation: Annotation) -> Report:
    """The report of a binned loop in the pixels of the loop itself.

    Parameters
    ----------
    report
        Of the binned loop.
    loop, annotation
        As they were given; a calibration that the analysis found is added to the loop.
    """
    factor = binning(loop.shape[1:])
    if factor == 1:
        return report
    shape = loop.shape[1:]
    if loop.calibration is None and report.loop.calibration is not None:
        found = _scaled_calibration(report.loop.calibration, 1.0 / factor)
        loop = replace(loop, calibration=found)
    parameters = (*report.provenance.parameters, ("binning", str(factor)))
    measured, maps = report.measurements, report.maps
    return replace(
        report,
        loop=loop,
        annotation=annotation,
        motion=full_motion(report.motion, factor, shape),
        injection=full_injection(report.injection, factor),
        needle=full_needle(report.needle, factor),
        maps=None if maps is None else _full_maps(maps, factor, shape),
        measurements=None if measured is None else _full_measurements(measured, factor),
        run_off=_full_run_off(report.run_off, factor),
        provenance=replace(report.provenance, parameters=parameters),
        leads=tuple(_full_lead(lead, factor) for lead in report.leads),
    )


def _full_lead(lead: Lead, factor: int) -> Lead:
    contacts, sigma = _full_points(lead.contacts_px, factor), lead.sigma_px * factor
    return replace(lead, contacts_px=contacts, sigma_px=sigma)


def _binned_codes(
    loop: CineLoop, factor: int, on: Backend
) -> tuple[IntensityScale, np.ndarray[tuple[int, ...], np.dtype[np.uint16]]]:
    """Binned frames as codes of the logarithm, and what the codes mean.

    Frames are decoded in parallel, and no more of them are held at a time than there are threads.
    """
    given = loop.intensity
    low, high = float(given.ln_beam.min()), float(given.ln_beam.max())
    step = (high - low) / (_CODES - 1) or 1.0
    frames, rows, columns = loop.shape
    codes = np.empty((frames, rows // factor, columns // factor), dtype=np.uint16)
    beam = np.exp(given.ln_beam)

    def place(index: int) -> None:
        ln = on.kernels.binned_ln(loop.frames.frame(index), beam, given.first_stored, factor)
        ln -= np.float32(low)
        ln /= np.float32(step)
        codes[index] = np.rint(ln, out=ln)

    with ThreadPoolExecutor(min(_MOST_THREADS, thread_count())) as pool:
        for _ in pool.map(place, range(frames)):
            pass
    codes.flags.writeable = False  # so that it is handed over, not copied
    table = low + step * np.arange(_CODES)
    return replace(given, ln_beam=table.astype(np.float32), first_stored=0), codes


def _scaled_calibration(calibration: Calibration | None, factor: float) -> Calibration | None:
    if calibration is None:
        return None
    return replace(calibration, mm_per_px=calibration.mm_per_px * factor)


def _binned_point(point: Point, factor: int) -> Point:
    return (point[0] + 0.5) / factor - 0.5, (point[1] + 0.5) / factor - 0.5


def _full_point(point: Point, factor: int) -> Point:
    return (point[0] + 0.5) * factor - 0.5, (point[1] + 0.5) * factor - 0.5


def _full_points(points: DoubleArray, factor: int) -> DoubleArray:
    return np.asarray((points + 0.5) * factor - 0.5)


def full_picture(picture: Picture, factor: int, shape: tuple[int, int]) -> Picture:
    """A picture of a binned loop at full size, (..., rows, columns): every pixel repeated.

    The rows and columns that were left over are like their neighbours.
    """
    wide = np.repeat(np.repeat(picture, factor, axis=-2), factor, axis=-1)
    missing = [(0, want - have) for want, have in zip(shape, wide.shape[-2:], strict=True)]
    return np.pad(wide, [(0, 0)] * (wide.ndim - 2) + missing, mode="edge")


def _full_masks(masks: BoolArray, factor: int, shape: tuple[int, int]) -> BoolArray:
    """`full_picture` of every frame; rows in which there is nothing are not even written."""
    full = np.zeros((len(masks), *shape), dtype=np.bool_)
    for mask, into in zip(masks, full, strict=True):
        rows = np.flatnonzero(mask.any(axis=1))
        if not rows.size:
            continue
        first, last = int(rows[0]), int(rows[-1]) + 1
        stop = shape[0] if last == len(mask) else last * factor
        here = into[first * factor : stop]
        here[...] = full_picture(mask[first:last], factor, (len(here), shape[1]))
    full.flags.writeable = False  # so that it is handed over, not copied
    return full


def full_motion(motion: Motion, factor: int, shape: tuple[int, int]) -> Motion:
    """The motion of a binned loop in the pixels of the loop itself, (rows, columns) = `shape`."""
    # Pixels left over at the end move the centre by less than two: a turn moves that by nothing.
    return replace(
        motion,
        shift_px=motion.shift_px * factor,
        bone_weight=full_picture(motion.bone_weight, factor, shape),
        uncertainty_px=motion.uncertainty_px * factor,
    )


def full_injection(injection: Injection, factor: int) -> Injection:
    """The injection of a binned loop in the pixels of the loop itself."""
    seen = injection.seen_at_px
    return replace(injection, seen_at_px=None if seen is None else _full_point(seen, factor))


def full_needle(needle: Needle | NoNeedle, factor: int) -> Needle | NoNeedle:
    """The needle of a binned loop in the pixels of the loop itself."""
    if isinstance(needle, NoNeedle):
        return needle
    return replace(
        needle,
        tip_px=_full_point(needle.tip_px, factor),
        hub_px=_full_point(needle.hub_px, factor),
        tip_uncertainty_px=needle.tip_uncertainty_px * factor,
        hub_uncertainty_px=needle.hub_uncertainty_px * factor,
        tip_by_frame_px=_full_points(needle.tip_by_frame_px, factor),
        hub_by_frame_px=_full_points(needle.hub_by_frame_px, factor),
        sag_px=None if needle.sag_px is None else needle.sag_px * factor,
    )


def _full_maps(maps: SpreadMaps, factor: int, shape: tuple[int, int]) -> SpreadMaps:
    return replace(
        maps,
        peak_od=full_picture(maps.peak_od, factor, shape),
        arrival_s=full_picture(maps.arrival_s, factor, shape),
        time_to_peak_s=full_picture(maps.time_to_peak_s, factor, shape),
        washout_per_s=full_picture(maps.washout_per_s, factor, shape),
        transit_s=full_picture(maps.transit_s, factor, shape),
        region=full_picture(maps.region, factor, shape),
        region_by_frame=_full_masks(maps.region_by_frame, factor, shape),
    )


def _full_measurements(measured: SpreadMeasurements, factor: int) -> SpreadMeasurements:
    def length(value: float | None) -> float | None:
        return None if value is None else value * factor

    centroid = measured.centroid_px
    return replace(
        measured,
        area_px=None if measured.area_px is None else measured.area_px * factor**2,
        along_px=length(measured.along_px),
        across_px=length(measured.across_px),
        cranial_px=length(measured.cranial_px),
        caudal_px=length(measured.caudal_px),
        centroid_px=None if centroid is None else _full_point(centroid, factor),
        front_speed_px_s=length(measured.front_speed_px_s),
        area_by_frame_px=measured.area_by_frame_px * factor**2,
    )


def _full_run_off(run_off: RunOff, factor: int) -> RunOff:
    return replace(run_off, path_px=_full_points(run_off.path_px, factor))
