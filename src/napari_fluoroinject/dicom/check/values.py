"""Rules on images whose stored values mean something: real world values, padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.frames import SHARED, groups
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import whole_numbers
from napari_fluoroinject.dicom.maps import KINDS
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject

_KINDS = frozenset(("image", "parametric map"))
_WINDOWED = frozenset((*_KINDS, "presentation state"))
_MAPPING = "RealWorldValueMappingSequence"


def _mappings(subject: Subject) -> list[tuple[str, Dataset]]:
    """Mappings of the object, of its shared groups and of its frames."""
    holders = [("", subject.dataset)]
    holders += [(f"{SHARED}[0].", item) for item in values_of(subject.dataset, SHARED)]
    holders += [(f"{path}.", item) for path, item in groups(subject)]
    return [
        (f"{path}{_MAPPING}[{index}]", item)
        for path, holder in holders
        for index, item in enumerate(values_of(holder, _MAPPING))
    ]


def _mapped(item: Dataset) -> tuple[float, float] | None:
    """First and last value that a mapping is for; None where it names none."""
    for prefix in ("", "DoubleFloat"):
        ends = [
            values_of(item, f"{prefix}RealWorldValue{end}ValueMapped")[:1]
            for end in ("First", "Last")
        ]
        if all(ends):
            return float(ends[0][0]), float(ends[1][0])
    return None


def _order(subject: Subject) -> Iterator[Found]:
    """A mapping goes from first to last, and tells values apart (PS3.3 C.7.6.16.2.11)."""
    for path, item in _mappings(subject):
        ends = _mapped(item)
        if ends is not None and ends[1] < ends[0]:
            where = f"{path}.RealWorldValueLastValueMapped"
            yield Found(where, f"{ends[1]:g} below {ends[0]:g}", "the last not below the first")
        slope = values_of(item, "RealWorldValueSlope")
        if slope and float(slope[0]) == 0:
            yield Found(f"{path}.RealWorldValueSlope", "0", "a slope that tells values apart")


def _covered(subject: Subject) -> Iterator[Found]:
    """Every stored value is mapped, or is padding."""
    ends = [found for _, item in _mappings(subject) if (found := _mapped(item)) is not None]
    if not ends:
        return
    padding: list[Any] = [
        *whole_numbers(subject.dataset, "PixelPaddingValue"),
        *values_of(subject.dataset, "FloatPixelPaddingValue"),
    ]
    for frame in range(subject.frames if subject.whole else 0):
        try:
            picture = subject.stored(frame)
        except UnreadableObjectError:
            return
        if picture is None:
            return
        known = np.isin(picture, padding) if padding else np.zeros(picture.shape, dtype=bool)
        for first, last in ends:
            known |= (picture >= first) & (picture <= last)
        if not known.all():
            stored = picture[~known].ravel()[0]
            seen = f"stored value {stored} in frame {frame + 1}"
            yield Found("PixelData", seen, "values that are mapped, or Pixel Padding Value")
            return


def _is_map(subject: Subject) -> bool:
    """A parametric map, or a derived image of one of the kinds of map."""
    image_type = [str(value) for value in values_of(subject.dataset, "ImageType")]
    return subject.kind == "parametric map" or (
        image_type[:1] == ["DERIVED"] and image_type[3:4] in [[kind.label] for kind in KINDS]
    )


def _has_mapping(subject: Subject) -> Iterator[Found]:
    """A map without it shows greys that nobody can read."""
    if _is_map(subject) and not _mappings(subject):
        yield Found(_MAPPING, "a map without it", "what its stored values mean, in a unit")


def _size(subject: Subject) -> Iterator[Found]:
    """A map lies on the pixels of its loop."""
    if not _is_map(subject):
        return
    own = tuple(whole_numbers(subject.dataset, word) for word in ("Rows", "Columns"))
    for source in subject.sources:
        lent = tuple(whole_numbers(source, word) for word in ("Rows", "Columns"))
        if own != lent:
            yield Found("Rows", f"{own}", f"the pixel grid of the source, {lent}")
            return


def _windows(subject: Subject) -> Iterator[Found]:
    """A window is 1 or wider, or above 0 where its function is not LINEAR (C.11.2.1.2)."""
    for path, holder in (("", subject.dataset), *subject.items):
        linear = str(holder.get("VOILUTFunction") or "LINEAR") == "LINEAR"
        real = subject.kind == "parametric map"
        for width in values_of(holder, "WindowWidth"):
            if not (float(width) >= 1 or (float(width) > 0 and (real or not linear))):
                where = f"{path}.WindowWidth".lstrip(".")
                yield Found(where, f"{width}", "1 or more, as LINEAR" if linear else "above 0")


RULES = (
    Rule(id="mapping.there", section=PRODUCT, find=_has_mapping, kinds=_KINDS),
    Rule(id="mapping.size", section=PRODUCT, find=_size, kinds=_KINDS),
    Rule(id="window.width", section="PS3.3 C.11.2.1.2", find=_windows, kinds=_WINDOWED),
    Rule(id="mapping.order", section="PS3.3 C.7.6.16.2.11", find=_order, kinds=_KINDS),
    Rule(id="mapping.covers", section="PS3.3 C.7.6.16.2.11", find=_covered, kinds=_KINDS),
)
