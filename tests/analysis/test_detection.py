"""The limits of the maps against noise that was made: what is stated is what happens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from spread_scenes import (
    FRAMES,
    MASK,
    NO_NEEDLE,
    ONSET,
    TIP,
    Scene,
    make_loop,
    noisy,
    opacity_of,
    true_od,
)

from napari_fluoroinject.analysis.detection import (
    ARRIVAL_MULTIPLE,
    LEAST_IODINE_MG_CM2,
    evidence_alone,
    evidence_needed,
    evidence_of_brightening,
    frame_sigma_od,
    independent_places,
    measure_limits,
    sampled,
    samples_of,
)
from napari_fluoroinject.analysis.iodine import areal_density_mg_cm2
from napari_fluoroinject.analysis.noise import FALSE_ALARM_RATE, effective_frames
from napari_fluoroinject.analysis.ramp import fit_ramps
from napari_fluoroinject.analysis.smoothed import SmoothedOpacity
from napari_fluoroinject.analysis.spread import spread_maps
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.compute.ramps import RampFamily
from napari_fluoroinject.model.spread import NoiseModel

ON = choose("cpu")
SIZE = 128


def filtered(weight: float, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Unit noise behind a recursive filter, the mask frames' mean taken off."""
    noise = np.random.default_rng(seed).normal(size=(FRAMES + 20, size, size))
    for frame in range(1, len(noise)):
        noise[frame] = weight * noise[frame - 1] + np.sqrt(1 - weight**2) * noise[frame]
    noise = noise[20:]
    return (noise - noise[list(MASK)].mean(axis=0)).astype(np.float32)


def limits_of(sigma: float, **scene):
    loop, _, _ = make_loop(Scene(**scene))
    opacity = opacity_of(noisy(np.zeros((FRAMES, SIZE, SIZE)), sigma))
    smooth = SmoothedOpacity.of(opacity, loop, on=ON)
    return measure_limits(smooth.frames(MASK), opacity, loop, on=ON)


def spot(row: float, column: float, radius: float) -> np.ndarray:
    """A disc that darkens from frame 20 on."""
    r, c = np.mgrid[:SIZE, :SIZE]
    here = np.hypot(r - row, c - column) < radius
    return here * (np.arange(FRAMES) > 20)[:, None, None].astype(float)


@pytest.mark.parametrize("weight", [0.0, 0.35])
def test_noise_reaches_the_evidence_for_joining_in_the_stated_share_of_pixels(weight):
    loop, _, _ = make_loop()
    fit = fit_ramps(filtered(weight), loop, lag1_time=weight, on=ON)
    needed = evidence_needed(
        FALSE_ALARM_RATE,
        frames=effective_frames(FRAMES - MASK[0], weight),
        rising=effective_frames(FRAMES - ONSET, weight),
    )
    assert 0.5 < (fit.t > needed).mean() / FALSE_ALARM_RATE < 2.0


def test_noise_reaches_the_evidence_of_a_thousandth_about_that_often():
    loop, _, _ = make_loop()
    fit = fit_ramps(filtered(0.0), loop, on=ON)
    needed = evidence_needed(1e-3, frames=FRAMES - MASK[0], rising=FRAMES - ONSET)
    assert 0.3 < (fit.t > needed).mean() / 1e-3 < 3.0


@given(
    rate=st.floats(1e-8, 0.2),
    frames=st.floats(12.0, 900.0),
    share=st.floats(0.2, 1.0),
)
def test_fewer_false_alarms_need_more_evidence_and_so_do_fewer_frames(rate, frames, share):
    needed = evidence_needed(rate, frames=frames, rising=share * frames)
    assert evidence_needed(rate / 2, frames=frames, rising=share * frames) >= needed
    assert evidence_needed(rate, frames=0.9 * frames, rising=share * frames) >= needed - 1e-2


