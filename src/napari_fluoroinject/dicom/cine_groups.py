"""The functional groups of an enhanced XA or XRF object that is written (PS3.3 A.47, A.48)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from napari_fluoroinject.dicom.cine_attributes import (
    SIDES,
    decimal,
    falls,
    linearization,
    relationship_term,
    shutter_of,
    source_distances,
)
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.cine import CineLoop

_REGIONS = {
    "CSPINE": ("122494005", "Cervical spine"),
    "TSPINE": ("122495006", "Thoracic spine"),
    "LSPINE": ("122496007", "Lumbar spine"),
    "SSPINE": ("54735007", "Sacrum"),
}
_SPINE = ("421060004", "Vertebral column")
"""Anatomic regions (SCT) of body parts; frames of an enhanced object have to name one."""
_ACTIVE_MS = 8.0
"""Detector integration time that is written; synthetic loops have none of their own."""


def add_functional_groups(dataset: Dataset, loop: CineLoop, *, start: datetime) -> None:
    """Write the multi-frame functional groups: everything shared but each frame's moment.

    Raises
    ------
    EncodingError
        The loop lacks what an enhanced object cannot do without: times, C-arm angles, distances
        of the source, meaning of the pixel values.
    """
    frames, rows, columns = loop.shape
    times_s, distances_mm = _required(loop)
    shared = _shared(dataset, loop, columns=columns, rows=rows)
    shared.XRayGeometrySequence = [_geometry(distances_mm)]
    dataset.NumberOfFrames = frames
    dataset.SharedFunctionalGroupsSequence = [shared]
    organization = derived_uid("dimension organization", str(dataset.SOPInstanceUID))
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    dataset.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag("TemporalPositionIndex"),
            FunctionalGroupPointer=Tag("FrameContentSequence"),
            DimensionOrganizationUID=organization,
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame(number, start + timedelta(seconds=float(time_s)))
        for number, time_s in enumerate(times_s, 1)
    ]


def _required(loop: CineLoop) -> tuple[DoubleArray, tuple[float, float]]:
    """Times and source distances; the C-arm angles are only checked (PS3.3 C.8.19.6)."""
    distances = source_distances(loop)
    view = loop.view
    missing = [
        name
        for name, value in (
            ("times", loop.times_s),
            ("a calibration from distances", distances),
            ("a primary angle", view.primary_angle_deg),
            ("a secondary angle", view.secondary_angle_deg),
        )
        if value is None
    ]
    if loop.times_s is None or distances is None or missing:
        raise EncodingError(f"an enhanced object needs {', '.join(missing)}; this loop has none")
    return loop.times_s, distances


def _shared(dataset: Dataset, loop: CineLoop, *, rows: int, columns: int) -> Dataset:
    shared = Dataset()
    shared.FrameAnatomySequence = [_anatomy(loop)]
    bits = int(dataset.BitsStored)
    shared.FrameVOILUTSequence = [
        item(WindowCenter=decimal(2.0 ** (bits - 1)), WindowWidth=decimal(2.0**bits))
    ]
    shared.FramePixelDataPropertiesSequence = [_pixel_properties(dataset, loop)]
    if loop.intensity.relationship == "log":
        lut = linearization(loop.intensity)
        lut.LUTFunction = "TO_LINEAR"
        shared.PixelIntensityRelationshipLUTSequence = [lut]
    shared.FrameDetectorParametersSequence = [item(DetectorActiveTime=decimal(_ACTIVE_MS))]
    shared.CollimatorShapeSequence = [
        item(
            CollimatorShape="RECTANGULAR",
            CollimatorLeftVerticalEdge=1,
            CollimatorRightVerticalEdge=columns,
            CollimatorUpperHorizontalEdge=1,
            CollimatorLowerHorizontalEdge=rows,
        )
    ]
    event = derived_uid("irradiation event", str(dataset.SOPInstanceUID))
    shared.IrradiationEventIdentificationSequence = [item(IrradiationEventUID=event)]
    shared.PositionerPositionSequence = [_position(loop)]
    shared.TablePositionSequence = [_table()]
    if loop.open_field is not None:
        shared.FrameDisplayShutterSequence = [shutter_of(loop.open_field)]
    return shared


def _frame(number: int, moment: datetime) -> Dataset:
    text = moment.strftime("%Y%m%d%H%M%S.%f")
    content = item(
        FrameReferenceDateTime=text,
        FrameAcquisitionDateTime=text,
        FrameAcquisitionDuration=_ACTIVE_MS,
        FrameAcquisitionNumber=number,
        DimensionIndexValues=[number],
        TemporalPositionIndex=number,
    )
    return item(FrameContentSequence=[content])


def _anatomy(loop: CineLoop) -> Dataset:
    value, meaning = _REGIONS.get(loop.body_part or "", _SPINE)
    region = item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)
    return item(
        FrameLaterality=SIDES.get(loop.laterality or "", "U"), AnatomicRegionSequence=[region]
    )


def _pixel_properties(dataset: Dataset, loop: CineLoop) -> Dataset:
    intensity = loop.intensity
    properties = item(
        FrameType=list(dataset.ImageType),
        PixelIntensityRelationship=relationship_term(intensity),
        PixelIntensityRelationshipSign=-1 if falls(intensity) else 1,
        GeometricalProperties="UNIFORM",
        ImageProcessingApplied="NONE",
    )
    if loop.detector_mm_per_px is not None:
        properties.ImagerPixelSpacing = [decimal(loop.detector_mm_per_px)] * 2
    return properties


def _position(loop: CineLoop) -> Dataset:
    angles = {
        "PositionerPrimaryAngle": loop.view.primary_angle_deg,
        "PositionerSecondaryAngle": loop.view.secondary_angle_deg,
    }
    return item(**{keyword: decimal(deg) for keyword, deg in angles.items() if deg is not None})


def _geometry(distances_mm: tuple[float, float]) -> Dataset:
    detector, isocentre = distances_mm
    return item(DistanceSourceToDetector=decimal(detector), DistanceSourceToIsocenter=isocentre)


def _table() -> Dataset:
    places = (
        *("TableTopVerticalPosition", "TableTopLongitudinalPosition", "TableTopLateralPosition"),
        *("TableHorizontalRotationAngle", "TableHeadTiltAngle", "TableCradleTiltAngle"),
    )
    return item(**dict.fromkeys(places, 0.0))
