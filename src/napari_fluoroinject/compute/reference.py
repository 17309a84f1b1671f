"""Every array operation in plain NumPy and SciPy: slow, readable, the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.ndimage import correlate1d

from napari_fluoroinject.compute.curves import (
    CurveMaps,
    Exposures,
    check_frames,
    check_later,
    curve_weights,
)
from napari_fluoroinject.compute.taps import TAPS, gaussian_taps, sample_taps, warp_taps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.curves import Exposure, Follower, Subtraction
    from napari_fluoroinject.compute.ramps import RampFamily
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, StoredArray

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


def sample(
    frames: FloatArray, place: DoubleArray, step: float, shape: tuple[int, int], /
) -> FloatArray:
    """See `backend.Kernels`."""
    out = np.broadcast_to(frames, (len(place), *frames.shape[1:]))
    for axis, count in enumerate(shape):
        first, share = sample_taps(place[:, axis], step, count, frames.shape[1 + axis])
        margin = [(2, 2) if other == axis + 1 else (0, 0) for other in range(3)]
        padded = np.pad(out, margin)
        across = 2 - axis
        first, share = np.expand_dims(first + 2, across), np.expand_dims(share, across)
        near, far = (np.take_along_axis(padded, first + more, axis + 1) for more in (0, 1))
        out = near + share * (far - near)
    return np.asarray(out, dtype=np.float32)


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


def curve_maps(
    stored: StoredArray, exposures: Exposures, subtraction: Subtraction, /
) -> CurveMaps:
    """See `backend.Kernels`; in 64 bits."""
    check_frames(stored, len(exposures.times_s), subtraction)
    times, weights = exposures.times_s, curve_weights(exposures.times_s)
    opacity = np.stack(
        [_opacity(one, at, subtraction) for one, at in zip(stored, exposures.each(), strict=True)]
    )
    value = correlate1d(opacity, [0.25, 0.5, 0.25], axis=0, mode="nearest")
    above = value >= subtraction.threshold
    peak, last, at_peak = value.max(axis=0), value[-1], times[value.argmax(axis=0)]
    arrived, first, arrival = _arrival(value, above, times, subtraction.threshold)
    after = np.arange(len(times))[:, None, None] >= first
    there = np.where(after, np.maximum(value, 0.0), 0.0)
    area = np.einsum("n,nrc->rc", weights, there)
    moment = np.einsum("n,n,nrc->rc", weights, times, there)
    fading = arrived & (at_peak < times[-1]) & (peak > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return CurveMaps(
            peak=peak.astype(np.float32),
            time_to_peak_s=_where(arrived, at_peak),
            arrival_s=_where(arrived, arrival),
            area_s=_where(arrived, area),
            transit_s=_where(arrived & (area > 0), moment / area - arrival),
            washout_per_s=_where(fading, (1.0 - last / peak) / (times[-1] - at_peak)),
            last=last.astype(np.float32),
            area_px=above.sum(axis=(1, 2)),
        )


def follow_curves(subtraction: Subtraction, /) -> Follower:
    """See `backend.Kernels`; every frame is kept."""
    return _Followed(subtraction)


class _Followed:
    """All frames so far, to be measured anew whenever somebody asks."""

    def __init__(self, subtraction: Subtraction) -> None:
        self._subtraction = subtraction
        self._stored: list[StoredArray] = []
        self._exposures: list[Exposure] = []

    def add(self, stored: StoredArray, exposure: Exposure, /) -> int:
        """See `curves.Follower`."""
        check_frames(stored[None], 1, self._subtraction)
        check_later(exposure.time_s, [one.time_s for one in self._exposures])
        self._stored.append(stored.copy())
        self._exposures.append(exposure)
        return int(self.maps().area_px[-2]) if len(self._stored) > 1 else 0

    def maps(self) -> CurveMaps:
        """See `curves.Follower`."""
        stored = cast("StoredArray", np.stack(self._stored))
        return curve_maps(stored, Exposures.of(self._exposures), self._subtraction)


def _opacity(stored: StoredArray, exposure: Exposure, subtraction: Subtraction) -> DoubleArray:
    """One frame's opacity, (rows, columns)."""
    table = subtraction.ln_beam.astype(np.float64)
    ln = table[np.clip(stored.astype(np.int64) - subtraction.first_stored, 0, len(table) - 1)]
    for axis, shift in enumerate(exposure.shift_px):
        place, part = np.arange(ln.shape[axis]) + int(np.floor(shift)), shift - np.floor(shift)
        # between neighbours, each blurred by (1, 2, 1) / 4
        shares = np.convolve([1 - part, part], [0.25, 0.5, 0.25])
        samples = [
            ln.take(np.clip(place + step, 0, ln.shape[axis] - 1), axis=axis)
            for step in (-1, 0, 1, 2)
        ]
        ln = np.einsum("s,src->rc", shares, samples)
    return np.asarray(subtraction.mask - ln - exposure.offset)


def _arrival(
    value: DoubleArray, above: BoolArray, times: DoubleArray, threshold: float
) -> tuple[BoolArray, npt.NDArray[np.int64], DoubleArray]:
    """Where contrast arrives, in which frame, and when, (rows, columns) each."""
    before = np.concatenate([np.zeros_like(above[:1]), above[:-1]])
    confirmed = np.concatenate([above[1:], np.zeros_like(above[:1])])
    rises = above & ~before & confirmed
    arrived, first = rises.any(axis=0), rises.argmax(axis=0)
    low, high = (
        np.take_along_axis(value, place[None], axis=0)[0]
        for place in (np.maximum(first - 1, 0), first)
    )
    rise = np.where(high > low, high - low, 1.0)
    earlier, now = times[np.maximum(first - 1, 0)], times[first]
    arrival = np.where(first > 0, earlier + (threshold - low) / rise * (now - earlier), times[0])
    return arrived, first, arrival


def _where(known: BoolArray, values: DoubleArray) -> FloatArray:
    return np.where(known, values, np.nan).astype(np.float32)


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
