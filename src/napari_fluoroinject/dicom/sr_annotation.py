"""An annotation in the measurement report and back: the exact numbers, and the shapes beside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydicom.uid import UID

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.graphic import graphic_data
from napari_fluoroinject.dicom.sr_marks import MarkPose, mark_pose, marked_shapes
from napari_fluoroinject.errors import AnnotationError, EncodingError
from napari_fluoroinject.model.annotation import Annotation, parse_annotation
from napari_fluoroinject.model.plain import PlainError, plain, typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.report import Report

ReportClass = Literal["comprehensive", "comprehensive3d"]
"""All shapes are two-dimensional, so `comprehensive` does, the older class, which every archive
knows; `comprehensive3d` is for archives and profiles that ask for the newer one (PS3.3 A.35.3 and
A.35.13: it takes the same items, and more)."""

REPORT_CLASSES: dict[ReportClass, UID] = {
    "comprehensive": UID("1.2.840.10008.5.1.4.1.1.88.33"),
    "comprehensive3d": UID("1.2.840.10008.5.1.4.1.1.88.34"),
}

_OTHER_CODES = (
    ". If it was written with the codes of a site, they are needed to read it: give the same file "
    "(--codes)"
)
_ANNOTATION, _POSE = codes.private("annotation"), codes.private("annotation-pose")


def annotation_items(report: Report) -> tuple[tuple[Code, str], ...]:
    """Concept and JSON text of the annotation and of the pose that its shapes are drawn in.

    Spatial coordinates are 32-bit floats (PS3.3 C.18.6): only text holds every number exactly. It
    is ASCII, which every Specific Character Set can carry.

    Raises
    ------
    EncodingError
        A number that is not finite.
    """
    return (
        (_ANNOTATION, _json(report.annotation)),
        (_POSE, _json(mark_pose(report))),
    )


def read_annotation(document: Dataset, *, name: str = "report") -> Annotation:
    """Read the annotation of a measurement report exactly as it was given.

    Parameters
    ----------
    document
        A report that `encode_report` made.
    name
        Of the report, for errors.

    Raises
    ------
    AnnotationError
        Another kind of object, a report without our items, a value that is none, or shapes that
        do not show what the numbers say.
    """
    _check_report(document, name)
    annotation = parse_annotation(_text(document, _ANNOTATION, name), name=name)
    try:
        pose: MarkPose = typed(MarkPose, json.loads(_text(document, _POSE, name)))
    except (PlainError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{name}: {_POSE.meaning}: {error}") from error
    _check_shapes(document, list(marked_shapes(annotation, pose)), name)
    return annotation


def source_instances(document: Dataset) -> frozenset[str]:
    """SOP Instance UIDs of the loop that a report is about, by its assessment of the loop."""
    assessment = codes.private("assessment")
    return frozenset(
        str(image.get("ReferencedSOPInstanceUID"))
        for item in _items(document)
        if any(_is_code(found, assessment) for found in _findings(item))
        for child in item.get("ContentSequence") or ()
        if child.get("ValueType") == "IMAGE"
        for image in child.get("ReferencedSOPSequence") or ()
    )


def _json(value: object) -> str:
    def number(one: Any) -> Any:  # a scalar of NumPy that is not a float of Python as well
        return one.item()

    try:
        return json.dumps(plain(value), allow_nan=False, default=number)
    except ValueError as error:
        raise EncodingError(
            f"the annotation holds a number that is not finite ({error}); expected finite ones"
        ) from error


def _check_report(document: Dataset, name: str) -> None:
    seen = UID(str(document.get("SOPClassUID") or ""))
    if seen not in REPORT_CLASSES.values():
        wanted = " or ".join(known.name for known in REPORT_CLASSES.values())
        raise AnnotationError(
            f"{name}: seen a DICOM object of class {seen.name or 'none'}; expected a {wanted} "
            "object, a report that this software wrote"
        )


def _text(document: Dataset, concept: Code, name: str) -> str:
    found = [
        str(item.get("TextValue") or "") for item in _items(document) if _is_named(item, concept)
    ]
    if len(found) != 1:
        raise AnnotationError(
            f"{name}: seen a report with {len(found)} items {concept.meaning!r} "
            f"({concept.value}, {concept.scheme_designator}); expected one, as in every report "
            f"that this software writes{'' if found else _OTHER_CODES}"
        )
    return found[0]


def _check_shapes(document: Dataset, expected: Sequence[DoubleArray], name: str) -> None:
    """What viewers show must be what the numbers say, as exactly as a 32-bit float can."""
    seen = list(_marked_graphics(document))
    if len(seen) != len(expected):
        raise AnnotationError(
            f"{name}: seen {len(seen)} marked shapes; expected {len(expected)} by the report's "
            "own annotation: its content was changed"
        )
    for number, (shapes, points) in enumerate(zip(seen, expected, strict=True), start=1):
        if not all(_agree(shape, graphic_data(points)) for shape in shapes):
            raise AnnotationError(
                f"{name}: the points of marked shape {number} are not those of the report's own "
                "annotation: its content was changed; expected both to agree"
            )


def _agree(seen: DoubleArray, expected: DoubleArray) -> bool:
    """Whether the points are the same as 32-bit floats; an area ends where it began."""
    if len(seen) == len(expected) + 1 and len(expected) > 2:
        expected = np.concatenate([expected, expected[:1]])
    if seen.shape != expected.shape:
        return False
    last_digit = np.spacing(np.abs(expected).astype(np.float32))
    return bool((np.abs(seen - expected) <= last_digit).all())


def _marked_graphics(document: Dataset) -> Iterator[list[DoubleArray]]:
    """Coordinates (points, 2), (column, row), of every mark: of each number that has them.

    A mark is a group with a count of marked points; viewers show what its first number has.
    """
    for group in _items(document):
        numbers = group.get("ContentSequence") or ()
        counts = (one for one in numbers if _is_named(one, codes.private("points-marked")))
        if any(_graphics(count) for count in counts):
            yield [graphic for one in numbers for graphic in _graphics(one)]


def _graphics(number: Dataset) -> list[DoubleArray]:
    found = []
    for child in number.get("ContentSequence") or ():
        if child.get("ValueType") == "SCOORD":
            values = np.asarray(child.get("GraphicData") or (), np.float64)
            found.append(values[: values.size // 2 * 2].reshape(-1, 2))
    return found


def _items(item: Dataset) -> Iterator[Dataset]:
    """Every content item below one, in the order of a reader."""
    for child in item.get("ContentSequence") or ():
        yield child
        yield from _items(child)


def _findings(item: Dataset) -> Iterator[Dataset]:
    """Codes of the findings of a group."""
    for child in item.get("ContentSequence") or ():
        if child.get("ValueType") == "CODE" and _is_named(child, codes.FINDING):
            yield from child.get("ConceptCodeSequence") or ()


def _is_named(item: Dataset, concept: Code) -> bool:
    return any(_is_code(code, concept) for code in item.get("ConceptNameCodeSequence") or ())


def _is_code(seen: Dataset, concept: Code) -> bool:
    return (seen.get("CodeValue"), seen.get("CodingSchemeDesignator")) == (
        concept.value,
        concept.scheme_designator,
    )
