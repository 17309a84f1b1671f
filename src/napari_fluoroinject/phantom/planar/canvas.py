"""The plane that everything is drawn in: millimetres about the target, random fields, movement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from napari_fluoroinject.phantom.layers import rotation

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The picture and `margin_px` more on every side; the target's place is the origin."""

    size: int
    margin_px: int
    mm_per_px: float
    target_px: tuple[float, float]

    @property
    def cells(self) -> int:
        """Pixels along a side, margins included."""
        return self.size + 2 * self.margin_px

    def axes_mm(self) -> tuple[FloatArray, FloatArray]:
        """Millimetres of rows (cells, 1) and columns (1, cells) from the target."""
        at = np.arange(self.cells, dtype=np.float32) - np.float32(self.margin_px)
        rows, columns = (
            (at - np.float32(zero)) * np.float32(self.mm_per_px) for zero in self.target_px
        )
        return rows[:, None], columns[None, :]

    def window(
        self, centre_mm: tuple[float, float], reach_mm: tuple[float, float]
    ) -> tuple[slice, slice]:
        """The cells within reach of a point; empty where all of them lie outside."""
        ends = []
        for centre, reach, zero in zip(centre_mm, reach_mm, self.target_px, strict=True):
            middle = centre / self.mm_per_px + zero + self.margin_px
            low, high = middle - reach / self.mm_per_px, middle + reach / self.mm_per_px + 1
            ends.append(slice(*(int(np.clip(end, 0, self.cells)) for end in (low, high))))
        return ends[0], ends[1]

    def field(
        self,
        length_mm: float,
        random: np.random.Generator,
        *,
        stretch: float = 1.0,
        steepness: float = 2.0,
    ) -> FloatArray:
        """A random field over the canvas: zero mean, unit variance, correlated over `length_mm`.

        White noise under a Matern spectrum, (1 + (f l)^2)^-steepness; `stretch` lengthens it along
        the columns' direction, cranio-caudally.
        """
        side = fft.next_fast_len(self.cells, real=True)
        noise = random.standard_normal((side, side), dtype=np.float32)
        # Of an exponential correlation's spectrum: the corner is at 1 / (2 pi length).
        rows = fft.fftfreq(side, self.mm_per_px)[:, None] * length_mm * stretch * 2 * np.pi
        columns = fft.rfftfreq(side, self.mm_per_px)[None, :] * length_mm * 2 * np.pi
        shape = (1 + rows**2 + columns**2) ** -steepness
        shape[0, 0] = 0.0
        drawn = fft.irfft2(fft.rfft2(noise) * shape.astype(np.float32), s=noise.shape)
        drawn /= drawn.std()
        result: FloatArray = drawn[: self.cells, : self.cells].astype(np.float32)
        return result


def smooth_step(value: FloatArray, width: float) -> FloatArray:
    """0 far below zero, 1 far above it, a soft edge of `width` between."""
    result: FloatArray = (0.5 + 0.5 * np.tanh(value / np.float32(width))).astype(np.float32)
    return result


def prepared(picture: FloatArray) -> FloatArray:
    """Spline coefficients of a picture that `moved` takes."""
    result: FloatArray = ndimage.spline_filter(picture, order=3, output=np.float32, mode="mirror")
    return result


def moved(
    coefficients: FloatArray,
    canvas: Canvas,
    shift_px: tuple[float, float],
    rot_deg: float = 0.0,
) -> FloatArray:
    """The picture (size, size) turned about its centre, then shifted (row, column)."""
    centre = np.full(2, (canvas.size - 1) / 2)
    back = np.eye(2) if rot_deg == 0 else rotation(-rot_deg)
    offset = centre - back @ (centre + np.array(shift_px)) + canvas.margin_px
    result: FloatArray = ndimage.affine_transform(
        coefficients,
        np.diag(back) if rot_deg == 0 else back,
        offset=offset,
        output_shape=(canvas.size, canvas.size),
        order=3,
        prefilter=False,
        mode="nearest",
    )
    return result


def smooth_walk(
    frames: int, seconds: float, *, step_s: float, random: np.random.Generator
) -> DoubleArray:
    """A smooth random course (frames,), zero mean, about unit size, that turns in `seconds`."""
    width = max(seconds / step_s / 2.5, 0.5)
    pad = int(4 * width) + 1
    walk = ndimage.gaussian_filter1d(random.standard_normal(frames + 2 * pad), width)
    course = walk[pad:-pad] * np.sqrt(2 * width * np.sqrt(np.pi))
    result: DoubleArray = course - course.mean()
    return result
