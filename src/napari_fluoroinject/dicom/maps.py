"""Spread maps as derived images with real world values, and the way back.

A map lies on the pixel grid of the loop, in the pose of the mask frames. Stored value 0 is padding
(undefined); a stored value s of 1 or more means intercept + slope * s, 1 being the smallest.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import (
    algorithm_parameters,
    anatomic_region,
    compression_of,
    result_header,
    say_side,
    say_where,
)
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity, ImageReference
    from napari_fluoroinject.model.arrays import FloatArray, StoredArray
    from napari_fluoroinject.model.report import Report

XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
SC_WORD_STORAGE = "1.2.840.10008.5.1.4.1.1.7.3"
"""Multi-frame Grayscale Word Secondary Capture: for sources that know nothing of their X-rays."""

_LARGEST_STORED = 65535
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""The single-frame class; the multi-frame ones lie below it."""

MapName = Literal["arrival", "time_to_peak", "peak_opacity", "washout", "transit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKind:
    """How one map is written; `step` is the real value between two stored values."""

    name: MapName
    attribute: str
    label: str
    explanation: str
    unit: Code
    quantity: Code
    step: float
    timed: bool = True


KINDS = (
    MapKind(
        name="arrival",
        attribute="arrival_s",
        label="ARRIVAL",
        explanation="Contrast arrival time, from the first frame",
        unit=codes.SECOND,
        quantity=codes.ARRIVAL_TIME,
        step=0.001,
    ),
    MapKind(
        name="time_to_peak",
        attribute="time_to_peak_s",
        label="TTP",
        explanation="Time of the largest opacity, from the first frame",
        unit=codes.SECOND,
        quantity=codes.TIME_TO_PEAK,
        step=0.001,
    ),
    MapKind(
        name="peak_opacity",
        attribute="peak_od",
        label="PEAK",
        explanation="Peak opacity, natural log units, corrected for scatter",
        unit=codes.NO_UNITS,
        quantity=codes.private("peak-opacity"),
        step=0.0001,
        timed=False,
    ),
    MapKind(
        name="washout",
        attribute="washout_per_s",
        label="WASHOUT",
        explanation="Washout rate, fall of opacity per second after the peak",
        unit=codes.PER_SECOND,
        quantity=codes.private("washout-rate"),
        step=0.0001,
    ),
    MapKind(
        name="transit",
        attribute="transit_s",
        label="TRANSIT",
        explanation="Transit time, opacity above half of its peak",
        unit=codes.SECOND,
        quantity=codes.private("transit-time"),
        step=0.001,
    ),
)
"""The maps in the order in which they are written."""

_RELATIVE = {
    "peak_opacity": MapKind(
        name="peak_opacity",
        attribute="peak_od",
        label="PEAK_REL",
        explanation="Peak opacity, RELATIVE: grey values of unknown or display scale",
        unit=codes.ARBITRARY,
        quantity=codes.private("peak-relative"),
        step=0.0001,
        timed=False,
    ),
    "washout": MapKind(
        name="washout",
        attribute="washout_per_s",
        label="WASHOUT_REL",
        explanation="Washout rate, RELATIVE: grey values of unknown or display scale",
        unit=codes.ARBITRARY_PER_SECOND,
        quantity=codes.private("washout-relative"),
        step=0.0001,
    ),
}
"""What takes the place of an opacity map where the loop is not quantitative."""

# Attributes that describe how the X-rays of the source were made and measured, not its dose: a
# derived image must not add to a dose sum.
_XRAY = (
    *("KVP", "Exposure", "ExposureTime", "XRayTubeCurrent", "RadiationSetting", "RadiationMode"),
    *("ImagerPixelSpacing", "PixelSpacing", "PixelSpacingCalibrationType"),
    *("PixelSpacingCalibrationDescription", "DistanceSourceToDetector", "DistanceSourceToPatient"),
    *("EstimatedRadiographicMagnificationFactor", "PositionerMotion", "PositionerPrimaryAngle"),
    *("PositionerSecondaryAngle", "PatientOrientation"),
)


_TECHNIQUE = ("Exposure", "ExposureTime", "XRayTubeCurrent")
"""2C: one of them, or current and time, is required; empty when none is known."""


def map_kinds(report: Report) -> tuple[MapKind, ...]:
    """Return the maps that this report gives: times need a time axis, opacities a scale."""
    if report.maps is None:
        return ()
    timed = report.loop.times_s is not None
    quantitative = is_quantitative(report)
    return tuple(
        kind if quantitative else _RELATIVE.get(kind.name, kind)
        for kind in KINDS
        if timed or not kind.timed
    )


def is_quantitative(report: Report) -> bool:
    """Tell whether opacities of this report are natural-log units and not merely relative."""
    return report.loop.intensity.quantitative and report.opacity.scale is not None


def encode_maps(report: Report, identity: Identity) -> tuple[tuple[MapKind, Dataset], ...]:
    """Encode every map that the report gives.

    The class is X-Ray Angiographic Image, or multi-frame grayscale word Secondary Capture where
    the source is a Secondary Capture or states no Radiation Setting, which the former cannot be
    without and which nobody can know.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    """
    if report.maps is None:
        return ()
    return tuple(
        (kind, _encode(kind, getattr(report.maps, kind.attribute), report, identity))
        for kind in map_kinds(report)
    )


def read_map(dataset: Dataset) -> FloatArray:
    """Read a map back in its real unit, (rows, columns) float32, NaN where undefined.

    Raises
    ------
    EncodingError
        The data set carries no linear real world value mapping (PS3.3 C.7.6.16.2.11).
    """
    mappings = dataset.get("RealWorldValueMappingSequence")
    if not mappings or "RealWorldValueSlope" not in mappings[0]:
        raise EncodingError(
            "this image has no linear real world value mapping; expected a map of this product"
        )
    mapping = mappings[0]
    stored = dataset.pixel_array.reshape(dataset.Rows, dataset.Columns)
    real = mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope * stored.astype(float)
    return np.where(stored >= mapping.RealWorldValueFirstValueMapped, real, np.nan).astype("f4")


def _encode(kind: MapKind, values: FloatArray, report: Report, identity: Identity) -> Dataset:
    as_xray = _is_xray(identity)
    dataset = result_header(
        identity,
        "maps",
        XA_IMAGE_STORAGE if as_xray else SC_WORD_STORAGE,
        modality="XA" if as_xray else str(identity.source.get("Modality") or "OT"),
        name=kind.name,
    )
    dataset.SeriesDescription = "Research: contrast kinetics"
    dataset.InstanceNumber = 1 + [k.name for k in KINDS].index(kind.name)
    say_where(dataset, identity, report.procedure.anatomic_region)
    say_side(dataset, identity)
    region = anatomic_region(identity, report.procedure.anatomic_region)
    if region is not None:
        dataset.AnatomicRegionSequence = [coded(region)]
    dataset.update(compression_of(report.loop, identity))
    _describe_derivation(dataset, kind, report, identity)
    stored, mapping = _mapped(values, kind)
    dataset.RealWorldValueMappingSequence = [mapping]
    _describe_pixels(dataset, stored)
    if as_xray:
        _describe_xray(dataset, kind, report, identity)
    else:
        _describe_capture(dataset, kind)
    return dataset


def _is_xray(identity: Identity) -> bool:
    source = identity.source
    captured = f"{source.SOPClassUID}.".startswith(f"{_SECONDARY_CAPTURE}.")
    return not captured and source.get("RadiationSetting") in ("SC", "GR")


def _mapped(values: FloatArray, kind: MapKind) -> tuple[npt.NDArray[np.uint16], Dataset]:
    """Quantise a map; the step grows tenfold as often as the range needs, nothing is clipped."""
    defined = np.isfinite(values)
    real = values[defined].astype(np.float64)
    low, high = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
    step = kind.step
    while (high - min(low, 0.0)) / step > _LARGEST_STORED - 2:
        step *= 10
    # Times and opacities start at 0; noise below it moves the start down by whole steps.
    first = floor(min(low, 0.0) / step) * step
    stored = np.zeros(values.shape, np.uint16)
    stored[defined] = np.round((real - first) / step).astype(np.uint16) + 1
    mapping = item(
        RealWorldValueFirstValueMapped=1,
        RealWorldValueLastValueMapped=_LARGEST_STORED,
        RealWorldValueIntercept=first - step,
        RealWorldValueSlope=step,
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
    mapping["RealWorldValueFirstValueMapped"].VR = "US"
    mapping["RealWorldValueLastValueMapped"].VR = "US"
    return stored, mapping


def _describe_derivation(
    dataset: Dataset, kind: MapKind, report: Report, identity: Identity
) -> None:
    dataset.DerivationDescription = plain(f"{kind.explanation}; stored value 0 = undefined")
    dataset.DerivationCodeSequence = [coded(codes.PERFUSION_ANALYSIS)]
    dataset.SourceImageSequence = [
        *(_source_item(reference, codes.SOURCE_IMAGE) for reference in identity.whole()),
        *_mask_items(report, identity),
    ]
    dataset.BurnedInAnnotation = "NO"
    made = report.provenance
    dataset.ImageComments = "; ".join(
        (
            plain(kind.explanation),
            "in the pose of the mask frames",
            *(() if is_quantitative(report) else ("loop not quantitative",)),
            plain(f"{made.software} {made.version}"),
            *algorithm_parameters(made),
            "Research software; not for clinical decisions",
        )
    )


def _mask_items(report: Report, identity: Identity) -> list[Dataset]:
    """Refer to the mask frames: theirs is the pose of the map, pixel for pixel."""
    references = [identity.frame(index) for index in report.injection.mask_frames]
    numbered = [reference for reference in references if reference.frame_number is not None]
    if numbered:
        mask = _source_item(numbered[0], codes.MASK_IMAGE)
        mask.ReferencedFrameNumber = [reference.frame_number for reference in numbered]
        masks = [mask]
    else:
        masks = [_source_item(reference, codes.MASK_IMAGE) for reference in references]
    for mask in masks:
        mask.SpatialLocationsPreserved = "YES"
    return masks


def _source_item(reference: ImageReference, purpose: Code) -> Dataset:
    return item(
        ReferencedSOPClassUID=reference.sop_class_uid,
        ReferencedSOPInstanceUID=reference.sop_instance_uid,
        PurposeOfReferenceCodeSequence=[coded(purpose)],
    )


def _describe_pixels(dataset: Dataset, stored: StoredArray) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.PixelPaddingValue = 0
    dataset["PixelPaddingValue"].VR = "US"
    top = max(int(stored.max()), 2)
    dataset.WindowCenter, dataset.WindowWidth = str((top + 1) // 2), str(top)
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def _describe_xray(dataset: Dataset, kind: MapKind, report: Report, identity: Identity) -> None:
    """X-Ray Image, Acquisition and Positioner modules (PS3.3 C.8.7.1 to C.8.7.5)."""
    source = identity.source
    for keyword in _XRAY:
        if keyword in source:
            dataset[keyword] = copy.deepcopy(source[keyword])
    _fill_from_loop(dataset, report)
    if "PositionerMotion" not in dataset:
        dataset.PositionerMotion = None
    if "PatientOrientation" not in dataset:
        dataset.PatientOrientation = []
    dataset.ImageType = ["DERIVED", "SECONDARY", _plane(dataset, source), kind.label]
    # Not proportional to the beam, and no Modality LUT: DISP.
    dataset.PixelIntensityRelationship = "DISP"


def _fill_from_loop(dataset: Dataset, report: Report) -> None:
    """Take from the loop what enhanced sources keep in functional groups; else leave it empty."""
    if not any(keyword in dataset for keyword in _TECHNIQUE):
        dataset.XRayTubeCurrent = dataset.ExposureTime = dataset.Exposure = None
    view, spacing = report.loop.view, report.loop.detector_mm_per_px
    for keyword, value in (
        ("KVP", report.loop.kvp),
        ("PositionerPrimaryAngle", view.primary_angle_deg),
        ("PositionerSecondaryAngle", view.secondary_angle_deg),
    ):
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, None if value is None else f"{value:.10g}")
    if "ImagerPixelSpacing" not in dataset and spacing is not None:
        dataset.ImagerPixelSpacing = [f"{spacing:.10g}"] * 2


def _plane(dataset: Dataset, source: Dataset) -> str:
    """Return value 3 of Image Type; a biplane image keeps the reference to its twin (1C)."""
    twins = [
        reference
        for reference in source.get("ReferencedImageSequence") or ()
        if _purpose(reference) == codes.OTHER_PLANE.value
    ]
    values = list(source.get("ImageType") or ())
    if twins and len(values) > 2 and values[2] in ("BIPLANE A", "BIPLANE B"):
        dataset.ReferencedImageSequence = copy.deepcopy(twins)
        dataset.remove_private_tags()
        return str(values[2])
    return "SINGLE PLANE"


def _purpose(reference: Dataset) -> str | None:
    purposes: Sequence[Dataset] = reference.get("PurposeOfReferenceCodeSequence") or ()
    return str(purposes[0].get("CodeValue")) if purposes else None


def _describe_capture(dataset: Dataset, kind: MapKind) -> None:
    """SC Equipment and SC Multi-frame Image modules (PS3.3 C.8.6.1, C.8.6.3)."""
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", kind.label]
    dataset.ConversionType = "WSD"
    dataset.NumberOfFrames = 1
    dataset.PatientOrientation = []
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
