"""Picture layers that move by fractions of a pixel without being smeared."""

from __future__ import annotations

from math import ceil, cos, floor, radians, sin
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray


class Layer:
    """Cubic B-spline coefficients over the picture and `margin_px` more on every side.

    Splines interpolate what they were made of exactly, so a layer that does not move is not
    blurred, and one that does loses far less than a pixel's aperture takes.
    """

    __slots__ = ("_coefficients", "margin_px", "size")

    def __init__(self, coefficients: FloatArray, *, margin_px: int) -> None:
        self._coefficients = coefficients
        self.margin_px = margin_px
        self.size = coefficients.shape[0] - 2 * margin_px

    @classmethod
    def of(cls, picture: FloatArray, *, margin_px: int) -> Layer:
        """The layer that takes the values of `picture` (margin included) at whole pixels."""
        return cls(
            ndimage.spline_filter(picture, order=3, output=np.float32, mode="mirror"),
            margin_px=margin_px,
        )

    def moved(self, shift_px: tuple[float, float], rot_deg: float = 0.0) -> FloatArray:
        """The picture (size, size) float32 turned about its centre and shifted (row, column).

        What stood at p stands at centre + R (p - centre) + shift.
        """
        if rot_deg != 0.0:
            return self._turned(shift_px, rot_deg)
        rows = _blend(self._coefficients, shift_px[0], self.margin_px, self.size)
        return np.ascontiguousarray(_blend(rows.T, shift_px[1], self.margin_px, self.size).T)

    def _turned(self, shift_px: tuple[float, float], rot_deg: float) -> FloatArray:
        centre = (self.size - 1) / 2
        back = rotation(-rot_deg)
        offset = np.array([centre, centre]) - back @ (
            np.array([centre, centre]) + np.array(shift_px)
        )
        result: FloatArray = ndimage.affine_transform(
            self._coefficients,
            back,
            offset=offset + self.margin_px,
            output_shape=(self.size, self.size),
            order=3,
            prefilter=False,
            mode="nearest",
        )
        return result


def rotation(rot_deg: float) -> DoubleArray:
    """The 2 x 2 matrix that turns (row, column) offsets from the +column axis towards +row."""
    c, s = cos(radians(rot_deg)), sin(radians(rot_deg))
    return np.array([[c, s], [-s, c]])


def margin_px(mm_per_px: float) -> int:
    """Pixels on every side that layers need so that no motion of a script bares their edge."""
    return ceil(12.0 / mm_per_px)


def spline_weights(fraction: float) -> tuple[float, float, float, float]:
    """Cubic B-spline weights of nodes -1, 0, 1, 2 for a position `fraction` beyond node 0."""
    t, u = fraction, 1 - fraction
    return u**3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (3 * u**3 - 6 * u**2 + 4) / 6, t**3 / 6


def _blend(values: FloatArray, shift: float, margin: int, size: int) -> FloatArray:
    whole = floor(-shift)
    first = int(np.clip(margin + whole - 1, 0, values.shape[0] - size - 3))
    a, b, c, d = (np.float32(weight) for weight in spline_weights(-shift - whole))
    result: FloatArray = values[first : first + size] * a
    result += values[first + 1 : first + 1 + size] * b
    result += values[first + 2 : first + 2 + size] * c
    result += values[first + 3 : first + 3 + size] * d
    return result
