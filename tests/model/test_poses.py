"""A motion carries points into frames and back, turned and shifted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.model.motion import Motion

coordinates = st.floats(-500, 1000, allow_nan=False)


def motion(shift_px, angle_rad=(), *, shape=(101, 201)):
    frames = len(shift_px)
    return Motion(
        shift_px=np.asarray(shift_px, float),
        angle_rad=np.asarray(angle_rad, float),
        residual=np.ones(frames),
        locked=np.ones(frames, bool),
        bone_weight=np.ones(shape),
        uncertainty_px=0.05,
    )


@given(coordinates, coordinates, st.floats(-0.5, 0.5), st.floats(-50, 50))
def test_a_point_comes_back_from_a_frame(row, column, angle, shift):
    turned = motion([[0.0, 0.0], [shift, -2.5]], [0.0, angle])
    there = turned.in_frame((row, column), 1)
    assert turned.in_reference_pose(there, 1) == pytest.approx((row, column), abs=1e-9)


@given(coordinates, coordinates, st.floats(-0.5, 0.5))
def test_distances_stay_what_they_are(row, column, angle):
    turned = motion([[3.0, -1.0]], [angle])
    one, other = turned.in_frame((row, column), 0), turned.in_frame((10.0, 20.0), 0)
    expected = np.hypot(row - 10.0, column - 20.0)
    assert np.hypot(one[0] - other[0], one[1] - other[1]) == pytest.approx(expected, abs=1e-9)


def test_a_turn_goes_from_the_columns_towards_the_rows_about_the_centre():
    turned = motion([[1.0, 2.0]], [0.01])
    assert turned.in_frame((50.0, 100.0), 0) == pytest.approx((51.0, 102.0))
    # 80 columns to the right of the centre: down by 80 sin a
    row, column = turned.in_frame((50.0, 180.0), 0)
    assert row == pytest.approx(51.0 + 80 * np.sin(0.01))
    assert column == pytest.approx(102.0 + 80 * np.cos(0.01))


def test_without_an_angle_points_move_by_the_shift_and_nothing_else():
    plain = motion([[0.1, 0.2], [0.3, -0.7]])
    np.testing.assert_array_equal(plain.angle_rad, [0.0, 0.0])
    np.testing.assert_array_equal(
        plain.all_in_frame(np.array([7.7, 9.9])), np.array([7.7, 9.9]) + plain.shift_px
    )


def test_many_points_are_carried_as_one_by_one():
    turned = motion([[1.0, 2.0], [-3.0, 0.5], [0.0, 0.0]], [0.02, -0.01, 0.0])
    points = np.array([[1.0, 2.0], [90.0, 150.0], [40.0, 10.0]])
    for k, point in enumerate(points):
        one = turned.in_frame((point[0], point[1]), k)
        assert turned.all_in_frame(points)[k] == pytest.approx(one)
        assert turned.all_in_frame(points, [0, 1, 2])[k] == pytest.approx(one)
        assert turned.all_in_frame(points, k)[k] == pytest.approx(one)
    assert turned.all_in_reference_pose(turned.all_in_frame(points, 1), 1) == pytest.approx(points)
