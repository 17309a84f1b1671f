"""Shapes drawn as masks and masks drawn as shapes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_fluoroinject.model.drawing import (
    UNKNOWN_WIDTH_PX,
    needle_coverage,
    needle_mask,
    needle_width_px,
    outlines,
)

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
inside = st.tuples(st.floats(0, 29), st.floats(0, 39))


@given(masks)
@settings(max_examples=200, deadline=None)
def test_there_is_one_outline_for_every_four_connected_part_and_it_encloses_its_holes(mask):
    parts, count = ndi.label(mask)
    enclosed = sorted(
        int(ndi.binary_fill_holes(parts == k + 1, structure=np.ones((3, 3))).sum())
        for k in range(count)
    )
    assert sorted(outline.area_px for outline in outlines(mask)) == enclosed


@given(masks)
@settings(max_examples=100, deadline=None)
def test_an_outline_is_closed_and_encloses_half_a_pixel_less_than_its_pixels(mask):
    for outline in outlines(mask):
        row, column = outline.points_px.T
        shoelace = abs(np.dot(column[:-1], row[1:]) - np.dot(column[1:], row[:-1])) / 2
        assert tuple(outline.points_px[0]) == tuple(outline.points_px[-1])
        assert shoelace == pytest.approx(outline.area_px - 0.5)


def test_outlines_come_largest_first_and_an_empty_mask_has_none():
    mask = np.zeros((20, 20), bool)
    mask[2, 2] = mask[5:9, 5:9] = mask[12:18, 3:15] = True
    assert [outline.area_px for outline in outlines(mask)] == [72, 16, 1]
    assert outlines(np.zeros((4, 4), bool)) == ()


def test_a_straight_border_needs_no_points_along_it():
    mask = np.zeros((100, 100), bool)
    mask[10:90, 10:90] = True
    assert len(outlines(mask)[0].points_px) == 9


@given(inside, inside, st.floats(0.1, 6))
@settings(max_examples=200, deadline=None)
def test_the_pixels_of_tip_and_hub_and_all_between_are_drawn_in_one_piece(hub, tip, width_px):
    mask = needle_mask((1, 30, 40), [hub], [tip], width_px=width_px)[0]
    assert mask[round(hub[0]), round(hub[1])]
    assert mask[round(tip[0]), round(tip[1])]
    assert ndi.label(mask, np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize(("sag_px", "middle"), [(4.0, (9, 20)), (-4.0, (1, 20))])
def test_a_bent_shaft_is_drawn_through_its_middle_and_not_along_its_chord(sag_px, middle):
    mask = needle_mask((1, 12, 40), [[5.0, 5.0]], [[5.0, 35.0]], width_px=1.0, sag_px=sag_px)[0]
    assert mask[middle]
    assert not mask[5, 20]
    assert mask[5, 5]
    assert mask[5, 35]
    assert ndi.label(mask, np.ones((3, 3)))[1] == 1


@given(inside, inside, st.floats(0.1, 6))
@settings(max_examples=100, deadline=None)
def test_nothing_is_drawn_a_pixel_past_the_tip_or_outside_the_width(hub, tip, width_px):
    mask = needle_mask((1, 30, 40), [hub], [tip], width_px=width_px)[0]
    hub, tip = np.array(hub), np.array(tip)
    length = np.hypot(*(tip - hub))
    direction = (tip - hub) / length if length > 0 else np.array([0.0, 1.0])
    offset = np.argwhere(mask) - hub
    along = offset @ direction
    across = np.abs(offset[:, 0] * direction[1] - offset[:, 1] * direction[0])
    assert along.max() < length + 1
    assert along.min() > -1
    assert across.max() <= max(width_px / 2, 0.71)


def test_a_frame_in_which_the_needle_was_not_followed_stays_empty():
    hub, tip = [[5.0, 5.0], [np.nan, np.nan], [5.0, 5.0]], [[9.0, 9.0], [9.0, 9.0], [9.0, np.nan]]
    assert needle_mask((3, 12, 12), hub, tip).any(axis=(1, 2)).tolist() == [True, False, False]


def test_a_needle_outside_the_picture_draws_nothing():
    assert not needle_mask((1, 12, 12), [[-40.0, -30.0]], [[-20.0, -9.0]]).any()
    assert not needle_mask((1, 12, 12), [[40.0, 30.0]], [[20.0, 90.0]]).any()


def test_the_width_is_true_only_where_gauge_and_calibration_are_known():
    assert needle_width_px(22, 0.25) == pytest.approx(0.718 / 0.25)
    assert needle_width_px(22, None) == UNKNOWN_WIDTH_PX
    assert needle_width_px(None, 0.25) == UNKNOWN_WIDTH_PX
    assert needle_width_px(99, 0.25) == UNKNOWN_WIDTH_PX


def test_the_shares_of_a_straight_shaft_add_up_to_its_area():
    for width_px in (0.4, 1.7, 5.0):
        share = needle_coverage((1, 80, 90), [(10.3, 75.2)], [(61.8, 14.9)], width_px=width_px)
        area_px = width_px * np.hypot(61.8 - 10.3, 75.2 - 14.9)
        assert share.sum() == pytest.approx(area_px, rel=0.01)
        assert 0 <= share.min() <= share.max() <= min(1, width_px + 0.5)


def test_a_pixel_within_the_shaft_is_covered_whole_and_one_at_its_edge_in_part():
    share = needle_coverage((1, 9, 30), [(4, 2)], [(4, 25)], width_px=3.5)[0]
    np.testing.assert_allclose(share[:, 12], [0, 0, 0.25, 1, 1, 1, 0.25, 0, 0])
    np.testing.assert_allclose(share[4, [1, 2, 3, 24, 25, 26]], [0, 0.5, 1, 1, 0.5, 0])


@pytest.mark.parametrize("sag_px", [None, 6.0, -9.0])
def test_the_share_is_that_of_a_drawing_eight_times_as_large(sag_px):
    hub, tip = np.array([5.2, 40.9]), np.array([33.7, 6.4])
    share = needle_coverage((1, 48, 48), [hub], [tip], width_px=2.3, sag_px=sag_px)[0]
    large = needle_mask(
        (1, 384, 384),
        [8 * hub + 3.5],
        [8 * tip + 3.5],
        width_px=8 * 2.3,
        sag_px=None if sag_px is None else 8 * sag_px,
    )[0]
    averaged = large.reshape(48, 8, 48, 8).mean(axis=(1, 3))
    # The drawing reaches half a diagonal of its own, finer pixels past both ends.
    assert np.abs(share - averaged).max() < 0.15
    assert np.abs(share - averaged).mean() < 1e-3


def test_a_frame_where_the_needle_was_not_followed_has_no_share():
    share = needle_coverage((2, 20, 20), [(np.nan, 3), (2, 3)], [(9, 9), (9, 9)])
    assert not share[0].any()
    assert share[1].any()


def test_a_needle_outside_of_the_picture_covers_nothing_of_it():
    assert not needle_coverage((1, 20, 20), [(-90, -90)], [(-40, 1e7)]).any()
    assert not needle_mask((1, 20, 20), [(-90, -90)], [(-40, 1e7)]).any()
