"""Where points stand in marked areas, exact on shapes whose truth is plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_loops import seen

from napari_fluoroinject.analysis.measures.areas import inside, place_in_area
from napari_fluoroinject.analysis.measures.tip import tip_measurements
from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.procedures import get

SQUARE = ((0.0, 0.0), (0.0, 20.0), (20.0, 20.0), (20.0, 0.0))


@given(row=st.floats(-40, 40), column=st.floats(-40, 40), turn=st.floats(0, 6.3))
def test_a_point_of_a_square_stands_where_its_larger_offset_says(row, column, turn):
    share, _ = place_in_area((10 + row, 10 + column), SQUARE)
    assert share == pytest.approx(max(abs(row), abs(column)) / 10, abs=1e-6)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = tuple(map(tuple, (np.array(SQUARE) - 10) @ turned + 50))
    point = tuple(np.array([row, column]) @ turned + 50)
    assert place_in_area(point, corners)[0] == pytest.approx(share, abs=1e-6)


@given(row=st.floats(-40, 40), column=st.floats(-40, 40))
def test_inside_is_where_the_place_is_less_than_the_border(row, column):
    share, _ = place_in_area((10 + row, 10 + column), SQUARE)
    within = bool(inside(np.array([[10 + row, 10 + column]]), SQUARE)[0])
    assert within == (share < 1) or share == pytest.approx(1, abs=1e-6)


def test_an_area_without_width_has_no_place():
    assert place_in_area((1.0, 1.0), ((0.0, 0.0), (0.0, 9.0), (0.0, 4.0))) is None


def test_the_tip_is_placed_in_the_area_in_which_it_belongs():
    procedure = get("mbb_cervical")
    pillar = Mark(landmark="articular_pillar", points_px=SQUARE)
    marked = seen(annotation=Annotation(view="LAT", marks=(pillar,)), tip=(10.0, 15.0))
    (found,) = [m for m in tip_measurements(marked, procedure) if m.id == "tip_in_area"]
    assert found.value == pytest.approx(0.5)
    assert 0 < found.sigma < 0.2
    (missing,) = [m for m in tip_measurements(seen(), procedure) if m.id == "tip_in_area"]
    assert missing.reason == "the area was not marked"
