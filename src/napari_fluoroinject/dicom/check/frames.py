"""Rules on pixels and on the functional groups of frames."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.datadict import keyword_for_tag

from napari_fluoroinject.dicom import scan
from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import whole_numbers
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject
    from napari_fluoroinject.dicom.walk import PixelSpan

GROUPED = frozenset(("segmentation", "parametric map"))
IMAGES = GROUPED | {"image"}
PER_FRAME, SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"
NOMINAL = "NOMINAL GEOMETRY"
"""What an object with invented geometry has to say of itself."""

_PLANES = ("PlanePositionSequence", "PlaneOrientationSequence")


def groups(subject: Subject) -> list[tuple[str, Dataset]]:
    """Return the functional groups of every frame, with their paths."""
    items = values_of(subject.dataset, PER_FRAME)
    return [(f"{PER_FRAME}[{index}]", item) for index, item in enumerate(items)]


def group_of(subject: Subject, item: Dataset, keyword: str) -> Dataset | None:
    """Return a functional group of a frame, its own or the shared one."""
    shared = values_of(subject.dataset, SHARED)
    for holder in (item, *shared[:1]):
        found = values_of(holder, keyword)
        if found:
            return found[0]  # type: ignore[no-any-return]  # pydicom's values are untyped
    return None


def _pixels(subject: Subject) -> Iterator[Found]:
    """Pixels are there and as long as declared (PS3.5 8.1)."""
    said, span = subject.structure, subject.structure.pixels
    if span is None:
        yield Found("PixelData", "none", "pixels")
    elif said.fault is not None:
        yield Found("PixelData", said.fault, "pixels as the header declares them")
    elif span.length is not None:
        rows, columns, bits = map(said.number, (scan.ROWS, scan.COLUMNS, scan.BITS_ALLOCATED))
        samples = 2 if said.text(scan.PHOTOMETRIC) == "YBR_FULL_422" else None
        per_pixel = samples or said.number(scan.SAMPLES) or 1
        size = (rows or 0) * (columns or 0) * (bits or 0) * per_pixel * subject.frames
        need = (size + 7) // 8
        if span.length != need + need % 2:
            yield Found("PixelData", f"{span.length} bytes", f"{need + need % 2} bytes")


def _bits(subject: Subject) -> Iterator[Found]:
    stored, high = (whole_numbers(subject.dataset, word) for word in ("BitsStored", "HighBit"))
    if stored and high and high[0] != stored[0] - 1:
        yield Found("HighBit", str(high[0]), f"Bits Stored less 1: {stored[0] - 1}")


def _encapsulated(subject: Subject) -> Iterator[Found]:
    """One fragment per frame, and offset tables that point to them (PS3.5 A.4)."""
    span = subject.structure.pixels
    if span is None or span.length is not None or subject.structure.fault is not None:
        return
    if len(span.fragments) != subject.frames:
        seen, expected = f"{len(span.fragments)} fragments", f"{subject.frames}, one per frame"
        yield Found("PixelData", seen, expected)
        return
    starts = [start - 8 - span.offset for start, _ in span.fragments]
    basic = _numbers(subject.content.data[slice(*_span(span.offset_table))], "<u4")
    if basic and basic != starts:
        yield Found("PixelData", "a basic offset table that points elsewhere", "each fragment")
    yield from _extended(subject, span, starts)


def _extended(subject: Subject, span: PixelSpan, starts: list[int]) -> Iterator[Found]:
    offsets = subject.dataset.get("ExtendedOffsetTable")
    lengths = subject.dataset.get("ExtendedOffsetTableLengths")
    if offsets is None and lengths is None:
        return
    if span.offset_table[1]:
        yield Found("ExtendedOffsetTable", "it beside a basic offset table", "one of them")
    if _numbers(offsets or b"", "<u8") != starts:
        yield Found("ExtendedOffsetTable", "offsets that point elsewhere", "each fragment")
    coded = _numbers(lengths or b"", "<u8")
    held = [length for _, length in span.fragments]
    if len(coded) != len(held) or any(
        not n - 1 <= c <= n for c, n in zip(coded, held, strict=True)
    ):
        yield Found("ExtendedOffsetTableLengths", "other lengths", "those of the fragments")


def _decodable(subject: Subject) -> Iterator[Found]:
    """Each frame can be decoded, and no value needs more bits than are stored."""
    stored = whole_numbers(subject.dataset, "BitsStored")
    for frame in range(subject.frames if subject.whole else 0):
        try:
            picture = subject.stored(frame)
        except UnreadableObjectError as error:
            yield Found("PixelData", f"frame {frame + 1}: {error.seen}", "a frame to decode")
            return
        if picture is None or not stored or picture.dtype.kind != "u":
            continue
        largest = int(picture.max(initial=0))
        if largest >> stored[0]:
            yield Found("PixelData", f"{largest} in frame {frame + 1}", f"{stored[0]} bits")
            return


def _float_numbers(subject: Subject) -> Iterator[Found]:
    if "BitsStored" in subject.dataset:
        return
    for frame in range(subject.frames if subject.whole else 0):
        picture = subject.stored(frame)
        if picture is not None and picture.dtype.kind == "f" and not np.isfinite(picture).all():
            yield Found("FloatPixelData", f"NaN or infinity in frame {frame + 1}", "numbers")
            return


def _frame_count(subject: Subject) -> Iterator[Found]:
    count = len(values_of(subject.dataset, PER_FRAME))
    if count != subject.frames:
        yield Found(PER_FRAME, f"{count} items", f"{subject.frames}, one per frame")


def _times(subject: Subject) -> Iterator[Found]:
    """One time, label or page per frame where a vector tells them."""
    for keyword in ("FrameTimeVector", "PageNumberVector", "FrameLabelVector"):
        count = len(values_of(subject.dataset, keyword))
        if count and count != subject.frames:
            yield Found(keyword, f"{count} values", f"{subject.frames}, one per frame")
    steps = [float(value) for value in values_of(subject.dataset, "FrameTimeVector")]
    if any(step < 0 for step in steps):
        yield Found("FrameTimeVector", "a step back in time", "steps of 0 ms or more")


def _pointers(subject: Subject) -> list[tuple[str, str]]:
    """Functional group and attribute that each dimension runs along."""
    return [
        (_keyword(item, "FunctionalGroupPointer"), _keyword(item, "DimensionIndexPointer"))
        for item in values_of(subject.dataset, "DimensionIndexSequence")
    ]


def _index_values(subject: Subject) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for path, item in groups(subject):
        content = group_of(subject, item, "FrameContentSequence")
        values = () if content is None else whole_numbers(content, "DimensionIndexValues")
        where = f"{path}.FrameContentSequence[0].DimensionIndexValues"
        found.append((where, tuple(values)))
    return found


def _index_count(subject: Subject) -> Iterator[Found]:
    count = len(_pointers(subject))
    for where, values in _index_values(subject):
        if len(values) != count or min(values, default=1) < 1:
            yield Found(where, str(list(values)), f"{count} numbers from 1")


def _index_order(subject: Subject) -> Iterator[Found]:
    """Segment after segment, and within each in time order: as readers show them."""
    before: tuple[int, ...] = ()
    for where, values in _index_values(subject):
        if before and values and values <= before:
            yield Found(where, f"{list(values)} after {list(before)}", "indices that rise")
        before = values


def _index_meaning(subject: Subject) -> Iterator[Found]:
    """An index rises with what it is an index of (PS3.3 C.7.6.17.1)."""
    indices = _index_values(subject)
    for position, (group, keyword) in enumerate(_pointers(subject)):
        meant: dict[int, tuple[float, str]] = {}
        for (where, values), (_, item) in zip(indices, groups(subject), strict=True):
            holder = group_of(subject, item, group)
            held = [] if holder is None else whole_numbers(holder, keyword)
            if not held:
                if keyword in ("TemporalPositionIndex", "ReferencedSegmentNumber"):
                    yield Found(where, f"no {keyword}", f"{keyword} that the index stands for")
            elif position < len(values):
                first = meant.setdefault(values[position], (held[0], where))
                if first[0] != held[0]:
                    yield Found(where, f"one index for two values of {keyword}", "one value")
        rising = [meant[index][0] for index in sorted(meant)]
        if any(later <= earlier for earlier, later in pairwise(rising)):
            yield Found("DimensionIndexSequence", f"indices that fall with {keyword}", "rising")


def _organization(subject: Subject) -> Iterator[Found]:
    declared = {
        item.get("DimensionOrganizationUID")
        for item in values_of(subject.dataset, "DimensionOrganizationSequence")
    }
    for index, item in enumerate(values_of(subject.dataset, "DimensionIndexSequence")):
        said = item.get("DimensionOrganizationUID")
        if said is not None and said not in declared:
            where = f"DimensionIndexSequence[{index}].DimensionOrganizationUID"
            yield Found(where, "a UID that is not declared", "one of the organizations")


def _geometry(subject: Subject) -> Iterator[Found]:
    """Planes lie in a Frame of Reference, and one without planes says nothing."""
    planes = _has_planes(subject)
    referred = "FrameOfReferenceUID" in subject.dataset
    if planes and not referred:
        yield Found("FrameOfReferenceUID", "none, though frames have planes", "a UID")
    if referred and not planes and subject.kind == "segmentation":
        yield Found("FrameOfReferenceUID", "it without planes", "planes, or no UID")


def _has_planes(subject: Subject) -> bool:
    everywhere = [*values_of(subject.dataset, SHARED), *values_of(subject.dataset, PER_FRAME)]
    return any(keyword in item for item in everywhere for keyword in _PLANES)


def _nominal(subject: Subject) -> Iterator[Found]:
    """Planes in a space that no source has are invented, and have to be called so."""
    own = subject.dataset.get("FrameOfReferenceUID")
    lent = {source.get("FrameOfReferenceUID") for source in subject.sources}
    if not own or own in lent or not subject.sources or not _has_planes(subject):
        return
    said = (
        f"{subject.dataset.get('SeriesDescription')} {subject.dataset.get('ContentDescription')}"
    )
    if NOMINAL not in said:
        seen = "a Frame of Reference that no source has"
        yield Found("FrameOfReferenceUID", seen, f"{NOMINAL} in series or content description")


def _keyword(item: Dataset, pointer: str) -> str:
    tag: Any = item.get(pointer)
    return keyword_for_tag(tag) if isinstance(tag, int) else ""


def _span(table: tuple[int, int]) -> tuple[int, int]:
    return table[0], table[0] + table[1]


def _numbers(encoded: bytes, dtype: str) -> list[int]:
    size = np.dtype(dtype).itemsize
    if len(encoded) % size:
        return [-1]
    return [int(value) for value in np.frombuffer(encoded, dtype)]


RULES = (
    Rule(id="pixels.length", section="PS3.5 8.1", find=_pixels, kinds=IMAGES),
    Rule(id="pixels.bits", section="PS3.5 8.1.1", find=_bits, kinds=IMAGES),
    Rule(id="pixels.fragments", section="PS3.5 A.4", find=_encapsulated, kinds=IMAGES),
    Rule(id="pixels.values", section="PS3.5 8.1.1", find=_decodable, kinds=IMAGES),
    Rule(id="pixels.numbers", section=PRODUCT, find=_float_numbers, kinds=IMAGES),
    Rule(id="frames.vector", section="PS3.3 C.7.6.5", find=_times, kinds=IMAGES),
    Rule(id="frames.count", section="PS3.3 C.7.6.16", find=_frame_count, kinds=GROUPED),
    Rule(id="index.count", section="PS3.3 C.7.6.17", find=_index_count, kinds=GROUPED),
    Rule(id="index.order", section=PRODUCT, find=_index_order, kinds=GROUPED),
    Rule(id="index.meaning", section="PS3.3 C.7.6.17", find=_index_meaning, kinds=GROUPED),
    Rule(id="index.organization", section="PS3.3 C.7.6.17", find=_organization, kinds=GROUPED),
    Rule(id="geometry.reference", section="PS3.3 C.7.4.1", find=_geometry, kinds=GROUPED),
    Rule(id="geometry.nominal", section=PRODUCT, find=_nominal, kinds=GROUPED),
)
