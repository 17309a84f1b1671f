"""Where a C-arm's monitor shows the X-ray, its controls and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.model.arrays import BoolArray, read_only
from napari_fluoroinject.phantom.lettering import COLUMNS, ROWS, lettered

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.screen_settings import FieldShape, ScreenSettings

CLOCK = "00:00:00"
"""Stands for the time of day, which changes every second."""

_PANEL_SHARE = 0.17
_PICTURE_SHARE = 0.94
_RECTANGLE = 0.8
"""Height of a rectangular field by its width."""
_BRIGHT, _SHADOW, _PANEL, _BUTTON = 235, 8, 26, 70
_BEGIN_S = 9 * 3600 + 41 * 60 + 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line of text: its first (row, column), what it says, and the size of a dot in pixels."""

    first_px: tuple[int, int]
    words: str
    dot_px: int

    @property
    def shape_px(self) -> tuple[int, int]:
        """(rows, columns) that it takes."""
        return (ROWS + 1) * self.dot_px, COLUMNS * self.dot_px * len(self.words)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The monitor without the X-ray, and where that goes.

    Attributes
    ----------
    ground
        (rows, columns) uint8, all that does not change, text included.
    first_px, side_px
        First (row, column) of the square picture, and its side.
    field
        (rows, columns) of the monitor, True where the X-ray is shown; text over it included.
    burned_in
        Text that stands in the square picture, each of a fixed place.
    clocks
        Those texts, here or in a panel, that tell the time of day.
    """

    ground: npt.NDArray[np.uint8]
    first_px: tuple[int, int]
    side_px: int
    field: BoolArray
    burned_in: tuple[Text, ...]
    clocks: tuple[Text, ...]


def lay_out(settings: ScreenSettings) -> Layout:
    """Place the picture, panels and text of one monitor.

    Raises
    ------
    PhantomError
        The picture would not fit onto the monitor.
    """
    rows, columns = settings.shape
    panel = round(_PANEL_SHARE * columns)
    left = panel if settings.panels in ("left", "both") else 0
    right = columns - (panel if settings.panels in ("right", "both") else 0)
    side = settings.picture_px or int(_PICTURE_SHARE * min(rows, right - left)) // 2 * 2
    middle = settings.centre_px or (rows // 2, (left + right) // 2)
    first = (middle[0] - side // 2, middle[1] - side // 2)
    if min(first) < 0 or first[0] + side > rows or first[1] + side > columns:
        raise PhantomError(
            f"a picture of {side} pixels about {middle} on a monitor of {settings.shape}; "
            "expected one that fits"
        )
    field = np.zeros((rows, columns), np.bool_)
    box = slice(first[0], first[0] + side), slice(first[1], first[1] + side)
    field[box] = _outline(side, settings.field, settings.field_share)
    ground = np.full((rows, columns), settings.surround, np.uint8)
    clocks = []
    for begin, end in ((0, left), (right, columns)):
        if end > begin:
            clocks.append(_draw_panel(ground, begin, end))
    burned = _burned_in(first, side) if settings.lettering else ()
    return Layout(
        ground=read_only(ground, np.uint8),
        first_px=first,
        side_px=side,
        field=read_only(field, np.bool_),
        burned_in=burned,
        clocks=(*clocks, *(text for text in burned if text.words == CLOCK)),
    )


def write(picture: npt.NDArray[np.uint8], text: Text, words: str | None = None) -> None:
    """Write a text into a picture, bright with a dark edge; `words` in place of its own."""
    rows, columns = text.shape_px
    lit = lettered(text.words if words is None else words, text.dot_px)
    for aside, level in ((text.dot_px, _SHADOW), (0, _BRIGHT)):
        row, column = text.first_px[0] + aside, text.first_px[1] + aside
        part = picture[row : row + rows - text.dot_px, column : column + columns - aside]
        part[lit[: part.shape[0], : part.shape[1]]] = level


def time_of_day(time_s: float) -> str:
    """What the clock says so many seconds after the first grab."""
    second = int(_BEGIN_S + time_s)
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _outline(side: int, shape: FieldShape, share: float) -> BoolArray:
    at = np.abs(np.arange(side) - (side - 1) / 2)
    row, column, radius = at[:, None], at[None, :], share * side / 2
    if shape == "circle":
        inside = row**2 + column**2 <= radius**2
    elif shape == "octagon":
        inside = (np.maximum(row, column) <= radius) & (row + column <= radius * np.sqrt(2))
    elif shape == "rectangle":
        inside = (row <= _RECTANGLE * radius) & (column <= radius)
    else:
        inside = np.ones((side, side), np.bool_)
    return np.asarray(inside, np.bool_)


def _burned_in(first: tuple[int, int], side: int) -> tuple[Text, ...]:
    dot = max(1, side // 360)
    edge = max(2, side // 50)
    high, wide = ROWS * dot, COLUMNS * dot

    def at(row: int, column: int, words: str) -> Text:
        return Text(first_px=(first[0] + row, first[1] + column), words=words, dot_px=dot)

    end = side - edge
    return (
        at(edge, edge, "78 KV"),
        at(edge, end - 6 * wide, "2.4 MA"),
        at(end - high, edge, "AP"),
        at(side // 4, side // 10, "L"),
        at(round(0.87 * side) - high, (side - len(CLOCK) * wide) // 2, CLOCK),
    )


def _draw_panel(ground: npt.NDArray[np.uint8], begin: int, end: int) -> Text:
    """Draw buttons and lines of text into a panel; returns its clock."""
    rows, wide = len(ground), end - begin
    ground[:, begin:end] = _PANEL
    dot = max(1, wide // 110)
    edge = max(2, wide // 12)
    for number, words in enumerate(("FLUORO", "ABC ON", "DOSE", "STORE", "SUB OFF")):
        top = (number + 2) * rows // 9
        ground[top : top + rows // 14, begin + edge : end - edge] = _BUTTON + 12 * number
        write(ground, Text(first_px=(top + dot, begin + edge + dot), words=words, dot_px=dot))
    return Text(first_px=(rows // 20, begin + edge), words=CLOCK, dot_px=dot)
