"""Patient, study and order of a worklist item (PS3.4 K.6.1.2.2), for an object made under it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.attributes import text
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.errors import IdentityMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
_EMPTY = (
    *("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    "ReferringPhysicianName",
)
_TELLS_APART = ("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "AccessionNumber")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """One item of a worklist, with at most one step; it names a patient and a study."""

    item: Dataset


def the_order(
    answers: Iterable[Dataset], *, accession: str = "", study: str = "", step: str = ""
) -> Order:
    """The one item that was meant.

    Parameters
    ----------
    answers
        What a worklist answered; it may match as it likes, so it is matched again.
    accession, study, step
        Accession Number, Study Instance UID and Scheduled Procedure Step ID; empty = not said.

    Raises
    ------
    IdentityMismatchError
        None matches, several do, or the one names no patient or no study. Nobody's name is told.
    """
    wanted = (("AccessionNumber", accession), ("StudyInstanceUID", study))
    meant = [
        one
        for one in answers
        if all(not told or (text(one, keyword) or "") == told for keyword, told in wanted)
    ]
    if step:
        meant = [kept for one in meant if (kept := _with_step(one, step)) is not None]
    if not meant:
        raise IdentityMismatchError(
            "no worklist item matches; expected one: is the order on the worklist, and the "
            "number as it stands there?"
        )
    steps = sum(len(_steps(one)) for one in meant)
    orders = {tuple(text(one, keyword) or "" for keyword in _TELLS_APART) for one in meant}
    if len(orders) > 1 or steps > 1:
        raise IdentityMismatchError(
            f"{len(orders)} orders with {steps} steps match on the worklist; expected one: "
            "name the order, and the step where it has several"
        )
    for keyword in ("PatientID", "StudyInstanceUID"):
        if not text(meant[0], keyword):
            raise IdentityMismatchError(
                f"the worklist item has no {keyword}; expected one: nothing can be filed under it"
            )
    return Order(item=meant[0])


def under(order: Order) -> Dataset:
    """Return a data set with the patient, the study and the request of a worklist item.

    Private attributes are left out, also within its sequences.
    """
    item = order.item
    step = next(iter(_steps(item)), Dataset())
    made = Dataset()
    made.SpecificCharacterSet = item.get("SpecificCharacterSet") or "ISO_IR 192"
    _copy(item, made, (*PATIENT, *STUDY))
    for keyword in _EMPTY:
        if keyword not in made:
            setattr(made, keyword, None)
    made.StudyID = (text(item, "RequestedProcedureID") or "")[:16]
    made.StudyDate = text(step, "ScheduledProcedureStepStartDate")
    made.StudyTime = text(step, "ScheduledProcedureStepStartTime")
    made.StudyDescription = (text(item, "RequestedProcedureDescription") or "")[:64]
    if item.get("RequestedProcedureCodeSequence"):
        made.ProcedureCodeSequence = copy.deepcopy(item.RequestedProcedureCodeSequence)
    if request := _request(item, step):
        made.RequestAttributesSequence = [request]
    if step.get("ScheduledProtocolCodeSequence"):
        # what was scheduled is taken for what is done: nobody tells us anything else
        made.PerformedProtocolCodeSequence = copy.deepcopy(step.ScheduledProtocolCodeSequence)
        for code in made.PerformedProtocolCodeSequence:
            code.pop("ProtocolContextSequence", None)
    if part := text(item, "BodyPartExamined") or text(step, "BodyPartExamined"):
        made.BodyPartExamined = part
    made.remove_private_tags()
    return made


def nobody(sha256: str) -> Dataset:
    """Patient and study of a run that stays on this machine: visibly nobody's."""
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


def _request(item: Dataset, step: Dataset) -> Dataset:
    request = Dataset()
    _copy(item, request, REQUEST)
    _copy(step, request, STEP)
    return request


def _steps(item: Dataset) -> list[Dataset]:
    return list(item.get("ScheduledProcedureStepSequence") or ())


def _with_step(item: Dataset, wanted: str) -> Dataset | None:
    """The item with this step alone; None where it has none of that ID."""
    steps = [one for one in _steps(item) if text(one, "ScheduledProcedureStepID") == wanted]
    if not steps:
        return None
    own = copy.deepcopy(item)
    own.ScheduledProcedureStepSequence = steps
    return own
