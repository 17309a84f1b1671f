"""Who lay there: what a header says of its patient, as digests."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from napari_fluoroinject.model.patient import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def patient(header: Dataset) -> Patient:
    """Read the patient's ID, name and date of birth (PS3.3 C.7.1.1).

    Case, and what pads a value, tell no patients apart. A value that cannot be read is unknown.
    """
    return Patient(
        id_digest=_digest(header, "PatientID"),
        name_digest=_digest(header, "PatientName"),
        birth_digest=_digest(header, "PatientBirthDate"),
    )


def _digest(header: Dataset, keyword: str) -> str | None:
    try:
        value = str(header.get(keyword) or "")
    except (ValueError, TypeError):
        return None
    told = value.strip(" ^=\0").casefold()
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest() if told else None
