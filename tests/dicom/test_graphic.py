"""Lines end at the border of the picture, and what lies in it stays as it is."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from napari_fluoroinject.dicom.graphic import (
    cut_to_picture,
    graphic_data,
    kept_in_picture,
    points_from_graphic,
)

PICTURE = (48, 64)
FAR = st.floats(-200, 200)
INSIDE = st.tuples(st.floats(-0.5, 47.5), st.floats(-0.5, 63.5))


@given(hub=st.tuples(FAR, FAR), tip=INSIDE)
@example(hub=(0.0, 64.0), tip=(2.2250738585e-313, 0.0))  # hardly moves along the rows
def test_a_shaft_is_cut_where_it_comes_into_the_picture(hub, tip):
    cut = cut_to_picture([hub, tip], PICTURE)
    np.testing.assert_array_equal(cut[-1], tip)
    graphic = graphic_data(cut)
    assert (graphic >= -1e-9).all()
    assert (graphic <= np.array(PICTURE[::-1]) + 1e-9).all()
    # the cut end lies on the line from tip to hub
    way, part = np.subtract(hub, tip), cut[0] - tip
    assert abs(way[0] * part[1] - way[1] * part[0]) <= 1e-6 * (1 + np.abs(way).max() ** 2)


@given(points=st.lists(INSIDE, min_size=1, max_size=9))
def test_what_lies_in_the_picture_stays_as_it_is(points):
    np.testing.assert_array_equal(cut_to_picture(points, PICTURE), points)
    np.testing.assert_array_equal(kept_in_picture(points, PICTURE), points)


def test_a_line_whose_end_is_outside_is_not_drawn():
    assert len(cut_to_picture([(5, 5), (5, 99)], PICTURE)) == 0


@given(points=st.lists(st.tuples(FAR, FAR), min_size=1, max_size=9))
def test_points_outside_come_onto_the_border(points):
    graphic = graphic_data(kept_in_picture(points, PICTURE))
    assert (graphic >= 0).all()
    assert (graphic <= PICTURE[::-1]).all()


@given(points=st.lists(st.tuples(FAR, FAR), min_size=1, max_size=9))
def test_graphic_data_come_back(points):
    np.testing.assert_allclose(points_from_graphic(graphic_data(points)), points, atol=1e-9)
