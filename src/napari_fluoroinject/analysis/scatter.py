"""Scattered radiation of a loop: what of each frame came straight from the focal spot.

The model has one unknown, the scatter-to-primary ratio `k`, and a kernel G of known width:
`I = (P + k G*P) / (1 + k)`. Scatter is smooth, so it is solved on blocks of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend

BLOCK_PX = 8
"""Side of a block: an eighth of the kernel's sigma on a usual detector, so nothing is lost."""
KERNEL_SIGMA_MM = 25.0
"""Width of the scatter kernel at the detector, an assumption until it is measured per machine."""
KERNEL_UNCERTAINTY = 0.05
"""1 sigma of the opacity scale from the kernel's form (a width off by 40 % costs 11 to 17 %)."""
ASSUMED_FIELD_MM = 205.0
"""Width of the picture at the detector where no header tells (a small C-arm's usual field)."""
ASSUMED_FIELD_UNCERTAINTY = 0.10
"""The same 1 sigma where the kernel's width in pixels rests on the assumed field."""
_STEPS = 16
"""The damped iteration gains a factor of at least three per step for a ratio up to one."""
_TRUNCATE = 3.5
"""Kernels end at this many sigma."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScatterModel:
    """The kernel on the blocks of one loop's frames.

    Attributes
    ----------
    shape_px
        (rows, columns) of a frame.
    open
        (blocks down, blocks across) float32, 1 where a block holds open pixels, else 0: no
        primary radiation reaches the rest.
    blur_rows, blur_columns
        The kernel's two factors as square matrices; beyond the picture its edge is repeated.
    """

    shape_px: tuple[int, int]
    open: FloatArray
    blur_rows: FloatArray
    blur_columns: FloatArray


def scatter_model(field: BoolArray, kernel_sigma_px: float) -> ScatterModel:
    """Return the model for frames with the open field `field` (rows, columns)."""
    rows, columns = field.shape
    down, across = rows // BLOCK_PX, columns // BLOCK_PX
    blocks = field[: down * BLOCK_PX, : across * BLOCK_PX]
    blocks = blocks.reshape(down, BLOCK_PX, across, BLOCK_PX)
    sigma = kernel_sigma_px / BLOCK_PX
    return ScatterModel(
        shape_px=(rows, columns),
        open=np.asarray(blocks.any(axis=(1, 3)), dtype=np.float32),
        blur_rows=_blur_matrix(down, sigma),
        blur_columns=_blur_matrix(across, sigma),
    )


def blocks_of(intensity: FloatArray, field: BoolArray, *, on: Backend) -> FloatArray:
    """Mean intensity of the open pixels of every block, (frames, blocks down, blocks across)."""
    return on.kernels.bin_frames(intensity, field.astype(np.float32), BLOCK_PX)


def scatter_on_blocks(blocks: FloatArray, model: ScatterModel, ratio: float) -> FloatArray:
    """Solve for the scatter of frames given on blocks.

    Parameters
    ----------
    blocks
        (frames, blocks down, blocks across) float32, relative intensity.
    model
        The kernel.
    ratio
        The scatter-to-primary ratio k, at least 0.

    Returns
    -------
    FloatArray
        The shape of `blocks`: S of `(1 + k) I = P + S`, in the units of `blocks`.
    """
    scatter = np.empty_like(blocks)
    for some in chunks(len(blocks)):  # of many frames nothing would stay in the cache
        scatter[some] = _solved(blocks[some], model, ratio)
    return scatter


def _solved(blocks: FloatArray, model: ScatterModel, ratio: float) -> FloatArray:
    total = (1.0 + ratio) * blocks
    primary = blocks * model.open
    # The undamped iteration diverges for k >= 1; this one has its eigenvalues within k / (2 + k).
    gain = np.float32(1.0 / (1.0 + 0.5 * ratio))
    for _ in range(_STEPS):
        spread = model.blur_rows @ primary @ model.blur_columns.T
        primary = model.open * (primary + gain * (total - primary - np.float32(ratio) * spread))
    scatter: FloatArray = np.float32(ratio) * (model.blur_rows @ primary @ model.blur_columns.T)
    return scatter


def turned_back(scatter: FloatArray, angle_rad: DoubleArray, *, on: Backend) -> FloatArray:
    """Scatter of frames on blocks without their turn (frames,); `at_pixels` undoes the shift."""
    if not angle_rad.any():
        return scatter
    still = np.zeros((len(angle_rad), 2))
    return on.kernels.warp(scatter, np.column_stack([still, angle_rad]))


def at_pixels(
    scatter: FloatArray, model: ScatterModel, shift_px: DoubleArray, *, on: Backend
) -> FloatArray:
    """Scatter of frames from blocks to pixels, (frames, rows, columns), looked up at p + shift.

    Parameters
    ----------
    scatter
        (frames, blocks down, blocks across); beyond the picture its edge is repeated.
    model
        The kernel.
    shift_px
        (frames, 2), (row, column).
    """
    # A picture that has moved by its own size shows nothing but the edge.
    shift = np.clip(shift_px, np.negative(model.shape_px), model.shape_px)
    place = (shift - 0.5 * (BLOCK_PX - 1)) / BLOCK_PX
    margin = 2 + ceil(float(np.abs(place).max(initial=0.0)))
    wide = np.pad(scatter, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
    return on.kernels.sample(wide, place + margin, 1.0 / BLOCK_PX, model.shape_px)


def kernel_sigma_px(
    detector_mm_per_px: float | None, columns: int
) -> tuple[float, float, str | None]:
    """Width of the kernel in pixels, the scale's 1 sigma from its form, and what was assumed."""
    if detector_mm_per_px is not None:
        return KERNEL_SIGMA_MM / detector_mm_per_px, KERNEL_UNCERTAINTY, None
    assumed = (
        f"detector pixel unknown: scatter kernel from an assumed field of {ASSUMED_FIELD_MM:g} mm"
    )
    return KERNEL_SIGMA_MM * columns / ASSUMED_FIELD_MM, ASSUMED_FIELD_UNCERTAINTY, assumed


def _blur_matrix(size: int, sigma: float) -> FloatArray:
    reach = int(np.ceil(_TRUNCATE * sigma))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((size, size))
    for row in range(size):
        np.add.at(matrix[row], np.clip(row + offsets, 0, size - 1), weights)
    return matrix.astype(np.float32)
