"""Every array operation in plain NumPy and SciPy: slow, readable, the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import correlate1d

from napari_fluoroinject.compute.taps import TAPS, gaussian_taps, warp_taps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.ramps import RampFamily
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, StoredArray

_LEAST_WEIGHT = 1e-3
"""Below this share of a Gaussian window with data, a smoothed value would be an extrapolation."""


def bin_frames(frames: FloatArray, field: FloatArray, factor: int, /) -> FloatArray:
    """See `backend.Kernels`."""
    open_ = _blocks((field > 0).astype(np.float32)[None], factor)
    total = _blocks(np.where(field > 0, frames, np.float32(0)), factor)
    return np.where(open_ > 0, total / np.maximum(open_, 1), 0).astype(np.float32)


def binned_ln(
    stored: StoredArray, beam: FloatArray, first_stored: int, factor: int, /
) -> FloatArray:
    """See `backend.Kernels`."""
    index = np.clip(stored.astype(np.int64) - first_stored, 0, len(beam) - 1)
    mean = _blocks(beam[index][None], factor)[0] / factor**2
    return np.asarray(np.log(mean), dtype=np.float32)


def smooth(frames: FloatArray, weight: FloatArray, sigma_px: float, /) -> FloatArray:
    """See `backend.Kernels`."""
    taps = gaussian_taps(sigma_px)
    share = _separable(weight[None], taps)
    known = share > _LEAST_WEIGHT
    # A pixel without weight may hold anything, NaN included, and must not leak.
    total = _separable(np.where(weight > 0, frames * weight, np.float32(0)), taps)
    return np.where(known, total / np.where(known, share, 1), 0).astype(np.float32)


def band_pass(
    frames: FloatArray, field: FloatArray, fine_px: float, coarse_px: float, /
) -> FloatArray:
    """See `backend.Kernels`."""
    fine = smooth(frames, field, fine_px)
    coarse = smooth(frames, field, coarse_px)
    return np.where(field > 0, fine - coarse, np.float32(0))


def warp(frames: FloatArray, pose: DoubleArray, /) -> FloatArray:
    """See `backend.Kernels`."""
    _, rows, columns = frames.shape
    warped = np.empty_like(frames)
    for index, (frame, one_pose) in enumerate(zip(frames, pose, strict=True)):
        down = warp_taps(one_pose, rows, columns)
        standing = np.zeros((rows, columns), dtype=np.float32)
        for tap in range(TAPS):
            row = np.arange(rows)[:, None] + down.row_start[None, :] + tap
            row = np.clip(row, 0, rows - 1)
            standing += down.row_taps[tap] * np.take_along_axis(frame, row, axis=0)
        out = np.zeros_like(frame)
        for tap in range(TAPS):
            column = np.arange(columns)[None, :] + down.column_start[:, None] + tap
            column = np.clip(column, 0, columns - 1)
            out += down.column_taps[tap][:, None] * np.take_along_axis(standing, column, axis=1)
        warped[index] = out
    return warped


def motion_equations(
    aligned: FloatArray, template: FloatArray, gradient: FloatArray, weight: FloatArray, /
) -> tuple[DoubleArray, DoubleArray]:
    """See `backend.Kernels`."""
    rows, columns = template.shape
    y = (np.arange(rows) - (rows - 1) / 2)[:, None]
    x = (np.arange(columns) - (columns - 1) / 2)[None, :]
    down, right = gradient.astype(np.float64)
    slopes = np.stack([down, right, down * x - right * y, np.full_like(down, -1.0)])
    error = (aligned - template).astype(np.float64)
    matrix = np.einsum("nrc,arc,brc->nab", weight, slopes, slopes, optimize=True)
    vector = -np.einsum("nrc,nrc,arc->na", weight, error, slopes, optimize=True)
    return matrix, vector


def weighted_mean(frames: FloatArray, weight: FloatArray, /) -> FloatArray:
    """See `backend.Kernels`."""
    share = weight.sum(axis=0, dtype=np.float64)
    total = np.einsum("nrc,nrc->rc", frames, weight, dtype=np.float64)
    mean: FloatArray = np.where(share > 0, total / np.where(share > 0, share, 1), 0).astype(
        np.float32
    )
    return mean


def best_curve(
    frames: FloatArray, curves: FloatArray, /
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
    """See `backend.Kernels`."""
    shape = frames.shape[1:]
    best, amplitude = np.zeros(shape, dtype=np.int32), np.zeros(shape)
    explained = np.zeros(shape)
    for index, curve in enumerate(curves.astype(np.float64)):
        energy = float(curve @ curve)
        product = np.maximum(np.einsum("n,nrc->rc", curve, frames), 0.0)
        better = product**2 / energy > explained
        best[better] = index
        amplitude[better] = product[better] / energy
        explained[better] = product[better] ** 2 / energy
    return best, amplitude.astype(np.float32), explained.astype(np.float32)


def best_ramp(
    frames: FloatArray, family: RampFamily, /
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
    """See `backend.Kernels`."""
    curves = family.curves()
    energy = family.energy(curves)
    total = frames.sum(axis=0, dtype=np.float64)
    held = len(frames) + family.held_frames
    best, amplitude = np.zeros(total.shape, dtype=np.int32), np.zeros(total.shape)
    explained = np.zeros(total.shape)
    for index, curve in enumerate(curves):
        if energy[index] <= 0:
            continue
        product = np.einsum("n,nrc->rc", curve, frames) - curve.sum() / held * total
        product = np.maximum(product, 0.0)
        better = product**2 / energy[index] > explained
        best[better] = index
        amplitude[better] = product[better] / energy[index]
        explained[better] = product[better] ** 2 / energy[index]
    return best, amplitude.astype(np.float32), explained.astype(np.float32)


def _blocks(frames: FloatArray, factor: int) -> FloatArray:
    """Sums over factor x factor blocks; rows and columns left over at the end are dropped."""
    count, rows, columns = frames.shape
    rows, columns = rows // factor, columns // factor
    cut = frames[:, : rows * factor, : columns * factor]
    blocks = cut.reshape(count, rows, factor, columns, factor)
    sums: FloatArray = blocks.sum(axis=(2, 4), dtype=np.float32)
    return sums


def _separable(frames: FloatArray, taps: FloatArray) -> FloatArray:
    across = correlate1d(frames, taps, axis=2, mode="constant")
    both: FloatArray = correlate1d(across, taps, axis=1, mode="constant")
    return both
