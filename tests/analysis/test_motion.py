"""Motion is found to a fraction of a pixel, whatever else moves, comes or goes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.motion import estimate_motion, re_reference
from napari_fluoroinject.compute.backend import choose

ON = choose("cpu")


def estimate(ln, field=None):
    field = np.ones(ln.shape[1:], bool) if field is None else field
    return estimate_motion(ln, field, on=ON)


def errors_px(motion, shift_px):
    miss = motion.shift_px - shift_px
    return np.hypot(*(miss - miss.mean(axis=0)).T)


@settings(max_examples=8, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_scene_that_moves_steadily_gives_its_path(down, right):
    shift = np.linspace(0, 1, 12)[:, None] * np.array([down, right])
    assert errors_px(estimate(moving_scene(shift)), shift).max() < 0.15


@settings(max_examples=5, deadline=None)
@given(st.floats(-1, 1), st.integers(0, 50))
def test_exposure_changes_nothing(step, seed):
    shift = breathing(10)
    ln = moving_scene(shift, seed=seed)
    jitter = step * np.random.default_rng(seed).standard_normal(10).astype(np.float32)
    brighter = estimate(ln + jitter[:, None, None])
    np.testing.assert_allclose(brighter.shift_px, estimate(ln).shift_px, atol=0.02)


def test_transposing_the_scene_transposes_the_shift():
    ln = moving_scene(breathing(10), size=(64, 80))
    turned = np.ascontiguousarray(ln.transpose(0, 2, 1))
    expected = estimate(ln).shift_px[:, ::-1]
    np.testing.assert_allclose(estimate(turned).shift_px, expected, atol=0.02)


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (200, 128)])
def test_breathing_is_followed_in_pictures_of_every_shape(size):
    shift = breathing(24)
    motion = estimate(moving_scene(shift, size=size, noise=0.02, hills=150))
    assert errors_px(motion, shift).mean() < 0.06


def test_both_backends_give_the_same_motion():
    ln = moving_scene(breathing(8), noise=0.02)
    field = np.ones(ln.shape[1:], bool)
    other = estimate_motion(ln, field, on=choose("reference"))
    np.testing.assert_allclose(estimate(ln).shift_px, other.shift_px, atol=1e-3)


def test_contrast_from_the_first_frame_is_not_taken_for_motion():
    shift = breathing(24)
    ln = moving_scene(shift, size=(128, 128), noise=0.02, hills=200)
    row, column = np.mgrid[:128, :128]
    away = np.hypot(row - 70, column - 60)
    for index in range(24):
        ln[index] -= 0.4 * np.clip((8 + 0.6 * index - away) / 3, 0, 1).astype(np.float32)
    assert errors_px(estimate(ln), shift).mean() < 0.12


def test_an_advancing_needle_is_not_taken_for_motion():
    shift = breathing(24)
    ln = moving_scene(shift, size=(128, 128), noise=0.02, hills=200)
    for index, frame in enumerate(ln):
        frame[64:66, : 30 + 2 * min(index, 15)] -= 0.6
    assert errors_px(estimate(ln), shift).mean() < 0.08


def test_a_jump_is_not_smoothed_away():
    shift = np.zeros((30, 2))
    shift[15:] = (3.0, -2.0)
    motion = estimate(moving_scene(shift, noise=0.02))
    assert errors_px(motion, shift).max() < 0.15


def test_a_turn_is_not_taken_for_a_shift():
    turn = np.zeros(20)
    turn[8:12] = np.radians(0.4)
    shift = breathing(20)
    motion = estimate(moving_scene(shift, size=(128, 128), turn_rad=turn, noise=0.02, hills=200))
    assert errors_px(motion, shift).max() < 0.15


def test_a_noisy_first_frame_is_followed_and_stays_locked():
    shift = breathing(20)
    ln = moving_scene(shift, size=(128, 128), noise=0.03, hills=200)
    ln[0] += np.random.default_rng(1).normal(0.1, 0.1, ln[0].shape).astype(np.float32)
    motion = estimate(ln)
    assert motion.locked.all()
    assert motion.residual[0] > 1.5
    assert errors_px(motion, shift)[0] < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_scene_at_rest_is_not_moved_by_the_noise_of_its_first_frames(seed):
    ln = moving_scene(np.zeros((40, 2)), size=(128, 128), noise=0.12, hills=200, seed=seed)
    random = np.random.default_rng(seed)
    for index, noise in enumerate((0.7, 0.35)):
        ln[index] += random.normal(0, noise, ln[index].shape).astype(np.float32)
    motion = estimate(ln)
    error = errors_px(motion, np.zeros((40, 2)))
    assert motion.locked.all()
    assert error[2:].mean() < 0.1
    assert error[:2].max() < 0.5


@pytest.mark.parametrize("begin", [61, 64, 149])
def test_a_twitch_of_a_long_loop_is_followed_between_the_frames_that_are_learned_from(begin):
    shift = breathing(190)
    shift[begin : begin + 4] += (2.5, -1.5)
    motion = estimate(moving_scene(shift, noise=0.02))
    assert motion.locked.all()
    assert errors_px(motion, shift).max() < 0.15


def test_memory_grows_by_no_more_than_the_binned_frames():
    def peak(frames):
        random = np.random.default_rng(0)
        ln = random.standard_normal((frames, 256, 256)).astype(np.float32)
        tracemalloc.start()
        estimate(ln)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    binned = 1 / 4 + 1 / 16
    assert peak(120) - peak(60) < 1.2 * binned * 60 * 256 * 256 * 4


def test_another_scene_is_reported_as_lost():
    ln = moving_scene(breathing(24), noise=0.02)
    ln[18] = moving_scene(np.zeros((1, 2)), seed=9, noise=0.02)[0]
    motion = estimate(ln)
    assert not motion.locked[18]
    assert motion.locked[np.arange(24) != 18].mean() > 0.5


@pytest.mark.parametrize("at", [0, 3, 18, 23])
@pytest.mark.parametrize("seed", [0, 4])
def test_another_scene_costs_no_other_frame(at, seed):
    shift = breathing(24)
    ln = moving_scene(shift, seed=seed, noise=0.02)
    ln[at] = moving_scene(np.zeros((1, 2)), seed=9, noise=0.02)[0]
    motion = estimate(ln)
    others = np.arange(24) != at
    np.testing.assert_array_equal(motion.locked, others)
    miss = (motion.shift_px - shift)[others]
    assert np.hypot(*(miss - miss.mean(axis=0)).T).max() < 0.1
    assert motion.uncertainty_px < 0.04


def test_an_empty_picture_is_lost_and_costs_no_other_frame():
    ln = moving_scene(breathing(24), noise=0.02)
    ln[11] = ln.mean()
    np.testing.assert_array_equal(estimate(ln).locked, np.arange(24) != 11)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_a_clear_scene_is_followed_without_doubt(seed):
    assert estimate(moving_scene(breathing(16), noise=0.005, seed=seed)).locked.all()


@pytest.mark.parametrize("at", range(1, 8))
def test_a_sudden_jump_is_followed_in_every_frame(at):
    shift = np.zeros((8, 2))
    shift[at:] = (1.0, 3.0)
    motion = estimate(moving_scene(shift))
    assert motion.locked.all()
    assert errors_px(motion, shift).max() < 0.05


def test_blades_do_not_hold_the_motion_back():
    shift = breathing(24)
    ln = moving_scene(shift, size=(128, 128), noise=0.02, hills=200)
    field = np.zeros((128, 128), bool)
    field[14:114, 14:114] = True
    ln[:, ~field] = 3.0
    assert errors_px(estimate(ln, field), shift).mean() < 0.1


def test_the_uncertainty_is_of_the_size_of_the_error():
    shift = breathing(40)
    motion = estimate(moving_scene(shift, size=(96, 96), noise=0.1, hills=120))
    rms = np.sqrt((errors_px(motion, shift) ** 2).mean() / 2)
    assert rms / 3 < motion.uncertainty_px < 3 * rms


def test_one_frame_stands_still_and_says_that_it_cannot_tell():
    motion = estimate(moving_scene([[0.0, 0.0]]))
    np.testing.assert_array_equal(motion.shift_px, [[0.0, 0.0]])
    assert motion.locked.all()
    assert motion.uncertainty_px == np.inf


def test_two_frames_give_their_shift_without_an_uncertainty():
    shift = np.array([[0.0, 0.0], [1.5, -0.5]])
    motion = estimate(moving_scene(shift))
    assert errors_px(motion, shift).max() < 0.1
    assert motion.uncertainty_px == np.inf


def test_a_blank_or_closed_loop_stands_still():
    blank = estimate(np.full((6, 64, 64), 5.0, np.float32))
    np.testing.assert_allclose(blank.shift_px, 0, atol=1e-6)
    closed = estimate(moving_scene(breathing(6)), np.zeros((64, 64), bool))
    np.testing.assert_array_equal(closed.shift_px, 0)


def test_the_mean_over_the_mask_frames_becomes_zero():
    motion = estimate(moving_scene(breathing(16)))
    again = re_reference(motion, (3, 4, 5))
    np.testing.assert_allclose(again.shift_px[[3, 4, 5]].mean(axis=0), 0, atol=1e-12)
    steps = np.diff(motion.shift_px, axis=0)
    np.testing.assert_allclose(np.diff(again.shift_px, axis=0), steps, atol=1e-12)
    assert re_reference(motion, ()) is motion


def test_trust_lies_between_0_and_1_and_within_the_field():
    ln = moving_scene(breathing(12), size=(70, 65))
    motion = estimate(ln)
    assert motion.bone_weight.shape == (70, 65)
    assert motion.bone_weight.min() >= 0
    assert motion.bone_weight.max() == pytest.approx(1)
