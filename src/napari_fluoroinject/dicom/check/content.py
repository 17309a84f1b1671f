"""Rules on reports and on codes: coordinates, evidence, terms, documents."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydicom.sr._concepts_dict import concepts

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.references import instances_below
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import items_of, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject

_REPORT = frozenset(("report",))
_DOCUMENT = frozenset(("document",))
_CURRENT, _OTHER = "CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"
_PROCEDURE_LOG = "1.2.840.10008.5.1.4.1.1.88.40"
_POINTS = {"POINT": (1, 1), "CIRCLE": (2, 2), "ELLIPSE": (4, 4)}
_SCHEMES = ("DCM", "SCT")
"""Standard schemes whose codes PS3.16 lists, as far as DICOM uses them."""


def _content(subject: Subject) -> Iterator[tuple[str, Dataset]]:
    """Every content item with its path."""
    for path, item in subject.items:
        if "ValueType" in item and path.rpartition(".")[2].startswith("ContentSequence["):
            yield path, item


def _coordinates(subject: Subject) -> Iterator[tuple[str, Dataset, list[Dataset]]]:
    """Spatial coordinates with the image items that they are selected from."""
    for path, item in _content(subject):
        if str(item.get("ValueType")) == "SCOORD":
            images = [
                one
                for one in values_of(item, "ContentSequence")
                if str(one.get("ValueType")) == "IMAGE"
                and str(one.get("RelationshipType")) == "SELECTED FROM"
            ]
            yield path, item, images


def _selected(subject: Subject) -> Iterator[Found]:
    """Coordinates are selected from one image, and one frame of a run (PS3.3 C.18.6)."""
    for path, _, images in _coordinates(subject):
        if len(images) != 1:
            yield Found(f"{path}.ContentSequence", f"{len(images)} images", "one image")
            continue
        for reference in values_of(images[0], "ReferencedSOPSequence"):
            header = subject.around.known.get(str(reference.get("ReferencedSOPInstanceUID")))
            frames = whole_numbers(reference, "ReferencedFrameNumber")
            several = (
                header is not None and (whole_numbers(header, "NumberOfFrames") or [1])[0] > 1
            )
            if several and len(frames) != 1:
                where = f"{path}.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber"
                yield Found(where, f"{len(frames)} frames", "the frame that they lie in")


def _points(subject: Subject) -> Iterator[Found]:
    for path, item, _ in _coordinates(subject):
        count = len(values_of(item, "GraphicData"))
        kind = str(item.get("GraphicType"))
        least, most = _POINTS.get(kind, (2 if kind == "POLYLINE" else 1, count))
        if count % 2 or not least <= count // 2 <= most:
            yield Found(f"{path}.GraphicData", f"{count} numbers", f"pairs, as {kind} needs")


def _inside(subject: Subject) -> Iterator[Found]:
    """Coordinates lie in the picture, from 0, 0 to Columns, Rows (PS3.3 C.18.6.1.1)."""
    for path, item, images in _coordinates(subject):
        data = [float(value) for value in values_of(item, "GraphicData")]
        for reference in (r for i in images for r in values_of(i, "ReferencedSOPSequence")):
            header = subject.around.known.get(str(reference.get("ReferencedSOPInstanceUID")))
            if header is None:
                continue
            rows, columns = (whole_numbers(header, word) for word in ("Rows", "Columns"))
            fits = all(0 <= x <= (columns or [0])[0] for x in data[::2]) and all(
                0 <= y <= (rows or [0])[0] for y in data[1::2]
            )
            if not fits:
                yield Found(f"{path}.GraphicData", "a point outside", "points in the picture")


def _evidence(subject: Subject) -> Iterator[Found]:
    """Evidence lists what the content refers to (PS3.3 C.17.2.3)."""
    lists = [one for word in (_CURRENT, _OTHER) for one in values_of(subject.dataset, word)]
    listed = {uid for one in lists for uid in instances_below(one)}
    missing: dict[str, str] = {}
    for path, item in subject.references:
        uid = str(item.ReferencedSOPInstanceUID)
        if path.startswith("ContentSequence") and uid not in listed:
            missing.setdefault(uid, path)
    for path in missing.values():
        where = f"{path}.ReferencedSOPInstanceUID"
        yield Found(where, "an instance that is not in the evidence", "it listed")


def _evidence_study(subject: Subject) -> Iterator[Found]:
    own = str(subject.dataset.get("StudyInstanceUID"))
    for word in (_CURRENT, _OTHER):
        for index, item in enumerate(values_of(subject.dataset, word)):
            if str(item.get("StudyInstanceUID")) != own:
                where = f"{word}[{index}].StudyInstanceUID"
                yield Found(where, "another study", "the study of the report")


def _log_times(subject: Subject) -> Iterator[Found]:
    """Entries of a log tell when, in order, and lie side by side (PS3.3 A.35.7)."""
    if str(subject.dataset.get("SOPClassUID")) != _PROCEDURE_LOG:
        return
    before = ""
    for index, item in enumerate(values_of(subject.dataset, "ContentSequence")):
        said = str(item.get("ObservationDateTime") or "")
        where = f"ContentSequence[{index}]"
        if str(item.get("RelationshipType")) != "CONTAINS":
            continue
        if not said:
            yield Found(f"{where}.ObservationDateTime", "nothing", "when it was")
        elif said < before:
            yield Found(f"{where}.ObservationDateTime", f"{said} after {before}", "order of time")
        before = said or before
    for path, item in subject.items:
        if "ReferencedContentItemIdentifier" in item:
            yield Found(path, "an item by reference", "items by value")


def _coded(subject: Subject) -> Iterator[tuple[str, Dataset]]:
    for path, item in subject.items:
        if "CodingSchemeDesignator" in item and "CodeMeaning" in item:
            yield path, item


def _value(item: Dataset) -> str:
    return str(item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue"))


def _standard_codes(subject: Subject) -> Iterator[Found]:
    """Codes of standard schemes are ones that PS3.16 lists, or the source's or site's own."""
    lent = _lent(subject) | subject.around.codes
    for path, item in _coded(subject):
        scheme, value = _pair(item)
        if scheme not in _SCHEMES or (scheme, value) in lent:
            continue
        if value not in _listed(scheme):
            seen = f"{value} {scheme} ({item.get('CodeMeaning')})"
            yield Found(path, seen[:96], f"a code of {scheme} that PS3.16 uses")


@cache
def _listed(scheme: str) -> frozenset[str]:
    """Codes of a scheme that PS3.16 lists."""
    listed: Any = concepts[scheme]
    return frozenset(value for values in listed.values() for value in values)


def _lent(subject: Subject) -> set[tuple[str, str]]:
    """Codes that the sources have: what is copied is the source's word."""
    return {
        _pair(one)
        for source in subject.sources
        for path, one in items_of(source)
        if "CodingSchemeDesignator" in one and not path.startswith("PerFrame")
    }


