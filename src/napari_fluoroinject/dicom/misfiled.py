"""Whether a result may be sent: it names the patient, study and loop that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.identity import said
from napari_fluoroinject.dicom.opened import header_before, one_error
from napari_fluoroinject.dicom.scan import scan_content

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

_SAME = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    "StudyInstanceUID",
)
_SAME_WHERE_TOLD = ("FrameOfReferenceUID",)
"""A result may leave it out, and a source too; where both tell it, it is one."""


def misfiled(result: Path, source: Path) -> str | None:
    """Say what shows that a result does not belong to a loop; None if nothing does.

    Both files are read afresh. Values are never told: they are a patient's.

    Parameters
    ----------
    result
        The file that is to be sent.
    source
        A file of the loop that it was made of.

    Raises
    ------
    UnreadableObjectError
        One of them cannot be read.
    """
    made, loop = _header(result), _header(source)
    with one_error(result.name):
        for keyword in _SAME:
            if said(made, keyword) != said(loop, keyword):
                return f"its {keyword} is not the one of the loop it was made of (not shown)"
        for keyword in _SAME_WHERE_TOLD:
            if said(made, keyword) and said(loop, keyword) not in ((), said(made, keyword)):
                return f"its {keyword} is not the one of the loop it was made of"
        if str(loop.SOPInstanceUID) not in _referenced(made):
            return "it does not refer to the loop it was made of"
    return None


def place_of(path: Path) -> tuple[str, str]:
    """Return Study and Series Instance UID of a file.

    Raises
    ------
    UnreadableObjectError
        It cannot be read.
    """
    header = _header(path)
    with one_error(path.name):
        return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)


def _header(path: Path) -> Dataset:
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        end = len(content.data) if structure.pixels is None else structure.pixels.element
        return header_before(content, end)


def _referenced(dataset: Dataset) -> set[str]:
    """SOP Instance UIDs that an object refers to, at any depth (the scan has limited it)."""
    return {
        str(element.value)
        for element in dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }
