"""Spread maps as Parametric Maps: the numbers themselves, 32-bit floats without quantisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.derived import say_comment
from napari_fluoroinject.dicom.header import (
    anatomic_region,
    compression_of,
    referenced_series,
    result_header,
    say_where,
)
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.maps import KINDS, MapKind, is_quantitative, map_kinds
from napari_fluoroinject.dicom.seg import NOMINAL
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.report import Report

ParametricProfile = Literal["strict", "viewer"]
"""`strict` invents no geometry; `viewer` adds a nominal one, marked as such."""

PARAMETRIC_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.30"
PADDING = float(np.finfo(np.float32).min)
"""What stands for "undefined": no map has it, and a NaN would not survive every reader."""


def encode_parametric_maps(
    report: Report, identity: Identity, *, profile: ParametricProfile = "strict"
) -> tuple[tuple[MapKind, Dataset], ...]:
    """Encode every map that the report gives.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    profile
        See `ParametricProfile`.
    """
    if report.maps is None:
        return ()
    return tuple(
        (kind, encode_parametric(report, identity, kind, profile=profile))
        for kind in map_kinds(report)
    )


def encode_parametric(
    report: Report,
    identity: Identity,
    kind: MapKind,
    *,
    profile: ParametricProfile = "strict",
) -> Dataset:
    """Encode one map as a Parametric Map of one frame (PS3.3 A.75).

    The pixel grid is that of the loop, in the pose of the mask frames. A projection has no plane
    in the patient: the strict profile leaves out Pixel Measures and the plane groups, which the
    class asks for; its frame of reference is its own and relates to nothing.

    Parameters
    ----------
    report
        The analysed loop, with maps.
    identity
        Of its source.
    kind
        Which map, see `map_kinds`.
    profile
        See `ParametricProfile`.

    Raises
    ------
    EncodingError
        The report has no maps.
    """
    if report.maps is None:
        raise EncodingError("the report has no maps; expected one with usable frames of its mask")
    values: FloatArray = getattr(report.maps, kind.attribute)
    series = "parametric" if profile == "strict" else f"parametric {profile}"
    dataset = result_header(
        identity, series, PARAMETRIC_MAP_STORAGE, modality="OT", name=kind.name
    )
    dataset.SeriesDescription = "Research: contrast kinetics, real numbers"
    dataset.InstanceNumber = 1 + [one.name for one in KINDS].index(kind.name)
    say_where(dataset, identity, report.procedure.anatomic_region)
    dataset.update(compression_of(report.loop, identity))
    _describe_image(dataset, kind, report, identity)
    _describe_frame(dataset, kind, report, identity)
    _describe_dimensions(dataset, identity.uid(series, kind.name, "dimensions"))
    # M: all maps of a loop share one, which no other object has.
    dataset.FrameOfReferenceUID = identity.uid(series, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    if profile == "viewer":
        _add_nominal_geometry(dataset, report)
    _add_pixels(dataset, values)
    return dataset


def read_parametric(dataset: Dataset) -> FloatArray:
    """Read a map back, (rows, columns) float32, NaN where undefined.

    Raises
    ------
    EncodingError
        The data set has no floating point pixels.
    """
    if "FloatPixelData" not in dataset:
        raise EncodingError("this object has no Float Pixel Data; expected a Parametric Map")
    stored = np.asarray(dataset.pixel_array, np.float32).reshape(dataset.Rows, dataset.Columns)
    padding = np.float32(dataset.get("FloatPixelPaddingValue", np.nan))
    values: FloatArray = np.where(stored == padding, np.float32(np.nan), stored)
    return values


def _describe_image(dataset: Dataset, kind: MapKind, report: Report, identity: Identity) -> None:
    """Parametric Map Image module (PS3.3 C.8.32.2)."""
    dataset.ImageType = ["DERIVED", "PRIMARY", "PERFUSION", "NONE"]
    dataset.ContentQualification = "RESEARCH"
    dataset.ContentLabel = kind.label
    dataset.ContentDescription = plain(kind.explanation, limit=64)
    dataset.ContentCreatorName = None
    dataset.PatientOrientation = []  # 2C and unknown: empty
    dataset.BurnedInAnnotation = dataset.RecognizableVisualFeatures = "NO"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionContextSequence = []
    dataset.ReferencedSeriesSequence = referenced_series(identity.headers)
    relative = () if is_quantitative(report) else ("loop not quantitative",)
    said = (kind.explanation, "in the pose of the mask frames", *relative)
    say_comment(dataset, said, identity)


def _describe_frame(dataset: Dataset, kind: MapKind, report: Report, identity: Identity) -> None:
    """Functional groups of the one frame (PS3.3 table A.75-2)."""
    shared, frame = Dataset(), Dataset()
    shared.ParametricMapFrameTypeSequence = [item(FrameType=dataset.ImageType)]
    shared.PixelValueTransformationSequence = [
        item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
    ]
    shared.FrameVOILUTSequence = [_window(getattr(report.maps, kind.attribute))]
    anatomy = item(FrameLaterality="U")
    region = anatomic_region(identity, report.procedure.anatomic_region)
    if region is not None:
        anatomy.AnatomicRegionSequence = [coded(region)]
        shared.FrameAnatomySequence = [anatomy]
    shared.RealWorldValueMappingSequence = [_mapping(getattr(report.maps, kind.attribute), kind)]
    frame.FrameContentSequence = [item(TemporalPositionIndex=1, DimensionIndexValues=[1])]
    frame.DerivationImageSequence = [
        item(
            DerivationDescription=plain(kind.explanation),
            DerivationCodeSequence=[coded(codes.PERFUSION_ANALYSIS)],
            SourceImageSequence=[
                item(
                    ReferencedSOPClassUID=reference.sop_class_uid,
                    ReferencedSOPInstanceUID=reference.sop_instance_uid,
                    PurposeOfReferenceCodeSequence=[coded(codes.SOURCE_IMAGE)],
                )
                for reference in identity.whole()
            ],
        )
    ]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [frame]


def _mapping(values: FloatArray, kind: MapKind) -> Dataset:
    """Say what the values mean: they are the real ones (PS3.3 C.7.6.16.2.11)."""
    low, high = _range(values)
    return item(
        DoubleFloatRealWorldValueFirstValueMapped=low,
        DoubleFloatRealWorldValueLastValueMapped=high,
        RealWorldValueIntercept=0.0,
        RealWorldValueSlope=1.0,
        LUTExplanation=plain(kind.explanation, limit=64),
        LUTLabel=kind.label,
        MeasurementUnitsCodeSequence=[coded(kind.unit)],
        QuantityDefinitionSequence=[
            item(
                ValueType="CODE",
                ConceptNameCodeSequence=[coded(codes.QUANTITY)],
                ConceptCodeSequence=[coded(kind.quantity)],
            )
        ],
    )


def _window(values: FloatArray) -> Dataset:
    low, high = _range(values)
    width = max(high - low, 1e-3)
    # Widths below 1, as those of times and opacities are, take the exact function (C.11.2.1.3.2).
    return item(
        WindowCenter=f"{(low + high) / 2:.8g}",
        WindowWidth=f"{width:.8g}",
        VOILUTFunction="LINEAR_EXACT",
    )


def _range(values: FloatArray) -> tuple[float, float]:
    defined: BoolArray = np.isfinite(values)
    if not defined.any():
        return 0.0, 0.0
    return float(values[defined].min()), float(values[defined].max())


def _describe_dimensions(dataset: Dataset, organization_uid: str) -> None:
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization_uid)]
    dataset.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag("TemporalPositionIndex"),
            FunctionalGroupPointer=Tag("FrameContentSequence"),
            DimensionOrganizationUID=organization_uid,
        )
    ]


def _add_nominal_geometry(dataset: Dataset, report: Report) -> None:
    """Add a unit plane for readers that insist on one; it says nothing true about the patient."""
    spacing = f"{report.loop.mm_per_px or 1.0:.6g}"
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence = [
        item(PixelSpacing=[spacing, spacing], SliceThickness="1", SpacingBetweenSlices="1")
    ]
    shared.PlaneOrientationSequence = [
        item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    ]
    frame = dataset.PerFrameFunctionalGroupsSequence[0]
    frame.PlanePositionSequence = [item(ImagePositionPatient=["0", "0", "0"])]
    dataset.ContentDescription = NOMINAL
    dataset.SeriesDescription = f"Contrast kinetics; {NOMINAL}"


def _add_pixels(dataset: Dataset, values: FloatArray) -> None:
    """Floating Point Image Pixel module (PS3.3 C.7.6.24)."""
    dataset.NumberOfFrames = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated = 32
    dataset.FloatPixelPaddingValue = dataset.FloatPixelPaddingRangeLimit = PADDING
    stored = np.where(np.isfinite(values), values, np.float32(PADDING)).astype("<f4")
    dataset.FloatPixelData = stored.tobytes()
