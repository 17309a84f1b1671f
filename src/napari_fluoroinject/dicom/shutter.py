"""Where the header's display shutter leaves the picture open (PS3.3 C.7.6.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.attributes import macro_items, number, numbers, texts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.arrays import BoolArray

_MACRO = "FrameDisplayShutterSequence"
_EDGES = (
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
)


def open_field(
    header: Dataset, rows: int, columns: int
) -> tuple[BoolArray | None, tuple[str, ...]]:
    """Where all shutters that the header names are open, with notes.

    Rows and columns of the header count from 1; pixels on an edge, circle or polygon are open.

    Returns
    -------
    (rows, columns); None when the header names no shutter, or one that leaves nothing open.

    Raises
    ------
    ValueError
        An attribute holds something that is no number.
    """
    places = (header, *macro_items(header, _MACRO))
    shapes = tuple(shape for place in places for shape in _shapes(place))
    if not shapes:
        return None, ()
    inside = np.ones((rows, columns), np.bool_)
    for place, shape in shapes:
        part = _MASKS[shape](place, rows, columns) if shape in _MASKS else None
        if part is None:
            return None, ("The header names a shutter without its full geometry; it is not used.",)
        inside &= part
    if not inside.any():
        return None, ("The header's shutter leaves nothing open; it is not used.",)
    return inside, ()


def rectangle(rows: int, columns: int, edges: tuple[float, ...]) -> BoolArray:
    """Inside of a rectangle: its upper, lower, left and right edge, counted from 1."""
    row, column = np.ogrid[1 : rows + 1, 1 : columns + 1]
    upper, lower, left, right = edges
    inside: BoolArray = (row >= upper) & (row <= lower) & (column >= left) & (column <= right)
    return inside


def circle(rows: int, columns: int, centre: tuple[float, float], radius_px: float) -> BoolArray:
    """Inside of a circle: its centre (row, column), counted from 1, and radius."""
    row, column = np.ogrid[1 : rows + 1, 1 : columns + 1]
    inside: BoolArray = (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius_px**2
    return inside


def polygon(rows: int, columns: int, vertices: tuple[tuple[float, float], ...]) -> BoolArray:
    """Inside of a polygon by the even-odd rule: its vertices (row, column), counted from 1."""
    row, column = np.mgrid[1 : rows + 1, 1 : columns + 1]
    inside = np.zeros((rows, columns), np.bool_)
    for k, (row_b, column_b) in enumerate(vertices):
        row_a, column_a = vertices[k - 1]
        between = (row_a > row) != (row_b > row)
        crossing = column_a + (row - row_a) * (column_b - column_a) / ((row_b - row_a) or 1)
        inside ^= between & (column < crossing)
    return inside


def _shapes(place: Dataset) -> tuple[tuple[Dataset, str], ...]:
    return tuple((place, name) for name in texts(place, "ShutterShape") if name)


def _rectangular(place: Dataset, rows: int, columns: int) -> BoolArray | None:
    edges = tuple(
        edge for edge in (number(place, keyword) for keyword in _EDGES) if edge is not None
    )
    return rectangle(rows, columns, edges) if len(edges) == len(_EDGES) else None


def _circular(place: Dataset, rows: int, columns: int) -> BoolArray | None:
    centre = numbers(place, "CenterOfCircularShutter")
    radius = number(place, "RadiusOfCircularShutter")
    if len(centre) != 2 or radius is None:
        return None
    return circle(rows, columns, (centre[0], centre[1]), radius)


def _polygonal(place: Dataset, rows: int, columns: int) -> BoolArray | None:
    flat = numbers(place, "VerticesOfThePolygonalShutter")
    if len(flat) < 6 or len(flat) % 2:
        return None
    return polygon(rows, columns, tuple(zip(flat[::2], flat[1::2], strict=True)))


_MASKS = {"RECTANGULAR": _rectangular, "CIRCULAR": _circular, "POLYGONAL": _polygonal}
