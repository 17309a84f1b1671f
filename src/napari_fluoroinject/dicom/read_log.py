"""Events of a Procedure Log, our own or another's, as a person would have stated them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from pydicom.uid import UID

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.moments import Moment, parsed, seconds_between, zone_of
from napari_fluoroinject.dicom.procedure_log import PROCEDURE_LOG_STORAGE
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import Event

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

    from napari_fluoroinject.model.annotation import EventKind

_SAME_S = 1e-3
"""By so much clock and seconds of one entry may differ: entries of one moment are moved apart."""


def read_log(
    document: Dataset, *, first_frame: Moment | None = None, name: str = "log"
) -> tuple[Event, ...]:
    """Read the events that this software has a word for; other entries are passed over.

    Our own entries say their seconds; those of others are counted from the first frame's moment.
    Of a drug another's log does not say whether it was a test dose: it is a medication.

    Parameters
    ----------
    document
        A Procedure Log.
    first_frame
        When the first frame of the loop was taken, see `first_frame_moment`; None = not known.
    name
        Of the log, for errors.

    Returns
    -------
    tuple[Event, ...]
        In the order of the log, which is that of time.

    Raises
    ------
    AnnotationError
        Another kind of object; an event without a time, or of another's log without the first
        frame's; seconds that contradict the clock.
    """
    seen = UID(str(document.get("SOPClassUID") or ""))
    if seen != PROCEDURE_LOG_STORAGE:
        raise AnnotationError(
            f"{name}: seen a DICOM object of class {seen.name or 'none'}; expected a "
            f"{UID(PROCEDURE_LOG_STORAGE).name} object"
        )
    zone = zone_of(document)
    return tuple(
        Event(kind=kind, time_s=_time_s(entry, zone, first_frame=first_frame, name=name))
        for entry in document.get("ContentSequence") or ()
        if (kind := _kind(entry)) is not None
    )


def _kind(entry: Dataset) -> EventKind | None:
    if entry.get("RelationshipType") != "CONTAINS":
        return None
    if _is(entry, "ConceptNameCodeSequence", codes.CONTRAST_ADMINISTERED):
        return "contrast"
    if _is(entry, "ConceptNameCodeSequence", codes.DRUG_ADMINISTERED):
        tested = _is(entry, "ConceptCodeSequence", codes.private("test-dose"))
        return "test_dose" if tested else "medication"
    started = _is(entry, "ConceptNameCodeSequence", codes.START_ACTION)
    if started and _is(entry, "ConceptCodeSequence", codes.private("aspiration")):
        return "aspiration"
    return None


def _time_s(entry: Dataset, zone: str, *, first_frame: Moment | None, name: str) -> float:
    """Seconds from the first frame, as said or by the clock; both have to agree."""
    told = str(entry.get("ObservationDateTime") or "")
    moment = parsed(told, zone)
    if moment is None:
        raise AnnotationError(
            f"{name}: seen an entry with the Observation DateTime {told[:26]!r}; expected a "
            "moment to the second or finer"
        )
    said = _said_s(entry)
    by_clock = None if first_frame is None else seconds_between(first_frame, moment)
    if said is None and by_clock is None:
        raise AnnotationError(
            f"{name}: an entry does not say its seconds from the first frame, and the loop does "
            "not tell when that was taken; expected one or the other"
        )
    if said is None:
        assert by_clock is not None  # noqa: S101 - for the type checker: seen above
        return by_clock
    if by_clock is not None and abs(by_clock - said) > _SAME_S:
        raise AnnotationError(
            f"{name}: an entry says {said:g} s from the first frame, by its clock it is "
            f"{by_clock:g} s: it is of another loop, or was changed"
        )
    return said


def _said_s(entry: Dataset) -> float | None:
    """Seconds of our own entries; None where there are none that can be used."""
    for child in entry.get("ContentSequence") or ():
        if _is(child, "ConceptNameCodeSequence", codes.private("event-time")):
            for measured in child.get("MeasuredValueSequence") or ():
                value = measured.get("FloatingPointValue", measured.get("NumericValue"))
                if value is not None and isfinite(value):
                    return float(value)
    return None


def _is(entry: Dataset, keyword: str, concept: Code) -> bool:
    return any(
        (code.get("CodeValue"), code.get("CodingSchemeDesignator"))
        == (concept.value, concept.scheme_designator)
        for code in entry.get(keyword) or ()
    )
