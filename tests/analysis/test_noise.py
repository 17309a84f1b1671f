"""What noise is said to be, against noise that was made."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

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
    limit = detection_limit_od(noise, everywhere(noise), last=9, lag1_time=0.0, mm_per_px=None)
    sigma_of_patch = 0.05 / np.sqrt(84.0)
    sigmas = sigmas_for(FALSE_ALARM_RATE / (192**2 / 84.0))
    assert limit == pytest.approx(sigmas * sigma_of_patch * np.sqrt(1 / 9 + 1 / 12), rel=0.15)


def test_a_rate_is_met_by_that_many_sigmas_of_normal_noise():
    assert sigmas_for(0.05) == pytest.approx(1.645, abs=1e-3)
    assert sigmas_for(0.00135) == pytest.approx(3.0, abs=1e-3)


def test_finer_pixels_see_fainter_patches():
    noise = white(count=12, size=192)
    fine = detection_limit_od(noise, everywhere(noise), last=9, lag1_time=0.0, mm_per_px=0.2)
    coarse = detection_limit_od(noise, everywhere(noise), last=9, lag1_time=0.0, mm_per_px=0.5)
    assert fine < coarse


def test_noise_shows_a_patch_of_the_stated_limit_in_the_stated_share_of_loops():
    loops, seen = 60, 0
    for seed in range(loops):
        noise = white(count=21, size=90, seed=seed)
        limit = detection_limit_od(
            noise[:12], everywhere(noise), last=9, lag1_time=0.0, mm_per_px=None
        )
        late = noise[12:].mean(axis=0) - noise[:12].mean(axis=0)
        seen += bool((late.reshape(10, 9, 10, 9).mean(axis=(1, 3)) > limit).any())
    assert seen <= 3 * FALSE_ALARM_RATE * loops


def test_without_two_frames_or_a_whole_patch_the_limit_is_unknown():
    noise = white(count=12)
    nothing = np.zeros((96, 96), dtype=bool)
    single = detection_limit_od(
        noise[:1], everywhere(noise), last=9, lag1_time=0.0, mm_per_px=None
    )
    assert np.isnan(single)
    assert np.isnan(detection_limit_od(noise, nothing, last=9, lag1_time=0.0, mm_per_px=None))
