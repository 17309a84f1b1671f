"""The outline of what changes: a rectangle, a disc, an octagon, or none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.field import fit_circle

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray

_RAYS = 120
_ON_CIRCLE = 0.25
"""Share of the rays that must end on a circle, of all."""
_TOLERANCE = 1.5
"""In bins."""
_FITS, _MUCH_BETTER = 0.93, 0.012
"""Overlap (intersection over union) with what changes from which a form counts, and by which
another one must be better than a simpler one."""
_LEAST_SHARE = 0.04
_HOLE = 5
"""Bins along the side of a part that does not change, from which it is no picture."""
_PANEL = 0.9
"""Share of its box that a rectangle fills."""
_WHOLE = 0.97
_CORNER, _CORNERS = 4, 3
"""Bins along the diagonal that are missing of a corner that is cut off, and how many are at least:
a dark part in one corner is anatomy."""


class Outline(NamedTuple):
    """`field` (rows, columns) of the frame in pixels, and its form in words."""

    field: BoolArray
    name: str


def find_outline(
    lively: BoolArray, factor: int, shape: tuple[int, int], *, reach: int
) -> Outline | None:
    """Return the form that fits the largest part of the frame that changes.

    Parameters
    ----------
    lively
        Bins that change.
    factor
        Pixels along the side of a bin.
    shape
        (rows, columns) of the frame.
    reach
        Bins by which what changes seems to reach beyond the picture.
    """
    if lively.mean() >= _WHOLE:
        return Outline(np.ones(shape, np.bool_), "the whole frame is the picture")
    around = np.ones((2 * reach + 1, 2 * reach + 1))
    part = _largest(ndimage.binary_erosion(lively, around, border_value=1))
    if part is None:
        return None
    filled: BoolArray = ndimage.binary_fill_holes(part)
    if filled.mean() >= _WHOLE:
        return Outline(np.ones(shape, np.bool_), "the whole frame is the picture")
    name, form = _best(filled)
    disc = name == "round"
    field = _disc(filled, factor, shape) if disc else _in_pixels(form, factor, shape)
    return Outline(_without_holes(field, part, factor), f"{_ARTICLES[name]} {name} picture")


_ARTICLES = {"rectangular": "a", "round": "a", "octagonal": "an", "irregular": "an"}


def _largest(lively: BoolArray) -> BoolArray | None:
    """The largest connected part, lines left out and gaps closed."""
    core = ndimage.binary_opening(lively, np.ones((3, 3)))
    padded = np.pad(core, 3)
    closed = ndimage.binary_closing(padded, np.ones((5, 5)))[3:-3, 3:-3]
    labels, count = ndimage.label(closed)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < _LEAST_SHARE * lively.size:
        return None
    largest: BoolArray = labels == 1 + int(sizes.argmax())
    return largest


def _best(part: BoolArray) -> tuple[str, BoolArray]:
    box = _box(part)
    forms = {"rectangular": box}
    circle = _circle(part)
    if circle is not None:
        forms["round"] = _round(part.shape, *circle) & box
    octagon = _octagon(part)
    if octagon is not None:
        forms["octagonal"] = octagon
    overlap = {name: _overlap(form, part) for name, form in forms.items()}
    best = max(overlap.values())
    if best < _FITS:
        # what is cut out of a bare picture is anatomy in which all is black or white
        return ("rectangular", box) if box.all() else ("irregular", _hull(part))
    name = next(name for name in forms if overlap[name] >= best - _MUCH_BETTER)
    return name, forms[name]


def _overlap(one: BoolArray, other: BoolArray) -> float:
    return float((one & other).sum()) / float((one | other).sum())


def _box(part: BoolArray) -> BoolArray:
    rows, columns = (_span(np.asarray(part.any(axis=axis))) for axis in (1, 0))
    box: BoolArray = rows[:, None] & columns[None, :]
    return box


def _span(there: BoolArray) -> BoolArray:
    at = np.flatnonzero(there)
    span = np.zeros(there.shape, np.bool_)
    span[at[0] : at[-1] + 1] = True
    return span


def _octagon(part: BoolArray) -> BoolArray | None:
    """The box, with its corners cut off along the diagonals; None where most of them are there."""
    row, column = np.ogrid[: part.shape[0], : part.shape[1]]
    form, cut = _box(part), 0
    for diagonal in (row + column, row - column, -row - column, column - row):
        most = diagonal[part].max()
        cut += bool((form & (diagonal > most + _CORNER)).any())
        form = form & (diagonal <= most)
    return form if cut >= _CORNERS else None


def _hull(part: BoolArray) -> BoolArray:
    """The box within the diagonals."""
    row, column = np.ogrid[: part.shape[0], : part.shape[1]]
    form = _box(part)
    for diagonal in (row + column, row - column):
        form &= (diagonal >= diagonal[part].min()) & (diagonal <= diagonal[part].max())
    return form


def _circle(part: BoolArray) -> tuple[float, float, float] | None:
    """Centre and radius of the circle on which many rays from the middle end."""
    middle = np.array(ndimage.center_of_mass(part))
    angle = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    distance = np.arange(0.0, np.hypot(*part.shape), 0.5)
    ray = np.stack([np.sin(angle), np.cos(angle)])
    place = np.rint(middle[:, None, None] + distance[:, None] * ray[:, None]).astype(np.intp)
    seen = np.all((place >= 0) & (place < np.array(part.shape)[:, None, None]), axis=0)
    there = seen & part[tuple(np.where(seen, place, 0))]
    reach = distance[(there * np.arange(1, len(distance) + 1)[:, None]).argmax(axis=0)]
    edge = middle[:, None] + reach * ray
    border = np.array(part.shape)[:, None] - 1.5
    free = np.all((edge > 0.5) & (edge < border), axis=0)
    if free.sum() < _ON_CIRCLE * _RAYS:
        return None
    centre, radius = fit_circle(edge[:, free], tolerance_px=_TOLERANCE)
    miss = np.abs(np.hypot(*(edge - centre[:, None])) - radius)
    if (miss <= _TOLERANCE).sum() < _ON_CIRCLE * _RAYS:
        return None
    return float(centre[0]), float(centre[1]), radius


def _round(shape: tuple[int, ...], row: float, column: float, radius: float) -> BoolArray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    disc: BoolArray = np.hypot(rows - row, columns - column) <= radius + 0.25
    return disc


def _disc(part: BoolArray, factor: int, shape: tuple[int, int]) -> BoolArray:
    circle = _circle(part)
    assert circle is not None  # noqa: S101 - a round form was found by it
    row, column, radius = ((value + 0.5) * factor - 0.5 for value in circle)
    return _round(shape, row, column, radius - 0.5 * factor) & _in_pixels(
        _box(part), factor, shape
    )


def _in_pixels(form: BoolArray, factor: int, shape: tuple[int, int]) -> BoolArray:
    """Bins as pixels; what is left over at the end belongs to the last bin."""
    wide = np.repeat(np.repeat(form, factor, axis=0), factor, axis=1)
    rest = [(0, max(0, size - have)) for size, have in zip(shape, wide.shape, strict=True)]
    whole: BoolArray = np.pad(wide, rest, mode="edge")[: shape[0], : shape[1]]
    return whole


def _without_holes(field: BoolArray, part: BoolArray, factor: int) -> BoolArray:
    """The field less large rectangles that do not change: panels that lie over the picture.

    What is burned out or black has no such form, and stays.
    """
    still = ndimage.binary_opening(~part, np.ones((_HOLE, _HOLE)))
    labels, _ = ndimage.label(still)
    panels = np.zeros_like(still)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[box] == number
        if own.mean() >= _PANEL:
            panels[box] |= own
    return field & ~_in_pixels(panels, factor, (field.shape[0], field.shape[1]))
