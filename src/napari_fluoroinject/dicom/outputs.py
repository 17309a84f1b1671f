"""Which objects are written of a loop: the usual ones, and what a site asks for besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.dicom.maps import KINDS
from napari_fluoroinject.dicom.seg import SegProfile
from napari_fluoroinject.dicom.site_codes import CodeBook
from napari_fluoroinject.dicom.sr_annotation import ReportClass

Extra = Literal[
    "segmentation_fractional",
    "segmentation_labelmap",
    "parametric_maps",
    "key_objects",
    "document",
]
"""What is written only where it is asked for."""

EXTRAS: dict[Extra, str] = {
    "segmentation_fractional": "share of each pixel that contrast and needle fill",
    "segmentation_labelmap": "one compressed picture of labels per frame; few readers know it yet",
    "parametric_maps": "maps as Parametric Map, 32-bit floats, with nominal geometry",
    "key_objects": "Key Object Selection of the frames that matter",
    "document": "report as encapsulated PDF, for systems that show nothing else",
}

_NAMES = (
    *("report", "segmentation", "presentation", "mask_presentation", "key_image", "color_map"),
    *("procedure_log", "segmentation_fractional", "segmentation_labelmap", "key_objects"),
    *("document", *(f"{map_}_{kind.name}" for map_ in ("map", "parametric") for kind in KINDS)),
)
RESULT_FILES = frozenset(f"{name}.dcm" for name in _NAMES)
"""Every name that a result's file can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """How results are written.

    Attributes
    ----------
    also
        What is written beside the usual objects.
    seg_profile
        `strict` without invented geometry, or `viewer` with a nominal one: of segmentations.
    report_class
        SOP class of the measurement report.
    codes
        The site's codes in place of the private ones.
    """

    also: frozenset[Extra] = frozenset()
    seg_profile: SegProfile = "strict"
    report_class: ReportClass = "comprehensive"
    codes: CodeBook = field(default_factory=CodeBook)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """What was drawn of a report; None = not to be had, or not asked for.

    `key_image` and `color_map` are (rows, columns, 3) uint8, `document` is a PDF.
    """

    key_image: npt.NDArray[np.uint8] | None = None
    color_map: npt.NDArray[np.uint8] | None = None
    document: bytes | None = None