def test_noise_alone_makes_a_region_in_no_more_loops_than_is_stated():
    loop, needle, _ = make_loop()
    loops = 20
    regions = sum(
        bool(
            spread_maps(
                opacity_of(noisy(np.zeros((FRAMES, SIZE, SIZE)), 0.1, seed=seed)),
                loop,
                needle if seed % 2 else NO_NEEDLE,
                on=ON,
            ).region.any()
        )
        for seed in range(loops)
    )
    assert regions <= FALSE_ALARM_RATE * loops


def test_noise_adds_to_a_region_no_more_of_the_pixels_beside_it_than_is_stated():
    od = noisy(true_od(Scene(plateau_od=0.3)), 0.15)
    loop, needle, true = make_loop(Scene(plateau_od=0.3))
    maps = spread_maps(opacity_of(od), loop, needle, on=ON)
    far = gaussian_filter(true[-1], 1.3) < 0.005
    beside = far & (gaussian_filter((true[-1] > 0).astype(float), 6.0) > 0.01)
    assert maps.region[beside].mean() < FALSE_ALARM_RATE


def test_the_least_opacity_is_the_least_iodine_at_the_loops_tube_voltage():
    limits = limits_of(1e-4)
    assert areal_density_mg_cm2(np.array([limits.least_od]), 80.0) == pytest.approx(
        LEAST_IODINE_MG_CM2, rel=0.02
    )
    assert limits.region_od == limits.least_od
    assert limits.arrival_od == ARRIVAL_MULTIPLE * limits.least_od


def test_limits_follow_the_noise_where_that_is_more_than_the_least_opacity():
    quiet, loud = limits_of(0.4), limits_of(0.8)
    for name in ("region_od", "arrival_od", "detection_od"):
        assert getattr(loud, name) == pytest.approx(2 * getattr(quiet, name), rel=0.15)
    assert loud.joining_t == quiet.joining_t


def test_without_a_scale_limits_are_noise_alone():
    loop, _, _ = make_loop()
    opacity = opacity_of(noisy(np.zeros((FRAMES, SIZE, SIZE)), 1e-3), scaled=False)
    smooth = SmoothedOpacity.of(opacity, loop, on=ON)
    limits = measure_limits(smooth.frames(MASK), opacity, loop, on=ON)
    assert limits.least_od == 0.0
    assert 0.0 < limits.region_od < limits.arrival_od < 2e-3


def test_the_mean_of_the_last_frames_exceeds_the_stated_threshold_by_noise_as_often_as_stated():
    od = noisy(np.zeros((FRAMES, SIZE, SIZE)), 0.1, seed=9)
    loop, _, _ = make_loop()
    opacity = opacity_of(od, scaled=False)
    smooth = SmoothedOpacity.of(opacity, loop, on=ON)
    limits = measure_limits(smooth.frames(MASK), opacity, loop, on=ON)
    late = smooth.frames(range(FRAMES - 9, FRAMES)).mean(axis=0)
    assert (late > limits.region_od).mean() == pytest.approx(FALSE_ALARM_RATE, rel=0.35)


