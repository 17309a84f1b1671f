"""What every image made from a loop has: class, X-ray attributes, sources, real world values."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.identity import Identity, ImageReference
    from napari_fluoroinject.model.cine import CineLoop

XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
SC_WORD_STORAGE = "1.2.840.10008.5.1.4.1.1.7.3"
"""Multi-frame Grayscale Word Secondary Capture: for sources that know nothing of their X-rays."""

LARGEST_STORED = 65535

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""The single-frame class; the multi-frame ones lie below it."""

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


def derived_image(
    identity: Identity,
    kind: str,
    loop: CineLoop,
    *,
    as_xray: bool,
    region: tuple[str, str, str] | None = None,
    name: str | None = None,
) -> Dataset:
    """Return a new image of `kind` without pixels: header, place, side, compression.

    Parameters
    ----------
    identity, kind, name
        As `header.result_header` takes them.
    loop
        What the image is made from.
    as_xray
        An X-Ray Angiographic Image; else a Secondary Capture.
    region
        The procedure's anatomic region, (code value, scheme, meaning).
    """
    dataset = result_header(
        identity,
        kind,
        XA_IMAGE_STORAGE if as_xray else SC_WORD_STORAGE,
        modality="XA" if as_xray else str(identity.source.get("Modality") or "OT"),
        name=name,
    )
    say_place(dataset, identity, loop, region)
    dataset.BurnedInAnnotation = "NO"
    return dataset


def say_place(
    dataset: Dataset,
    identity: Identity,
    loop: CineLoop,
    region: tuple[str, str, str] | None,
) -> None:
    """Write what was imaged, on which side, and whether pixels were ever compressed with loss.

    Parameters
    ----------
    dataset
        The image that is being made.
    identity, loop, region
        As above.
    """
    say_where(dataset, identity, region)
    say_side(dataset, identity)
    anatomy = anatomic_region(identity, region)
    if anatomy is not None:
        dataset.AnatomicRegionSequence = [coded(anatomy)]
    dataset.update(compression_of(loop, identity))


def burned_in(identity: Identity) -> str | None:
    """Whether the source's pixels show who the patient is: YES, NO, or None where it is unknown.

    What shows pixels of the source has to say the same of itself (Burned In Annotation, PS3.3
    C.7.6.1.1): one frame with a name is enough for YES, and only if all say NO it is NO.
    """
    said = {str(header.get("BurnedInAnnotation") or "") for header in identity.headers}
    if "YES" in said:
        return "YES"
    return "NO" if said == {"NO"} else None


def is_xray(identity: Identity) -> bool:
    """Tell whether a source knows enough of its X-rays for an X-Ray Angiographic Image.

    A Secondary Capture does not, nor does one without Radiation Setting, which that class cannot
    be without and which nobody can know.
    """
    source = identity.source
    captured = f"{source.SOPClassUID}.".startswith(f"{_SECONDARY_CAPTURE}.")
    return not captured and source.get("RadiationSetting") in ("SC", "GR")


def describe_xray(dataset: Dataset, label: str, loop: CineLoop, identity: Identity) -> None:
    """X-Ray Image, Acquisition and Positioner modules (PS3.3 C.8.7.1 to C.8.7.5)."""
    source = identity.source
    for keyword in _XRAY:
        if keyword in source:
            dataset[keyword] = copy.deepcopy(source[keyword])
    _fill_from_loop(dataset, loop)
    if "PositionerMotion" not in dataset:
        dataset.PositionerMotion = None
    if "PatientOrientation" not in dataset:
        dataset.PatientOrientation = []
    dataset.ImageType = ["DERIVED", "SECONDARY", _plane(dataset, source), label]
    # Not proportional to the beam, and no Modality LUT: DISP.
    dataset.PixelIntensityRelationship = "DISP"


