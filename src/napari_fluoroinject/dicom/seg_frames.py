"""The functional groups of a segmentation's frames, as bytes: a loop has hundreds of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydicom.tag import Tag

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.items import coded, item
from napari_fluoroinject.dicom.raw_items import (
    elements_of,
    numbers,
    raw_sequence,
    sequence,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity, ImageReference


def index_frames(dataset: Dataset, organization_uid: str, *, by_segment: bool) -> None:
    """Say how frames are indexed: by segment where each has frames of its own, then by time.

    Parameters
    ----------
    dataset
        Written to.
    organization_uid
        Names the organization.
    by_segment
        Whether a frame belongs to one segment; in a label map it holds all of them.
    """
    pointers = (
        ("ReferencedSegmentNumber", "SegmentIdentificationSequence", "Segment"),
        ("TemporalPositionIndex", "FrameContentSequence", "Source frame"),
    )
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization_uid)]
    dataset.DimensionIndexSequence = [
        item(
            DimensionIndexPointer=Tag(pointer),
            FunctionalGroupPointer=Tag(group),
            DimensionOrganizationUID=organization_uid,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in pointers[0 if by_segment else 1 :]
    ]


def add_groups(
    dataset: Dataset,
    places: Iterable[tuple[int | None, int]],
    identity: Identity,
    *,
    in_nominal_plane: bool,
) -> None:
    """Write where each frame belongs (PS3.3 C.7.6.16).

    Parameters
    ----------
    dataset
        Written to.
    places
        Number of the segment, None in a label map, and source frame, counted from 0.
    identity
        Of the source.
    in_nominal_plane
        Whether every frame is given the same position in an invented plane.
    """
    groups = [
        _group(number, index, identity.frame(index), in_nominal_plane) for number, index in places
    ]
    per_frame = raw_sequence("PerFrameFunctionalGroupsSequence", groups)
    dataset[per_frame.tag] = per_frame
    dataset.NumberOfFrames = len(groups)


def _group(
    number: int | None, index: int, reference: ImageReference, in_nominal_plane: bool
) -> bytes:
    """One frame's: tags rise within an item."""
    position = index + 1  # DICOM counts from 1
    same = _SameInEveryFrame.of(number)
    frame = () if reference.frame_number is None else (str(reference.frame_number),)
    source = (
        text("ReferencedSOPClassUID", reference.sop_class_uid),
        text("ReferencedSOPInstanceUID", reference.sop_instance_uid),
        *(text("ReferencedFrameNumber", number) for number in frame),
        text("SpatialLocationsPreserved", "YES"),
        same.purpose,
    )
    derivation = sequence("SourceImageSequence", b"".join(source)) + same.derivation
    indices = (position,) if number is None else (number, position)
    place = (
        numbers("TemporalPositionIndex", position),
        numbers("DimensionIndexValues", *indices),
    )
    return b"".join(
        (
            sequence("DerivationImageSequence", derivation),
            sequence("FrameContentSequence", b"".join(place)),
            same.position if in_nominal_plane else b"",
            same.segment,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SameInEveryFrame:
    """Elements that a segment's frames have in common, as bytes; made once."""

    segment: bytes
    purpose: bytes
    derivation: bytes
    position: bytes

    @staticmethod
    @cache
    def of(number: int | None) -> _SameInEveryFrame:
        identified = item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)])
        plane = item(PlanePositionSequence=[item(ImagePositionPatient=["0", "0", "0"])])
        return _SameInEveryFrame(
            segment=b"" if number is None else elements_of(identified),
            purpose=elements_of(item(PurposeOfReferenceCodeSequence=[coded(codes.SOURCE_IMAGE)])),
            derivation=elements_of(item(DerivationCodeSequence=[coded(codes.SEGMENTATION)])),
            position=elements_of(plane),
        )
