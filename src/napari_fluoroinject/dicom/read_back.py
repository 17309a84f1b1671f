"""What a DICOM object of results says, as our values: one reader for each SOP class."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ImplicitVRLittleEndian,
    ProcedureLogStorage,
    SegmentationStorage,
    XRayRadiationDoseSRStorage,
)

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.attributes import first_item, number, numbers, text
from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.dose import dose_of
from napari_fluoroinject.dicom.graphic import points_from_graphic
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.read_marks import (
    log_values,
    presentation_values,
    segmentation_values,
)
from napari_fluoroinject.dicom.read_presentation import PRESENTATION_CLASSES
from napari_fluoroinject.dicom.scan import scan_content
from napari_fluoroinject.dicom.seg import LABEL_MAP_STORAGE
from napari_fluoroinject.dicom.sr_annotation import (
    REPORT_CLASSES,
    read_annotation,
    source_instances,
)
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.plain import plain

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.site_codes import CodeBook
    from napari_fluoroinject.model.cine import CineLoop

LARGEST_HEADER_BYTES = 256 << 20
"""Of what stands before the pixel data: functional groups of 100 000 frames fit."""

Reader = Callable[[Path, Dataset, "CineLoop | None"], dict[str, Any]]
"""Turns an object into plain values (JSON); the data set has no pixel data, the file has. The loop
is the one that it is about, where a person named it."""

_MEASUREMENT_GROUP = ("125007", "DCM")
_FINDING = ("121071", "DCM")
_TRACKING = ("112039", "DCM")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """One object: what it is, which, of which study, and what it says as plain values."""

    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str | None
    values: Mapping[str, Any]


def read_back(
    path: Path, *, codes: CodeBook | None = None, loop: CineLoop | None = None
) -> ReadBack:
    """Read a DICOM object of results, our own or another's.

    Parameters
    ----------
    path
        The file.
    codes
        A site's own, with which the results were written; None = the private ones.
    loop
        The loop that it is about: presentation states and segmentations of single frames cannot
        be read without it.

    Raises
    ------
    UnreadableObjectError
        No whole DICOM file, one of a class that has no reader, or one without the loop it takes.
    AnnotationError
        A report of ours whose annotation was changed, a segmentation or log that cannot be used.
    PresentationError
        A presentation state that cannot be used.
    """
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        kind, reader = _reader(path, structure.sop_class_uid)
        end = len(content.data) if structure.pixels is None else structure.pixels.element
        if end - content.start > LARGEST_HEADER_BYTES:
            raise UnreadableObjectError(
                path.name,
                seen=f"a header of {end - content.start} bytes",
                expected=f"at most {LARGEST_HEADER_BYTES}",
            )
        stream = io.BytesIO(content.data[content.start : end])
        dataset = read_dataset(stream, content.syntax == ImplicitVRLittleEndian, True)
        if codes is not None:
            codes.take_out_of(dataset)
        return ReadBack(
            kind=kind,
            sop_class_uid=structure.sop_class_uid,
            sop_instance_uid=structure.sop_instance_uid,
            study_instance_uid=text(dataset, "StudyInstanceUID"),
            values=reader(path, dataset, loop),
        )


def _reader(path: Path, sop_class_uid: str) -> tuple[str, Reader]:
    if sop_class_uid in READERS:
        return READERS[sop_class_uid]
    raise UnreadableObjectError(
        path.name,
        seen=f"SOP class {UID(sop_class_uid).name or 'none'}",
        expected="one of: " + "; ".join(sorted({kind for kind, _ in READERS.values()})),
    )


def _report(path: Path, document: Dataset, _loop: CineLoop | None) -> dict[str, Any]:
    """What a person marked, exactly, where the report is ours; and every measured number."""
    annotation, note = None, None
    if _is_ours(document) and _has_annotation(document):
        annotation = plain(read_annotation(document, name=path.name))
    elif _is_ours(document):
        note = (
            "a report of this software without the item that holds what a person marked: if it "
            "was written with codes of a site, give them (--codes FILE)"
        )
    else:
        note = "not a report of this software: the marks of a person are not told apart"
    return {
        "title": _code_meaning(document, "ConceptNameCodeSequence"),
        "annotation": annotation,
        "about": sorted(source_instances(document))
        if annotation is not None
        else _images(document),
        "statements": list(_statements(document)),
        "measurements": list(_measurements(document)),
        **({} if note is None else {"note": note}),
    }


def _is_ours(document: Dataset) -> bool:
    named = text(document, "ManufacturerModelName") == "napari-fluoroinject"
    return named and document.get("SOPClassUID") in REPORT_CLASSES.values()


def _has_annotation(document: Dataset) -> bool:
    concept = codes.private("annotation")
    return any(_named(document, (concept.value, concept.scheme_designator)))


def _dose(path: Path, document: Dataset, _loop: CineLoop | None) -> dict[str, Any]:
    report = dose_of(document)
    if report is None:
        raise UnreadableObjectError(
            path.name,
            seen="a dose object with another title",
            expected="an X-Ray Radiation Dose Report (113701, DCM)",
        )
    told = {name: getattr(report, name) for name in report.__slots__ if name != "events"}
    del told["study_instance_uid"]
    return told | {
        "events": [{name: getattr(one, name) for name in one.__slots__} for one in report.events]
    }


def _segmentation(path: Path, _header: Dataset, loop: CineLoop | None) -> dict[str, Any]:
    return segmentation_values(path, loop)


def _presentation(path: Path, _document: Dataset, loop: CineLoop | None) -> dict[str, Any]:
    return presentation_values(path, loop)


def _log(path: Path, document: Dataset, loop: CineLoop | None) -> dict[str, Any]:
    return log_values(path, document, loop)


_SEGMENTATIONS = (SegmentationStorage, UID(LABEL_MAP_STORAGE))
_STATES = PRESENTATION_CLASSES

READERS: dict[str, tuple[str, Reader]] = {
    ComprehensiveSRStorage: ("measurement report", _report),
    Comprehensive3DSRStorage: ("measurement report", _report),
    EnhancedSRStorage: ("measurement report", _report),
    XRayRadiationDoseSRStorage: ("radiation dose report", _dose),
    ProcedureLogStorage: ("procedure log", _log),
    **dict.fromkeys(_SEGMENTATIONS, ("segmentation", _segmentation)),
    **dict.fromkeys(_STATES, ("presentation state", _presentation)),
}
"""Kind and reader by SOP class; another kind of object is one more line."""


def _statements(document: Dataset) -> Iterator[dict[str, Any]]:
    """Every text and coded answer, in the order of a reader; JSON items of ours are left out."""
    ours = {_key(codes.private(one)) for one in ("annotation", "annotation-pose")}
    for one in _below(document):
        if one.get("ValueType") == "TEXT" and _name(one) not in ours:
            value = text(one, "TextValue")
        elif one.get("ValueType") == "CODE":
            value = _code_meaning(one, "ConceptCodeSequence")
        else:
            continue
        yield {"name": _code_meaning(one, "ConceptNameCodeSequence"), "value": value}


def _key(code: Code) -> tuple[str | None, str | None]:
    return code.value, code.scheme_designator


def _measurements(document: Dataset) -> Iterator[dict[str, Any]]:
    """Every number of every measurement group (PS3.16 TID 1501), in the order of a reader."""
    for group in _named(document, _MEASUREMENT_GROUP):
        said = [one for one in _below(group) if _name(one) in (_FINDING, _TRACKING)]
        finding = next(
            (_code_meaning(one, "ConceptCodeSequence") for one in said if _name(one) == _FINDING),
            None,
        )
        label = next((text(one, "TextValue") for one in said if _name(one) == _TRACKING), None)
        for one in _below(group):
            if one.get("ValueType") == "NUM":
                yield {"finding": finding, "label": label, **_measured(one)}


def _measured(item: Dataset) -> dict[str, Any]:
    measured = first_item(item, "MeasuredValueSequence")
    note = _unusable(measured)
    return {
        "name": _code_meaning(item, "ConceptNameCodeSequence"),
        "value": None if measured is None else _number(measured),
        "unit": None if measured is None else _code_value(measured),
        "frames": _frames(item),
        "points_px": _points(item),
        **({} if note is None else {"note": note}),
    }


def _unusable(measured: Dataset | None) -> str | None:
    """Why a number that stands there is none, for the notes."""
    if measured is None or _number(measured) is not None:
        return None
    return f"NumericValue {str(measured.get('NumericValue') or 'empty')[:16]!r} is no number"


def _number(measured: Dataset) -> float | None:
    try:
        return number(measured, "NumericValue")
    except ValueError:
        return None


def _frames(item: Dataset) -> list[int]:
    """Frames, from 0, on which the shape of a number lies."""
    return [
        int(frame) - 1
        for below in _below(item)
        for reference in below.get("ReferencedSOPSequence") or ()
        for frame in numbers(reference, "ReferencedFrameNumber")
    ]


def _points(item: Dataset) -> list[tuple[float, float]]:
    """Points (row, column) of the shape of a number, its end where it is closed again."""
    for below in _below(item):
        if below.get("ValueType") == "SCOORD":
            values = numbers(below, "GraphicData")
            pairs = points_from_graphic(values[: len(values) // 2 * 2])
            return [(float(row), float(column)) for row, column in pairs]
    return []


def _images(document: Dataset) -> list[str]:
    """SOP Instance UIDs of the images that a report refers to."""
    found = {
        str(reference.get("ReferencedSOPInstanceUID"))
        for one in _below(document)
        if one.get("ValueType") == "IMAGE"
        for reference in one.get("ReferencedSOPSequence") or ()
    }
    return sorted(found)


def _named(item: Dataset, concept: tuple[str, str]) -> Iterator[Dataset]:
    return (one for one in _below(item) if _name(one) == concept)


def _below(item: Dataset) -> Iterator[Dataset]:
    for one in item.get("ContentSequence") or ():
        yield one
        yield from _below(one)


def _name(item: Dataset) -> tuple[str | None, str | None]:
    name = first_item(item, "ConceptNameCodeSequence")
    if name is None:
        return None, None
    return text(name, "CodeValue"), text(name, "CodingSchemeDesignator")


def _code_meaning(item: Dataset, keyword: str) -> str | None:
    code = first_item(item, keyword)
    return None if code is None else text(code, "CodeMeaning")


def _code_value(measured: Dataset) -> str | None:
    code = first_item(measured, "MeasurementUnitsCodeSequence")
    return None if code is None else text(code, "CodeValue")
