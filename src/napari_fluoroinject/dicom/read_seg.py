"""Segmentations read back, our own and those of others: masks by frame of the loop.

highdicom reads by source frame, too, but not every file: it asks for attributes that a projection
need not have. Sizes are compared with the bytes that are there, and with the loop, before anything
is decoded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NoReturn, cast, get_args

import numpy as np

from napari_fluoroinject.dicom import scan
from napari_fluoroinject.dicom.attributes import first_item, number, text
from napari_fluoroinject.dicom.belonging import stranger
from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.opened import frames_of, header_before, one_error
from napari_fluoroinject.dicom.pixels import pixel_format, pixel_span
from napari_fluoroinject.dicom.scan import scan_content
from napari_fluoroinject.dicom.seg import LABEL_MAP_STORAGE, SEGMENTATION_STORAGE
from napari_fluoroinject.dicom.seg_places import places_of
from napari_fluoroinject.errors import AnnotationError, UnreadableObjectError
from napari_fluoroinject.model.segmentation import ReadSegment, ReadSegmentation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.pixels import PixelFormat
    from napari_fluoroinject.dicom.scan import Structure
    from napari_fluoroinject.dicom.seg_places import Place
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.cine import CineLoop, Frames

LARGEST_MASKS_BYTES = 1 << 32
"""Of all masks of one file: two segments of 1024 x 1024 x 500 as shares, eight minutes as bits."""

_Encoding = Literal["binary", "fractional", "labelmap"]
_ENCODINGS: dict[str, _Encoding] = {
    "BINARY": "binary",
    "FRACTIONAL": "fractional",
    "LABELMAP": "labelmap",
}
_Fraction = Literal["OCCUPANCY", "PROBABILITY"]
_FRACTIONS: dict[str, _Fraction] = {name: name for name in get_args(_Fraction)}
_Masks = dict[int, dict[int, "BoolArray | FloatArray"]]
"""By number of the segment, then by frame of the loop."""


def read_segmentation(path: Path, *, loops: Sequence[CineLoop] = ()) -> ReadSegmentation:
    """Read a Segmentation or Label Map Segmentation (PS3.3 A.51) onto the frames of a loop.

    Frames are found by what they refer to, whatever their order: by frame number in a multi-frame
    loop, by instance in one of single frames. Frames of the loop that none refers to are empty.

    Parameters
    ----------
    path
        The file.
    loops
        One of these is the loop that was drawn on. Without any the segmentation is taken to be of
        the one instance that it refers to; that of a loop of single frames needs the loop, which
        alone tells their order.

    Raises
    ------
    AnnotationError
        Not a segmentation, a damaged one, of another loop, study, patient or size, or one whose
        frames do not say what they were drawn on.
    """
    try:
        with one_error(path.name):
            return _read(path, loops)
    except UnreadableObjectError as error:
        raise AnnotationError(
            f"{path.name}: cannot be used as a segmentation: seen {error.seen}; expected "
            f"{error.expected}"
        ) from error


def _read(path: Path, loops: Sequence[CineLoop]) -> ReadSegmentation:
    with mapped(path) as data:
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        _check_class(structure)
        span, pixels = pixel_span(structure), pixel_format(_uncoloured(structure))
        header = header_before(content, span.element)
        encoding = _encoding(header, path.name)
        placed = places_of(
            header,
            pixels.frames,
            loops=loops,
            source=path.name,
            by_segment=encoding != "labelmap",
        )
        for loop in _owners(placed.instances, loops):
            _check_origin(header, loop, path.name)
            _check_size(pixels, loop, path.name)
        frames, _ = frames_of(path, content, structure, pixels)
    file = _File(path.name, header, pixels, frames)
    masks = {
        "binary": file.bits,
        "fractional": file.shares,
        "labelmap": file.labels,
    }[encoding](placed.places)
    return ReadSegmentation(
        label=text(header, "ContentLabel") or "",
        encoding=encoding,
        fraction=_fraction(header, path.name) if encoding == "fractional" else None,
        instances=placed.instances,
        size=(pixels.rows, pixels.columns),
        segments=tuple(
            ReadSegment(
                number=segment,
                label=text(described, "SegmentLabel") or "",
                code=_code(described),
                masks=masks[segment],
            )
            for segment, described in file.described.items()
            if segment in masks
        ),
        notes=tuple(dict.fromkeys((*structure.notes, *placed.notes, *file.notes))),
    )


class _File:
    """The frames of a file on their way to masks; `notes` grows by what is odd."""

    def __init__(self, name: str, header: Dataset, pixels: PixelFormat, frames: Frames) -> None:
        self._name, self._header, self._pixels, self._frames = name, header, pixels, frames
        self.described = _described(header, name)
        self.notes: list[str] = []

    def bits(self, places: Sequence[Place]) -> _Masks:
        """Masks of a binary segmentation."""
        masks = self._empty(places, bytes_per_pixel=1)
        for k, place in enumerate(places):
            masks[cast("int", place.segment)][place.frame] = self._frames.frame(k) != 0
        return masks

    def shares(self, places: Sequence[Place]) -> _Masks:
        """Values of a fractional one, by its Maximum Fractional Value."""
        largest = number(self._header, "MaximumFractionalValue")
        if largest is None or largest <= 0:
            _fail(self._name, "no usable Maximum Fractional Value", "one above 0")
        masks = self._empty(places, bytes_per_pixel=4)
        for k, place in enumerate(places):
            share = self._frames.frame(k).astype(np.float32) / np.float32(largest)
            if share.max(initial=0) > 1:
                self.notes.append("Values above the Maximum Fractional Value are taken as it.")
                share = np.minimum(share, np.float32(1))
            masks[cast("int", place.segment)][place.frame] = share
        return masks

    def labels(self, places: Sequence[Place]) -> _Masks:
        """Masks of a label map: each label's own pixels."""
        background = int(number(self._header, "PixelPaddingValue") or 0)
        masks: _Masks = {segment: {} for segment in self.described if segment != background}
        left = LARGEST_MASKS_BYTES
        for k, place in enumerate(places):
            labels = self._frames.frame(k)
            for label in np.flatnonzero(np.bincount(labels.ravel())).tolist():
                if label in masks:
                    left -= labels.size
                    self._check_room(left)
                    masks[label][place.frame] = labels == label
                elif label != background:
                    self.notes.append(f"Pixels of {label}, which no segment has, are left out.")
        return masks

    def _empty(self, places: Sequence[Place], *, bytes_per_pixel: int) -> _Masks:
        need = len(places) * self._pixels.rows * self._pixels.columns * bytes_per_pixel
        self._check_room(LARGEST_MASKS_BYTES - need)
        for place in places:
            if place.segment not in self.described:
                _fail(
                    self._name,
                    f"a frame of segment {place.segment}",
                    f"one that Segment Sequence describes: {sorted(self.described)}",
                )
        return {segment: {} for segment in self.described}

    def _check_room(self, left: int) -> None:
        if left < 0:
            _fail(
                self._name,
                f"masks of more than {LARGEST_MASKS_BYTES >> 20} MiB",
                "a segmentation of one loop",
            )


