"""Rules on segmentations: segments, and the pixels that belong to them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.frames import group_of, groups
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import frames_of, whole_numbers
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.check.subject import Stored, Subject

_KIND = frozenset(("segmentation",))
_MOST_LABELS = 8
"""Values without a segment that are named."""


def _numbers(subject: Subject) -> list[int]:
    segments = values_of(subject.dataset, "SegmentSequence")
    return [number for item in segments for number in whole_numbers(item, "SegmentNumber")]


def _labelled(subject: Subject) -> bool:
    return str(subject.dataset.get("SegmentationType")) == "LABELMAP"


def _pictures(subject: Subject) -> Iterator[tuple[int, Stored]]:
    """Frames that can be decoded; those that cannot are told by another rule."""
    for frame in range(subject.frames if subject.whole else 0):
        try:
            picture = subject.stored(frame)
        except UnreadableObjectError:
            return
        if picture is not None:
            yield frame, picture


def _segment_numbers(subject: Subject) -> Iterator[Found]:
    """Unique; from 1 without gaps where frames name them (PS3.3 C.8.20.2.4)."""
    numbers = _numbers(subject)
    if len(set(numbers)) < len(numbers):
        yield Found("SegmentSequence", "a Segment Number twice", "each once")
    if not _labelled(subject) and sorted(set(numbers)) != list(range(1, len(set(numbers)) + 1)):
        yield Found("SegmentSequence", f"segments {numbers[:16]}", "numbers 1, 2, ...")


def _segment_of(subject: Subject) -> list[int | None]:
    """Segment of each frame."""
    found: list[int | None] = []
    for _, item in groups(subject):
        holder = group_of(subject, item, "SegmentIdentificationSequence")
        named = [] if holder is None else whole_numbers(holder, "ReferencedSegmentNumber")
        found.append(named[0] if named else None)
    return found


def _frame_segments(subject: Subject) -> Iterator[Found]:
    """Frames name segments that are described; a label map's frames name none."""
    numbers = set(_numbers(subject))
    for (path, _), segment in zip(groups(subject), _segment_of(subject), strict=True):
        where = f"{path}.SegmentIdentificationSequence[0].ReferencedSegmentNumber"
        if segment is not None and _labelled(subject):
            yield Found(where, f"segment {segment}", "none: every frame shows all segments")
        elif segment is not None and segment not in numbers:
            yield Found(where, f"segment {segment}", f"one of {sorted(numbers)[:16]}")


def _labels(subject: Subject) -> Iterator[Found]:
    """Every value of a label map is a segment, or padding (PS3.3 C.8.20.2.3.3)."""
    if not _labelled(subject):
        return
    allowed = {*_numbers(subject), *whole_numbers(subject.dataset, "PixelPaddingValue")}
    for frame, picture in _pictures(subject):
        strange = sorted({int(value) for value in np.unique(picture)} - allowed)
        if strange:
            seen = f"values {strange[:_MOST_LABELS]} in frame {frame + 1}"
            yield Found("PixelData", seen, f"segments {sorted(allowed)[:16]}")


def _shown(subject: Subject) -> Iterator[Found]:
    """A frame without a pixel is left out: readers take it as empty."""
    for frame, picture in _pictures(subject):
        if not picture.any():
            yield Found("PixelData", f"frame {frame + 1} without a pixel", "a pixel, or no frame")


def _fractions(subject: Subject) -> Iterator[Found]:
    largest = whole_numbers(subject.dataset, "MaximumFractionalValue")
    if not largest:
        return
    for frame, picture in _pictures(subject):
        if int(picture.max(initial=0)) > largest[0]:
            seen = f"{int(picture.max())} in frame {frame + 1}"
            yield Found("PixelData", seen, f"at most Maximum Fractional Value {largest[0]}")


