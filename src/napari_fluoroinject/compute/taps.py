"""The weights of the linear filters, computed once for every backend."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, exp
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

TAPS = 6
"""Samples per axis of the interpolation."""
_REACH = TAPS // 2
TABLE_STEPS = 1024
"""Entries of the table of weights per pixel; straight lines between them err by 1e-6."""
CURVE_TAPS = 4
"""Samples per axis where curves are sampled."""
_TRUNCATE = 3.5
"""Gaussians end at this many sigma: 0.05 % of the weight is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WarpTaps:
    """Weights of a small rigid motion as two shears, down the columns first.

    `row_start` (columns,) is the first sample's row less the output row, `row_taps` (6, columns)
    the weights; `column_start` (rows,) and `column_taps` (6, rows) likewise along the rows.
    """

    row_start: npt.NDArray[np.int64]
    row_taps: FloatArray
    column_start: npt.NDArray[np.int64]
    column_taps: FloatArray


@cache
def gaussian_taps(sigma_px: float) -> FloatArray:
    """Weights of a Gaussian, odd in number, of sum 1; sigma 0 leaves a picture as it is."""
    reach = ceil(_TRUNCATE * sigma_px)
    taps = [exp(-0.5 * (i / sigma_px) ** 2) if i else 1.0 for i in range(-reach, reach + 1)]
    return np.asarray(taps / np.sum(taps), dtype=np.float32)


def curve_taps(shift_px: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """First sample and weights (..., 4), by which `Kernels.curve_maps` samples a shift (...)."""
    whole = np.floor(shift_px)
    part = shift_px - whole
    weights = np.stack([1 - part, 2 - part, 1 + part, part], axis=-1) / 4
    return whole - 1, weights


def warp_taps(pose: DoubleArray, rows: int, columns: int) -> WarpTaps:
    """Weights that bring a frame with the pose (row, column, angle) into the reference pose.

    A rotation by `angle` is two shears up to angle^2 times the radius: 0.005 px at 0.25 degrees
    and 256 px.
    """
    down_px, across_px = shears_px(pose, rows, columns)
    if pose[2] == 0:
        down_px, across_px = down_px[:1], across_px[:1]
    row_start, row_taps = _interpolation(down_px)
    column_start, column_taps = _interpolation(across_px)
    return WarpTaps(
        row_start=np.repeat(row_start, columns // len(down_px)),
        row_taps=np.repeat(row_taps, columns // len(down_px), axis=1),
        column_start=np.repeat(column_start, rows // len(across_px)),
        column_taps=np.repeat(column_taps, rows // len(across_px), axis=1),
    )


def shears_px(pose: DoubleArray, rows: int, columns: int) -> tuple[DoubleArray, DoubleArray]:
    """How far columns (columns,) are looked up down the rows, and rows (rows,) along them."""
    down, right, angle = (float(value) for value in pose)
    x = np.arange(columns, dtype=np.float64) - (columns - 1) / 2
    y = np.arange(rows, dtype=np.float64) - (rows - 1) / 2
    # The second shear moves the place at which the first was looked up; `right` is taken back.
    return down + angle * (x - right), right - angle * y


def _interpolation(shift_px: DoubleArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """First sample and the six weights (6, shifts) of every shift, from the table."""
    whole = np.floor(shift_px)
    place = (shift_px - whole) * TABLE_STEPS
    entry = place.astype(np.int64)
    table = lanczos_table()
    low, high = table[:, entry], table[:, entry + 1]
    taps = low + (place - entry) * (high - low)
    return whole.astype(np.int64) + (1 - _REACH), taps.astype(np.float32)


@cache
def lanczos_table() -> DoubleArray:
    """Six-sample Lanczos weights (6, TABLE_STEPS + 2) with unit sum and exact first moment.

    Six samples keep 0.78 to 1 of the sigma of white noise per axis (0.93 to 1 of a detector's
    coloured noise), bilinear 0.5 to 1. Plain Lanczos weights are off by up to 0.02 px; a least
    change of the weights makes straight slopes come out exactly.
    """
    fraction = np.arange(TABLE_STEPS + 2) / TABLE_STEPS
    place = np.arange(1 - _REACH, _REACH + 1)[:, None] - fraction[None, :]
    taps = np.sinc(place) * np.sinc(place / _REACH)
    miss_sum = 1.0 - taps.sum(axis=0)
    miss_moment = -(taps * place).sum(axis=0)
    first, second = place.sum(axis=0), (place**2).sum(axis=0)
    determinant = TAPS * second - first**2
    constant = (second * miss_sum - first * miss_moment) / determinant
    slope = (TAPS * miss_moment - first * miss_sum) / determinant
    return np.asarray(taps + constant + slope * place)


def sample_taps(
    place: DoubleArray, step: float, count: int, size: int
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Straight lines between the samples of one axis.

    Parameters
    ----------
    place
        (frames,) where the first of `count` values stands among the `size` samples.
    step
        From one value to the next.
    count, size
        Of the values and of the samples.

    Returns
    -------
    The sample before each value, from -2 to `size` where both lie outside, and the share of the
    one after it; (frames, count) each.
    """
    at = place[:, None] + step * np.arange(count)
    before = np.floor(at)
    share = (at - before).astype(np.float32)
    return np.clip(before, -2, size).astype(np.int64), share
