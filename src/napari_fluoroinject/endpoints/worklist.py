"""The modality worklist: which procedures are scheduled (PS3.4 annex K)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.ordered import PATIENT, STUDY
from napari_fluoroinject.endpoints.dimse import MODALITY_WORKLIST
from napari_fluoroinject.endpoints.querying import answers
from napari_fluoroinject.model.scheduled import ScheduledProcedure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.model.geometry import Side

_LATERALITY = "272741003"
"""SNOMED CT: laterality, as the concept of a protocol's context."""
_SIDES: dict[str, Side] = {
    "7771000": "left",
    "24028007": "right",
    "51440002": "bilateral",
    "G-A101": "left",
    "G-A100": "right",
    "G-A102": "bilateral",
    "L": "left",
    "R": "right",
    "B": "bilateral",
}


WORKLIST_S = 10.0
"""For all answers to one query: a loop waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistQuery:
    """What is looked for; an empty text matches everything. `date` may be a range (`A-B`)."""

    patient_id: str = ""
    accession: str = ""
    study_instance_uid: str = ""
    modality: str = ""
    station: str = ""
    date: str = ""


def worklist(peer: Pacs, query: WorklistQuery) -> tuple[ScheduledProcedure, ...]:
    """Return what is scheduled, one item for each step.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the query fails or does not end in time: never an empty list.
    EndpointError
        Far more answers than a day has procedures.
    UnreadableObjectError
        An answer that cannot be understood.
    """
    found: list[ScheduledProcedure] = []
    for answer in answers(peer, identifier_of(query), model=MODALITY_WORKLIST, time_s=WORKLIST_S):
        with one_error(str(peer)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += _procedures(answer)
    return tuple(found)


def items(peer: Pacs, query: WorklistQuery) -> tuple[Dataset, ...]:
    """Return the items that match as they stand, with the patient: to write objects under one.

    Raises
    ------
    UnreachableError, RefusedError, EndpointError
        As `worklist`.
    """
    asked = identifier_of(query)
    for keyword in (*PATIENT, *STUDY):
        if keyword not in asked:
            setattr(asked, keyword, [] if keyword.endswith("Sequence") else None)
    found = answers(peer, asked, model=MODALITY_WORKLIST, time_s=WORKLIST_S)
    return tuple(found)


def identifier_of(query: WorklistQuery) -> Dataset:
    """Return the item asked for, with every key that is read of an answer (PS3.4 K.6.1.2.2)."""
    step = Dataset()
    step.Modality = query.modality or None
    step.ScheduledStationAETitle = query.station or None
    step.ScheduledProcedureStepStartDate = query.date or None
    step.ScheduledProcedureStepStartTime = None
    step.ScheduledProcedureStepDescription = None
    step.ScheduledProcedureStepID = None
    step.ScheduledProtocolCodeSequence = []
    asked = Dataset()
    asked.PatientID = query.patient_id or None
    asked.IssuerOfPatientID = None
    asked.AccessionNumber = query.accession or None
    asked.StudyInstanceUID = query.study_instance_uid or None
    asked.RequestedProcedureID = None
    asked.RequestedProcedureDescription = None
    asked.RequestedProcedureCodeSequence = []
    asked.BodyPartExamined = None
    asked.Laterality = None
    asked.ScheduledProcedureStepSequence = [step]
    return asked


def _procedures(answer: Dataset) -> Iterable[ScheduledProcedure]:
    steps = answer.get("ScheduledProcedureStepSequence") or [Dataset()]
    for step in steps:
        protocol = step.get("ScheduledProtocolCodeSequence") or []
        yield ScheduledProcedure(
            patient_id=_text(answer, "PatientID"),
            issuer=_text(answer, "IssuerOfPatientID"),
            accession=_text(answer, "AccessionNumber"),
            study_instance_uid=_text(answer, "StudyInstanceUID"),
            requested_codes=_codes(answer.get("RequestedProcedureCodeSequence")),
            requested_description=_text(answer, "RequestedProcedureDescription"),
            step_codes=_codes(protocol),
            step_description=_text(step, "ScheduledProcedureStepDescription"),
            side=_side(answer, step, protocol),
            body_part=_text(answer, "BodyPartExamined") or _text(step, "BodyPartExamined"),
            modality=_text(step, "Modality"),
            station=_text(step, "ScheduledStationAETitle"),
            date=_text(step, "ScheduledProcedureStepStartDate"),
            time=_text(step, "ScheduledProcedureStepStartTime"),
        )


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()


def _codes(items: Iterable[Dataset] | None) -> tuple[str, ...]:
    found = []
    for item in items or ():
        value = _text(item, "CodeValue") or _text(item, "LongCodeValue")
        if value:
            found.append(f"{value}^{_text(item, 'CodingSchemeDesignator')}")
    return tuple(found)


def _side(answer: Dataset, step: Dataset, protocol: Iterable[Dataset]) -> Side | None:
    """The one side that is stated; None where none is, or several are."""
    told = [_text(answer, "Laterality"), _text(step, "Laterality")]
    for code in protocol:
        for item in code.get("ProtocolContextSequence") or ():
            names = _codes(item.get("ConceptNameCodeSequence"))
            if any(name.partition("^")[0] == _LATERALITY for name in names):
                told += [one.partition("^")[0] for one in _codes(item.get("ConceptCodeSequence"))]
    sides = {_SIDES[one] for one in told if one in _SIDES}
    return sides.pop() if len(sides) == 1 else None
