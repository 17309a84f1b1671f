"""A straight or gently bent line in the picture and the strip of values beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, cos, hypot, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.compute.kernels.ridge import values_beside
from napari_fluoroinject.model.geometry import Point

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
    from napari_fluoroinject.model.motion import Motion

REFERENCE_MM_PER_PX = 0.28
"""Millimetres per pixel at which every pixel parameter of this package was chosen."""
REFERENCE_FIELD_PX = 512
"""Side of the picture for which they are taken as they are when there are no millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through `point`, straight or gently bent: an arc of a circle.

    `angle_rad` is its direction at `point`, from +column towards +row, and `curvature` by how
    many radians it turns per pixel. Positions along it are counted from `point` and follow the
    bend; positions across it along the normal (row, column) = (cos, -sin) of the direction there,
    which is the direction turned by 90 degrees.
    """

    point: Point
    angle_rad: float
    curvature: float = 0.0

    def angle_at(self, along_px: float) -> float:
        """Direction at a position, radians."""
        return self.angle_rad + self.curvature * along_px

    def at(self, along_px: float, across_px: float = 0.0) -> Point:
        """Picture coordinates of a position on (or beside) the line."""
        # As `points`, which takes ten times as long for one.
        turn = self.curvature * along_px
        chord, height = (sin(part) / part if part else 1.0 for part in (turn, 0.5 * turn))
        forward = along_px * chord - across_px * sin(turn)
        aside = 0.5 * along_px * turn * height**2 + across_px * cos(turn)
        sine, cosine = sin(self.angle_rad), cos(self.angle_rad)
        return (
            float(self.point[0] + forward * sine + aside * cosine),
            float(self.point[1] + forward * cosine - aside * sine),
        )

    def points(
        self, along_px: DoubleArray | np.float64, across_px: DoubleArray | np.float64
    ) -> tuple[DoubleArray, DoubleArray]:
        """Rows and columns of many positions, whose shapes are broadcast."""
        turn = self.curvature * along_px
        # The chord from `point` and its height, written so that they hold for a straight line.
        forward = along_px * np.sinc(turn / pi) - across_px * np.sin(turn)
        aside = 0.5 * along_px * turn * np.sinc(turn / (2 * pi)) ** 2 + across_px * np.cos(turn)
        sine, cosine = sin(self.angle_rad), cos(self.angle_rad)
        rows: DoubleArray = self.point[0] + forward * sine + aside * cosine
        columns: DoubleArray = self.point[1] + forward * cosine - aside * sine
        return rows, columns

    def carried(self, motion: Motion, frame: int) -> Line:
        """A line of the reference pose as bone carries it to `frame`."""
        return replace(
            self,
            point=motion.in_frame(self.point, frame),
            angle_rad=self.angle_rad + float(motion.angle_rad[frame]),
        )

    def counted_from(self, along_px: float) -> Line:
        """The same line with its positions counted from another one."""
        return replace(self, point=self.at(along_px), angle_rad=self.angle_at(along_px))

    def turned(
        self, across_px: float, slope: float, *, about_px: float = 0.0, curvature: float = 0.0
    ) -> Line:
        """The line displaced across, turned by `slope` px per px about a position, bent further.

        The bend grows by `curvature`; positions along stay where they are at `about_px`.
        """
        pivot = Line(
            point=self.at(about_px, across_px),
            angle_rad=self.angle_at(about_px) + atan2(slope, 1.0),
            curvature=self.curvature + curvature,
        )
        return pivot.counted_from(-about_px)

    def project(self, point: Point) -> Point:
        """(along, across) of a point of the picture."""
        dr, dc = point[0] - self.point[0], point[1] - self.point[1]
        sine, cosine = sin(self.angle_rad), cos(self.angle_rad)
        forward, aside = dr * sine + dc * cosine, dr * cosine - dc * sine
        if self.curvature == 0.0:
            return forward, aside
        from_centre = self.curvature * forward, 1.0 - self.curvature * aside
        along = atan2(*from_centre) / self.curvature
        square = forward**2 + aside**2
        return along, (2 * aside - self.curvature * square) / (1.0 + hypot(*from_centre))


def strip(
    image: FloatArray, line: Line, along_px: DoubleArray, across_px: DoubleArray
) -> FloatArray:
    """Values beside a line, (along, across) float32, bilinear; NaN outside the picture."""
    axis = np.column_stack(line.points(along_px, np.float64(0.0)))
    direction = line.angle_rad + line.curvature * along_px
    normal = np.column_stack([np.cos(direction), -np.sin(direction)])
    values = np.empty((len(along_px), len(across_px)), dtype=np.float32)
    values_beside(image, axis, normal, across_px, values)
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
