"""To which study a file belongs, found out as fast as it can be: before anybody looks closer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydicom.uid import UID, XRayRadiationDoseSRStorage

from napari_fluoroinject.dicom.find import FETCHED_CLASSES, OTHER_DOCUMENTS
from napari_fluoroinject.dicom.opened import announced_class
from napari_fluoroinject.dicom.scan import STUDY_UID, check_series, scan

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What a file is: an `image` that may be (of) a run, a `dose` report, or `other`.

    `what` says what the other is, without any text of the file.
    """

    kind: Literal["image", "dose", "other"]
    study: str = ""
    sop: str = ""
    what: str = ""


def place_of(path: Path, *, named: bool = False) -> Placed:
    """Find out to which study a file belongs; pixels and other values are not looked at.

    Parameters
    ----------
    path
        The file.
    named
        Whether a person named it: then it is not left alone for what it is called or announces.

    Raises
    ------
    UnreadableObjectError
        No whole DICOM object, or an image that names no study.
    """
    if not named and path.suffix.lower() in OTHER_DOCUMENTS:
        return Placed(kind="other", what="not DICOM")
    announced = announced_class(path)
    if not named and announced and announced not in FETCHED_CLASSES:
        return Placed(kind="other", what=UID(announced).name)
    structure = scan(path)
    dose = announced == XRayRadiationDoseSRStorage
    if not dose:
        check_series(structure)
    return Placed(
        kind="dose" if dose else "image",
        study=structure.text(STUDY_UID),
        sop=structure.sop_instance_uid,
    )
