"""Noise of a loop: how strong, how correlated, and what it hides."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from napari_fluoroinject.model.spread import NoiseModel, patch_area_px

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

FALSE_ALARM_RATE = 0.05
"""What noise alone may do: show contrast somewhere in the field in so many of the loops that hold
none, and make so many of the pixels beside contrast part of it. One in twenty is what limits of
detection are stated for elsewhere (Currie 1968, Anal Chem 40:586; ISO 11929-1:2019)."""
HIGH_PASS_PX = 6.0
"""Anatomy that registration left behind is coarser than this and no noise."""
FEWEST_FRAMES = 3
"""With fewer frames a lag-1 correlation says nothing."""
NOISIEST_SHARE = 0.05
"""What is said of the field leaves out its noisiest part: metal or the rim would rule the rest."""
_HALVINGS = 40
_QUIET = 0.9
"""This share of the pixels, the least changing, tells the correlation in time."""


def measure_noise(ln: FloatArray, od: FloatArray, valid: BoolArray, *, on: Backend) -> NoiseModel:
    """Measure the noise of the mask frames.

    Parameters
    ----------
    ln, od
        The mask frames as log intensity and as opacity, (mask frames, rows, columns), aligned.
    valid
        (rows, columns), True where they may be used.

    Returns
    -------
    NoiseModel
        NaN throughout where there are fewer than two mask frames or no valid pixel.
    """
    count = len(ln)
    if count < 2 or not valid.any():
        return NoiseModel(a=np.nan, lag1_time=np.nan, lag1_space=np.nan, pixel_sigma_od=np.nan)
    fine = _noise_of(ln, valid, on)
    lag1_time = _lag1_time(fine, valid)
    level = np.exp(ln.mean(axis=0))
    variance = variance_of_frames(fine, lag1_time)
    od_variance = variance_of_frames(_noise_of(od, valid, on), lag1_time)
    typical = _median_over_mean(count - 1)
    return NoiseModel(
        a=float(np.median((variance * level)[valid])) / typical,
        lag1_time=lag1_time,
        lag1_space=_lag1_space(fine, valid),
        pixel_sigma_od=sqrt(float(np.median(od_variance[valid])) / typical),
    )


def effective_frames(count: float, lag1: float) -> float:
    """Independent frames that average as well as `count` frames correlated by `lag1`, at least 1.

    For a first-order recursive filter of weight r the variance of a long mean is inflated by
    (1 + r) / (1 - r).
    """
    if not np.isfinite(lag1) or lag1 <= 0:
        return max(count, 1.0)
    return max(count * (1.0 - lag1) / (1.0 + lag1), 1.0)


def sigmas_for(rate: float) -> float:
    """Standard deviations that normal noise exceeds at this rate."""
    return float(-ndtri(rate))


def detection_limit_od(
    quiet_od: FloatArray,
    valid: BoolArray,
    sigma_od: FloatArray,
    *,
    averaging: float,
    mm_per_px: float | None,
) -> float:
    """Return the faintest patch that a difference of mean frames shows by itself.

    Noise alone shows such a patch anywhere in the field but its noisiest `NOISIEST_SHARE`, in
    `FALSE_ALARM_RATE` of loops. Every patch counts with its own noise: under bone few quanta are
    left, and a limit from the usual noise would be passed there time and again.

    The noise is measured, not modelled: the map tells how it differs from place to place, and the
    scatter of patch means between quiet frames, which contains what correlation and imperfect
    registration do, how much of it patches keep.

    Parameters
    ----------
    quiet_od
        Opacity of frames before contrast, (frames, rows, columns).
    valid
        (rows, columns), True where opacity can be judged.
    sigma_od
        (rows, columns), noise of a pixel in one frame, up to a common factor.
    averaging
        Variance of the difference of means over that of one frame.
    mm_per_px
        None where there is no calibration: the patch is then 84 pixels.
    """
    area_px = patch_area_px(mm_per_px)
    side = max(round(sqrt(area_px)), 1)
    count = len(quiet_od)
    if count < 2:
        return float("nan")
    whole = _patch_means(valid[None].astype(np.float32), side)[0] > 0.99
    if not whole.any():
        return float("nan")
    noise = _patch_means(quiet_od - quiet_od.mean(axis=0), side)[:, whole]
    noise = noise - np.median(noise, axis=1, keepdims=True)
    pixel = _patch_means(np.square(sigma_od)[None], side)[0, whole]
    kept = np.square(noise).sum(axis=0) / (count - 1) / pixel
    factor = float(np.median(kept)) / _median_over_mean(count - 1)
    sigma = np.sqrt(factor * averaging * side * side / area_px * pixel)
    calmer = np.sort(sigma)[: max(round((1.0 - NOISIEST_SHARE) * len(sigma)), 1)]
    places = (1.0 - NOISIEST_SHARE) * max(float(valid.sum()) / area_px, 1.0)
    return _level_reached(calmer, FALSE_ALARM_RATE / places)


def _level_reached(sigma: FloatArray, rate: float) -> float:
    """Level that normal noise of these standard deviations exceeds at this rate on average."""
    low, high = 0.0, sigmas_for(rate) * float(sigma.max())
    for _ in range(_HALVINGS):
        level = 0.5 * (low + high)
        if float(ndtr(-level / sigma).mean()) > rate:
            low = level
        else:
            high = level
    return high


def variance_of_frames(change: FloatArray, lag1_time: float) -> FloatArray:
    """Variance of one frame, (rows, columns), from the scatter about the mean of correlated ones.

    `change` is (frames, rows, columns), each less the mean of all.
    """
    count = len(change)
    seen = max(1.0 - 1.0 / effective_frames(count, lag1_time), 1.0 / count)
    variance: FloatArray = np.square(change).mean(axis=0) / np.float32(seen)
    return variance


def _noise_of(frames: FloatArray, valid: BoolArray, on: Backend) -> FloatArray:
    """What changes between frames and is finer than the high pass."""
    change = frames - frames.mean(axis=0)
    fine: FloatArray = change - on.kernels.smooth(change, valid.astype(np.float32), HIGH_PASS_PX)
    return fine


def _median_over_mean(freedom: int) -> float:
    """Median of a chi-squared variable over its mean (Wilson and Hilferty 1931)."""
    return float((1.0 - 2.0 / (9.0 * freedom)) ** 3)


def _lag1_time(fine: FloatArray, valid: BoolArray) -> float:
    """Correlation of neighbouring frames, free of the bias that the mean of few frames brings.

    Kendall 1954 (Biometrika 41:403): the estimate from n samples is low by (1 + 3 r) / n.
    """
    count = len(fine)
    if count < FEWEST_FRAMES:
        return 0.0
    noise = fine[:, valid]
    energy = np.square(noise).mean(axis=0)
    quiet = energy <= np.quantile(energy, _QUIET)  # gas and the needle move: that is no noise
    own = float(energy[quiet].sum()) * (count - 1)
    both = float((noise[1:, quiet] * noise[:-1, quiet]).sum())
    seen = both / own if own > 0 else 0.0
    corrected = (seen + 1.0 / count) / (1.0 - 3.0 / count) if count > 6 else seen
    return float(np.clip(corrected, -0.95, 0.95))


def _lag1_space(fine: FloatArray, valid: BoolArray) -> float:
    across = valid[:, 1:] & valid[:, :-1]
    down = valid[1:] & valid[:-1]
    own = float(np.square(fine[:, valid]).mean())
    if own <= 0 or not (across.any() and down.any()):
        return 0.0
    beside = float((fine[:, :, 1:] * fine[:, :, :-1])[:, across].mean())
    below = float((fine[:, 1:] * fine[:, :-1])[:, down].mean())
    return float(np.clip(0.5 * (beside + below) / own, -1.0, 1.0))


def _patch_means(frames: FloatArray, side: int) -> FloatArray:
    """Means of neighbouring squares of `side` pixels, edges left over dropped."""
    count, rows, columns = frames.shape
    down, across = rows // side, columns // side
    cut = frames[:, : down * side, : across * side]
    means: FloatArray = cut.reshape(count, down, side, across, side).mean(axis=(2, 4))
    return means
