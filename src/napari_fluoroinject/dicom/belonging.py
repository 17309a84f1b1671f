"""Whether a result belongs to a loop: the same study, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import text
from napari_fluoroinject.dicom.patient import patient as patient_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.patient import Patient


def stranger(document: Dataset, *, study: str, patient: Patient | None = None) -> str | None:
    """Say what shows that a result is of another study or patient than a loop; None if nothing.

    A SOP Instance UID alone does not tell: copies whose headers were edited keep it. Values that
    name a person are not told, and what one of both does not say speaks against nothing.

    Parameters
    ----------
    document
        The result.
    study
        Study Instance UID of the loop.
    patient
        Of the loop; None = only the study is compared.

    Raises
    ------
    ValueError
        The study of the result cannot be read.
    """
    own = text(document, "StudyInstanceUID")
    if own != study:
        return f"one of another study, {own}; expected one of the loop's, {study}"
    unlike = "" if patient is None else patient.unlike(patient_of(document))
    if unlike:
        return f"one of another patient (the {unlike} differs, not shown); expected the loop's"
    return None
