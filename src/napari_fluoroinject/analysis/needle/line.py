"""A straight line in the picture and the strip of values beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, sin
from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi

from napari_fluoroinject.model.geometry import Point

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

REFERENCE_MM_PER_PX = 0.28
"""Millimetres per pixel at which every pixel parameter of this package was chosen."""
REFERENCE_FIELD_PX = 512
"""Side of the picture for which they are taken as they are when there are no millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through `point`; `angle_rad` from +column towards +row.

    Positions along it are counted from `point`, positions across it along the normal
    (row, column) = (cos, -sin), which is the direction turned by 90 degrees.
    """

    point: Point
    angle_rad: float

    @property
    def along(self) -> Point:
        """Unit vector (row, column) of the direction."""
        return sin(self.angle_rad), cos(self.angle_rad)

    @property
    def normal(self) -> Point:
        """Unit vector (row, column) across."""
        return cos(self.angle_rad), -sin(self.angle_rad)

    def at(self, along_px: float, across_px: float = 0.0) -> Point:
        """Picture coordinates of a position on (or beside) the line."""
        (ar, ac), (nr, nc) = self.along, self.normal
        return (
            self.point[0] + along_px * ar + across_px * nr,
            self.point[1] + along_px * ac + across_px * nc,
        )

    def moved(self, step: Point) -> Line:
        """The same line carried by a displacement (row, column)."""
        return Line(
            point=(self.point[0] + step[0], self.point[1] + step[1]), angle_rad=self.angle_rad
        )

    def bent(self, across_px: float, slope: float, *, about_px: float = 0.0) -> Line:
        """The line displaced across and turned by `slope` px per px about a position."""
        turned = self.angle_rad + atan2(slope, 1.0)
        pivot = self.at(about_px, across_px)
        return Line(
            point=(pivot[0] - about_px * sin(turned), pivot[1] - about_px * cos(turned)),
            angle_rad=turned,
        )

    def project(self, point: Point) -> Point:
        """(along, across) of a point of the picture."""
        dr, dc = point[0] - self.point[0], point[1] - self.point[1]
        (ar, ac), (nr, nc) = self.along, self.normal
        return dr * ar + dc * ac, dr * nr + dc * nc


def line_between(start: Point, end: Point) -> Line:
    """The line from `start` towards `end`, counted from their middle."""
    return Line(
        point=((start[0] + end[0]) / 2, (start[1] + end[1]) / 2),
        angle_rad=atan2(end[0] - start[0], end[1] - start[1]),
    )


def strip(
    image: FloatArray, line: Line, along_px: DoubleArray, across_px: DoubleArray
) -> FloatArray:
    """Values beside a line, (along, across) float32, bilinear; NaN outside the picture."""
    (ar, ac), (nr, nc) = line.along, line.normal
    rows = line.point[0] + along_px[:, None] * ar + across_px[None, :] * nr
    columns = line.point[1] + along_px[:, None] * ac + across_px[None, :] * nc
    values: FloatArray = ndi.map_coordinates(
        image, [rows, columns], output=np.float32, order=1, mode="constant", cval=np.nan
    )
    return values


def pixel_scale(mm_per_px: float | None, shape: tuple[int, int]) -> float:
    """By how much the pixel parameters of this package grow for a loop.

    With millimetres the parameters follow the size of a needle in the picture; without them
    they hold
    for a field of 512 px and grow with a larger one, which supposes that the picture shows a
    usual field of view.
    """
    if mm_per_px is None:
        return max(1.0, max(shape) / REFERENCE_FIELD_PX)
    return REFERENCE_MM_PER_PX / mm_per_px