def describe_capture(dataset: Dataset, label: str, *, frames: int = 1) -> None:
    """SC Equipment and SC Multi-frame Image modules (PS3.3 C.8.6.1, C.8.6.3)."""
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", label]
    dataset.ConversionType = "WSD"
    dataset.NumberOfFrames = frames
    dataset.PatientOrientation = []
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"


def describe_pixels(dataset: Dataset, shape: tuple[int, ...], content: bytes) -> None:
    """Image Pixel module of 16-bit pixels, of which stored value 0 is padding (PS3.3 C.7.6.3).

    Parameters
    ----------
    dataset
        The image that is being made.
    shape
        (..., rows, columns).
    content
        Pixels of 16 bits, little endian.
    """
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.PixelPaddingValue = 0
    dataset["PixelPaddingValue"].VR = "US"
    dataset.PixelData = content
    dataset["PixelData"].VR = "OW"


def real_world_values(
    *, intercept: float, slope: float, label: str, explanation: str, unit: Code, quantity: Code
) -> Dataset:
    """What stored values from 1 on mean (PS3.3 C.7.6.16.2.11): intercept + slope * stored."""
    mapping = item(
        RealWorldValueFirstValueMapped=1,
        RealWorldValueLastValueMapped=LARGEST_STORED,
        RealWorldValueIntercept=intercept,
        RealWorldValueSlope=slope,
        LUTExplanation=plain(explanation, limit=64),
        LUTLabel=label,
        MeasurementUnitsCodeSequence=[coded(unit)],
        QuantityDefinitionSequence=[
            item(
                ValueType="CODE",
                ConceptNameCodeSequence=[coded(codes.QUANTITY)],
                ConceptCodeSequence=[coded(quantity)],
            )
        ],
    )
    mapping["RealWorldValueFirstValueMapped"].VR = "US"
    mapping["RealWorldValueLastValueMapped"].VR = "US"
    return mapping


def say_comment(dataset: Dataset, said: Iterable[str], identity: Identity) -> None:
    """Write what is to be known of the image, and what made it, for whoever looks at it."""
    made = identity.provenance
    dataset.ImageComments = "; ".join(
        (
            *map(plain, said),
            plain(f"{made.software} {made.version}"),
            *algorithm_parameters(made),
            "Research software; not for clinical decisions",
        )
    )


def source_items(identity: Identity) -> list[Dataset]:
    """Refer to the whole loop, one item per instance."""
    return [_source_item(reference, codes.SOURCE_IMAGE) for reference in identity.whole()]


def mask_items(
    identity: Identity, mask_frames: Sequence[int], *, same_place: bool
) -> list[Dataset]:
    """Refer to the mask frames.

    Parameters
    ----------
    identity
        Of the result.
    mask_frames
        From 0.
    same_place
        The image lies in their pose, pixel for pixel.
    """
    references = [identity.frame(index) for index in mask_frames]
    numbered = [reference for reference in references if reference.frame_number is not None]
    if numbered:
        mask = _source_item(numbered[0], codes.MASK_IMAGE)
        mask.ReferencedFrameNumber = [reference.frame_number for reference in numbered]
        masks = [mask]
    else:
        masks = [_source_item(reference, codes.MASK_IMAGE) for reference in references]
    for mask in masks if same_place else ():
        mask.SpatialLocationsPreserved = "YES"
    return masks


def _source_item(reference: ImageReference, purpose: Code) -> Dataset:
    return item(
        ReferencedSOPClassUID=reference.sop_class_uid,
        ReferencedSOPInstanceUID=reference.sop_instance_uid,
        PurposeOfReferenceCodeSequence=[coded(purpose)],
    )


def _fill_from_loop(dataset: Dataset, loop: CineLoop) -> None:
    """Take from the loop what enhanced sources keep in functional groups; else leave it empty."""
    if not any(keyword in dataset for keyword in _TECHNIQUE):
        dataset.XRayTubeCurrent = dataset.ExposureTime = dataset.Exposure = None
    view, spacing = loop.view, loop.detector_mm_per_px
    for keyword, value in (
        ("KVP", loop.kvp),
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
