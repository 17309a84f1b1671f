"""Where points of the patient fall in a view: angles and axes as the standard has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seen_twice import pose, seen_px

from napari_fluoroinject.analysis.two_views.projection import (
    axes,
    jacobians,
    project,
    ray,
    separation_deg,
)
from napari_fluoroinject.phantom.beam import Stand, aim

PRIMARY = st.floats(-180, 180)
SECONDARY = st.floats(-60, 60)
NEAR = st.tuples(*[st.floats(-80, 80)] * 3)


@pytest.mark.parametrize(
    ("angles", "towards"),
    [
        ((0, 0), (0, -1, 0)),  # before the chest
        ((90, 0), (1, 0, 0)),  # at the patient's left
        ((-90, 0), (-1, 0, 0)),
        ((180, 0), (0, 1, 0)),
        ((0, 90), (0, 0, 1)),  # at the head
    ],
)
def test_the_detector_stands_where_ps3_3_c_8_7_5_1_2_puts_it(angles, towards):
    assert axes(pose(*angles))[2] == pytest.approx(towards, abs=1e-12)


def test_a_picture_from_before_the_chest_shows_the_left_at_the_right_and_the_head_on_top():
    row, column = seen_px(pose(), (10, 0, 0))
    assert row == pytest.approx(511.5)
    assert column > 511.5
    assert seen_px(pose(), (0, 0, 10))[0] < 511.5


def test_what_is_nearer_to_the_source_is_larger():
    # the source is dorsal of the patient
    assert seen_px(pose(), (10, 50, 0))[1] > seen_px(pose(), (10, 0, 0))[1]


def test_a_millimetre_at_the_isocentre_is_as_many_pixels_as_the_distances_say():
    assert seen_px(pose(), (0, 0, -7))[0] - 511.5 == pytest.approx(7 * (1000 / 700) / 0.30)


@given(PRIMARY, SECONDARY)
def test_axes_are_a_right_handed_frame_that_looks_along_the_beam(primary, secondary):
    own = axes(pose(primary, secondary))
    assert own @ own.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.cross(own[0], own[1]) == pytest.approx(-own[2], abs=1e-12)


@given(PRIMARY, SECONDARY, NEAR)
def test_the_ray_to_a_pixel_meets_the_point_that_it_shows(primary, secondary, point):
    view = pose(primary, secondary)
    for error in (None, (0.02, -0.03, 0.01, 1.0, -2.0, 0.5)):
        source, way = ray(view, seen_px(view, point, error), error=error)
        apart = np.subtract(point, source)
        assert np.cross(apart, way) == pytest.approx(np.zeros(3), abs=1e-8)
        assert apart @ way > 0


@given(PRIMARY, SECONDARY, NEAR)
def test_derivatives_are_those_of_small_steps(primary, secondary, point):
    view, step = pose(primary, secondary), 1e-4
    by_point, by_error = jacobians(view, np.array([point]))
    for k in range(3):
        move = step * np.eye(3)[k]
        slope = (project(view, point + move) - project(view, np.subtract(point, move))) / 2 / step
        assert by_point[0, :, k] == pytest.approx(slope, abs=1e-4)
    for k in range(6):
        error = 1e-6 * np.eye(6)[k]
        slope = (project(view, point, error=error) - project(view, point, error=-error)) / 2e-6
        assert by_error[0, :, k] == pytest.approx(slope, rel=1e-5, abs=1e-2)


@given(st.floats(-95, 95), st.floats(-30, 30), NEAR)
def test_the_phantoms_beam_is_the_same_geometry_counted_from_the_back(oblique, tilt, point):
    stand = Stand(
        sid_mm=1000, sod_mm=700, pitch_mm=0.3, size=1024, oblique_deg=oblique, tilt_deg=tilt
    )
    left, dorsal, head = point
    expected = aim(stand, (0, 0, 0)).project((-dorsal, left, head))  # ventral, left, cranial
    assert project(pose(oblique, tilt, zero="dorsal"), point) == pytest.approx(expected, abs=1e-6)


def test_views_from_opposite_sides_are_no_two_views():
    assert separation_deg(pose(-90), pose(90)) == pytest.approx(0, abs=1e-5)
    assert separation_deg(pose(0), pose(90)) == pytest.approx(90)
    assert separation_deg(pose(10), pose(-25)) == pytest.approx(35)