def _check_class(structure: Structure) -> None:
    if structure.sop_class_uid not in (SEGMENTATION_STORAGE, LABEL_MAP_STORAGE):
        _fail(
            structure.source,
            f"SOP class {structure.sop_class_uid}",
            f"a Segmentation, {SEGMENTATION_STORAGE} or {LABEL_MAP_STORAGE}",
        )


def _uncoloured(structure: Structure) -> Structure:
    """A label map's palette only tells how labels are shown."""
    if structure.text(scan.PHOTOMETRIC) != "PALETTE COLOR":
        return structure
    return replace(structure, values={**structure.values, scan.PHOTOMETRIC: b"MONOCHROME2"})


def _encoding(header: Dataset, source: str) -> _Encoding:
    told = text(header, "SegmentationType")
    if told not in _ENCODINGS:
        _fail(source, f"Segmentation Type {told}", " or ".join(_ENCODINGS))
    return _ENCODINGS[told]


def _fraction(header: Dataset, source: str) -> _Fraction:
    told = text(header, "SegmentationFractionalType")
    if told not in _FRACTIONS:
        _fail(source, f"Segmentation Fractional Type {told}", " or ".join(_FRACTIONS))
    return _FRACTIONS[told]


def _owners(instances: Sequence[str], loops: Sequence[CineLoop]) -> list[CineLoop]:
    """Loops that hold all that was drawn on."""
    return [
        loop
        for loop in loops
        if set(instances)
        <= set(loop.reference.frame_instance_uids or (loop.reference.sop_instance_uid,))
    ]


def _check_origin(header: Dataset, loop: CineLoop, source: str) -> None:
    study = loop.reference.study_instance_uid
    seen = stranger(header, study=study, patient=loop.patient)
    if seen is not None:
        _fail(source, *seen.split("; expected ", 1))


def _check_size(pixels: PixelFormat, loop: CineLoop, source: str) -> None:
    size = (pixels.rows, pixels.columns)
    if loop.shape[1:] != size:
        _fail(
            source,
            f"frames of {size[0]} x {size[1]}",
            f"those of the loop, {loop.shape[1]} x {loop.shape[2]}: write the segmentation "
            "on the pixels of the loop",
        )


def _described(header: Dataset, source: str) -> dict[int, Dataset]:
    """Items of the Segment Sequence by their numbers."""
    segments: dict[int, Dataset] = {}
    for described in header.get("SegmentSequence") or ():
        told = number(described, "SegmentNumber")
        if told is None or int(told) in segments:
            _fail(
                source, "a segment without a number of its own", "a Segment Number in every item"
            )
        segments[int(told)] = described
    if not segments:
        _fail(source, "no segment", "a Segment Sequence")
    return segments


def _code(described: Dataset) -> tuple[str, str, str] | None:
    kind = first_item(described, "SegmentedPropertyTypeCodeSequence")
    if kind is None:
        return None
    value = next(
        (told for k in ("CodeValue", "LongCodeValue", "URNCodeValue") if (told := text(kind, k))),
        None,
    )
    if value is None:
        return None
    return value, text(kind, "CodingSchemeDesignator") or "", text(kind, "CodeMeaning") or ""


def _fail(source: str, seen: str, expected: str) -> NoReturn:
    raise UnreadableObjectError(source, seen=seen, expected=expected)
