"""A track loses its noise and keeps its twitches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.analysis.smoothing import smooth_track


def noisy(path, sigma, seed=0):
    return path + sigma * np.random.default_rng(seed).standard_normal(path.shape)


def breathing(frames):
    turn = 2 * np.pi * np.arange(frames) / 45
    return np.stack([2.0 * np.sin(turn), 0.7 * np.cos(turn)], axis=1)


@given(st.integers(8, 40), st.floats(-2, 2), st.floats(-0.2, 0.2))
@settings(max_examples=20, deadline=None)
def test_a_parabola_stays_as_it_is(frames, speed, bend):
    times = np.arange(frames)[:, None] / 5.0
    path = np.hstack([speed * times, bend * times**2])
    smooth, _ = smooth_track(path, np.ones(frames))
    np.testing.assert_allclose(smooth, path, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_noise_falls_by_a_third_and_what_is_left_is_told(seed):
    path = breathing(120)
    smooth, left = smooth_track(noisy(path, 0.1, seed), np.ones(120))
    rms = np.sqrt(((smooth - path) ** 2).mean())
    assert rms < 0.07
    assert rms / 1.6 < left < 1.6 * rms


def test_a_jump_ends_a_window_instead_of_being_blurred():
    path = np.zeros((40, 2))
    path[20:] = (3.0, -1.0)
    smooth, _ = smooth_track(noisy(path, 0.05), np.ones(40))
    assert np.abs(smooth - path).max() < 0.25


@pytest.mark.parametrize("far", [0.0, 7.0, 300.0])
def test_a_frame_too_noisy_to_be_laid_anywhere_follows_its_neighbours(far):
    path = breathing(60)
    track, relative_noise = noisy(path, 0.05), np.ones(60)
    track[:2] += ((far, -far), (-far / 2, far))
    relative_noise[:2] = (6.0, 3.0)
    smooth, _ = smooth_track(track, relative_noise, unsure=relative_noise > 2)
    assert np.abs(smooth - path)[:2].max() < 0.5
    assert np.abs(smooth - path)[2:].max() < 0.2


def test_frames_that_are_sure_are_as_they_were_without_the_unsure_ones():
    path = breathing(40)
    track, noise = noisy(path, 0.05), np.ones(40)
    track[20], noise[20] = 50.0, 4.0
    smooth, _ = smooth_track(track, noise, unsure=np.arange(40) == 20)
    alone, _ = smooth_track(track, noise)
    others = np.arange(40) != 20
    np.testing.assert_array_equal(smooth[others], alone[others])
    assert np.abs(smooth - path)[20].max() < 0.2
    assert np.abs(alone - path)[20].max() > 40


def test_a_track_too_short_to_be_judged_is_left_as_it_is():
    track = noisy(np.zeros((4, 2)), 1.0)
    smooth, left = smooth_track(track, np.ones(4))
    np.testing.assert_array_equal(smooth, track)
    assert left == np.inf
