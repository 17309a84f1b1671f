"""Shares of drawn shapes whose truth is known from how they were drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.measures.shares import (
    compactness,
    levels_covered,
    share_beyond,
    share_within,
    touched_share,
)


def box(top: int, bottom: int, left: int, right: int, shape=(100, 120)) -> np.ndarray:
    region = np.zeros(shape, bool)
    region[top:bottom, left:right] = True
    return region


@given(column=st.integers(20, 80))
def test_the_share_beyond_a_line_down_the_picture_is_counted(column):
    region = box(10, 30, 20, 80)
    line = ((0.0, column - 0.5), (99.0, column - 0.5))
    assert share_beyond(region, line, (50.0, 119.0)) == pytest.approx((80 - column) / 60)
    assert share_beyond(region, line, (50.0, 0.0)) == pytest.approx((column - 20) / 60)


def test_the_share_within_a_polygon_is_counted():
    region = box(10, 30, 20, 80)
    half = ((0.0, 0.0), (0.0, 49.5), (99.0, 49.5), (99.0, 0.0))
    assert share_within(region, half) == pytest.approx(0.5)
    assert share_within(region, ((0.0, 90.0), (0.0, 110.0), (50.0, 100.0))) == 0.0
    triangle = ((10.0, 20.0), (10.0, 79.0), (29.0, 79.0))
    assert share_within(region, triangle) == pytest.approx(0.5, abs=0.03)


def test_a_line_is_touched_where_contrast_comes_near():
    region = box(20, 40, 50, 60)
    line = ((0.0, 48.0), (99.0, 48.0))
    whole = touched_share(region, line, reach_px=3.0, facing=False)
    assert whole == pytest.approx(20 / 99, abs=0.07)
    assert touched_share(region, line, reach_px=3.0, facing=True) == pytest.approx(1.0, abs=0.05)
    assert touched_share(region, line, reach_px=1.0, facing=True) == 0.0


@pytest.mark.parametrize(("top", "bottom"), [(20, 60), (5, 95), (30, 31)])
def test_levels_are_counted_on_the_ladder_of_end_plates(top, bottom):
    plates = tuple((float(row), 60.0) for row in (10, 30, 50, 70, 90))
    low, high = levels_covered(box(top, bottom, 40, 80), plates)
    assert low == pytest.approx((top - 10) / 20)
    assert high == pytest.approx((bottom - 1 - 10) / 20)


def test_a_tilted_spine_has_tilted_levels():
    plates = ((10.0, 10.0), (40.0, 40.0), (70.0, 70.0))
    region = np.zeros((100, 120), bool)
    region[40, 40] = region[70, 70] = True
    assert levels_covered(region, plates) == pytest.approx((1.0, 2.0))


def test_no_levels_are_told_far_beyond_the_marks():
    assert levels_covered(box(0, 90, 40, 80), ((40.0, 60.0), (50.0, 60.0))) is None


def test_a_disc_is_compact_and_a_tube_is_not():
    rows, columns = np.mgrid[:100, :120]
    disc = np.hypot(rows - 50, columns - 60) < 30
    tube = box(48, 52, 5, 115)
    assert compactness(disc) == pytest.approx(1.0, abs=0.12)
    assert compactness(tube) == pytest.approx(4 * np.pi * 440 / 228**2, rel=0.05)
    assert compactness(tube | disc) < compactness(disc)


@given(st.integers(1, 40), st.integers(1, 40))
def test_nothing_is_more_compact_than_a_disc(height, width):
    assert compactness(box(20, 20 + height, 30, 30 + width)) <= 1
