"""Where the names of marks stand: beside what they name, and never over one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.geometry import Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from napari_fluoroinject.viewer.scene import Shaft

LINE_PX = 16.0
"""Height of a name on the screen, with its distance to the next."""
CHARACTER_PX = 7.2
"""Width of a character of it, with room to spare."""
_AWAY_PX = (3.0, 24.0, 48.0, 80.0, 120.0, 170.0, 240.0)
"""How far from its mark a name may stand; beyond the first a line leads to it."""
_WAYS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-0.7, -0.7), (-0.7, 0.7), (0.7, -0.7), (0.7, 0.7))
"""Directions (row, column) in which a name may stand, the best first."""
STEADY_PX = 4.0
"""The needle's name moves by no less: it would tremble as the needle is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What is said of a mark; `anchors_px` are its places, any of which the name may point to."""

    text: str
    colour: str
    anchors_px: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A name and its middle; `anchor_px` is where a line leads, None where it stands close by."""

    name: Name
    at_px: Point
    anchor_px: Point | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle by its middle and half its sides, in pixels of the picture."""

    middle_px: Point
    half_px: Point

    def meets(self, other: Box) -> bool:
        """Whether two boxes overlap."""
        return all(
            abs(one - two) < half + reach
            for one, two, half, reach in zip(
                self.middle_px, other.middle_px, self.half_px, other.half_px, strict=True
            )
        )

    def lies_in(self, picture: tuple[int, int]) -> bool:
        """Whether it lies in a picture of rows and columns."""
        return all(
            half <= middle <= side - half
            for middle, half, side in zip(self.middle_px, self.half_px, picture, strict=True)
        )


def half_px(text: str, per_px: float) -> Point:
    """Return half the sides of a name, where a screen's pixel is `per_px` of the picture."""
    return LINE_PX / 2 * per_px, (len(text) * CHARACTER_PX + 4) / 2 * per_px


def place(
    names: Sequence[Name], taken: Iterable[Box], *, picture: tuple[int, int], per_px: float
) -> tuple[Placed, ...]:
    """Put each name as near to its mark as the others leave room for.

    Parameters
    ----------
    names
        The first have the best places.
    taken
        Where none may stand.
    picture
        Rows and columns; names stay inside.
    per_px
        Pixels of the picture to a pixel of the screen, when the picture is shown whole: where it
        is larger names only stand farther apart.

    Returns
    -------
    tuple of Placed
        A name for which there is no room is left out.
    """
    boxes = list(taken)
    placed = []
    for name in names:
        for box, anchor in _tried(name, per_px):
            if box.lies_in(picture) and not any(box.meets(one) for one in boxes):
                boxes.append(box)
                placed.append(Placed(name=name, at_px=box.middle_px, anchor_px=anchor))
                break
    return tuple(placed)


def beside_tip(shaft: Shaft, text: str, per_px: float) -> Point:
    """Return how far from its tip the needle's name stands: along the shaft, on one side of it."""
    way = np.subtract(shaft.hub_px, shaft.tip_px)
    way = way / max(float(np.hypot(*way)), 1e-6)
    side = np.array([-abs(way[1]), way[0] * (1 if way[1] >= 0 else -1)])  # above it
    half = np.array(half_px(text, per_px))
    aside = float(np.abs(side) @ half) + 3 * per_px
    along = float(np.abs(way) @ half)
    row, column = side * aside + way * along
    return float(row), float(column)


def shaft_boxes(shaft: Shaft, text: str, per_px: float) -> tuple[Box, ...]:
    """Return what a needle and its name take of the picture."""
    aside = beside_tip(shaft, text, per_px)
    word = Box(
        middle_px=(shaft.tip_px[0] + aside[0], shaft.tip_px[1] + aside[1]),
        half_px=half_px(text, per_px),
    )
    return (word, *line_boxes((shaft.hub_px, shaft.tip_px), per_px))


def line_boxes(points_px: Sequence[Point], per_px: float) -> tuple[Box, ...]:
    """Return what a line takes of the picture, as boxes along it."""
    boxes = []
    for one, other in pairwise(points_px):
        count = max(int(np.hypot(*np.subtract(other, one)) / (8 * per_px)), 1)
        for row, column in np.linspace(one, other, count + 1):
            middle = float(row), float(column)
            boxes.append(Box(middle_px=middle, half_px=(5 * per_px, 5 * per_px)))
    return tuple(boxes)


def region_boxes(region: npt.NDArray[np.bool_], per_px: float) -> tuple[Box, ...]:
    """Return what a region of the picture takes of it, in cells as high as half a line."""
    side = max(round(LINE_PX / 2 * per_px), 1)
    rows, columns = (-(-length // side) for length in region.shape)
    padded = np.zeros((rows * side, columns * side), bool)
    padded[: region.shape[0], : region.shape[1]] = region
    cells = padded.reshape(rows, side, columns, side).any(axis=(1, 3))
    middles = (np.argwhere(cells) + 0.5) * side
    half = (side / 2, side / 2)
    return tuple(
        Box(middle_px=(float(row), float(column)), half_px=half) for row, column in middles
    )


def _tried(name: Name, per_px: float) -> Iterator[tuple[Box, Point | None]]:
    half = half_px(name.text, per_px)
    for away_px, anchor, way in product(_AWAY_PX, name.anchors_px, _WAYS):
        reach = (half[0] + away_px * per_px, half[1] + away_px * per_px)
        middle = anchor[0] + way[0] * reach[0], anchor[1] + way[1] * reach[1]
        near = away_px == _AWAY_PX[0]
        yield Box(middle_px=middle, half_px=half), None if near else anchor
