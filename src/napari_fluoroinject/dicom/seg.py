"""Contrast and needle, frame by frame, as a Segmentation of the loop.

highdicom 0.28 refuses sources without a Frame of Reference, which a projection cine never has, so
the object is assembled here. The strict profile is legal without any geometry: Frame of Reference,
Pixel Measures, Plane Position and Plane Orientation are not required where Derivation Image is
present (PS3.3 table A.51-1 and A.51-2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag

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
from napari_fluoroinject.dicom.raw_items import (
    elements_of,
    numbers,
    raw_sequence,
    sequence,
    text,
    write_raw,
)
from napari_fluoroinject.model.arrays import BoolArray
from napari_fluoroinject.model.drawing import needle_mask, needle_width_px
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.identity import Identity, ImageReference
    from napari_fluoroinject.model.report import Report

SegProfile = Literal["strict", "viewer"]
"""`strict` invents no geometry; `viewer` adds a nominal one, marked as such."""

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
NOMINAL = "NOMINAL GEOMETRY, NOT PATIENT SPACE"
"""What every object of the viewer profile says about itself."""

_SPREAD_YELLOW_LAB = (56479, 32792, 55153)
_NEEDLE_CYAN_LAB = (54771, 23524, 26338)
"""CIELab of #FFD400 and #00E5FF, the product's colours, scaled as PS3.3 C.10.7.1.1 says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """One segment; `draw` gives its pixels (rows, columns) in a frame's own geometry."""

    label: str
    category: Code
    kind: Code
    frames: tuple[int, ...]
    draw: Callable[[int], BoolArray]
    algorithm_type: Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
    algorithm_family: Code
    cielab: tuple[int, int, int]


def segments_of(report: Report) -> tuple[Segment, ...]:
    """Return the segments that have pixels: contrast spread first, then needle."""
    candidates = (_contrast(report), _needle(report))
    return tuple(
        segment
        for segment in candidates
        if segment is not None and any(segment.draw(frame).any() for frame in segment.frames)
    )


def encode_segmentation(
    report: Report, identity: Identity, *, profile: SegProfile = "strict"
) -> Dataset | None:
    """Encode contrast and needle as a binary Segmentation; None when neither has a pixel.

    Frames are in time order within each segment; frames without a pixel are left out, which
    readers have to take as empty (PS3.3 C.8.20.2).

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    profile
        See `SegProfile`.
    """
    segments = segments_of(report)
    if not segments:
        return None
    kind = "segmentation" if profile == "strict" else f"segmentation {profile}"
    dataset = result_header(identity, kind, SEGMENTATION_STORAGE, modality="SEG")
    _, rows, columns = report.loop.shape
    _describe_image(dataset, rows, columns)
    say_where(dataset, identity, report.procedure.anatomic_region)
    dataset.update(compression_of(report.loop, identity))
    drawn = [_drawn(segment) for segment in segments]
    dataset.SegmentsOverlap = "YES" if _overlap(drawn) else "NO"
    region = anatomic_region(identity, report.procedure.anatomic_region)
    dataset.SegmentSequence = [
        _segment_item(number, segment, identity, region)
        for number, segment in enumerate(segments, start=1)
    ]
    dataset.ReferencedSeriesSequence = referenced_series(identity.headers)
    _index_frames(dataset, identity.uid(kind, "dimensions"))
    _add_frames(dataset, drawn, identity)
    if profile == "viewer":
        _add_nominal_geometry(dataset, identity.uid(kind, "frame of reference"), report)
    write_raw(dataset)
    return dataset


def _contrast(report: Report) -> Segment | None:
    if report.maps is None:
        return None
    by_frame = report.maps.region_by_frame
    return Segment(
        label="Contrast spread",
        category=codes.SUBSTANCE,
        kind=codes.CONTRAST_MEDIA,
        frames=tuple(range(len(by_frame))),
        draw=by_frame.__getitem__,
        algorithm_type="AUTOMATIC",
        algorithm_family=codes.NEIGHBORHOOD_ANALYSIS,
        cielab=_SPREAD_YELLOW_LAB,
    )


def _needle(report: Report) -> Segment | None:
    needle = report.needle
    if not isinstance(needle, Needle):
        return None
    given = needle.source == "given"
    hubs, tips = needle.hub_by_frame_px, needle.tip_by_frame_px
    width_px = needle_width_px(report.annotation.gauge, report.loop.mm_per_px)

    def draw(frame: int) -> BoolArray:
        one = slice(frame, frame + 1)
        shape = (1, *report.loop.shape[1:])
        picture: BoolArray = needle_mask(
            shape, hubs[one], tips[one], width_px=width_px, sag_px=needle.sag_px
        )[0]
        return picture

    return Segment(
        label="Needle",
        category=codes.PHYSICAL_OBJECT,
        kind=codes.NEEDLE,
        frames=tuple(range(len(tips))),
        draw=draw,
        # A shaft that a person marked is still followed through the loop by the algorithm.
        algorithm_type="SEMIAUTOMATIC" if given else "AUTOMATIC",
        algorithm_family=codes.MANUAL_PROCESSING if given else codes.EDGE_DETECTION,
        cielab=_NEEDLE_CYAN_LAB,
    )


