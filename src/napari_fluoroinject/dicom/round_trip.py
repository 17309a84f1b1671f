"""Written objects read again and held against the report that they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom import dcmread

from napari_fluoroinject.dicom.annotation_file import annotation_from
from napari_fluoroinject.dicom.maps import KINDS, read_map
from napari_fluoroinject.dicom.mask_presentation import report_masks
from napari_fluoroinject.dicom.parametric import read_parametric
from napari_fluoroinject.dicom.read_log import read_log
from napari_fluoroinject.dicom.read_presentation import read_presentation
from napari_fluoroinject.dicom.read_seg import read_segmentation
from napari_fluoroinject.dicom.segments import LARGEST_FRACTION, segments_of
from napari_fluoroinject.model.masks import item_of_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.dicom.segments import Segment
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.masks import HeaderMask
    from napari_fluoroinject.model.report import Report

_AS_FLOAT32 = 1e-3
"""Pixels: presentation states hold 32-bit floats of a place in the picture."""


def disagreements(report: Report, path: Path) -> tuple[str, ...]:
    """Read one written result and say where it is not what the report says.

    Segmentations and maps are compared pixel by pixel and by source frame, annotations and events
    value by value, masks and shifts frame by frame.

    Parameters
    ----------
    report
        What was written.
    path
        One of its files, by the name that it was given.

    Returns
    -------
    One sentence for each difference; none where there is none, or where the object holds pictures,
    which nothing is read from.
    """
    kind = next((k for k in _READERS if path.stem.startswith(k)), None)
    return () if kind is None else tuple(_READERS[kind](report, path))


def has_reader(path: Path) -> bool:
    """Tell whether something is read back from an object of that name."""
    return any(path.stem.startswith(kind) for kind in _READERS)


def _segmentation(report: Report, path: Path) -> Iterator[str]:
    read = read_segmentation(path, loops=[report.loop])
    expected = segments_of(report)
    if len(read.segments) != len(expected):
        yield f"{len(read.segments)} segments for {len(expected)}"
        return
    for at, (seen, segment) in enumerate(zip(read.segments, expected, strict=True)):
        above = expected[at + 1 :] if read.encoding == "labelmap" else ()
        for frame in segment.frames:
            wanted = _stored(segment, above, frame, fractional=read.encoding == "fractional")
            found = seen.masks.get(frame, np.zeros(read.size, wanted.dtype))
            if not np.array_equal(found, wanted):
                yield f"segment {segment.label}: frame {frame} differs"


def _stored(
    segment: Segment, above: tuple[Segment, ...], frame: int, *, fractional: bool
) -> npt.NDArray[np.float32] | npt.NDArray[np.bool_]:
    """What a reader should find: shares in their steps; a label map keeps the last segment."""
    if fractional:
        steps = np.round(segment.occupy(frame) * LARGEST_FRACTION)
        shares: npt.NDArray[np.float32] = (steps / LARGEST_FRACTION).astype(np.float32)
        return shares
    drawn = segment.draw(frame).copy()
    for other in above:
        drawn &= ~other.draw(frame)
    return drawn


def _map(report: Report, path: Path) -> Iterator[str]:
    dataset = dcmread(path)
    step = float(dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope)
    yield from _map_differs(report, path, read_map(dataset), step / 2 * 1.001)


def _parametric(report: Report, path: Path) -> Iterator[str]:
    yield from _map_differs(report, path, read_parametric(dcmread(path)), 0.0)


def _map_differs(
    report: Report, path: Path, found: npt.NDArray[np.float32], within: float
) -> Iterator[str]:
    name = path.stem.partition("_")[2]
    (kind,) = (one for one in KINDS if one.name == name)
    wanted = getattr(report.maps, kind.attribute)
    if not np.array_equal(np.isfinite(found), np.isfinite(wanted)):
        yield f"{name} is defined in other pixels"
        return
    worst = float(np.nanmax(np.abs(found - wanted), initial=0.0))
    # the single precision that a map comes back in has its own last digit
    if worst > within + float(np.spacing(np.float32(np.nanmax(np.abs(wanted), initial=0.0)))):
        yield f"{name} differs by up to {worst:.3g}; expected at most {within:.3g}"


def _report(report: Report, path: Path) -> Iterator[str]:
    loop = report.loop
    if annotation_from(path, loops=[loop.reference], patient=loop.patient) != report.annotation:
        yield "the annotation came back changed"


def _presentation(report: Report, path: Path) -> Iterator[str]:
    read = read_presentation(path, report.loop.reference, report.loop.shape)
    given, found = report.annotation, read.annotation
    if given.target_px is not None and not _near(found.target_px, given.target_px):
        yield f"the target came back at {found.target_px}"
    wanted = {mark.landmark: mark.points_px for mark in given.marks}
    seen = {mark.landmark: mark.points_px for mark in found.marks}
    if wanted.keys() != seen.keys() or not all(_near(seen[k], wanted[k]) for k in wanted):
        yield "the landmarks came back changed"


def _masks(report: Report, path: Path) -> Iterator[str]:
    read = read_presentation(path, report.loop.reference, report.loop.shape)
    frames = report.loop.shape[0]
    wanted, found = (_of_frames(masks, frames) for masks in (report_masks(report), read.masks))
    for frame, (given, seen) in enumerate(zip(wanted, found, strict=True)):
        if given is None or seen is None:
            same = given is seen
        else:
            same = given[0] == seen[0] and _near(seen[1], given[1])
        if not same:
            yield f"frame {frame} came back with {seen} in place of {given}"


def _of_frames(
    masks: Sequence[HeaderMask], frames: int
) -> list[tuple[tuple[int, ...], Point] | None]:
    """Mask frames and shift of every frame; None where nothing is subtracted."""
    items = item_of_frames(masks, frames)
    return [
        None if item < 0 else (masks[item].mask_for(frame), masks[item].shift_of(frame))
        for frame, item in enumerate(items)
    ]


def _log(report: Report, path: Path) -> Iterator[str]:
    found = sorted(read_log(dcmread(path)), key=lambda event: event.time_s)
    if found != sorted(report.annotation.events, key=lambda event: event.time_s):
        yield "the events came back changed"


def _near(found: npt.ArrayLike | None, wanted: npt.ArrayLike) -> bool:
    if found is None or np.shape(found) != np.shape(wanted):
        return False
    return bool(np.abs(np.asarray(found) - np.asarray(wanted)).max() < _AS_FLOAT32)


_READERS: Mapping[str, Callable[[Report, Path], Iterator[str]]] = {
    "segmentation": _segmentation,
    "map_": _map,
    "parametric_": _parametric,
    "report": _report,
    "presentation": _presentation,
    "mask_presentation": _masks,
    "procedure_log": _log,
}
