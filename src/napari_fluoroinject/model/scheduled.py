"""What a worklist says of a procedure that is scheduled."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.model.geometry import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledProcedure:
    """One scheduled step of a requested procedure; empty or None = not told.

    Names of patients are not kept. Texts are free and may hold anything: never log.

    Attributes
    ----------
    patient_id, issuer
        Who is to come, and who gave that number.
    accession, study_instance_uid
        By which images of it are known later.
    requested_codes, step_codes
        Codes as `VALUE^SCHEME`, of the requested procedure, and of the protocol of the step.
    requested_description, step_description
        The same in words.
    side
        As coded in the protocol's context or as laterality; None also where they contradict.
    body_part
        Body Part Examined, where the item has it.
    modality, station
        What it is made with, and the AE title of the station.
    date, time
        Of the step's begin, as DICOM writes them.
    """

    patient_id: str = ""
    issuer: str = ""
    accession: str = ""
    study_instance_uid: str = ""
    requested_codes: tuple[str, ...] = ()
    requested_description: str = ""
    step_codes: tuple[str, ...] = ()
    step_description: str = ""
    side: Side | None = None
    body_part: str = ""
    modality: str = ""
    station: str = ""
    date: str = ""
    time: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, those of the requested procedure first."""
        return tuple(dict.fromkeys((*self.requested_codes, *self.step_codes)))

    @property
    def descriptions(self) -> tuple[str, ...]:
        """Both descriptions, those that there are."""
        return tuple(text for text in (self.step_description, self.requested_description) if text)
