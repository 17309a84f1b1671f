"""Patient, study and order of a worklist item (PS3.4 K.6.1.2.2), for an object made under it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.attributes import text
from napari_fluoroinject.errors import IdentityMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENT = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("OtherPatientIDsSequence", "PatientSize", "PatientWeight"),
)
STUDY = (
    *("StudyInstanceUID", "AccessionNumber", "IssuerOfAccessionNumberSequence"),
    *("ReferringPhysicianName", "ReferencedStudySequence"),
)
REQUEST = (
    *("RequestedProcedureID", "RequestedProcedureDescription", "RequestedProcedureCodeSequence"),
)
STEP = (
    *("ScheduledProcedureStepID", "ScheduledProcedureStepDescription"),
    *("ScheduledProtocolCodeSequence",),
)
_EMPTY = ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber")
_ONE_OF_THEM = ("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "AccessionNumber")


def the_item(answers: Sequence[Dataset]) -> Dataset:
    """The one item that was meant, its one step beside it.

    Parameters
    ----------
    answers
        All items that match what was asked for.

    Raises
    ------
    IdentityMismatchError
        None matches, several do, or the one names no patient or no study. Nobody's name is told.
    """
    if not answers:
        raise IdentityMismatchError(
            "no worklist item matches; expected one: is the order on the worklist, and the "
            "accession number as it stands there?"
        )
    steps = [step for one in answers for step in one.get("ScheduledProcedureStepSequence") or ()]
    orders = {tuple(text(one, keyword) or "" for keyword in _ONE_OF_THEM) for one in answers}
    if len(orders) > 1 or len(steps) > 1:
        raise IdentityMismatchError(
            f"{len(orders)} orders with {len(steps)} steps match on the worklist; expected one: "
            "name the accession number, and the step where it has several"
        )
    found = answers[0]
    for keyword in ("PatientID", "StudyInstanceUID"):
        if not text(found, keyword):
            raise IdentityMismatchError(
                f"the worklist item has no {keyword}; expected one: nothing can be filed under it"
            )
    return found


def under(order: Dataset) -> Dataset:
    """Return a data set with the patient, the study and the request of a worklist item.

    Private attributes are left out, also within its sequences.
    """
    step = (order.get("ScheduledProcedureStepSequence") or [Dataset()])[0]
    made = Dataset()
    made.SpecificCharacterSet = order.get("SpecificCharacterSet") or "ISO_IR 192"
    _copy(order, made, (*PATIENT, *STUDY))
    for keyword in _EMPTY:
        if keyword not in made:
            setattr(made, keyword, None)
    made.ReferringPhysicianName = order.get("ReferringPhysicianName")
    made.StudyID = (text(order, "RequestedProcedureID") or "")[:16]
    made.StudyDate = text(step, "ScheduledProcedureStepStartDate")
    made.StudyTime = text(step, "ScheduledProcedureStepStartTime")
    if description := text(order, "RequestedProcedureDescription"):
        made.StudyDescription = description[:64]
    if order.get("RequestedProcedureCodeSequence"):
        made.ProcedureCodeSequence = copy.deepcopy(order.RequestedProcedureCodeSequence)
    request = Dataset()
    _copy(order, request, REQUEST)
    _copy(step, request, STEP)
    if request:
        made.RequestAttributesSequence = [request]
    _say_performed(made, step)
    for keyword in ("BodyPartExamined",):
        if part := text(order, keyword) or text(step, keyword):
            setattr(made, keyword, part)
    made.remove_private_tags()
    return made


def nobody(sha256: str) -> Dataset:
    """Patient and study of a run that stays on this machine: visibly nobody's."""
    from napari_fluoroinject.dicom.identity import derived_uid

    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName, made.PatientID = "Nobody^Local Research", f"RESEARCH-{sha256[:12].upper()}"
    made.PatientBirthDate = made.PatientSex = made.AccessionNumber = None
    made.ReferringPhysicianName = made.StudyDate = made.StudyTime = None
    made.StudyID = "RESEARCH"
    made.StudyInstanceUID = derived_uid(sha256, "study of nobody")
    made.StudyDescription = "Recorded without an order: no patient is known"
    return made


def _copy(source: Dataset, target: Dataset, keywords: Sequence[str]) -> None:
    for keyword in keywords:
        if source.get(keyword):
            target[keyword] = copy.deepcopy(source[keyword])


def _say_performed(made: Dataset, step: Dataset) -> None:
    """What was scheduled is taken for what was performed, which nobody tells us."""
    if step.get("ScheduledProtocolCodeSequence"):
        made.PerformedProtocolCodeSequence = copy.deepcopy(step.ScheduledProtocolCodeSequence)
        for code in made.PerformedProtocolCodeSequence:
            code.pop("ProtocolContextSequence", None)
