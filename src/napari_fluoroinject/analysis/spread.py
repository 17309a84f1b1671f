"""How contrast spread: kinetics per pixel and the region, from the opacity of all frames."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.neighbours import median_of_neighbours
from napari_fluoroinject.analysis.noise import detection_limit_od, robust_sigma
from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.analysis.ramp import RampFit, fit_ramps, frame_interval_s
from napari_fluoroinject.analysis.region import (
    GAS_ALLOWANCE,
    LEAST_T,
    find_places,
    find_region,
    region_in_frames,
)
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.model.spread import RunOff, SpreadMaps

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

ARRIVAL_THRESHOLD_OD = 0.12
"""Below this, noise at usual doses crosses before contrast does (methods of the project, 3)."""
NOISE_MULTIPLE = 1.5
"""A threshold is at least this many sigma of the smoothed frame."""
UNSCALED_MULTIPLE = 3.0
"""The same where opacity has no unit and noise is all that is known."""
SMOOTHING_PX = 1.3
"""Sigma of the blur before curves are fitted: wider and thin capsules widen."""
LONE_T = 6.0
"""Evidence of the ramp that arrival needs outside the region."""
MEDIAN_PX = 7
"""Side of the square whose median arrival is a pixel's: 2 mm, less than a film is wide."""
PEAK_FRAMES = 5
"""Wash-out compares the peak with the mean of so many frames, at least as long after it."""
PEAK_SHARE = 0.95
"""The peak is reached at this share of it: a plateau has no time of its own."""
REGION_THRESHOLD_OD = 0.06
"""Opacity from which a pixel belongs to the region, where noise allows."""
_LEAST_SHARE = 0.02
LAG_WORTH_CORRECTING = 0.15
"""Correlation of neighbouring frames from which a recursive filter is thought to delay arrival."""


def spread_maps(
    opacity: Opacity,
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    run_off: RunOff | None = None,
    *,
    on: Backend,
) -> SpreadMaps:
    """Measure arrival, peak, washout, transit and the region of contrast.

    Every pixel's opacity over time is fitted by a ramp; the maps' definitions are those of
    `SpreadMaps`. `peak_od` is the highest fitted opacity, `time_to_peak_s` the time at which 95 %
    of it is first reached, counted from the first frame; `washout_per_s` the share of the peak
    lost per second from there to the end; `transit_s` the mean time of the opacity after arrival,
    cut off at the end of the run. Times are NaN where the loop has none; without an onset the
    region is empty.

    Parameters
    ----------
    opacity, registered, needle
        As measured before.
    run_off
        One that raised the alarm belongs to the region; None = it was not searched.
    on
        The compute backend.
    """
    quiet = list(registered.quiet_frames)
    stack = smoothed_opacity(opacity, registered, on=on)
    sigma = _frame_sigma(stack[quiet], opacity.valid)
    threshold = arrival_threshold(opacity, sigma)
    last = last_frames(registered.motion, LAST_FRAMES)
    limit = detection_limit_od(
        opacity.od[quiet],
        opacity.valid,
        last=len(last),
        subtracted=len(registered.injection.mask_frames),
        lag1_time=opacity.noise.lag1_time,
        mm_per_px=registered.loop.mm_per_px,
    )
    if registered.injection.onset_frame is None:
        return _nothing(registered, threshold=threshold, limit=limit)
    lag1 = opacity.noise.lag1_time
    fit = fit_ramps(stack, registered, lag1_time=lag1, on=on)
    region_threshold = max(REGION_THRESHOLD_OD, limit)
    region = find_region(
        stack[last].mean(axis=0),
        fit,
        opacity,
        find_places(registered, needle, run_off),
        threshold=region_threshold,
        mm_per_px=registered.loop.mm_per_px,
    )
    arrival = _arrival(fit, opacity, region, threshold)
    kinetics = _kinetics(stack, fit, arrival, opacity.valid)
    interval_s = frame_interval_s(registered.loop.times_s)
    unit_s = np.float32(np.nan if interval_s is None else interval_s)
    return SpreadMaps(
        peak_od=kinetics.peak_od,
        arrival_s=arrival * unit_s,
        time_to_peak_s=kinetics.time_to_peak * unit_s,
        washout_per_s=kinetics.washout / unit_s,
        transit_s=kinetics.transit * unit_s,
        region=region,
        region_by_frame=region_in_frames(region, fit, registered, threshold=region_threshold),
        arrival_threshold_od=threshold,
        region_threshold_od=region_threshold,
        detection_limit_od=limit,
    )


