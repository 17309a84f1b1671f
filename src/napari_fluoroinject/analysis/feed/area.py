"""Where the X-ray picture is in what a feed delivers: a monitor's picture, or a bare one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.model.arrays import read_only

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureArea:
    """The X-ray picture within a frame.

    Attributes
    ----------
    first_px, shape_px
        (row, column) of its first pixel in the frame, and (rows, columns) of the rectangle
        around it.
    field
        `shape_px`, True where pixels show the beam: not what collimation, text or graphics cover.
    form
        What was found, in words of a person.
    """

    first_px: tuple[int, int]
    shape_px: tuple[int, int]
    field: BoolArray
    form: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", read_only(self.field, bool))