def _pair(item: Dataset) -> tuple[str, str]:
    return str(item.get("CodingSchemeDesignator")), _value(item)


def _schemes(subject: Subject) -> Iterator[Found]:
    """Private schemes are declared (PS3.3 C.12.1)."""
    declared = {
        str(one.get("CodingSchemeDesignator"))
        for one in values_of(subject.dataset, "CodingSchemeIdentificationSequence")
    }
    lent = {scheme for scheme, _ in _lent(subject)}
    told: set[str] = set()
    for path, item in _coded(subject):
        scheme = str(item.CodingSchemeDesignator)
        if scheme.startswith("99") and scheme not in declared | lent | told:
            told.add(scheme)
            expected = "it in CodingSchemeIdentificationSequence"
            yield Found(f"{path}.CodingSchemeDesignator", scheme, expected)


def _pdf(subject: Subject) -> Iterator[Found]:
    """The document is a whole PDF, and as long as said."""
    document: bytes = subject.dataset.get("EncapsulatedDocument") or b""
    if not document.startswith(b"%PDF-") or b"%%EOF" not in document[-1024:]:
        yield Found("EncapsulatedDocument", "bytes that are no whole PDF", "%PDF- to %%EOF")
    said = whole_numbers(subject.dataset, "EncapsulatedDocumentLength")
    if said and not said[0] <= len(document) <= said[0] + 1:
        expected = f"{len(document)} bytes, less one of padding at most"
        yield Found("EncapsulatedDocumentLength", str(said[0]), expected)


RULES = (
    Rule(id="content.selected", section="PS3.3 C.18.6", find=_selected, kinds=_REPORT),
    Rule(id="content.points", section="PS3.3 C.18.6.1", find=_points, kinds=_REPORT),
    Rule(id="content.inside", section="PS3.3 C.18.6.1", find=_inside, kinds=_REPORT),
    Rule(id="evidence.listed", section="PS3.3 C.17.2.3", find=_evidence, kinds=_REPORT),
    Rule(id="evidence.study", section=PRODUCT, find=_evidence_study, kinds=_REPORT),
    Rule(id="log.times", section="PS3.3 A.35.7", find=_log_times, kinds=_REPORT),
    Rule(id="code.standard", section="PS3.16 8", find=_standard_codes),
    Rule(id="code.scheme", section="PS3.3 C.12.1", find=_schemes),
    Rule(id="document.pdf", section="PS3.3 C.24.2", find=_pdf, kinds=_DOCUMENT),
)
