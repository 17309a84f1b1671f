"""The compiled kernels in the shape of `backend.Kernels`."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of
from threading import local
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.compute.followed import FollowedCurves, loop_maps
from napari_fluoroinject.compute.kernels import intensity, motion, ramp
from napari_fluoroinject.compute.kernels.sample import sample as take_samples
from napari_fluoroinject.compute.ramps import ramp_tables
from napari_fluoroinject.compute.taps import gaussian_taps, lanczos_table, sample_taps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.curves import CurveMaps, Exposures, Follower, Subtraction
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
    out = np.empty(frames.shape, dtype=np.float32)
    taps = gaussian_taps(sigma_px)
    motion.convolve(frames, weight, taps, _inverse_share(weight, taps), out)
    return out


def band_pass(
    frames: FloatArray, field: FloatArray, fine_px: float, coarse_px: float, /
) -> FloatArray:
    """See `backend.Kernels`."""
    open_ = np.where(field > 0, np.float32(1), np.float32(0))
    out = np.empty(frames.shape, dtype=np.float32)
    coarse = np.empty((1, *field.shape), dtype=np.float32)
    windows = [gaussian_taps(sigma) for sigma in (fine_px, coarse_px)]
    fine_scale, coarse_scale = (_inverse_share(field, taps) * open_ for taps in windows)
    for index, into in enumerate(out):
        frame = frames[index : index + 1]
        motion.convolve(frame, field, windows[0], fine_scale, into[None])
        motion.convolve(frame, field, windows[1], coarse_scale, coarse)
        np.subtract(into, coarse[0], out=into)
    return out


class _Remembered(local):
    """The last weights, taps and what `_inverse_share` made of them: frames come in parts."""

    def __init__(self) -> None:
        self.entries: list[tuple[FloatArray, FloatArray, FloatArray]] = []


_remembered = _Remembered()
_MOST_REMEMBERED = 4


def _inverse_share(weight: FloatArray, taps: FloatArray) -> FloatArray:
    """One over the part of the window that has data, (rows, columns); 0 where it is too little."""
    entries = _remembered.entries
    for known_weight, known_taps, known in entries:
        # By value: a caller may have written over its weight.
        if np.array_equal(known_taps, taps) and np.array_equal(known_weight, weight):
            return known
    inverse = _new_inverse_share(weight, taps)
    entries.append((weight.copy(), taps, inverse))
    del entries[:-_MOST_REMEMBERED]
    return inverse


def _new_inverse_share(weight: FloatArray, taps: FloatArray) -> FloatArray:
    share = np.empty((1, *weight.shape), dtype=np.float32)
    ones = np.ones_like(share)
    motion.convolve(ones, weight, taps, ones[0], share)
    known = share[0] > _LEAST_WEIGHT
    inverse: FloatArray = np.where(known, 1 / np.where(known, share[0], 1), np.float32(0))
    return inverse


def warp(frames: FloatArray, pose: DoubleArray, /) -> FloatArray:
    """See `backend.Kernels`."""
    out = np.empty(frames.shape, dtype=np.float32)
    table, pose = lanczos_table(), np.ascontiguousarray(pose, dtype=np.float64)
    # every second frame, say, is copied frame by frame: all of them would double the memory
    step = len(frames) if frames.flags.c_contiguous else 1
    for k in range(0, len(frames), max(step, 1)):
        part = slice(k, k + step)
        motion.warp(np.ascontiguousarray(frames[part]), pose[part], table, out[part])
    return out


def sample(
    frames: FloatArray, place: DoubleArray, step: float, shape: tuple[int, int], /
) -> FloatArray:
    """See `backend.Kernels`."""
    out = np.empty((len(place), *shape), dtype=np.float32)
    down, right = (
        sample_taps(place[:, axis], step, shape[axis], frames.shape[1 + axis]) for axis in (0, 1)
    )
    take_samples(np.ascontiguousarray(frames), down, right, out)
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
        (family.positions, tables.fade, family.held_frames),
        (tables.first, tables.full, family.start, family.rise),
        (tables.norm.astype(np.float32), (tables.norm * tables.after).astype(np.float32)),
        best,
        score,
    )
    amplitude: FloatArray = score * tables.norm.ravel()[best].astype(np.float32)
    shape = (rows, columns)
    return best.reshape(shape), amplitude.reshape(shape), np.square(score).reshape(shape)


def curve_maps(
    stored: StoredArray, exposures: Exposures, subtraction: Subtraction, /
) -> CurveMaps:
    """See `backend.Kernels`."""
    return loop_maps(stored, exposures, subtraction)


def follow_curves(subtraction: Subtraction, /) -> Follower:
    """See `backend.Kernels`."""
    return FollowedCurves(subtraction)