_Drawn = dict[int, npt.NDArray[np.uint8]]
"""Frames of a segment that have a pixel, one bit per pixel, the first pixel lowest."""


def _drawn(segment: Segment) -> _Drawn:
    pictures = {}
    for frame in segment.frames:
        picture = segment.draw(frame)
        if picture.any():
            pictures[frame] = np.packbits(picture, bitorder="little")
    return pictures


def _overlap(drawn: list[_Drawn]) -> bool:
    return len(drawn) > 1 and any(
        (drawn[0][frame] & drawn[1][frame]).any() for frame in drawn[0].keys() & drawn[1].keys()
    )


def _describe_image(dataset: Dataset, rows: int, columns: int) -> None:
    """Segmentation Image module (PS3.3 C.8.20.2) of a binary segmentation."""
    dataset.SeriesDescription = "Research: contrast spread and needle"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PatientOrientation = []  # 2C and unknown: empty
    dataset.ContentLabel = "SEGMENTATION"
    dataset.ContentDescription = "Contrast spread and needle, research software"
    dataset.ContentCreatorName = None
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelRepresentation = 0
    dataset.SegmentationType = "BINARY"
    dataset.BurnedInAnnotation = "NO"


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


def _index_frames(dataset: Dataset, organization_uid: str) -> None:
    """Frames are indexed by segment, then by their place in time."""
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization_uid)]
    dataset.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag(pointer),
            FunctionalGroupPointer=Tag(group),
            DimensionOrganizationUID=organization_uid,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in (
            ("ReferencedSegmentNumber", "SegmentIdentificationSequence", "Segment"),
            ("TemporalPositionIndex", "FrameContentSequence", "Source frame"),
        )
    ]


def _add_frames(dataset: Dataset, drawn: list[_Drawn], identity: Identity) -> None:
    groups: list[bytes] = []
    frames: list[npt.NDArray[np.uint8]] = []
    for number, pictures in enumerate(drawn, start=1):
        shared = _SameInEveryFrame.of(number)
        groups += [_frame_groups(shared, index, identity.frame(index)) for index in pictures]
        frames += pictures.values()
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    per_frame = raw_sequence("PerFrameFunctionalGroupsSequence", groups)
    dataset[per_frame.tag] = per_frame
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = _packed(frames, dataset.Rows * dataset.Columns)
    dataset["PixelData"].VR = "OB"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SameInEveryFrame:
    """Elements that a segment's frames have in common, as bytes; made once."""

    number: int
    segment: bytes
    purpose: bytes
    derivation: bytes

    @classmethod
    def of(cls, number: int) -> _SameInEveryFrame:
        return cls(
            number=number,
            segment=elements_of(
                item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)])
            ),
            purpose=elements_of(item(PurposeOfReferenceCodeSequence=[coded(codes.SOURCE_IMAGE)])),
            derivation=elements_of(item(DerivationCodeSequence=[coded(codes.SEGMENTATION)])),
        )


def _frame_groups(shared: _SameInEveryFrame, index: int, reference: ImageReference) -> bytes:
    """Functional groups of one frame, as bytes (PS3.3 C.7.6.16): tags rise within an item."""
    position = index + 1  # DICOM counts from 1
    frame = () if reference.frame_number is None else (str(reference.frame_number),)
    source = (
        text("ReferencedSOPClassUID", reference.sop_class_uid),
        text("ReferencedSOPInstanceUID", reference.sop_instance_uid),
        *(text("ReferencedFrameNumber", number) for number in frame),
        text("SpatialLocationsPreserved", "YES"),
        shared.purpose,
    )
    derivation = sequence("SourceImageSequence", b"".join(source)) + shared.derivation
    place = (
        numbers("TemporalPositionIndex", position),
        numbers("DimensionIndexValues", shared.number, position),
    )
    return b"".join(
        (
            sequence("DerivationImageSequence", derivation),
            sequence("FrameContentSequence", b"".join(place)),
            shared.segment,
        )
    )


def _packed(frames: list[npt.NDArray[np.uint8]], size: int) -> bytes:
    """Put frames of `size` pixels one after the other without gaps (PS3.5 8.1.1)."""
    if size % 8 == 0:
        packed = b"".join(frame.data for frame in frames)
    else:
        bits = [np.unpackbits(frame, count=size, bitorder="little") for frame in frames]
        packed = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
    return packed + b"\0" * (len(packed) % 2)


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
    for group in dataset.PerFrameFunctionalGroupsSequence:
        group.PlanePositionSequence = [item(ImagePositionPatient=["0", "0", "0"])]
    dataset.FrameOfReferenceUID = frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.SeriesDescription = dataset.ContentDescription = NOMINAL
