"""Subtraction as the standard defines it, on arrays small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from moving_scenes import moving_scene

from napari_fluoroinject.analysis.subtraction import subtracted
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Motion

ON = choose("reference")
LEVELS = np.array([3.0, 1.0, 2.0, 8.0, 7.0, 5.0], dtype=np.float32)
"""One grey value per frame: what is subtracted from what can be read off the differences."""


def even(levels: np.ndarray = LEVELS) -> np.ndarray:
    return np.broadcast_to(levels[:, None, None], (len(levels), 8, 9)).copy()


def values(*masks: HeaderMask) -> list[float]:
    frames = subtracted(even(), masks, on=ON)
    assert np.ptp(frames, axis=(1, 2)).max() == 0
    return frames[:, 4, 4].tolist()


def test_the_mean_of_the_mask_frames_is_taken_off():
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0, 1))
    assert values(mask) == [1.0, -1.0, 0.0, 6.0, 5.0, 3.0]


def test_contrast_frames_are_averaged_from_their_own_on():
    mask = HeaderMask(
        operation="AVG_SUB", mask_frames=(1,), contrast_frames=2, frame_ranges=((3, 5),)
    )
    # (8 + 7) / 2 - 1 and (7 + 5) / 2 - 1; the last frame has no second and stays.
    assert values(mask) == [3.0, 1.0, 2.0, 6.5, 5.0, 5.0]


def test_differences_in_time_take_the_frame_before_and_leave_the_first():
    assert values(HeaderMask(operation="TID")) == [3.0, -2.0, 1.0, 6.0, -1.0, -2.0]


def test_a_negative_offset_takes_the_frame_behind_and_leaves_the_last():
    later = HeaderMask(operation="TID", tid_offset=-2)
    assert values(later) == [1.0, -7.0, -5.0, 3.0, 7.0, 5.0]


def test_reversed_differences_go_away_from_each_other():
    mask = HeaderMask(operation="REV_TID", frame_ranges=((2, 3),))
    # frame 2 less frame 1, frame 3 less frame 0
    assert values(mask) == [3.0, 1.0, 1.0, 5.0, 7.0, 5.0]


def test_ranges_have_their_own_masks_and_frames_of_none_stay():
    assert values(
        HeaderMask(operation="AVG_SUB", mask_frames=(0,), frame_ranges=((1, 1), (5, 5))),
        HeaderMask(operation="AVG_SUB", mask_frames=(1,), frame_ranges=((3, 4),)),
    ) == [3.0, -2.0, 2.0, 7.0, 6.0, 2.0]


@pytest.mark.parametrize("shift", [(2, 0), (-1, 0), (0, 3), (0, -2), (1, -2)])
def test_the_mask_is_moved_down_and_to_the_right(shift):
    frames = np.zeros((2, 15, 17), dtype=np.float32)
    frames[0, 7, 8] = 1.0
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0,), shift_px=shift)
    expected = np.zeros((15, 17), dtype=np.float32)
    expected[7 + shift[0], 8 + shift[1]] = -1.0
    assert subtracted(frames, (mask,), on=ON)[1] == pytest.approx(expected, abs=1e-6)


def test_each_frame_can_have_its_own_shift():
    frames = np.zeros((3, 15, 17), dtype=np.float32)
    frames[0, 7, 8] = 1.0
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0,), frame_shifts_px=((2, (1.0, 0.0)),))
    result = subtracted(frames, (mask,), on=ON)
    assert result[1, 7, 8] == pytest.approx(-1.0)
    assert result[2, 8, 8] == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ["reference", "cpu"])
def test_a_fractional_shift_cancels_anatomy_that_moved_by_it(name):
    moved = np.array([[0.0, 0.0], [0.4, -1.3], [-2.6, 0.7]])
    scene = moving_scene(moved)
    shifts = tuple((frame, tuple(shift)) for frame, shift in enumerate(moved.tolist()))
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0,), frame_shifts_px=shifts)
    left = subtracted(scene, (mask,), on=choose(name))[:, 8:-8, 8:-8]
    without = (scene - scene[0])[:, 8:-8, 8:-8]
    assert np.abs(left).max() < 0.02
    assert np.abs(without[1:]).max(axis=(1, 2)).min() > 0.2


def test_with_a_motion_frames_and_mask_meet_in_the_reference_pose():
    moved = np.array([[0.5, -0.25], [-0.5, 0.25], [1.6, 0.9]])
    scene = moving_scene(moved)
    motion = Motion(
        shift_px=moved,
        residual=np.ones(3),
        locked=np.ones(3, dtype=bool),
        bone_weight=np.ones(scene.shape[1:]),
        uncertainty_px=0.0,
    )
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0, 1), shift_px=(1.6, 0.9))
    left = subtracted(scene, (mask,), on=ON, motion=motion)[2, 8:-8, 8:-8]
    assert np.abs(left).max() < 0.02


def test_the_frames_that_were_given_are_left_alone():
    frames = even()
    subtracted(frames, (HeaderMask(operation="TID"),), on=ON)
    assert np.array_equal(frames, even())
