"""Series of results, as a table of the conformance statement: what routing rules go by."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.dicom.header import SERIES
from napari_fluoroinject.endpoints.conformance import table

_XA = "X-Ray Angiographic"
_DERIVED = "XA; of a secondary capture its own"
_WORD = "Multi-frame Grayscale Word Secondary Capture"
_PLANE = r"DERIVED\SECONDARY\plane\ "


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSeries:
    """One kind of series: `files` in it, their classes, and how they are known.

    `series` are the names by which `header.SERIES` numbers it (the second is that of nominal
    geometry), `image_type` is empty of what is no image, `private` holds private codes (or `*`).
    """

    files: tuple[str, ...]
    series: tuple[str, ...]
    classes: str
    modality: str
    description: str
    image_type: str = ""
    private: tuple[str, ...] = ()


_OPACITIES = ("peak-opacity", "peak-relative")
_MAP_CODES = (*_OPACITIES, "transit-time", "washout-rate", "washout-relative")
RESULT_SERIES = (
    ResultSeries(
        files=("report",),
        series=("report",),
        classes="Comprehensive SR, or Comprehensive 3D SR",
        modality="SR",
        description="Research: injection measurements",
        private=("*",),
    ),
    ResultSeries(
        files=("segmentation",),
        series=("segmentation", "segmentation viewer"),
        classes="Segmentation",
        modality="SEG",
        description="Research: contrast spread and needle",
        image_type=r"DERIVED\PRIMARY",
    ),
    ResultSeries(
        files=(
            "map_arrival",
            "map_time_to_peak",
            "map_peak_opacity",
            "map_washout",
            "map_transit",
        ),
        series=("maps",),
        classes=f"{_XA}; of a secondary capture {_WORD}",
        modality=_DERIVED,
        description="Research: contrast kinetics",
        image_type=_PLANE + "ARRIVAL, TTP, PEAK, PEAK_REL, WASHOUT, WASHOUT_REL or TRANSIT",
        private=_MAP_CODES,
    ),
    ResultSeries(
        files=("presentation",),
        series=("presentation",),
        classes="Grayscale Softcopy Presentation State, or Color Softcopy Presentation State",
        modality="PR",
        description="Research: annotations",
    ),
    ResultSeries(
        files=("mask_presentation", "subtracted_masks"),
        series=("mask presentation",),
        classes="XA/XRF Grayscale Softcopy Presentation State",
        modality="PR",
        description="Research: mask and shifts",
    ),
    ResultSeries(
        files=("key_image", "color_map"),
        series=("captures",),
        classes="Secondary Capture",
        modality="as the loop's",
        description="Research: pictures",
        image_type=r"DERIVED\SECONDARY\OTHER\ KEY_IMAGE or COLOR_MAP",
    ),
    ResultSeries(
        files=("procedure_log",),
        series=("log",),
        classes="Procedure Log",
        modality="SR",
        description="Research: events as stated",
        private=("*",),
    ),
    ResultSeries(
        files=("subtracted",),
        series=("subtraction",),
        classes=f"{_XA}; of a secondary capture {_WORD}",
        modality=_DERIVED,
        description="Research: subtracted",
        image_type=_PLANE + "SUBTRACTED",
        private=("ln-difference",),
    ),
    ResultSeries(
        files=("segmentation_fractional",),
        series=("segmentation fractional", "segmentation fractional viewer"),
        classes="Segmentation",
        modality="SEG",
        description="Research: contrast spread and needle, occupancy",
        image_type=r"DERIVED\PRIMARY",
    ),
    ResultSeries(
        files=("segmentation_labelmap",),
        series=("segmentation labelmap", "segmentation labelmap viewer"),
        classes="Label Map Segmentation",
        modality="SEG",
        description="Research: contrast spread and needle, label map",
        image_type=r"DERIVED\PRIMARY",
    ),
    ResultSeries(
        files=(
            *("parametric_arrival", "parametric_time_to_peak", "parametric_peak_opacity"),
            *("parametric_washout", "parametric_transit"),
        ),
        series=("parametric", "parametric viewer"),
        classes="Parametric Map",
        modality="OT",
        description="Research: contrast kinetics, real numbers",
        image_type=r"DERIVED\PRIMARY\PERFUSION\NONE",
        private=_MAP_CODES,
    ),
    ResultSeries(
        files=("key_objects",),
        series=("key objects",),
        classes="Key Object Selection Document",
        modality="KO",
        description="Research: frames of interest",
    ),
    ResultSeries(
        files=("document",),
        series=("document",),
        classes="Encapsulated PDF",
        modality="DOC",
        description="Research: report",
    ),
)


def result_series() -> str:
    """Files of results with SOP classes, series numbers, descriptions and Image Type."""
    head = ("files (.dcm)", "SOP class", "modality", "series", "description", "Image Type")
    return table((*head, "private codes"), [_row(one) for one in RESULT_SERIES])


def _row(one: ResultSeries) -> tuple[str, ...]:
    private = ", ".join("many" if code == "*" else f"`{code}`" for code in one.private)
    return (
        ", ".join(one.files),
        one.classes,
        one.modality,
        " / ".join(str(SERIES[name]) for name in one.series),
        one.description,
        one.image_type.replace("\\ ", "\\"),
        private or "-",
    )
