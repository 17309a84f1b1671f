"""A recursive time filter is known by its noise, and can be undone."""

from __future__ import annotations

import numpy as np
import pytest
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.motion import estimate_motion
from napari_fluoroinject.analysis.recursive import recursive_weight, without_recursive_filter
from napari_fluoroinject.compute.backend import choose


def filtered(frames, weight):
    shown = frames.copy()
    for index in range(1, len(frames)):
        shown[index] = (1 - weight) * frames[index] + weight * shown[index - 1]
    return shown


@pytest.fixture(scope="module")
def plain():
    return moving_scene(breathing(40), size=(96, 96), noise=0.08)


FIELD = np.ones((96, 96), bool)


@pytest.mark.parametrize("weight", [0.2, 0.37, 0.6])
def test_the_weight_is_found(plain, weight):
    assert recursive_weight(filtered(plain, weight), FIELD) == pytest.approx(weight, abs=0.03)


def test_unfiltered_frames_are_left_as_they_are(plain):
    assert recursive_weight(plain, FIELD) < 0.05
    assert without_recursive_filter(plain, FIELD) is plain


def test_undoing_the_filter_gives_the_frames_before_it(plain):
    shown = filtered(plain, 0.37)
    back = without_recursive_filter(shown, FIELD)
    assert back is shown
    assert np.abs(back[5:] - plain[5:]).mean() < 0.1 * 0.08


def test_motion_is_no_longer_late_once_the_filter_is_undone(plain):
    shown, shift = filtered(plain, 0.37), breathing(40)

    def error_px(ln):
        miss = estimate_motion(ln, FIELD, on=choose("cpu")).shift_px - shift
        return np.hypot(*(miss - miss.mean(axis=0)).T)[3:].mean()

    assert error_px(without_recursive_filter(shown.copy(), FIELD)) < 0.6 * error_px(shown)


def test_a_loop_too_short_to_tell_counts_as_unfiltered(plain):
    assert recursive_weight(filtered(plain[:4], 0.37), FIELD) == 0.0


def test_frames_without_noise_count_as_unfiltered():
    assert recursive_weight(np.full((10, 96, 96), 5.0, np.float32), FIELD) == 0.0
