"""What noise is said to be, against noise that was made."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom

from napari_fluoroinject.analysis.noise import (
    FALSE_ALARM_RATE,
    detection_limit_od,
    effective_frames,
    measure_noise,
    sigmas_for,
)
from napari_fluoroinject.compute.backend import choose

ON = choose("cpu")
LEVEL = 400.0


def frames_of(noise: np.ndarray) -> np.ndarray:
    """Log frames of a flat picture with noise in them."""
    return (np.log(LEVEL) + noise).astype(np.float32)


def white(count: int = 12, size: int = 96, sigma: float = 0.05, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, (count, size, size))


def everywhere(stack: np.ndarray) -> np.ndarray:
    return np.ones(stack.shape[1:], dtype=bool)


def limit_of(noise, *, valid=None, sigma_od=None, mm_per_px=None):
    """The limit for nine last frames against twelve."""
    return detection_limit_od(
        noise,
        everywhere(noise) if valid is None else valid,
        np.ones(noise.shape[1:]) if sigma_od is None else sigma_od,
        averaging=1 / 9 + 1 / 12,
        mm_per_px=mm_per_px,
    )


def test_white_noise_is_measured_with_its_strength_and_without_correlation():
    noise = white()
    model = measure_noise(frames_of(noise), frames_of(noise), everywhere(noise), on=ON)
    assert model.a == pytest.approx(LEVEL * 0.05**2, rel=0.06)
    assert model.pixel_sigma_od == pytest.approx(0.05, rel=0.04)
    assert abs(model.lag1_time) < 0.03
    assert abs(model.lag1_space) < 0.05


def test_a_recursive_filter_shows_in_the_correlation_of_frames_and_not_in_the_strength():
    raw = white(count=60, sigma=0.05)
    noise = raw.copy()
    for frame in range(1, len(raw)):
        noise[frame] = 0.63 * raw[frame] + 0.37 * noise[frame - 1]
    noise = noise[-12:]
    model = measure_noise(frames_of(noise), frames_of(noise), everywhere(noise), on=ON)
    assert model.lag1_time == pytest.approx(0.37, abs=0.05)
    assert model.pixel_sigma_od == pytest.approx(noise.std(), rel=0.06)


def test_blurred_noise_is_correlated_in_space():
    noise = np.stack([gaussian_filter(frame, 0.8) for frame in white()])
    model = measure_noise(frames_of(noise), frames_of(noise), everywhere(noise), on=ON)
    assert 0.5 < model.lag1_space < 0.8


def test_noise_of_a_single_frame_or_of_no_pixel_is_unknown():
    noise = white(count=1)
    assert np.isnan(measure_noise(noise, noise, everywhere(noise), on=ON).a)
    nothing = np.zeros((96, 96), dtype=bool)
    assert np.isnan(measure_noise(white(), white(), nothing, on=ON).pixel_sigma_od)


def test_two_frames_have_no_measurable_lag():
    noise = white(count=2)
    model = measure_noise(frames_of(noise), frames_of(noise), everywhere(noise), on=ON)
    assert model.lag1_time == 0.0


@pytest.mark.parametrize(("lag", "worth"), [(0.0, 10.0), (-0.2, 10.0), (0.5, 10 / 3), (0.99, 1.0)])
def test_correlated_frames_average_like_fewer(lag, worth):
    assert effective_frames(10, lag) == pytest.approx(worth)


def test_the_detection_limit_is_what_noise_shows_nowhere_in_the_field_in_most_loops():
    noise = white(count=12, size=192)
    limit = limit_of(noise)
    sigma_of_patch = 0.05 / np.sqrt(84.0)
    sigmas = sigmas_for(FALSE_ALARM_RATE / (192**2 / 84.0))
    assert limit == pytest.approx(sigmas * sigma_of_patch * np.sqrt(1 / 9 + 1 / 12), rel=0.15)


def test_a_rate_is_met_by_that_many_sigmas_of_normal_noise():
    assert sigmas_for(0.05) == pytest.approx(1.645, abs=1e-3)
    assert sigmas_for(0.00135) == pytest.approx(3.0, abs=1e-3)


def test_finer_pixels_see_fainter_patches():
    noise = white(count=12, size=192)
    fine, coarse = (limit_of(noise, mm_per_px=size) for size in (0.2, 0.5))
    assert fine < coarse


@pytest.mark.parametrize("darkest", [1.0, 2.5])
def test_noise_shows_a_patch_of_the_stated_limit_in_the_stated_share_of_loops(darkest):
    # A third of the field is dark: there noise is up to so many times as strong.
    ramp = np.clip((np.arange(180) - 120.0) / 60.0, 0.0, 1.0)
    strength = np.broadcast_to(1.0 + (darkest - 1.0) * ramp, (90, 180))
    loops, seen = 200, 0
    for seed in range(loops):
        noise = np.random.default_rng(seed).normal(size=(21, 90, 180)) * 0.05 * strength
        limit = limit_of(noise[:12], sigma_od=strength)
        late = noise[12:].mean(axis=0) - noise[:12].mean(axis=0)
        # 3 mm are 84 pixels, and squares of 81 are looked at.
        patches = late.reshape(10, 9, 20, 9).mean(axis=(1, 3)) * np.sqrt(81.0 / 84.0)
        seen += bool((patches[:, :19] > limit).any())
    # No more than chance allows in twenty thousand times as many loops, and not far fewer.
    assert binom.ppf(1e-3, loops, FALSE_ALARM_RATE) <= seen
    assert seen <= binom.ppf(0.999, loops, FALSE_ALARM_RATE)


def test_a_limit_from_the_usual_noise_would_be_passed_in_the_dark_more_often_than_stated():
    strength = np.where(np.arange(180) < 130, 1.0, 2.5) * np.ones((90, 1))
    noise = np.random.default_rng(0).normal(size=(12, 90, 180)) * 0.05 * strength
    assert limit_of(noise, sigma_od=strength) > 1.5 * limit_of(noise)


def test_the_noisiest_places_do_not_rule_the_limit():
    strength = np.where(np.arange(180) < 175, 1.0, 40.0) * np.ones((90, 1))
    noise = np.random.default_rng(0).normal(size=(12, 90, 180)) * 0.05 * strength
    even = np.random.default_rng(0).normal(size=(12, 90, 180)) * 0.05
    assert limit_of(noise, sigma_od=strength) == pytest.approx(limit_of(even), rel=0.05)


def test_without_two_frames_or_a_whole_patch_the_limit_is_unknown():
    noise = white(count=12)
    nothing = np.zeros((96, 96), dtype=bool)
    assert np.isnan(limit_of(noise[:1]))
    assert np.isnan(limit_of(noise, valid=nothing))
