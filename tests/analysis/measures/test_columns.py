"""Columns beside the midline, drawn with what stands between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.measures.columns import column_width_px, middle_opacity

SHAPE = (120, 100)
COLUMN = np.arange(SHAPE[1])
MIDLINE = ((0.0, 50.0), (119.0, 50.0))


def drawn(*, between, left=0.4, right=0.4, lean=0.0):
    """Two columns of 6 pixels, 16 apart, about a midline that leans: region, opacity, line."""
    rows = np.arange(SHAPE[0])[:, None]
    off = COLUMN[None] - 50.0 - lean * rows
    opacity = np.where(np.abs(off) <= 11, between, 0.0)
    opacity = np.where((off >= -11) & (off < -5), left, opacity)
    opacity = np.where((off > 5) & (off <= 11), right, opacity)
    region = (np.abs(off) <= 11) & (rows >= 15) & (rows < 105)
    return region, opacity, ((0.0, 50.0), (119.0, 50.0 + 119.0 * lean))


@given(between=st.floats(0.0, 0.4), faint=st.floats(0.2, 1.0), lean=st.floats(-0.15, 0.15))
def test_the_middle_is_measured_against_the_fainter_column(between, faint, lean):
    region, opacity, line = drawn(between=between, right=0.4 * faint, lean=lean)
    share, change = middle_opacity(region, opacity, line)
    assert share == pytest.approx(min(between / (0.4 * faint), 1.0), abs=0.03)
    assert 0 <= change < 0.2


@given(lean=st.floats(-0.15, 0.15))
def test_the_width_is_that_of_the_columns_however_the_spine_leans(lean):
    region, _, line = drawn(between=0.2, lean=lean)
    width, change = column_width_px(region, line)
    assert width == pytest.approx(20.0, abs=1.5)  # all but a tenth of 22
    assert width <= np.ptp(np.nonzero(region)[1]) + 2
    assert 1.0 <= change <= 3.0


def test_a_thin_spur_does_not_widen_a_spread_and_a_sleeve_does():
    region, _, line = drawn(between=0.2)
    usual = column_width_px(region, line)[0]
    spur, sleeve = region.copy(), region.copy()
    spur[60:64, 61:80] = True
    sleeve[45:75, 61:80] = True
    assert column_width_px(spur, line)[0] == pytest.approx(usual, abs=1.0)
    assert column_width_px(sleeve, line)[0] > usual + 8
    with pytest.raises(ValueError, match="all points of the line are one"):
        column_width_px(region, ((3.0, 3.0), (3.0, 3.0)))


@given(gain=st.floats(0.1, 10.0))
def test_the_amount_of_contrast_does_not_matter(gain):
    region, opacity, line = drawn(between=0.15)
    assert middle_opacity(region, gain * opacity, line)[0] == pytest.approx(
        middle_opacity(region, opacity, line)[0]
    )


def test_what_is_densest_in_the_middle_or_stands_on_one_side_is_not_two_columns():
    region, _, line = drawn(between=0.0)
    round_column = np.sqrt(np.clip(1 - ((COLUMN - 50.0) / 12) ** 2, 0, 1)) * np.ones(SHAPE)
    one_side = np.where(COLUMN > 50, 0.4, 0.02) * np.ones(SHAPE)
    assert middle_opacity(region, round_column, line)[0] == pytest.approx(1.0)
    assert middle_opacity(region, one_side, line)[0] > 0.9


def test_the_order_of_a_midline_and_its_mirror_image_change_nothing():
    region, opacity, line = drawn(between=0.1, right=0.3)
    share = middle_opacity(region, opacity, line)[0]
    assert middle_opacity(region, opacity, line[::-1])[0] == pytest.approx(share, abs=0.02)
    mirrored = tuple((row, SHAPE[1] - 1 - column) for row, column in line)
    turned = middle_opacity(region[:, ::-1], opacity[:, ::-1], mirrored)[0]
    assert turned == pytest.approx(share, abs=0.02)


def test_what_is_not_known_is_left_out_and_without_any_opacity_there_is_no_answer():
    region, opacity, line = drawn(between=0.1)
    holed = opacity.copy()
    holed[40:60, 45:62] = np.nan
    whole = middle_opacity(region, opacity, line)[0]
    assert middle_opacity(region, holed, line)[0] == pytest.approx(whole, abs=0.03)
    assert middle_opacity(region, np.full(SHAPE, np.nan), line) is None
    with pytest.raises(ValueError, match="all points of the line are one"):
        middle_opacity(region, opacity, ((3.0, 3.0), (3.0, 3.0)))


def test_what_is_too_thin_to_have_a_middle_has_no_columns():
    region = np.zeros(SHAPE, bool)
    region[20:100, 50:52] = True
    assert middle_opacity(region, region * 0.3, MIDLINE)[0] == 1.0
