"""Whether an image was made from a loop: nobody acquired it, and there is nothing to analyse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.attributes import first_item, text
from napari_fluoroinject.dicom.implementation import SOFTWARE, SYNTHETIC_MODEL

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RESULT_OF_PROCESSING = "121322"
"""DCM code: the source image was processed into this one (PS3.16 CID 7202)."""


def is_result(header: Dataset, *, frames: int | None) -> bool:
    """Whether an image is a map or a picture that was made from a loop.

    DERIVED alone does not tell: captured loops, and those that were compressed with loss, say so.

    Parameters
    ----------
    header
        Of the image.
    frames
        How many it has; None = unknown.
    """
    if text(header, "ImageType") != "DERIVED":
        return False
    if header.get("RealWorldValueMappingSequence"):
        return True
    sources = header.get("SourceImageSequence") or ()
    purposes = (first_item(item, "PurposeOfReferenceCodeSequence") for item in sources)
    processed = any(
        purpose is not None and text(purpose, "CodeValue") == _RESULT_OF_PROCESSING
        for purpose in purposes
    )
    return processed and frames == 1


def is_synthetic(header: Dataset) -> bool:
    """Whether an object is a loop that the simulator of this software made.

    Parameters
    ----------
    header
        Of any object.
    """
    made = text(header, "Manufacturer"), text(header, "ManufacturerModelName")
    return made == (SOFTWARE, SYNTHETIC_MODEL)


def is_made_here(header: Dataset) -> bool:
    """Whether an object is a result of this software; the synthetic loops it makes are none.

    Parameters
    ----------
    header
        Of any object.
    """
    for equipment in header.get("ContributingEquipmentSequence") or ():
        purpose = first_item(equipment, "PurposeOfReferenceCodeSequence")
        if (
            purpose is not None
            and text(purpose, "CodeValue") == codes.PROCESSING_EQUIPMENT.value
            and text(equipment, "Manufacturer") == SOFTWARE
        ):
            return True
    return False