def smoothed_opacity(opacity: Opacity, registered: RegisteredLoop, *, on: Backend) -> FloatArray:
    """Opacity after a blur of the transmitted share, (frames, rows, columns).

    The mean of a logarithm of few quanta is low; the logarithm of their mean is not. The mask
    frames' mean is 0 in every pixel.
    """
    weight = opacity.valid.astype(np.float32)
    smooth = np.empty_like(opacity.od)
    for some in chunks(len(smooth)):
        share = np.exp(-opacity.od[some])
        smooth[some] = on.kernels.smooth(share, weight, SMOOTHING_PX)
    mean = smooth[list(registered.injection.mask_frames)].mean(axis=0)
    known = (mean > 0) & opacity.valid
    scale = np.where(known, 1 / np.where(known, mean, 1), 1).astype(np.float32)
    for some in chunks(len(smooth)):
        part = smooth[some]
        part *= scale
        np.maximum(part, _LEAST_SHARE, out=part)
        np.log(part, out=part)
        part *= np.where(known, np.float32(-1), np.float32(0))
    return smooth


def arrival_threshold(opacity: Opacity, sigma_od: float) -> float:
    """Opacity at whose crossing contrast is said to arrive; `sigma_od` is a smoothed frame's."""
    if opacity.scale.scale is None:
        return UNSCALED_MULTIPLE * sigma_od
    return max(ARRIVAL_THRESHOLD_OD, NOISE_MULTIPLE * sigma_od)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kinetics:
    """Maps with time counted in frame intervals."""

    peak_od: FloatArray
    time_to_peak: FloatArray
    washout: FloatArray
    transit: FloatArray


def _frame_sigma(quiet_frames: FloatArray, valid: BoolArray) -> float:
    """Noise of one smoothed frame."""
    count = len(quiet_frames)
    if count < 2 or not valid.any():
        return float("nan")
    sigmas = [robust_sigma(frame[valid]) for frame in quiet_frames]
    return float(np.median(sigmas)) * sqrt(count / (count - 1))


def _arrival(fit: RampFit, opacity: Opacity, region: BoolArray, threshold: float) -> FloatArray:
    """Position at which contrast arrives, NaN where it does not or where it is not certain.

    Neighbours are filled one after the other, so the median of those that have an arrival is a
    better estimate than a pixel's own.
    """
    arrival = fit.crossing(threshold)
    lag = opacity.noise.lag1_time
    if lag > LAG_WORTH_CORRECTING:
        arrival = arrival - np.float32(lag / (1.0 - lag))
    # The contract wants two frames above the threshold: the last frame cannot confirm itself.
    confirmed = opacity.valid & (arrival <= fit.positions[-2])
    doubt = np.sqrt(opacity.residue) / GAS_ALLOWANCE
    certain = fit.t > np.where(region, LEAST_T, LONE_T * np.maximum(doubt, 1.0))
    arrival = np.where(confirmed & certain, np.maximum(arrival, 0.0), np.float32(np.nan))
    return median_of_neighbours(arrival.astype(np.float32), MEDIAN_PX)


def _kinetics(stack: FloatArray, fit: RampFit, arrival: FloatArray, valid: BoolArray) -> _Kinetics:
    peak = np.where(valid, fit.highest(), np.float32(np.nan))
    here = np.isfinite(arrival)
    curves, top = stack[:, here], peak[here]
    curves = uniform_filter1d(curves, min(PEAK_FRAMES, len(curves)), axis=0, mode="nearest")
    positions = fit.positions[:, None]
    at_peak = fit.reaching(PEAK_SHARE)[here]
    remaining = fit.positions[-1] - at_peak
    lost = 1.0 - curves[-1] / top
    washout = np.where(remaining >= PEAK_FRAMES, lost / remaining.clip(min=1.0), np.nan)
    present = np.maximum(curves, 0.0) * (positions >= arrival[here])
    weights = np.gradient(fit.positions)[:, None] * present
    area = weights.sum(axis=0)
    moment = (weights * (positions - arrival[here])).sum(axis=0)
    transit = np.where(area > 0, moment / np.where(area > 0, area, 1.0), np.nan)

    def spread_out(values: DoubleArray | FloatArray) -> FloatArray:
        whole = np.full(here.shape, np.nan, dtype=np.float32)
        whole[here] = values
        return whole

    return _Kinetics(
        peak_od=peak,
        time_to_peak=spread_out(at_peak),
        washout=spread_out(washout),
        transit=spread_out(transit),
    )


def _nothing(registered: RegisteredLoop, *, threshold: float, limit: float) -> SpreadMaps:
    """No contrast came: nothing is defined, but what could have been seen is stated."""
    undefined = np.full(registered.field.shape, np.nan, dtype=np.float32)
    return SpreadMaps(
        peak_od=undefined,
        arrival_s=undefined,
        time_to_peak_s=undefined,
        washout_per_s=undefined,
        transit_s=undefined,
        region=np.zeros(registered.field.shape, dtype=np.bool_),
        region_by_frame=np.zeros(registered.ln.shape, dtype=np.bool_),
        arrival_threshold_od=threshold,
        region_threshold_od=max(REGION_THRESHOLD_OD, limit),
        detection_limit_od=limit,
    )