def _overlap(subject: Subject) -> Iterator[Found]:
    """Segments said not to overlap do not."""
    if str(subject.dataset.get("SegmentsOverlap")) != "NO" or _labelled(subject):
        return
    taken: dict[tuple[tuple[str, int], ...], Stored] = {}
    sources = [refs for _, refs in _source_frames(subject)]
    for frame, picture in _pictures(subject):
        key = tuple(sources[frame]) if frame < len(sources) else ()
        if not key:
            continue
        before = taken.get(key)
        if before is not None and (before.astype(bool) & picture.astype(bool)).any():
            yield Found("SegmentsOverlap", f"NO, and frame {frame + 1} overlaps", "YES")
            return
        marked = picture.astype(bool)
        taken[key] = marked if before is None else before | marked


def _source_frames(subject: Subject) -> list[tuple[str, list[tuple[str, int]]]]:
    """Path, and (instance, frame from 1) of each source image, frame by frame."""
    found = []
    for path, item in groups(subject):
        holder = group_of(subject, item, "DerivationImageSequence")
        images = [] if holder is None else values_of(holder, "SourceImageSequence")
        found.append(
            (
                f"{path}.DerivationImageSequence[0].SourceImageSequence",
                [
                    (str(image.get("ReferencedSOPInstanceUID")), number)
                    for image in images
                    for number in whole_numbers(image, "ReferencedFrameNumber") or [1]
                ],
            )
        )
    return found


def _sources(subject: Subject) -> Iterator[Found]:
    """Each frame comes from one frame of the loop, and says which (derivation given)."""
    frames = {str(one.get("SOPInstanceUID")): frames_of(one) for one in subject.sources}
    for path, item in groups(subject):
        holder = group_of(subject, item, "DerivationImageSequence")
        images = [] if holder is None else values_of(holder, "SourceImageSequence")
        where = f"{path}.DerivationImageSequence[0].SourceImageSequence"
        if holder is not None and len(images) != 1:
            yield Found(where, f"{len(images)} source images", "one")
        for image in images:
            numbers = values_of(image, "ReferencedFrameNumber")
            many = frames.get(str(image.get("ReferencedSOPInstanceUID")), 1) > 1
            if len(numbers) != 1 and (many or numbers):
                yield Found(f"{where}[0].ReferencedFrameNumber", f"{len(numbers)} frames", "one")


def _time_order(subject: Subject) -> Iterator[Found]:
    """Within a segment, frames of one source rise."""
    last: dict[tuple[int | None, str], int] = defaultdict(int)
    segments = _segment_of(subject)
    for (path, images), segment in zip(_source_frames(subject), segments, strict=True):
        for uid, number in images[:1]:
            single = any(
                str(one.get("SOPInstanceUID")) == uid and frames_of(one) == 1
                for one in subject.sources
            )
            if number <= last[segment, uid] and not single:
                where = f"{path}[0].ReferencedFrameNumber"
                yield Found(where, f"frame {number} after {last[segment, uid]}", "time order")
            last[segment, uid] = number


def _size(subject: Subject) -> Iterator[Found]:
    own = tuple(whole_numbers(subject.dataset, word) for word in ("Rows", "Columns"))
    for source in subject.sources:
        lent = tuple(whole_numbers(source, word) for word in ("Rows", "Columns"))
        if own != lent:
            yield Found("Rows", f"{own}", f"the pixel grid of the source, {lent}")
            return


RULES = (
    Rule(id="segment.numbers", section="PS3.3 C.8.20.2", find=_segment_numbers, kinds=_KIND),
    Rule(id="segment.frame", section="PS3.3 C.8.20.3", find=_frame_segments, kinds=_KIND),
    Rule(id="segment.label", section="PS3.3 C.8.20.2.3", find=_labels, kinds=_KIND),
    Rule(id="segment.empty", section=PRODUCT, find=_shown, kinds=_KIND),
    Rule(id="segment.fraction", section="PS3.3 C.8.20.2.3", find=_fractions, kinds=_KIND),
    Rule(id="segment.overlap", section="PS3.3 C.8.20.2", find=_overlap, kinds=_KIND),
    Rule(id="segment.source", section="PS3.3 C.7.6.16.2.6", find=_sources, kinds=_KIND),
    Rule(id="segment.order", section=PRODUCT, find=_time_order, kinds=_KIND),
    Rule(id="segment.size", section=PRODUCT, find=_size, kinds=_KIND),
)
