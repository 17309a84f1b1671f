"""How contrast spread: kinetics per pixel and the region, from the opacity of all frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from napari_fluoroinject.analysis.detection import Limits, measure_limits, sampled, samples_of
from napari_fluoroinject.analysis.neighbours import median_of_neighbours
from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.places import find_places
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.analysis.ramp import RampFit, fit_ramps_by_parts, frame_interval_s
from napari_fluoroinject.analysis.region import (
    course_of,
    find_region,
    find_washed_out,
    needed_evidence,
    region_in_frames,
)
from napari_fluoroinject.analysis.smoothed import SmoothedOpacity
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.model.spread import RunOff, SpreadMaps

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

MEDIAN_PX = 7
"""Side of the square whose median arrival is a pixel's: 2 mm, less than a film is wide."""
PEAK_FRAMES = 5
"""Wash-out compares the peak with the mean of so many frames, at least as long after it."""
PEAK_SHARE = 0.95
"""The peak is reached at this share of it: a plateau has no time of its own."""
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
    smooth = SmoothedOpacity.of(opacity, registered, on=on)
    limits = measure_limits(smooth.frames(registered.quiet_frames), opacity, registered, on=on)
    if registered.injection.onset_frame is None:
        return _nothing(registered, limits)
    lag1, valid = opacity.noise.lag1_time, opacity.valid
    samples = samples_of(smooth)
    strips = sampled(smooth.strips(valid), samples)
    fit = fit_ramps_by_parts(strips, valid.shape, registered, lag1_time=lag1, on=on)
    places = find_places(registered, needle, run_off)
    need = needed_evidence(samples, opacity, registered, places, on=on)
    late = smooth.frames(last_frames(registered.motion, LAST_FRAMES)).mean(axis=0)
    course = course_of(late, fit, need.judged, on=on)
    mm_per_px = registered.loop.mm_per_px
    region = find_region(course, places, need, limits=limits, mm_per_px=mm_per_px)
    washed_out = find_washed_out(course, region, places, need, limits=limits, mm_per_px=mm_per_px)
    arrival = _arrival(fit, opacity, np.where(region, limits.joining_t, need.alone_t), limits)
    kinetics = _kinetics(smooth, fit, arrival)
    interval_s = frame_interval_s(registered.loop.times_s)
    unit_s = np.float32(np.nan if interval_s is None else interval_s)
    return SpreadMaps(
        peak_od=kinetics.peak_od,
        arrival_s=arrival * unit_s,
        time_to_peak_s=kinetics.time_to_peak * unit_s,
        washout_per_s=kinetics.washout / unit_s,
        transit_s=kinetics.transit * unit_s,
        region=region,
        region_by_frame=region_in_frames(
            region, washed_out, fit, registered, threshold=limits.least_od
        ),
        arrival_threshold_od=limits.arrival_od,
        region_threshold_od=limits.region_od,
        detection_limit_od=limits.detection_od,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kinetics:
    """Maps with time counted in frame intervals."""

    peak_od: FloatArray
    time_to_peak: FloatArray
    washout: FloatArray
    transit: FloatArray


def _arrival(fit: RampFit, opacity: Opacity, needed_t: FloatArray, limits: Limits) -> FloatArray:
    """Position at which contrast arrives, NaN where it does not or where it is not certain.

    `needed_t` (rows, columns) is the evidence that certainty needs.

    Neighbours are filled one after the other, so the median of those that have an arrival is a
    better estimate than a pixel's own.
    """
    arrival = fit.crossing(limits.arrival_od)
    lag = opacity.noise.lag1_time
    if lag > LAG_WORTH_CORRECTING:
        arrival = arrival - np.float32(lag / (1.0 - lag))
    # The contract wants two frames above the threshold: the last frame cannot confirm itself.
    confirmed = opacity.valid & (arrival <= fit.positions[-2])
    certain = confirmed & (fit.t > needed_t)
    arrival = np.where(certain, np.maximum(arrival, 0.0), np.float32(np.nan))
    return median_of_neighbours(arrival.astype(np.float32), MEDIAN_PX)


def _kinetics(smooth: SmoothedOpacity, fit: RampFit, arrival: FloatArray) -> _Kinetics:
    peak = np.where(smooth.opacity.valid, fit.highest(), np.float32(np.nan))
    known, reached = np.isfinite(arrival), fit.reaching(PEAK_SHARE)
    at_peak = np.where(known, reached, np.float32(np.nan))
    washout, transit = np.full_like(at_peak, np.nan), np.full_like(at_peak, np.nan)
    for place, frames in smooth.strips(known):
        here = known[place]
        curves = uniform_filter1d(
            frames[:, here], min(PEAK_FRAMES, len(frames)), axis=0, mode="nearest"
        )
        remaining = fit.positions[-1] - reached[place][here]
        lost = 1.0 - curves[-1] / peak[place][here]
        washout[place][here] = np.where(
            remaining >= PEAK_FRAMES, lost / remaining.clip(min=1.0), np.nan
        )
        transit[place][here] = _transit(curves, fit.positions, arrival[place][here])
    return _Kinetics(peak_od=peak, time_to_peak=at_peak, washout=washout, transit=transit)


def _transit(curves: FloatArray, positions: DoubleArray, arrival: FloatArray) -> DoubleArray:
    """Mean time of the opacity (frames, pixels) after its arrival (pixels,)."""
    since = positions[:, None] - arrival
    weights = np.gradient(positions)[:, None] * np.maximum(curves, 0.0) * (since >= 0)
    area = weights.sum(axis=0)
    moment = (weights * since).sum(axis=0)
    return np.asarray(np.where(area > 0, moment / np.where(area > 0, area, 1.0), np.nan))


def _nothing(registered: RegisteredLoop, limits: Limits) -> SpreadMaps:
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
        arrival_threshold_od=limits.arrival_od,
        region_threshold_od=limits.region_od,
        detection_limit_od=limits.detection_od,
    )
