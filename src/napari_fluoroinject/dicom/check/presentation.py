"""Rules on presentation states: masks, shifts, display ranges, drawings."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.references import instances_below
from napari_fluoroinject.dicom.check.rule import Found, Rule
from napari_fluoroinject.dicom.check.subject import frames_of, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject

_KIND = frozenset(("presentation state",))
_MASKS = "MaskSubtractionSequence"
_DISPLAYS = "MultiFramePresentationSequence"
_POINTS = {"POINT": 1, "CIRCLE": 2, "ELLIPSE": 4}
"""Points of graphic types that have a fixed number (PS3.3 C.10.5.1.2)."""
_RELATION_LUT = "PixelIntensityRelationshipLUTSequence"
_MOST_FRAMES = 1_000_000
"""Frames that ranges are compared over."""

Range = tuple[int, int]


def _images(subject: Subject, item: Dataset) -> list[Dataset]:
    """Known images that an item of a presentation state is about."""
    named = {
        str(one.get("ReferencedSOPInstanceUID"))
        for one in values_of(item, "ReferencedImageSequence")
    }
    if not named:
        series = values_of(subject.dataset, "ReferencedSeriesSequence")
        named = {uid for one in series for uid in instances_below(one)}
    known = subject.around.known
    return [known[uid] for uid in sorted(named) if uid in known]


def _frames(subject: Subject, item: Dataset) -> int | None:
    """Frames of the run that an item is about; None where that is not known."""
    counts = {frames_of(header) for header in _images(subject, item)}
    return min(counts) if counts else None


def _masks(subject: Subject) -> list[tuple[str, Dataset]]:
    items = values_of(subject.dataset, _MASKS)
    return [(f"{_MASKS}[{index}]", item) for index, item in enumerate(items)]


def _ranges(item: Dataset, keyword: str) -> list[Range]:
    """Pairs of first and last frame; an end without a beginning is left to `_range_faults`."""
    numbers = whole_numbers(item, keyword)
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _range_faults(item: Dataset, keyword: str, where: str, last: int | None) -> Iterator[Found]:
    """Ranges are pairs of frames of the run, in order and apart."""
    count = len(values_of(item, keyword))
    if count % 2:
        yield Found(where, f"{count} values", "pairs of first and last frame")
    ranges = _ranges(item, keyword)
    for first, stop in ranges:
        if not 1 <= first <= stop or (last is not None and stop > last):
            expected = "frames from 1, the first not after the last"
            within = "" if last is None else f", within the {last} that are"
            yield Found(where, f"{first} to {stop}", expected + within)
    if any(later[0] <= earlier[1] for earlier, later in pairwise(ranges)):
        yield Found(where, f"ranges {ranges[:8]}", "ranges that rise and are apart")


def _mask_frames(subject: Subject) -> Iterator[Found]:
    """Mask frames are frames of the run (PS3.3 C.7.6.10)."""
    for path, item in _masks(subject):
        last = _frames(subject, item)
        for number in whole_numbers(item, "MaskFrameNumbers"):
            if number < 1 or (last is not None and number > last):
                expected = "frames from 1" if last is None else f"frames 1 to {last}"
                yield Found(f"{path}.MaskFrameNumbers", str(number), expected)


def _mask_ranges(subject: Subject) -> Iterator[Found]:
    """Each frame belongs to one item at most (PS3.3 C.11.19)."""
    taken: list[tuple[Range, frozenset[str]]] = []
    for path, item in _masks(subject):
        last = _frames(subject, item)
        where = f"{path}.ApplicableFrameRange"
        yield from _range_faults(item, "ApplicableFrameRange", where, last)
        about = frozenset(str(one.get("SOPInstanceUID")) for one in _images(subject, item))
        own = _ranges(item, "ApplicableFrameRange") or [(1, last or _MOST_FRAMES)]
        for first, stop in own:
            if any(
                first <= b and a <= stop and (about & other or not about)
                for (a, b), other in taken
            ):
                yield Found(where, f"{first} to {stop} again", "each frame in one item")
        taken += [(pair, about) for pair in own]


def _tid(subject: Subject) -> Iterator[Found]:
    for path, item in _masks(subject):
        offsets = whole_numbers(item, "TIDOffset")
        if str(item.get("MaskOperation")) == "TID" and offsets[:1] == [0]:
            yield Found(f"{path}.TIDOffset", "0", "another frame than the contrast frame")


def _relation(subject: Subject) -> Iterator[Found]:
    """Images that are not logarithmic need a way to the logarithm (PS3.3 C.11.19)."""
    if str(subject.dataset.get("SOPClassUID")).endswith(".11.1"):
        return
    for path, item in _masks(subject):
        said = {str(one.get("PixelIntensityRelationship", "")) for one in _images(subject, item)}
        if said - {"LOG", ""} and not values_of(item, _RELATION_LUT):
            expected = f"a LUT to the logarithm, as the image is {min(said)}"
            yield Found(f"{path}.{_RELATION_LUT}", "nothing", expected)


def _shift_ranges(subject: Subject) -> Iterator[Found]:
    """Shifts are for frames that the mask is for, each frame once (PS3.3 C.11.19)."""
    for path, item in _masks(subject):
        last = _frames(subject, item)
        applies = _ranges(item, "ApplicableFrameRange")
        before: list[Range] = []
        for index, shift in enumerate(values_of(item, "PixelShiftSequence")):
            where = f"{path}.PixelShiftSequence[{index}].PixelShiftFrameRange"
            yield from _range_faults(shift, "PixelShiftFrameRange", where, last)
            own = _ranges(shift, "PixelShiftFrameRange")
            if any(a <= d and c <= b for a, b in own for c, d in before):
                yield Found(where, f"ranges {own[:8]} again", "each frame once")
            if applies and any(
                not any(a <= first and stop <= b for a, b in applies) for first, stop in own
            ):
                yield Found(where, f"ranges {own[:8]}", f"within {applies[:8]}")
            before += own


def _shifts(subject: Subject) -> Iterator[Found]:
    """Shifts are smaller than the picture; regions lie in it (PS3.3 C.11.19)."""
    for path, item in subject.items:
        if "MaskSubPixelShift" not in item:
            continue
        images = _images(subject, subject.dataset)
        size = _size(images[0]) if images else None
        shift = [float(value) for value in values_of(item, "MaskSubPixelShift")]
        bound = size or (np.inf, np.inf)
        if len(shift) != 2 or not all(
            abs(value) < most for value, most in zip(shift, bound, strict=False)
        ):
            yield Found(f"{path}.MaskSubPixelShift", str(shift), "a row and a column shift")
        corners = whole_numbers(item, "VerticesOfTheRegion")
        if corners and (len(corners) % 2 or len(corners) < 6 or not _inside(corners, size)):
            where = f"{path}.VerticesOfTheRegion"
            yield Found(where, str(corners[:8]), "three or more (row, column) of the picture")


def _inside(corners: list[int], size: tuple[int, int] | None) -> bool:
    rows, columns = size or (_MOST_FRAMES, _MOST_FRAMES)
    return all(1 <= row <= rows for row in corners[::2]) and all(
        1 <= column <= columns for column in corners[1::2]
    )


def _displays(subject: Subject) -> Iterator[tuple[str, Dataset, list[Dataset]]]:
    for index, item in enumerate(values_of(subject.dataset, _DISPLAYS)):
        yield f"{_DISPLAYS}[{index}]", item, values_of(item, "FrameDisplaySequence")


def _display_ranges(subject: Subject) -> Iterator[Found]:
    """Display ranges are adjacent and, together, the whole run (PS3.3 C.11.21)."""
    for path, item, parts in _displays(subject):
        last = _frames(subject, item)
        expected_first = 1
        for index, part in enumerate(parts):
            where = f"{path}.FrameDisplaySequence[{index}]"
            first, stop = (whole_numbers(part, word)[:1] for word in ("StartTrim", "StopTrim"))
            if not first or not stop:
                continue
            if first[0] != expected_first or stop[0] < first[0]:
                seen = f"{first[0]} to {stop[0]}"
                yield Found(where, seen, f"a range that begins with frame {expected_first}")
            expected_first = stop[0] + 1
        if parts and last is not None and expected_first != last + 1:
            where = f"{path}.FrameDisplaySequence"
            yield Found(where, f"ranges up to frame {expected_first - 1}", f"up to {last}")


def _display_masks(subject: Subject) -> Iterator[Found]:
    """What is shown subtracted has a mask, and says how much of it shows."""
    for path, _, parts in _displays(subject):
        for index, part in enumerate(parts):
            where = f"{path}.FrameDisplaySequence[{index}]"
            if str(part.get("RecommendedViewingMode")) == "SUB" and not _masks(subject):
                yield Found(f"{where}.RecommendedViewingMode", "SUB without a mask", "a mask")
            for keyword in ("MaskVisibilityPercentage", "DisplayFilterPercentage"):
                for value in values_of(part, keyword):
                    if not 0 <= float(value) <= 100:
                        yield Found(f"{where}.{keyword}", str(value), "0 to 100 %")


def _drawings(subject: Subject) -> Iterator[tuple[str, Dataset, Dataset]]:
    """Yield every graphic object with its path and the annotation that it belongs to."""
    for index, item in enumerate(values_of(subject.dataset, "GraphicAnnotationSequence")):
        for inner, drawn in enumerate(values_of(item, "GraphicObjectSequence")):
            path = f"GraphicAnnotationSequence[{index}].GraphicObjectSequence[{inner}]"
            yield path, drawn, item


def _points(subject: Subject) -> Iterator[Found]:
    for path, drawn, _ in _drawings(subject):
        data = values_of(drawn, "GraphicData")
        said = whole_numbers(drawn, "NumberOfGraphicPoints")
        if said and len(data) != 2 * said[0]:
            yield Found(f"{path}.GraphicData", f"{len(data)} numbers", f"{2 * said[0]} numbers")
        fixed = _POINTS.get(str(drawn.get("GraphicType")))
        if said and (said[0] != fixed if fixed else said[0] < 2):
            expected = f"{fixed or 'two or more'} for {drawn.get('GraphicType')}"
            yield Found(f"{path}.NumberOfGraphicPoints", str(said[0]), expected)


def _in_picture(subject: Subject) -> Iterator[Found]:
    """Points in pixels lie in the picture, from 0, 0 to Columns, Rows (PS3.3 C.10.5.1.2)."""
    for path, drawn, item in _drawings(subject):
        images = _images(subject, item)
        unit = str(drawn.get("GraphicAnnotationUnits"))
        if unit == "PIXEL" and images and not _fits(drawn, images[0]):
            yield Found(f"{path}.GraphicData", "a point outside", "points in the picture")
        if unit == "DISPLAY" and any(not 0 <= v <= 1 for v in values_of(drawn, "GraphicData")):
            yield Found(f"{path}.GraphicData", "a point outside", "0 to 1 in DISPLAY units")
    for path, text in subject.items:
        images = _images(subject, subject.dataset)
        anchor = values_of(text, "AnchorPoint")
        in_pixels = str(text.get("AnchorPointAnnotationUnits")) == "PIXEL"
        if anchor and in_pixels and images and not _corner_fits(anchor, images[0]):
            yield Found(f"{path}.AnchorPoint", "a point outside", "a point in the picture")


def _fits(drawn: Dataset, image: Dataset) -> bool:
    data = values_of(drawn, "GraphicData")
    return all(
        _corner_fits(list(pair), image) for pair in zip(data[::2], data[1::2], strict=False)
    )


def _corner_fits(point: list[float], image: Dataset) -> bool:
    rows, columns = _size(image)
    return len(point) == 2 and 0 <= point[0] <= columns and 0 <= point[1] <= rows


def _size(image: Dataset) -> tuple[int, int]:
    rows, columns = (whole_numbers(image, word) for word in ("Rows", "Columns"))
    return (rows or [0])[0], (columns or [0])[0]


def _layers(subject: Subject) -> Iterator[Found]:
    """Annotations lie on declared layers (PS3.3 C.10.7)."""
    layers = [
        str(one.get("GraphicLayer")) for one in values_of(subject.dataset, "GraphicLayerSequence")
    ]
    if len(set(layers)) < len(layers):
        yield Found("GraphicLayerSequence", "a layer twice", "each once")
    for index, item in enumerate(values_of(subject.dataset, "GraphicAnnotationSequence")):
        if str(item.get("GraphicLayer")) not in layers:
            where = f"GraphicAnnotationSequence[{index}].GraphicLayer"
            yield Found(where, "a layer that is not declared", "one of the layers")


def _listed(subject: Subject) -> Iterator[Found]:
    """Every image that is meant is one that the state is for (PS3.3 C.11.11)."""
    series = values_of(subject.dataset, "ReferencedSeriesSequence")
    listed = {uid for one in series for uid in instances_below(one)}
    for path, item in subject.references:
        about = "ReferencedImageSequence" in path and not path.startswith("ReferencedSeries")
        if about and str(item.ReferencedSOPInstanceUID) not in listed:
            where = f"{path}.ReferencedSOPInstanceUID"
            yield Found(where, "an image that is not listed", "one in ReferencedSeriesSequence")


def _areas(subject: Subject) -> Iterator[Found]:
    for index, item in enumerate(values_of(subject.dataset, "DisplayedAreaSelectionSequence")):
        top = whole_numbers(item, "DisplayedAreaTopLeftHandCorner")
        bottom = whole_numbers(item, "DisplayedAreaBottomRightHandCorner")
        if len(top) == len(bottom) == 2 and any(b < t for t, b in zip(top, bottom, strict=True)):
            where = f"DisplayedAreaSelectionSequence[{index}]"
            yield Found(where, f"{top} to {bottom}", "top left before bottom right")


RULES = (
    Rule(id="presentation.listed", section="PS3.3 C.11.11", find=_listed, kinds=_KIND),
    Rule(id="presentation.area", section="PS3.3 C.10.4", find=_areas, kinds=_KIND),
    Rule(id="mask.frames", section="PS3.3 C.7.6.10", find=_mask_frames, kinds=_KIND),
    Rule(id="mask.ranges", section="PS3.3 C.11.19", find=_mask_ranges, kinds=_KIND),
    Rule(id="mask.offset", section="PS3.3 C.7.6.10.1", find=_tid, kinds=_KIND),
    Rule(id="mask.relation", section="PS3.3 C.11.19", find=_relation, kinds=_KIND),
    Rule(id="shift.ranges", section="PS3.3 C.11.19", find=_shift_ranges, kinds=_KIND),
    Rule(id="shift.values", section="PS3.3 C.11.19", find=_shifts, kinds=_KIND),
    Rule(id="display.ranges", section="PS3.3 C.11.21", find=_display_ranges, kinds=_KIND),
    Rule(id="display.values", section="PS3.3 C.11.21", find=_display_masks, kinds=_KIND),
    Rule(id="graphic.points", section="PS3.3 C.10.5.1.2", find=_points, kinds=_KIND),
    Rule(id="graphic.inside", section="PS3.3 C.10.5.1.2", find=_in_picture, kinds=_KIND),
    Rule(id="graphic.layer", section="PS3.3 C.10.7", find=_layers, kinds=_KIND),
)
