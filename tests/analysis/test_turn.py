"""A patient who turns: the angle is found where there is one, and everything follows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scenes import breathing, moving_scene

from napari_fluoroinject.analysis.motion import estimate_motion, re_reference
from napari_fluoroinject.analysis.needle.line import Line
from napari_fluoroinject.analysis.pose import (
    mask_in_frame,
    mask_in_reference_pose,
    open_throughout,
    poses,
)
from napari_fluoroinject.analysis.scatter import turned_back
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.motion import Motion

ON = choose("cpu")
SHAPE = (160, 160)


def estimate(ln):
    return estimate_motion(ln, np.ones(ln.shape[1:], bool), on=ON)


def known(shift_px, angle_rad, *, locked=None, shape=SHAPE):
    frames = len(angle_rad)
    return Motion(
        shift_px=np.asarray(shift_px, float),
        angle_rad=np.asarray(angle_rad, float),
        residual=np.ones(frames),
        locked=np.ones(frames, bool) if locked is None else locked,
        bone_weight=np.ones(shape),
        uncertainty_px=0.05,
    )


@pytest.mark.parametrize("seed", [0, 3])
def test_a_scene_that_turns_slowly_gives_its_angles(seed):
    turn = np.radians(0.5) * np.sin(np.arange(30) / 5.0)
    shift = breathing(30)
    ln = moving_scene(shift, size=SHAPE, turn_rad=turn, noise=0.01, seed=seed, hills=250)
    motion = estimate(ln)
    np.testing.assert_allclose(
        np.degrees(motion.angle_rad), np.degrees(turn - turn.mean()), atol=0.02
    )
    miss = motion.shift_px - shift
    assert np.hypot(*(miss - miss.mean(axis=0)).T).max() < 0.05


def test_a_jerk_that_turns_is_not_blurred():
    turn = np.zeros(24)
    turn[10:14] = np.radians(0.6)
    motion = estimate(
        moving_scene(breathing(24), size=SHAPE, turn_rad=turn, noise=0.01, hills=250)
    )
    found = np.degrees(motion.angle_rad - motion.angle_rad[:9].mean())
    np.testing.assert_allclose(found, np.degrees(turn), atol=0.04)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.005, 0.02, 0.05]))
def test_who_does_not_turn_has_no_angle(seed, noise):
    motion = estimate(moving_scene(breathing(20), size=(96, 96), noise=noise, seed=seed))
    np.testing.assert_array_equal(motion.angle_rad, 0.0)


def test_too_few_frames_to_judge_have_no_angle():
    turn = np.radians([0.0, 0.5])
    assert not estimate(moving_scene(np.zeros((2, 2)), turn_rad=turn)).angle_rad.any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_another_reference_pose_leaves_every_point_where_it_is_seen(seed):
    random = np.random.default_rng(seed)
    motion = known(random.normal(0, 5, (8, 2)), random.normal(0, 0.02, 8))
    mask = (1, 2, 5)
    again = re_reference(motion, mask)
    np.testing.assert_allclose(again.shift_px[list(mask)].mean(axis=0), 0, atol=1e-12)
    assert again.angle_rad[list(mask)].mean() == pytest.approx(0, abs=1e-15)
    points = random.uniform(0, 160, (8, 2))
    # One frame tells what stands where in the new pose; all frames agree.
    new = again.all_in_reference_pose(motion.all_in_frame(points, 0), 0)
    for k in range(8):
        seen = motion.all_in_frame(points, k)
        np.testing.assert_allclose(again.all_in_frame(new, k), seen, atol=1e-9)


def test_the_warp_undoes_the_turn():
    turn = np.radians([0.0, 0.7])
    ln = moving_scene([[0.0, 0.0], [1.3, -0.8]], size=SHAPE, turn_rad=turn, hills=250)
    aligned = ON.kernels.warp(ln, poses(known([[0, 0], [1.3, -0.8]], turn)))
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(aligned[1] - aligned[0])[inner].max() < 0.01
    shifted = ON.kernels.warp(ln, poses(known([[0, 0], [1.3, -0.8]], [0, 0])))
    assert np.abs(shifted[1] - shifted[0])[inner].max() > 0.05


def test_a_mask_goes_where_its_points_go_and_comes_back():
    motion = known([[0, 0], [4.0, -7.0]], [0.0, 0.02])
    mask = np.zeros(SHAPE, bool)
    mask[10:25, 130:150] = True
    moved = mask_in_frame(mask, motion, 1)
    middle = motion.in_frame((17.0, 139.5), 1)
    assert np.argwhere(moved).mean(axis=0) == pytest.approx(middle, abs=0.5)
    assert moved.sum() == pytest.approx(mask.sum(), rel=0.03)
    back = mask_in_reference_pose(moved, motion, 1)
    assert (back ^ mask).sum() <= 0.1 * mask.sum()
    np.testing.assert_array_equal(mask_in_frame(mask, motion, 0), mask)


def test_what_leaves_the_picture_is_gone():
    motion = known([[0.0, 300.0]], [0.01])
    assert not mask_in_frame(np.ones(SHAPE, bool), motion, 0).any()
    assert not mask_in_frame(np.zeros(SHAPE, bool), motion, 0).any()


def test_pixels_are_judged_that_stay_in_the_field_of_every_locked_frame():
    locked = np.array([True, True, False])
    motion = known([[0, 0], [3.0, -2.0], [90.0, 0.0]], [0.0, 0.03, 0.2], locked=locked)
    field = np.zeros(SHAPE, bool)
    field[20:140, 30:150] = True
    seen = open_throughout(field, motion)
    pixels = np.argwhere(np.ones(SHAPE, bool)).astype(float)
    there = motion.all_in_frame(pixels, 1)
    low, high = np.array([20, 30]), np.array([139, 149])
    inside = ((pixels >= low) & (pixels <= high)).all(axis=1)
    surely = inside & ((there >= low + 1.5) & (there <= high - 1.5)).all(axis=1)
    never = ~inside | ((there < low - 0.5) | (there > high + 0.5)).any(axis=1)
    assert seen.ravel()[surely].all()
    assert not seen.ravel()[never].any()
    assert not open_throughout(field, known([[0, 0]], [0.0], locked=np.zeros(1, bool))).any()


def test_a_line_is_carried_with_its_direction():
    motion = known([[2.0, 3.0]], [0.01])
    line = Line(point=(40.0, 60.0), angle_rad=0.6)
    carried = line.carried(motion, 0)
    for along in (-30.0, 50.0):
        assert carried.at(along) == pytest.approx(motion.in_frame(line.at(along), 0))


def test_scatter_turns_back_with_its_frame():
    row, column = np.mgrid[:20, :20].astype(np.float32)
    hill = np.exp(-((row - 9.5) ** 2 + (column - 15.5) ** 2) / 20)[None].repeat(2, axis=0)
    assert turned_back(hill, np.zeros(2), on=ON) is hill
    still = turned_back(hill, np.array([0.0, 0.05]), on=ON)
    # What stands 6 blocks right of the centre was seen 6 x 0.05 blocks lower.
    down = 9.5 - float((still[1] * row).sum() / still[1].sum())
    assert down == pytest.approx(6 * 0.05, abs=0.03)
    np.testing.assert_allclose(still[0], hill[0], atol=1e-6)
