"""The shapes and texts that a presentation state draws, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.attributes import number, numbers, text
from napari_fluoroinject.dicom.graphic import points_from_graphic
from napari_fluoroinject.model.drawn import DrawnKind, DrawnShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.presented_frames import PresentedFrames
    from napari_fluoroinject.model.arrays import DoubleArray

_KINDS: dict[str, DrawnKind] = {
    "POINT": "point",
    "POLYLINE": "polyline",
    "INTERPOLATED": "curve",
    "CIRCLE": "circle",
    "ELLIPSE": "ellipse",
}
_COUNTS: dict[DrawnKind, int] = {"point": 1, "circle": 2, "ellipse": 4}
_FEWEST: dict[DrawnKind, int] = {"polyline": 1, "curve": 1}
_MOST_SHAPES = 100_000
"""More than a thousand frames with a hundred shapes: a hostile file shall not cost much work."""
_QUARTER_TURNS = (90, 270)


class _UnusableError(Exception):
    """A shape that cannot be used, and why."""


def presented_shapes(
    document: Dataset, loop: PresentedFrames
) -> tuple[tuple[DrawnShape, ...], tuple[str, ...]]:
    """Read what is drawn on a loop, in its pixels, and notes about what is not used.

    Coordinates are of the image (PIXEL, and MATRIX, which is the same without tiles) or of the
    displayed area (DISPLAY) as it is turned and flipped (PS3.3 C.10.4 to C.10.6).

    Parameters
    ----------
    document
        The presentation state.
    loop
        The loop that it is about.
    """
    notes: list[str] = []
    shapes: list[DrawnShape] = []
    try:
        annotations = list(document.get("GraphicAnnotationSequence") or ())
    except Exception:  # a border: damaged files raise many kinds of exception
        return (), ("The annotations cannot be understood and are not used.",)
    area = _displayed_area(document, loop, notes)
    for position, annotation in enumerate(annotations, start=1):
        try:
            shapes += _of_annotation(annotation, loop, area, notes)
        except Exception:  # a border, as above
            notes.append(f"Annotation {position} cannot be understood and is not used.")
        if len(shapes) > _MOST_SHAPES:
            notes.append(f"More than {_MOST_SHAPES} shapes are drawn: the others are not read.")
            break
    return tuple(shapes[:_MOST_SHAPES]), tuple(dict.fromkeys(notes))


def _of_annotation(
    annotation: Dataset, loop: PresentedFrames, area: _Area | None, notes: list[str]
) -> Iterator[DrawnShape]:
    if not loop.is_meant(annotation):
        return
    frames = loop.named(annotation)
    if not frames:
        notes.append("Annotations of frames that the run does not have are not used.")
        return
    if annotation.get("CompoundGraphicSequence"):
        notes.append("Compound graphics are not read.")
    layer = text(annotation, "GraphicLayer")
    for made, items in (
        (_shape, annotation.get("GraphicObjectSequence") or ()),
        (_text, annotation.get("TextObjectSequence") or ()),
    ):
        for item in items:
            try:
                yield made(item, frames, layer, area)
            except _UnusableError as why:
                notes.append(f"A drawn shape is not used: {why}.")
            except Exception:  # a border, as above
                notes.append("A drawn shape cannot be understood and is not used.")


def _shape(
    item: Dataset, frames: tuple[int, ...], layer: str | None, area: _Area | None
) -> DrawnShape:
    """PS3.3 C.10.5.1.2."""
    kind = _KINDS.get(text(item, "GraphicType") or "")
    if kind is None:
        raise _UnusableError("its Graphic Type is none of the standard")
    if number(item, "GraphicDimensions") not in (None, 2):
        raise _UnusableError("it has more than two dimensions")
    points = _points(item, "GraphicData", "GraphicAnnotationUnits", area)
    wanted, fewest = _COUNTS.get(kind), _FEWEST.get(kind, 1)
    if len(points) < fewest or (wanted is not None and len(points) != wanted):
        raise _UnusableError(f"a {kind} of {len(points)} points is none")
    ring = len(points) > 2 and bool((points[0] == points[-1]).all())
    return DrawnShape(
        kind=kind,
        points_px=points,
        frames=frames,
        layer=layer,
        closed=kind in ("circle", "ellipse") or ring,
        name=text(item, "TrackingID"),
    )


def _text(
    item: Dataset, frames: tuple[int, ...], layer: str | None, area: _Area | None
) -> DrawnShape:
    """A text stands at its anchor, else at the top left of its box."""
    if item.get("AnchorPoint"):
        points = _points(item, "AnchorPoint", "AnchorPointAnnotationUnits", area)
    else:
        points = _points(item, "BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits", area)
    if len(points) != 1:
        raise _UnusableError("a text has no place")
    return DrawnShape(
        kind="text",
        points_px=points,
        frames=frames,
        text=text(item, "UnformattedTextValue") or "",
        layer=layer,
        name=text(item, "TrackingID"),
    )


def _points(item: Dataset, keyword: str, units: str, area: _Area | None) -> DoubleArray:
    """Points (points, 2), (row, column), from coordinates in any units."""
    data = np.array(numbers(item, keyword), np.float64)
    if data.size % 2 or not np.isfinite(data).all():
        raise _UnusableError("its coordinates are no points")
    unit = text(item, units)
    if unit == "DISPLAY":
        if area is None:
            raise _UnusableError("the displayed area that it stands in is not known")
        data = area.in_image(data.reshape(-1, 2))
    elif unit not in ("PIXEL", "MATRIX", None):
        raise _UnusableError("its units are none of the standard")
    return points_from_graphic(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """The pixels in the display's corners, (column, row) from 1, and whether it is turned."""

    top_left: tuple[float, float]
    bottom_right: tuple[float, float]
    turned: bool

    def in_image(self, shares: DoubleArray) -> DoubleArray:
        """Shares of the display's width and height (points, 2) as (column, row) in the image."""
        along = shares[:, ::-1] if self.turned else shares
        start, end = np.array(self.top_left), np.array(self.bottom_right)
        # the corner pixels belong to it, whichever of both is the larger
        low = np.where(start <= end, start - 1, start)
        high = np.where(start <= end, end, end - 1)
        placed: DoubleArray = low + along * (high - low)
        return placed


def _displayed_area(document: Dataset, loop: PresentedFrames, notes: list[str]) -> _Area | None:
    """The area of the loop's images; the corners name pixels as they stand after the turn."""
    try:
        rotation = number(document, "ImageRotation") or 0
        for given in document.get("DisplayedAreaSelectionSequence") or ():
            corners = (
                numbers(given, "DisplayedAreaTopLeftHandCorner"),
                numbers(given, "DisplayedAreaBottomRightHandCorner"),
            )
            if loop.is_meant(given) and all(len(corner) == 2 for corner in corners):
                (left, top), (right, bottom) = corners
                return _Area(
                    top_left=(left, top),
                    bottom_right=(right, bottom),
                    turned=rotation in _QUARTER_TURNS,
                )
    except Exception:  # a border, as above
        notes.append("The displayed area cannot be understood.")
    return None
