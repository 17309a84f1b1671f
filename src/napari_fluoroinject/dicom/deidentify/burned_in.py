"""Text in the picture itself: what an object says about it, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.uid import (
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)

from napari_fluoroinject.dicom.attributes import text
from napari_fluoroinject.dicom.opened import CAPTURED

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CINE = frozenset(
    (
        XRayAngiographicImageStorage,
        XRayRadiofluoroscopicImageStorage,
        EnhancedXAImageStorage,
        EnhancedXRFImageStorage,
    )
)
_OVERLAY_BITS, _OVERLAY_POSITION, _OVERLAY_DATA = 0x0100, 0x0102, 0x3000


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnedIn:
    """What is known of text in a picture.

    `certain`: the object itself says that it is there. `reasons` are sentences; none = the object
    says that there is none, or is of a kind that has none.
    """

    certain: bool
    reasons: tuple[str, ...]


def burned_in(dataset: Dataset) -> BurnedIn:
    """Judge an object by its header; pixels are not looked at (PS3.15 E.3.1 is not done).

    Parameters
    ----------
    dataset
        Not yet cleaned; without pixel data.
    """
    told = text(dataset, "BurnedInAnnotation")
    reasons = []
    if told == "YES":
        reasons.append("its header says that text is burned into the picture")
    elif told != "NO" and _may_be_captured(dataset):
        reasons.append("a captured picture whose header does not say that no text is burned in")
    if text(dataset, "RecognizableVisualFeatures") == "YES":
        reasons.append("its header says that a person can be recognised in the picture")
    if _overlay_in_pixels(dataset):
        reasons.append("an overlay stands in unused bits of the pixel data, which are kept")
    return BurnedIn(certain=told == "YES", reasons=tuple(reasons))


def _may_be_captured(dataset: Dataset) -> bool:
    kind = str(dataset.get("SOPClassUID") or "")
    return kind in CAPTURED or (kind in _CINE and bool(text(dataset, "ConversionType")))


def _overlay_in_pixels(dataset: Dataset) -> bool:
    """Overlay planes without data of their own lie in the pixels (PS3.3 C.9.2, retired)."""
    return any(
        (group << 16 | _OVERLAY_POSITION) in dataset
        and (group << 16 | _OVERLAY_DATA) not in dataset
        for group in range(0x6000, 0x6100, 2)
    )
