"""The compiled kernels in the shape of `backend.Kernels`."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.compute.kernels import intensity, motion, ramp
from napari_fluoroinject.compute.ramps import ramp_tables
from napari_fluoroinject.compute.taps import gaussian_taps, warp_taps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.ramps import RampFamily
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, StoredArray

_LEAST_WEIGHT = 1e-3
"""As in `reference`: less data than this under a Gaussian is an extrapolation."""
_STRIP_PX = 2048
"""Pixels of one matrix product: its result stays in the cache."""
_UPPER = np.triu_indices(4)


def device() -> str:
    """What the kernels run on, as the operating system names it."""
    return platform.processor() or platform.machine() or "cpu"


def version() -> str:
    """Version of the compiler that makes the kernels."""
    return version_of("numba")


def bin_frames(frames: FloatArray, field: FloatArray, factor: int, /) -> FloatArray:
    """See `backend.Kernels`."""
    count, rows, columns = frames.shape
    out = np.empty((count, rows // factor, columns // factor), dtype=np.float32)
    motion.bin_frames(frames, field, factor, out)
    return out


def binned_ln(
    stored: StoredArray, beam: FloatArray, first_stored: int, factor: int, /
) -> FloatArray:
    """See `backend.Kernels`."""
    rows, columns = stored.shape
    out = np.empty((rows // factor, columns // factor), dtype=np.float32)
    intensity.bin_beam(stored, beam, first_stored, factor, out)
    return np.log(out, out=out)


def smooth(frames: FloatArray, weight: FloatArray, sigma_px: float, /) -> FloatArray:
    """See `backend.Kernels`."""
    taps = gaussian_taps(sigma_px)
    share = np.empty((1, *weight.shape), dtype=np.float32)
    motion.convolve(np.ones_like(share), weight, taps, share)
    out = np.empty_like(frames)
    motion.convolve(frames, weight, taps, out)
    known = share > _LEAST_WEIGHT
    out *= np.where(known, 1 / np.where(known, share, 1), np.float32(0))
    return out


def band_pass(
    frames: FloatArray, field: FloatArray, fine_px: float, coarse_px: float, /
) -> FloatArray:
    """See `backend.Kernels`."""
    out = smooth(frames, field, fine_px)
    out -= smooth(frames, field, coarse_px)
    out *= field > 0
    return out


def warp(frames: FloatArray, pose: DoubleArray, /) -> FloatArray:
    """See `backend.Kernels`."""
    _, rows, columns = frames.shape
    out = np.empty(frames.shape, dtype=np.float32)
    for frame, one_pose, into in zip(np.ascontiguousarray(frames), pose, out, strict=True):
        taps = warp_taps(one_pose, rows, columns)
        motion.shear(
            frame, taps.row_start, taps.row_taps, taps.column_start, taps.column_taps, into
        )
    return out


def motion_equations(
    aligned: FloatArray, template: FloatArray, gradient: FloatArray, weight: FloatArray, /
) -> tuple[DoubleArray, DoubleArray]:
    """See `backend.Kernels`."""
    sums = np.zeros((len(aligned), 14))
    motion.motion_equations(aligned, template, gradient, weight, sums)
    matrix = np.empty((len(aligned), 4, 4))
    row, column = _UPPER
    matrix[:, row, column] = matrix[:, column, row] = sums[:, :10]
    return matrix, sums[:, 10:]


def weighted_mean(frames: FloatArray, weight: FloatArray, /) -> FloatArray:
    """See `backend.Kernels`."""
    out = np.empty(frames.shape[1:], dtype=np.float32)
    motion.weighted_mean(frames, weight, out)
    return out


def best_curve(
    frames: FloatArray, curves: FloatArray, /
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
    """See `backend.Kernels`; one matrix product per strip of pixels, so memory stays small."""
    count, rows, columns = frames.shape
    pixels = frames.reshape(count, rows * columns)
    length = np.sqrt(np.square(curves).sum(axis=1))
    unit = np.ascontiguousarray((curves / length[:, None]).T)
    best = np.empty(rows * columns, dtype=np.int32)
    score = np.empty(rows * columns, dtype=np.float32)
    for start in range(0, rows * columns, _STRIP_PX):
        strip = slice(start, start + _STRIP_PX)
        products = pixels[:, strip].T @ unit
        best[strip] = chosen = products.argmax(axis=1)
        score[strip] = np.take_along_axis(products, chosen[:, None], axis=1)[:, 0]
    seen = score > 0
    best[~seen] = 0
    np.maximum(score, 0, out=score)
    amplitude: FloatArray = score / length[best]
    shape = (rows, columns)
    return best.reshape(shape), amplitude.reshape(shape), np.square(score).reshape(shape)


def best_ramp(
    frames: FloatArray, family: RampFamily, /
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
    """See `backend.Kernels`; by running sums, so a curve costs a few operations a pixel."""
    count, rows, columns = frames.shape
    tables = ramp_tables(family)
    best = np.empty(rows * columns, dtype=np.int32)
    score = np.empty(rows * columns, dtype=np.float32)
    ramp.fit_ramps(
        frames.reshape(count, rows * columns),
        (family.positions, tables.fade),
        (tables.first, tables.full, family.start, family.rise),
        (tables.after, tables.share, tables.norm),
        best,
        score,
    )
    amplitude: FloatArray = score * tables.norm.ravel()[best].astype(np.float32)
    shape = (rows, columns)
    return best.reshape(shape), amplitude.reshape(shape), np.square(score).reshape(shape)