def test_noise_is_told_pixel_by_pixel():
    strength = np.where(np.arange(SIZE) < SIZE // 2, 0.05, 0.15)
    noise = np.random.default_rng(4).normal(size=(12, SIZE, SIZE)) * strength
    valid = np.ones((SIZE, SIZE), dtype=bool)
    sigma = frame_sigma_od(noise.astype(np.float32), valid, lag1_time=0.0, on=ON)
    assert sigma[:, 20].mean() == pytest.approx(0.05, rel=0.05)
    assert sigma[:, -20].mean() == pytest.approx(0.15, rel=0.05)


def test_noise_of_one_frame_is_unknown_and_leaves_what_is_known():
    loop, _, _ = make_loop()
    loop = replace(loop, injection=replace(loop.injection, mask_frames=(5,)))
    opacity = opacity_of(noisy(np.zeros((FRAMES, SIZE, SIZE)), 0.1))
    limits = measure_limits(opacity.od[5:6], opacity, loop, on=ON)
    assert limits.region_od == limits.least_od > 0
    assert np.isnan(limits.detection_od)


def test_places_of_their_own_are_fewer_in_smoother_noise():
    white = NoiseModel(a=1.0, lag1_time=0.0, lag1_space=0.0, pixel_sigma_od=0.1)
    soft = replace(white, lag1_space=0.5)
    many = independent_places(1e5, white, blur_px=1.3)
    assert many == pytest.approx(1e5 / (4 * np.pi * 1.3**2))
    assert 1.0 < independent_places(1e5, soft, blur_px=1.3) < many
    assert independent_places(1.0, soft, blur_px=1.3) == 1.0


def test_what_brightens_sets_what_darkening_needs_elsewhere_but_not_at_the_tip():
    gas = 0.5 * spot(24, 24, 8) - 0.6 * spot(100, 110, 8)
    film = 0.4 * spot(*TIP, 12)
    loop, needle, _ = make_loop()
    maps = spread_maps(opacity_of(noisy(film + gas, 0.1)), loop, needle, on=ON)
    assert maps.region[int(TIP[0]), int(TIP[1])]
    assert not maps.region[24, 24]
    lone = spread_maps(opacity_of(noisy(gas, 0.1)), loop, NO_NEEDLE, on=ON)
    assert not lone.region.any()
    calm = spread_maps(opacity_of(noisy(0.5 * spot(24, 24, 8), 0.1)), loop, NO_NEEDLE, on=ON)
    assert calm.region[24, 24]


def test_evidence_is_dearer_where_the_picture_also_brightens():
    loop, _, _ = make_loop()
    opacity = opacity_of(np.zeros((FRAMES, SIZE, SIZE)))
    gassy = np.ones((SIZE, SIZE), dtype=np.float32)
    gassy[:64] = 100.0
    needed = evidence_alone(replace(opacity, residue=gassy), loop)
    assert (needed[:64] > 2 * needed[64:]).all()


def test_samples_are_every_fourth_pixel_of_what_goes_by():
    loop, _, _ = make_loop()
    opacity = opacity_of(noisy(true_od(Scene()), 0.1))
    valid = opacity.valid.copy()
    valid[:7], valid[:, 100:] = False, False
    smooth = SmoothedOpacity.of(replace(opacity, valid=valid), loop, on=ON)
    samples = samples_of(smooth)
    for _ in sampled(smooth.strips(valid), samples):
        pass
    whole = smooth.frames(range(FRAMES))
    assert samples == pytest.approx(whole[:, 2::4, 2::4], abs=1e-5)
    strongest = evidence_of_brightening(samples, opacity, loop, valid, on=ON)
    assert 2.0 < strongest < 10.0


def test_without_a_pixel_to_judge_nothing_brightens():
    loop, _, _ = make_loop()
    opacity = opacity_of(np.zeros((FRAMES, SIZE, SIZE)))
    nothing = np.zeros((SIZE, SIZE), dtype=bool)
    samples = samples_of(SmoothedOpacity.of(opacity, loop, on=ON))
    assert evidence_of_brightening(samples, opacity, loop, nothing, on=ON) == 0.0


def test_a_ramp_that_starts_at_the_last_frame_but_for_rounding_is_no_evidence():
    times_s = np.arange(90) / 15.0
    positions = times_s / np.median(np.diff(times_s))
    assert positions[-1] > 89.0  # by rounding
    family = RampFamily(
        positions=positions,
        start=np.array([89.0, 80.0]),
        rise=np.array([28.0, 4.0]),
        decay=np.array([np.inf]),
        held_frames=10.0,
    )
    noise = np.random.default_rng(1).normal(size=(90, 4, 4)).astype(np.float32)
    best, plateau, _ = ON.kernels.best_ramp(noise, family)
    assert (best[plateau > 0] == 1).all()
    assert (plateau < 10).all()
