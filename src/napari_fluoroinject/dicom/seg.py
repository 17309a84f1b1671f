"""Contrast and needle, frame by frame, as a Segmentation of the loop.

highdicom 0.28 refuses sources without a Frame of Reference, which a projection cine never has, so
the object is assembled here. The strict profile is legal without any geometry: Frame of Reference,
Pixel Measures, Plane Position and Plane Orientation are not required where Derivation Image is
present (PS3.3 table A.51-1 and A.51-2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydicom.dataset import Dataset

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import (
    algorithm_parameters,
    anatomic_region,
    compression_of,
    referenced_series,
    result_header,
    say_where,
)
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.raw_items import write_raw
from napari_fluoroinject.dicom.seg_frames import add_groups, index_frames
from napari_fluoroinject.dicom.seg_pixels import (
    BACKGROUND,
    SegCompression,
    SegEncoding,
    StoredFrames,
    add_pixels,
    store,
)
from napari_fluoroinject.dicom.segments import LARGEST_FRACTION, Segment, segments_of

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report

SegProfile = Literal["strict", "viewer"]
"""`strict` invents no geometry; `viewer` adds a nominal one, marked as such."""

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
NOMINAL = "NOMINAL GEOMETRY, NOT PATIENT SPACE"
"""What every object of the viewer profile says about itself."""

_DESCRIPTIONS: dict[SegEncoding, str] = {
    "binary": "Research: contrast spread and needle",
    "fractional": "Research: contrast spread and needle, occupancy",
    "labelmap": "Research: contrast spread and needle, label map",
}
_SHORT = {
    "BINARY": "Contrast and needle",
    "FRACTIONAL": "Contrast, needle: shares",
    "LABELMAP": "Contrast, needle: labels",
}
"""What a series with nominal geometry is, before it says so: both fit into 64 characters."""


def encode_segmentation(
    report: Report,
    identity: Identity,
    *,
    profile: SegProfile = "strict",
    encoding: SegEncoding = "binary",
    compression: SegCompression = "rle",
) -> Dataset | None:
    """Encode contrast and needle as a Segmentation; None when neither has a pixel.

    Frames are in time order within each segment; frames without a pixel are left out, which
    readers have to take as empty (PS3.3 C.8.20.2). A binary one holds a bit per pixel and segment,
    a fractional one the share of the pixel that each segment fills (`segments` says how it is
    had), a label map one number per pixel: where segments overlap it keeps the needle and tells.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    profile
        See `SegProfile`.
    encoding, compression
        See `SegEncoding` and `SegCompression`.
    """
    segments = segments_of(report)
    stored = store(segments, encoding, compression)
    if not stored.places:
        return None
    kind = _kind(profile, encoding)
    storage = LABEL_MAP_STORAGE if encoding == "labelmap" else SEGMENTATION_STORAGE
    dataset = result_header(identity, kind, storage, modality="SEG")
    _describe_image(dataset, report, encoding)
    say_where(dataset, identity, report.procedure.anatomic_region)
    dataset.update(compression_of(report.loop, identity))
    _describe_segments(dataset, segments, stored, report, identity)
    dataset.ReferencedSeriesSequence = referenced_series(identity.headers)
    organization = identity.uid(kind, "dimensions")
    index_frames(dataset, organization, by_segment=encoding != "labelmap")
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    add_groups(dataset, stored.places, identity, in_nominal_plane=profile == "viewer")
    if profile == "viewer":
        _add_nominal_geometry(dataset, identity.uid(kind, "frame of reference"), report)
    add_pixels(dataset, stored, encoding, compression)
    write_raw(dataset)
    return dataset


def _kind(profile: SegProfile, encoding: SegEncoding) -> str:
    """Name of the series: "segmentation", "segmentation labelmap viewer"."""
    words = [
        "segmentation",
        *([] if encoding == "binary" else [encoding]),
        *([] if profile == "strict" else [profile]),
    ]
    return " ".join(words)


def _describe_image(dataset: Dataset, report: Report, encoding: SegEncoding) -> None:
    """Segmentation Image module (PS3.3 C.8.20.2), but for its pixels and segments."""
    dataset.SeriesDescription = _DESCRIPTIONS[encoding]
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PatientOrientation = []  # 2C and unknown: empty
    dataset.ContentLabel = "SEGMENTATION"
    dataset.ContentDescription = "Contrast spread and needle, research software"
    dataset.ContentCreatorName = None
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    _, dataset.Rows, dataset.Columns = report.loop.shape
    dataset.SegmentationType = encoding.upper()
    if encoding == "fractional":
        dataset.SegmentationFractionalType = "OCCUPANCY"
        dataset.MaximumFractionalValue = LARGEST_FRACTION
    if encoding == "labelmap":
        dataset.add_new("PixelPaddingValue", "US", BACKGROUND)
    dataset.BurnedInAnnotation = "NO"


def _describe_segments(
    dataset: Dataset,
    segments: tuple[Segment, ...],
    stored: StoredFrames,
    report: Report,
    identity: Identity,
) -> None:
    """Segment Sequence (PS3.3 table C.8.20-4); in a label map every label is a segment."""
    region = anatomic_region(identity, report.procedure.anatomic_region)
    items = [
        _segment_item(number, segment, identity, region)
        for number, segment in enumerate(segments, start=1)
    ]
    encoding = dataset.SegmentationType
    if encoding == "FRACTIONAL":
        for described, segment in zip(items, segments, strict=True):
            described.SegmentDescription = plain(segment.occupied)
    if encoding == "LABELMAP":
        for described in items[:-1] if stored.overlap_px else ():
            described.SegmentDescription = _hidden(stored, segments[-1])
        items = [_background(identity), *items]
    dataset.SegmentSequence = items
    apart = encoding == "LABELMAP" or not stored.overlap_px
    dataset.SegmentsOverlap = "NO" if apart else "YES"


def _hidden(stored: StoredFrames, last: Segment) -> str:
    return (
        f"A pixel of a label map is one thing only: {stored.overlap_px} pixels in "
        f"{stored.overlap_frames} frames belong to this segment and to another, and are given to "
        f"the later one ({last.label})."
    )


def _segment_item(
    number: int, segment: Segment, identity: Identity, region: Code | None
) -> Dataset:
    made = identity.provenance
    described = item(
        SegmentNumber=number,
        SegmentLabel=segment.label,
        SegmentedPropertyCategoryCodeSequence=[coded(segment.category)],
        SegmentedPropertyTypeCodeSequence=[coded(segment.kind)],
        SegmentAlgorithmType=segment.algorithm_type,
        SegmentAlgorithmName=plain(made.software, limit=64),
        SegmentationAlgorithmIdentificationSequence=[
            item(
                AlgorithmFamilyCodeSequence=[coded(segment.algorithm_family)],
                AlgorithmName=plain(made.software, limit=64),
                AlgorithmVersion=plain(made.version, limit=64),
                AlgorithmParameters="; ".join(algorithm_parameters(made)),
            )
        ],
        TrackingID=segment.label,
        TrackingUID=identity.tracking_uid("segment", segment.label),
        RecommendedDisplayCIELabValue=list(segment.cielab),
    )
    if region is not None:
        described.AnatomicRegionSequence = [coded(region)]
    return described


def _background(identity: Identity) -> Dataset:
    """Of a label map: every value that occurs has to be described (PS3.3 C.8.20.2.3)."""
    return item(
        SegmentNumber=BACKGROUND,
        SegmentLabel="Background",
        SegmentedPropertyCategoryCodeSequence=[coded(codes.BACKGROUND)],
        SegmentedPropertyTypeCodeSequence=[coded(codes.BACKGROUND)],
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName=plain(identity.provenance.software, limit=64),
    )


def _add_nominal_geometry(dataset: Dataset, frame_of_reference_uid: str, report: Report) -> None:
    """Add a unit plane for viewers that insist on one; it says nothing true about the patient."""
    spacing = f"{report.loop.mm_per_px or 1.0:.6g}"
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence = [
        item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    ]
    shared.PixelMeasuresSequence = [
        item(PixelSpacing=[spacing, spacing], SliceThickness="1", SpacingBetweenSlices="1")
    ]
    dataset.FrameOfReferenceUID = frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ContentDescription = NOMINAL
    dataset.SeriesDescription = f"{_SHORT[dataset.SegmentationType]}; {NOMINAL}"
