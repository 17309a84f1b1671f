"""Which frame of which loop each frame of a segmentation lies on, by its references alone.

Nothing is taken from the order of frames or from geometry: a projection has none, and software
that needs one invents it, in the order of time or against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.attributes import first_item, number, numbers, text
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.cine import CineLoop

_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame belongs: number of its segment, None in a label map; frame, from 0."""

    segment: int | None
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Places of all frames in the order of the file, and the instances that they lie on."""

    places: tuple[Place, ...]
    instances: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """What a frame was drawn on; `frame` counts from 1, None where the instance is meant."""

    instance: str
    frame: int | None


def places_of(
    header: Dataset, frames: int, *, loops: Sequence[CineLoop], source: str, by_segment: bool
) -> Placed:
    """Tell where the frames of a segmentation belong.

    Parameters
    ----------
    header
        The data set without pixels.
    frames
        How many frames its pixel data hold.
    loops
        One of these is the one that was drawn on; empty = whichever.
    source
        Name of the file.
    by_segment
        Whether each frame names its segment.

    Raises
    ------
    UnreadableObjectError
        References that are missing, of another loop, of frames that it does not have, or of
        several; or two frames in one place.
    """
    groups = list(header.get(_PER_FRAME) or ())
    if len(groups) != frames:
        _fail(source, f"{len(groups)} functional groups for {frames} frames", "one per frame")
    shared = first_item(header, _SHARED)
    sources = [_source_of(group, shared, k, source) for k, group in enumerate(groups, 1)]
    there = _Loop(tuple(dict.fromkeys(s.instance for s in sources)), loops, source)
    places = tuple(
        Place(_segment_of(group, shared, k, source) if by_segment else None, there.index(drawn))
        for k, (group, drawn) in enumerate(zip(groups, sources, strict=True), 1)
    )
    _check_apart(places, source)
    return Placed(places=places, instances=there.instances, notes=tuple(there.notes))


class _Loop:
    """The loop that was drawn on, known or not; `notes` grows by what had to be assumed."""

    def __init__(self, referred: tuple[str, ...], loops: Sequence[CineLoop], source: str) -> None:
        self._source = source
        self._loop = _owner(referred, loops, source)
        self._order: dict[str, int] = {}
        self.instances = referred
        self.notes: list[str] = []
        if self._loop is not None:
            self._order = {uid: k for k, uid in enumerate(_instances(self._loop))}
            self.instances = tuple(sorted(referred, key=self._order.__getitem__))
        elif len(referred) > 1:
            _fail(
                source,
                f"a segmentation of {len(referred)} instances",
                "the loop that they are frames of, beside the segmentation: it does not tell "
                "their order",
            )

    def index(self, drawn: _Source) -> int:
        """Return the frame, counted from 0."""
        single = self._loop is not None and bool(self._loop.reference.frame_instance_uids)
        frames = None if self._loop is None else 1 if single else self._loop.shape[0]
        if drawn.frame is None and frames is None:
            self.notes.append("No frame number is referred to: taken to be the only frame.")
        elif drawn.frame is None and frames != 1:
            _fail(
                self._source,
                "a frame that refers to a whole loop",
                f"a Referenced Frame Number, 1 to {frames}",
            )
        told = 1 if drawn.frame is None else drawn.frame
        if told < 1 or (frames is not None and told > frames):
            last = "" if frames is None else f" to {frames}"
            _fail(self._source, f"a reference to frame number {told}", f"one from 1{last}")
        return self._order[drawn.instance] if single else told - 1


def _owner(referred: tuple[str, ...], loops: Sequence[CineLoop], source: str) -> CineLoop | None:
    for loop in loops:
        if set(referred) <= set(_instances(loop)):
            return loop
    if loops:
        known = ", ".join(loop.reference.sop_instance_uid for loop in loops)
        more = f" and {len(referred) - 1} more" if len(referred) > 1 else ""
        _fail(
            source,
            f"a segmentation of another loop, {referred[0]}{more}",
            f"one of the loop that it is used on, {known}: open the loop that it was drawn on, or "
            "take the segmentation of this one",
        )
    return None


def _instances(loop: CineLoop) -> tuple[str, ...]:
    return loop.reference.frame_instance_uids or (loop.reference.sop_instance_uid,)


def _source_of(group: Dataset, shared: Dataset | None, k: int, source: str) -> _Source:
    """The one image that a frame was drawn on (PS3.3 C.7.6.16.2.6)."""
    derivations = group.get("DerivationImageSequence") or (
        shared.get("DerivationImageSequence") if shared is not None else None
    )
    found: dict[_Source, None] = {}
    for derivation in derivations or ():
        for image in derivation.get("SourceImageSequence") or ():
            if not _is_mask(image):
                _check_upright(image, k, source)
                found.update(dict.fromkeys(_frames_of(image)))
    if not found:
        _fail(
            source,
            f"frame number {k} without a reference to the image that it was drawn on",
            "Derivation Image with a source image and its frame, for every frame: on projections "
            "a segmentation cannot be placed by geometry",
        )
    if len(found) > 1:
        _fail(
            source,
            f"frame number {k} that refers to {len(found)} source frames",
            "one, that which it lies on",
        )
    return next(iter(found))


def _frames_of(image: Dataset) -> list[_Source]:
    instance = text(image, "ReferencedSOPInstanceUID")
    if instance is None:
        return []
    named = numbers(image, "ReferencedFrameNumber")
    return [_Source(instance, int(frame)) for frame in named] or [_Source(instance, None)]


def _is_mask(image: Dataset) -> bool:
    """Whether an image only was subtracted: it is a source, but not what was drawn on."""
    purpose = first_item(image, "PurposeOfReferenceCodeSequence")
    return purpose is not None and text(purpose, "CodeValue") == codes.MASK_IMAGE.value


def _check_upright(image: Dataset, k: int, source: str) -> None:
    preserved = text(image, "SpatialLocationsPreserved")
    if preserved not in (None, "YES"):
        _fail(
            source,
            f"frame number {k} whose pixels are not where those of its source are",
            "Spatial Locations Preserved YES: write the segmentation on the pixels of the loop",
        )


def _segment_of(group: Dataset, shared: Dataset | None, k: int, source: str) -> int:
    items = [
        None if place is None else first_item(place, "SegmentIdentificationSequence")
        for place in (group, shared)
    ]
    told = [number(item, "ReferencedSegmentNumber") for item in items if item is not None]
    named = next((segment for segment in told if segment is not None), None)
    if named is None:
        _fail(source, f"frame number {k} without the number of its segment", "one")
    return int(named)


def _check_apart(places: Sequence[Place], source: str) -> None:
    seen: set[Place] = set()
    for place in places:
        if place in seen:
            _fail(
                source,
                f"two frames for frame number {place.frame + 1} of the loop"
                + ("" if place.segment is None else f", segment {place.segment}"),
                "one per frame and segment",
            )
        seen.add(place)


def _fail(source: str, seen: str, expected: str) -> NoReturn:
    raise UnreadableObjectError(source, seen=seen, expected=expected)
