"""What was done during a run, and when by the clock, as a Procedure Log."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import result_header
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.moments import Moment, first_frame_moment
from napari_fluoroinject.dicom.observer import device_observer
from napari_fluoroinject.dicom.sr_document import leave_open, list_evidence
from napari_fluoroinject.dicom.sr_statements import Omission
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.annotation import Event, EventKind
    from napari_fluoroinject.model.report import Report

PROCEDURE_LOG_STORAGE = "1.2.840.10008.5.1.4.1.1.88.40"

ENTRIES: dict[EventKind, tuple[Code, Code]] = {
    "aspiration": (codes.START_ACTION, codes.private("aspiration")),
    "contrast": (codes.CONTRAST_ADMINISTERED, codes.CONTRAST_AGENT),
    "test_dose": (codes.DRUG_ADMINISTERED, codes.private("test-dose")),
    "medication": (codes.DRUG_ADMINISTERED, codes.private("medication")),
}
"""Name and value of the entry of each kind of event (PS3.16 TID 3100 and 3106).

"Patient Status or Event: Aspiration" would read as a patient who aspirated: an aspiration through
the needle is an action of the procedure.
"""

_SYNCHRONIZATION = (
    *("SynchronizationFrameOfReferenceUID", "SynchronizationTrigger"),
    *("AcquisitionTimeSynchronized", "TriggerSourceOrType", "TimeSource"),
    *("TimeDistributionProtocol", "NTPSourceAddress"),
)
_STEP = timedelta(microseconds=1)
"""The finest that a DT tells: entries of one moment follow each other by it."""


def encode_log(report: Report, identity: Identity) -> Dataset | None:
    """Encode the stated events as a Procedure Log (PS3.3 A.35.7, PS3.16 TID 3001).

    Every entry stands below the root with its Observation DateTime, strictly rising, in the time
    zone of the source; its exact seconds from the first frame stand beside it.

    Parameters
    ----------
    report
        The analysed loop, with the events that a person stated.
    identity
        Of its source.

    Returns
    -------
    Dataset | None
        None where no event was stated, or where the loop does not tell when it was taken, see
        `log_omission`.

    Raises
    ------
    EncodingError
        An event is so far from the run that no calendar has its day, or its time is no number.
    """
    start = first_frame_moment(identity.source)
    if not report.annotation.events or start is None:
        return None
    dataset = result_header(identity, "log", PROCEDURE_LOG_STORAGE, modality="SR")
    dataset.SeriesDescription = "Research: events as stated"
    leave_open(dataset)
    list_evidence(dataset, identity)
    _synchronize(dataset, identity)
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [coded(codes.PROCEDURE_LOG)]
    dataset.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="3001")]
    dataset.ContentSequence = [
        *device_observer(report.provenance),
        _text("HAS ACQ CONTEXT", codes.PROCEDURE_DESCRIPTION, report.procedure.name),
        *_entries(report.annotation.events, start, identity),
    ]
    return dataset


def log_omission(report: Report, identity: Identity) -> Omission | None:
    """Say why stated events have no log; None where they have one, or none were stated.

    Parameters
    ----------
    report, identity
        As above.
    """
    if not report.annotation.events or first_frame_moment(identity.source) is not None:
        return None
    return Omission(
        name="Procedure log",
        reason="the loop does not state on what day and at what time it was taken",
    )


def _synchronize(dataset: Dataset, identity: Identity) -> None:
    """Synchronization module (PS3.3 C.7.4.2): the source's clock, which nothing is known of.

    Where the source has the module its values hold for the log, which counts by the same clock.
    """
    source = identity.source
    if all(source.get(keyword) for keyword in _SYNCHRONIZATION[:3]):
        for keyword in _SYNCHRONIZATION:
            if keyword in source:
                dataset[keyword] = copy.deepcopy(source[keyword])
        return
    dataset.SynchronizationFrameOfReferenceUID = identity.tracking_uid("clock")
    dataset.SynchronizationTrigger = "NO TRIGGER"
    dataset.AcquisitionTimeSynchronized = "N"


def _entries(events: tuple[Event, ...], start: Moment, identity: Identity) -> list[Dataset]:
    entries: list[Dataset] = []
    earliest = None
    for event in sorted(events, key=lambda event: event.time_s):
        try:
            at = start.at + timedelta(seconds=event.time_s)
            if earliest is not None and at < earliest:
                at = earliest
            earliest = at + _STEP
        except (OverflowError, ValueError) as error:
            raise EncodingError(
                f"an event {event.time_s:g} s from the first frame has no date; expected one "
                "of the day of the run"
            ) from error
        when = Moment(at=at, offset=start.offset).text()
        entries.append(_entry(event, when, number=len(entries) + 1, identity=identity))
    return entries


def _entry(event: Event, when: str, *, number: int, identity: Identity) -> Dataset:
    name, value = ENTRIES[event.kind]
    properties = [
        _seconds(event.time_s),
        _text("HAS PROPERTIES", codes.COMMENT, "As stated by a person, not observed."),
    ]
    if name == codes.START_ACTION:  # TID 3100 row 2: unique within the study
        action = identity.tracking_uid("event", str(number), event.kind)
        properties.insert(0, _text("HAS PROPERTIES", codes.ACTION_ID, str(action)))
    return item(
        RelationshipType="CONTAINS",
        ObservationDateTime=when,
        ValueType="CODE",
        ConceptNameCodeSequence=[coded(name)],
        ConceptCodeSequence=[coded(value)],
        ContentSequence=properties,
    )


def _seconds(value: float) -> Dataset:
    """Seconds as a decimal string, and exactly beside it (PS3.3 C.18.1)."""
    return item(
        RelationshipType="HAS PROPERTIES",
        ValueType="NUM",
        ConceptNameCodeSequence=[coded(codes.private("event-time"))],
        MeasuredValueSequence=[
            item(
                MeasurementUnitsCodeSequence=[coded(codes.SECOND)],
                FloatingPointValue=float(value),
                NumericValue=f"{value:.9g}",
            )
        ],
    )


def _text(relationship: str, name: Code, words: str) -> Dataset:
    return item(
        RelationshipType=relationship,
        ValueType="TEXT",
        ConceptNameCodeSequence=[coded(name)],
        TextValue=plain(words),
    )
