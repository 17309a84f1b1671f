"""Arrival, peak and their kin against scenes whose curves are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_scenes import (
    FRAMES,
    INTERVAL_S,
    NO_NEEDLE,
    ONSET,
    SPEED_PX,
    TIP,
    Scene,
    make_loop,
    noisy,
    opacity_of,
    true_od,
    unlocked,
)

from napari_fluoroinject.analysis.opacity import measure_opacity
from napari_fluoroinject.analysis.ramp import fit_ramps, frame_interval_s, frame_positions
from napari_fluoroinject.analysis.smoothed import SmoothedOpacity
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import NeedleKind

ON = choose("cpu")
REFERENCE = choose("reference")


def true_arrival_s(od: np.ndarray, threshold: float, times_s: np.ndarray) -> np.ndarray:
    """First rise through the threshold, interpolated between frames; NaN = never."""
    above = od > threshold
    first = np.maximum(above.argmax(axis=0), 1)
    low = np.take_along_axis(od, first[None] - 1, axis=0)[0]
    high = np.take_along_axis(od, first[None], axis=0)[0]
    share = (threshold - low) / np.where(high > low, high - low, 1.0)
    found = times_s[first - 1] + share * (times_s[first] - times_s[first - 1])
    return np.where(above.any(axis=0), found, np.nan)


def maps_of(od: np.ndarray, scene: Scene = Scene(), **changes):  # noqa: B008  # a frozen value
    loop, needle, _ = make_loop(scene)
    return spread_maps(opacity_of(od, **changes), loop, needle, on=ON)


def test_arrival_is_within_a_frame_of_the_truth_in_noise():
    loop, needle, true = make_loop(Scene(quanta=250.0, scatter_to_primary=0.6))
    maps = spread_maps(
        measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON), loop, needle, on=ON
    )
    expected = true_arrival_s(true, maps.arrival_threshold_od, loop.loop.times_s)
    # The outermost pixels arrive with the last frame, which cannot confirm itself.
    contrast = (true.max(axis=0) > 0.15) & (expected < loop.loop.times_s[-3])
    error = (maps.arrival_s - expected)[contrast]
    assert np.isfinite(error).mean() > 0.97
    assert np.nanmean(np.abs(error)) < INTERVAL_S


def test_pixels_without_contrast_have_no_arrival_time():
    od = noisy(true_od(Scene()), 0.05)
    maps = maps_of(od)
    row, column = np.mgrid[: od.shape[1], : od.shape[2]]
    far = np.hypot(row - TIP[0], column - TIP[1]) > SPEED_PX * (FRAMES - ONSET) + 8
    assert np.isfinite(maps.arrival_s[far]).mean() < 0.002
    assert np.isnan(maps.time_to_peak_s[np.isnan(maps.arrival_s)]).all()


def test_uneven_frame_times_are_what_arrival_is_told_in():
    gaps = np.full(FRAMES, INTERVAL_S)
    gaps[20:24] *= 3.0
    times_s = np.cumsum(gaps) - gaps[0]
    scene = Scene(times_s=times_s)
    true = true_od(scene)
    maps = maps_of(noisy(true, 0.02), scene)
    expected = true_arrival_s(true, maps.arrival_threshold_od, times_s)
    error = np.abs(maps.arrival_s - expected)[(true[-1] > 0.15) & (expected < times_s[-3])]
    assert np.nanmedian(error) < INTERVAL_S


def test_without_times_maps_of_time_are_undefined_and_the_region_is_not():
    maps = maps_of(noisy(true_od(Scene()), 0.02), Scene(timeless=True))
    for undefined in (maps.arrival_s, maps.time_to_peak_s, maps.washout_per_s, maps.transit_s):
        assert np.isnan(undefined).all()
    assert maps.region.any()


def test_the_peak_is_not_raised_by_noise():
    true = true_od(Scene(plateau_od=0.3))
    maps = maps_of(noisy(true, 0.08))
    inside = true[-8] > 0.29
    assert np.median(maps.peak_od[inside]) == pytest.approx(0.3, rel=0.05)


def test_contrast_that_stays_does_not_wash_out_and_contrast_that_leaves_does():
    scene = Scene()
    stays = true_od(scene)
    fade = np.exp(-np.maximum(np.arange(FRAMES) - 24.0, 0.0) / 10.0)[:, None, None]
    early = stays[23] > 0.39
    kept, lost = maps_of(noisy(stays, 0.02)), maps_of(noisy(stays * fade, 0.02))
    assert np.nanmedian(kept.washout_per_s[early]) == pytest.approx(0.0, abs=0.05)
    assert np.nanmedian(lost.washout_per_s[early]) > 0.3
    assert np.nanmedian(lost.transit_s[early]) < np.nanmedian(kept.transit_s[early])
    assert np.nanmedian(lost.peak_od[early]) == pytest.approx(0.4, rel=0.12)


def test_time_to_peak_lies_behind_arrival_and_at_the_plateau():
    scene = Scene()
    true = true_od(scene)
    maps = maps_of(noisy(true, 0.01))
    there = (true[-6] > 0.39) & np.isfinite(maps.arrival_s)
    assert (maps.time_to_peak_s[there] >= maps.arrival_s[there] - 1e-4).mean() > 0.98
    plateau_s = INTERVAL_S * (true > 0.95 * 0.4).argmax(axis=0)
    assert np.median(np.abs(maps.time_to_peak_s - plateau_s)[there]) < 2 * INTERVAL_S


def test_a_recursive_filter_delays_arrival_and_the_delay_is_taken_back():
    true = true_od(Scene())
    prompt = maps_of(noisy(true, 0.02))
    corrected = maps_of(noisy(true, 0.02), lag1=0.4)
    shift = np.nanmedian(prompt.arrival_s - corrected.arrival_s)
    assert shift == pytest.approx(INTERVAL_S * 0.4 / 0.6, abs=0.01)


def test_without_an_onset_nothing_is_defined_but_the_limit_is_stated():
    scene = Scene(contrast=False)
    maps = maps_of(noisy(true_od(scene), 0.05), scene)
    for undefined in (maps.peak_od, maps.arrival_s, maps.time_to_peak_s, maps.washout_per_s):
        assert np.isnan(undefined).all()
    assert not maps.region.any()
    assert not maps.region_by_frame.any()
    assert 0 < maps.detection_limit_od < 0.1


def test_the_opacity_of_few_quanta_is_not_biased_by_the_logarithm():
    random = np.random.default_rng(2)
    expected = np.where(np.arange(FRAMES) < ONSET, 30.0, 30.0 * np.exp(-0.4))
    counts = random.poisson(np.broadcast_to(expected[:, None, None], (FRAMES, 128, 128)))
    ln = np.log(np.maximum(counts, 1.0))
    od = ln[2:12].mean(axis=0) - ln
    loop, _, _ = make_loop()
    smooth = SmoothedOpacity.of(opacity_of(od), loop, on=ON).frames(range(FRAMES - 9, FRAMES))
    assert smooth.mean() == pytest.approx(0.4, abs=0.02)
    assert od[-9:].mean() > smooth.mean()


def test_lost_frames_are_left_out_of_the_fit():
    true = true_od(Scene())
    seen = noisy(true, 0.02)
    lost = [20, 21, 30]
    seen[lost] = 2.0
    loop, needle, _ = make_loop()
    maps = spread_maps(opacity_of(seen), unlocked(loop, lost), needle, on=ON)
    clean = spread_maps(opacity_of(noisy(true, 0.02)), loop, needle, on=ON)
    contrast = np.isfinite(maps.arrival_s) & np.isfinite(clean.arrival_s)
    assert np.median(np.abs(maps.arrival_s - clean.arrival_s)[contrast]) < 0.5 * INTERVAL_S


def test_positions_are_frame_numbers_without_times_or_with_times_that_stand_still():
    loop, _, _ = make_loop(Scene(timeless=True))
    assert frame_positions(loop).tolist() == list(range(FRAMES))
    assert frame_interval_s(np.zeros(5)) is None
    assert frame_interval_s(np.zeros(1)) is None
    frozen = replace(loop, loop=replace(loop.loop, times_s=np.zeros(FRAMES)))
    assert frame_positions(frozen)[-1] == FRAMES - 1


def test_the_fitted_ramp_is_the_one_that_was_drawn():
    position = np.arange(FRAMES)
    drawn = 0.3 * np.clip((position - 18.0) / 7.0, 0.0, 1.0)
    stack = np.broadcast_to(drawn[:, None, None], (FRAMES, 4, 4)).astype(np.float32)
    loop, _, _ = make_loop()
    fit = fit_ramps(stack, loop, on=ON)
    assert fit.plateau == pytest.approx(0.3, rel=0.02)
    assert fit.crossing(0.12) == pytest.approx(18.0 + 7.0 * 0.4, abs=0.3)
    assert fit.highest() == pytest.approx(0.3, rel=0.02)
    assert np.isnan(fit.crossing(0.5)).all()


@given(gain=st.floats(0.05, 20.0))
@settings(max_examples=6, deadline=None)
def test_no_time_and_no_opacity_depends_on_the_gain_of_the_detector(gain):
    one, needle, _ = make_loop(Scene(quanta=300.0))
    other, _, _ = make_loop(Scene(quanta=300.0, gain=gain))
    maps = [
        spread_maps(
            measure_opacity(loop, NO_NEEDLE, kind=NeedleKind(), on=ON), loop, needle, on=ON
        )
        for loop in (one, other)
    ]
    assert np.nanquantile(np.abs(maps[0].arrival_s - maps[1].arrival_s), 0.99) < 0.02
    assert maps[0].peak_od == pytest.approx(maps[1].peak_od, abs=0.01)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_every_backend_finds_the_curve_that_the_reference_finds(seed):
    random = np.random.default_rng(seed)
    frames = random.normal(size=(20, 9, 11)).astype(np.float32)
    curves = random.normal(size=(30, 20)).astype(np.float32)
    frames[:, 0, 0] = 0.0
    expected = REFERENCE.kernels.best_curve(frames, curves)
    found = ON.kernels.best_curve(frames, curves)
    assert (found[0] == expected[0]).mean() > 0.98
    assert found[2] == pytest.approx(expected[2], rel=1e-4, abs=1e-5)
    same = found[0] == expected[0]
    assert found[1][same] == pytest.approx(expected[1][same], rel=1e-4, abs=1e-5)
    assert found[1][0, 0] == expected[1][0, 0] == 0.0


def test_correlated_frames_are_less_evidence():
    stack = noisy(true_od(Scene()), 0.05).astype(np.float32)
    loop, _, _ = make_loop()
    white = fit_ramps(stack, loop, lag1_time=0.0, on=ON)
    filtered = fit_ramps(stack, loop, lag1_time=0.4, on=ON)
    assert filtered.t == pytest.approx(white.t * np.sqrt(0.6 / 1.4), rel=1e-4)
