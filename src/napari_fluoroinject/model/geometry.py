"""Points, C-arm views, and what a pixel measures."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, hypot, isfinite
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.errors import UncalibratedError

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
"""(row, column), 0-based, at pixel centres."""

CalibrationBasis = Literal[
    "iso_ermf", "iso_sid_sod", "pixel_spacing_fiducial", "needle_gauge", "none"
]
Side = Literal["left", "right", "bilateral"]

NOMINAL_SIDE_PX = 512
"""Longer side of the matrix at which loops are analysed: 0.3 to 0.6 mm on usual detectors."""


def binning(shape: tuple[int, int]) -> int:
    """How many pixels of a picture (rows, columns), along each side, make one of the analysis.

    The longer side comes to between 400 and 900 pixels; smaller pictures stay as they are.
    """
    return max(int(max(shape) / NOMINAL_SIDE_PX + 0.25), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Millimetres per pixel and where the number comes from.

    `mm_per_px` holds in one plane only (the isocentre for the `iso_` bases);
    `relative_uncertainty` (1 sigma) is None where the basis gives none.
    """

    mm_per_px: float
    basis: CalibrationBasis
    relative_uncertainty: float | None = None

    def __post_init__(self) -> None:
        if not (isfinite(self.mm_per_px) and self.mm_per_px > 0):
            raise UncalibratedError(
                f"a calibration of {self.mm_per_px} mm per pixel is not a length; "
                "leave the calibration out when it is unknown"
            )
        if self.basis == "none":
            raise UncalibratedError("a calibration without a basis is no calibration; use None")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """C-arm angles (PositionerPrimaryAngle, PositionerSecondaryAngle) and the view's name.

    None = unknown.
    """

    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None
    name: str | None = None


def length_px(start: Point, end: Point) -> float:
    """Distance between two points in pixels."""
    return hypot(end[0] - start[0], end[1] - start[1])


def area_px(corners: Sequence[Point]) -> float:
    """Area that a polygon encloses whose edges do not cross, closed or not, in pixels."""
    edges = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(one[0] * other[1] - other[0] * one[1] for one, other in edges)) / 2


def axis_deg(hub: Point, tip: Point) -> float:
    """Angle of hub to tip in degrees, [0, 360), from the +column axis towards +row."""
    return degrees(atan2(tip[0] - hub[0], tip[1] - hub[1])) % 360.0
