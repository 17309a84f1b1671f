"""Distances from marked lines, exact on geometry, with the side that a person gave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.measures.lines import direction_across, signed_distance_px

place = st.floats(-1000, 1000)
points = st.tuples(place, place)


@given(start=points, end=points, along=st.floats(-2, 3), off=st.floats(-500, 500), side=place)
def test_a_straight_line_measures_what_was_laid_off_from_it(start, end, along, off, side):
    length = np.hypot(end[0] - start[0], end[1] - start[1])
    assume(length > 1 and abs(side) > 1)
    way = np.subtract(end, start) / length
    normal = np.array([-way[1], way[0]])
    point = start + along * length * way + off * normal
    beyond = start + 0.5 * length * way + side * normal
    got = signed_distance_px(tuple(point), (start, end), tuple(beyond))
    assert got == pytest.approx(off * np.sign(side), abs=1e-6)


@given(point=points, columns=st.lists(place, min_size=2, max_size=5), beyond=points)
def test_the_way_in_which_a_line_was_drawn_does_not_matter(point, columns, beyond):
    line = tuple((300.0 * step - 600, column) for step, column in enumerate(columns))
    assume(abs(_side(beyond, line, beyond)) > 1)
    here, backwards = (_side(point, way, beyond) for way in (line, line[::-1]))
    assert backwards == pytest.approx(here, abs=1e-6)
    assert _side(beyond, line, beyond) > 0


def _side(point, line, beyond):
    try:
        return signed_distance_px(point, line, beyond)
    except ValueError:  # the far side on the line itself
        return 0.0


def test_a_bent_line_has_its_sides_round_the_bend():
    line = ((0.0, 0.0), (0.0, 10.0), (10.0, 10.0))
    assert signed_distance_px((3.0, 7.0), line, (5.0, 5.0)) == pytest.approx(3.0)
    assert signed_distance_px((-3.0, 14.0), line, (5.0, 5.0)) == pytest.approx(-5.0)
    assert signed_distance_px((40.0, 12.0), line, (5.0, 5.0)) == pytest.approx(-2.0)


def test_the_direction_across_a_line_is_a_right_angle_to_it():
    across = direction_across((5.0, 3.0), ((0.0, 0.0), (0.0, 10.0)))
    assert np.abs(across).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("line", "beyond"),
    [(((1.0, 1.0), (1.0, 1.0)), (5.0, 5.0)), (((0.0, 0.0), (0.0, 9.0)), (0.0, 4.0))],
)
def test_a_line_without_direction_or_far_side_is_refused(line, beyond):
    with pytest.raises(ValueError, match="expected"):
        signed_distance_px((3.0, 3.0), line, beyond)
