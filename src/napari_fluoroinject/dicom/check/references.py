"""Rules on references: what they point to is there, and is what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import UID

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import frames_of, items_of, whole_numbers
from napari_fluoroinject.dicom.opened import CINE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject

_OTHER_PLANE = "121314"
"""DCM, Other image of biplane pair: not the source, and seldom at hand."""
_LISTED_KINDS = frozenset(("segmentation", "parametric map"))
_LISTS = ("ReferencedSeriesSequence", "StudiesContainingOtherReferencedInstancesSequence")


def referred(subject: Subject) -> Iterator[tuple[str, Dataset, Dataset | None]]:
    """Yield every item that refers to an instance, with its path and the known header."""
    for path, item in subject.references:
        yield path, item, subject.around.known.get(str(item.ReferencedSOPInstanceUID))


def instances_below(item: Dataset) -> set[str]:
    """UIDs of all instances that an item refers to, however deep."""
    own = {str(item.ReferencedSOPInstanceUID)} if "ReferencedSOPInstanceUID" in item else set()
    return own | {
        str(inner.ReferencedSOPInstanceUID)
        for _, inner in items_of(item)
        if "ReferencedSOPInstanceUID" in inner
    }


def _classes(subject: Subject) -> Iterator[Found]:
    for path, item, header in referred(subject):
        said = str(item.get("ReferencedSOPClassUID"))
        if header is not None and said != str(header.get("SOPClassUID")):
            expected = UID(str(header.get("SOPClassUID"))).name
            yield Found(f"{path}.ReferencedSOPClassUID", UID(said).name, expected)


def _frame_numbers(subject: Subject) -> Iterator[Found]:
    """Frames count from 1, and there are only so many (PS3.3 table 10-3)."""
    for path, item, header in referred(subject):
        raw = values_of(item, "ReferencedFrameNumber")
        numbers = whole_numbers(item, "ReferencedFrameNumber")
        where = f"{path}.ReferencedFrameNumber"
        if len(numbers) != len(raw) or min(numbers, default=1) < 1:
            yield Found(where, str(raw)[:64], "whole numbers from 1")
        elif header is not None and max(numbers, default=1) > frames_of(header):
            yield Found(where, str(max(numbers)), f"a frame of the {frames_of(header)} that are")
        if len(set(numbers)) < len(numbers):
            yield Found(where, "a frame twice", "each once")


def _unknown(subject: Subject) -> Iterator[Found]:
    """A result of one loop refers to no image of another one.

    Other results of the loop, which may be images of the same class, need not lie beside it: what
    the object lists in a series that no source has is not judged, unless it knows no source at
    all.
    """
    if not subject.around.stated:
        return
    sources = subject.around.sources
    of_source = any(
        str(item.ReferencedSOPInstanceUID) in sources for _, item in subject.references
    )
    listed = _listed_series(subject) if of_source else {}
    series = {str(header.get("SeriesInstanceUID")) for header in subject.sources}
    for path, item, header in referred(subject):
        if header is not None or item.get("ReferencedSOPClassUID") not in CINE_CLASSES:
            continue
        if str(item.ReferencedSOPInstanceUID) == str(subject.dataset.get("SOPInstanceUID")):
            continue  # another rule tells that
        if listed.get(str(item.ReferencedSOPInstanceUID), "") not in series | {""}:
            continue
        purposes = values_of(item, "PurposeOfReferenceCodeSequence")
        if not any(one.get("CodeValue") == _OTHER_PLANE for one in purposes):
            where = f"{path}.ReferencedSOPInstanceUID"
            yield Found(where, "an image that is not among the sources", "one of them")


def _listed_series(subject: Subject) -> dict[str, str]:
    """Series of every instance that a list of instances names."""
    return {
        uid: str(series.get("SeriesInstanceUID"))
        for _, item in [("", subject.dataset), *subject.items]
        for series in values_of(item, "ReferencedSeriesSequence")
        for uid in instances_below(series)
    }


def _placed(subject: Subject) -> Iterator[Found]:
    """Series and study that a list of instances names are those of the instances."""
    own = str(subject.dataset.get("StudyInstanceUID"))
    for path, item in [("", subject.dataset), *subject.items]:
        study = str(item.get("StudyInstanceUID", own))
        for index, series in enumerate(values_of(item, "ReferencedSeriesSequence")):
            where = f"{path}{'.' if path else ''}ReferencedSeriesSequence[{index}]"
            place = (study, str(series.get("SeriesInstanceUID")))
            for uid in sorted(instances_below(series)):
                header = subject.around.known.get(uid)
                if header is not None and place != _place(header):
                    seen = "an instance of another study or series"
                    yield Found(where, seen, "the study and series that it lies in")


def _place(header: Dataset) -> tuple[str, str]:
    return str(header.get("StudyInstanceUID")), str(header.get("SeriesInstanceUID"))


def _listed(subject: Subject) -> Iterator[Found]:
    """Common Instance Reference lists every instance that is referred to (PS3.3 C.12.2)."""
    lists = [item for keyword in _LISTS for item in values_of(subject.dataset, keyword)]
    listed = {uid for item in lists for uid in instances_below(item)}
    missing: dict[str, str] = {}
    for path, item in subject.references:
        uid = str(item.ReferencedSOPInstanceUID)
        if uid not in listed and not path.startswith(("ReferencedStudy", "ReferencedPatient")):
            missing.setdefault(uid, path)
    for path in missing.values():
        where = f"{path}.ReferencedSOPInstanceUID"
        yield Found(where, "an instance that is not listed", "it in ReferencedSeriesSequence")


def _itself(subject: Subject) -> Iterator[Found]:
    own = str(subject.dataset.get("SOPInstanceUID"))
    for path, item in subject.references:
        if str(item.ReferencedSOPInstanceUID) == own:
            yield Found(f"{path}.ReferencedSOPInstanceUID", "the object itself", "another one")


RULES = (
    Rule(id="reference.class", section="PS3.3 10.8", find=_classes),
    Rule(id="reference.frame", section="PS3.3 10.3", find=_frame_numbers),
    Rule(id="reference.unknown", section=PRODUCT, find=_unknown),
    Rule(id="reference.place", section="PS3.3 C.12.2", find=_placed),
    Rule(id="reference.listed", section="PS3.3 C.12.2", find=_listed, kinds=_LISTED_KINDS),
    Rule(id="reference.itself", section=PRODUCT, find=_itself),
)
