"""Names of marks never lie over one another, and stay in the picture."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.viewer.names import (
    Box,
    Name,
    beside_tip,
    half_px,
    line_boxes,
    place,
    region_boxes,
)
from napari_fluoroinject.viewer.scene import Shaft

PICTURE = (400, 500)
POINTS = st.tuples(st.floats(0, 399), st.floats(0, 499))
NAMES = st.builds(
    lambda text, anchors: Name(text=text, colour="#FFFFFF", anchors_px=tuple(anchors)),
    st.text("abc ", min_size=1, max_size=24),
    st.lists(POINTS, min_size=1, max_size=4),
)


def boxes_of(placed, per_px):
    return [Box(middle_px=one.at_px, half_px=half_px(one.name.text, per_px)) for one in placed]


@given(st.lists(NAMES, max_size=9), st.lists(POINTS, max_size=4), st.floats(0.5, 2.5))
def test_names_neither_overlap_nor_cover_a_line_nor_leave_the_picture(names, line, per_px):
    taken = line_boxes(line, per_px)
    boxes = boxes_of(place(names, taken, picture=PICTURE, per_px=per_px), per_px)
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    assert not any(one.meets(other) for one in boxes for other in taken)
    assert all(box.lies_in(PICTURE) for box in boxes)


@given(st.tuples(st.floats(60, 340), st.floats(120, 380)))
def test_a_name_alone_stands_close_to_its_mark_and_needs_no_line(point):
    name = Name(text="disc", colour="#FFFFFF", anchors_px=(point,))
    (placed,) = place([name], (), picture=PICTURE, per_px=1.0)
    assert placed.anchor_px is None
    assert np.hypot(*np.subtract(placed.at_px, point)) < 30


def test_a_name_that_had_to_give_way_says_which_mark_it_is_of():
    names = [
        Name(text=text, colour="#FFFFFF", anchors_px=((200, 250),)) for text in "abcdefghijkl"
    ]
    placed = place(names, (), picture=PICTURE, per_px=1.0)
    assert len(placed) == len(names)
    assert {one.anchor_px for one in placed} == {None, (200, 250)}


def test_a_name_without_room_is_left_out():
    name = Name(text="disc", colour="#FFFFFF", anchors_px=((200, 250),))
    everywhere = (Box(middle_px=(200, 250), half_px=(200, 250)),)
    assert place([name], everywhere, picture=PICTURE, per_px=1.0) == ()


@given(st.floats(0, 2 * np.pi), st.floats(0.5, 2.5))
def test_the_needle_s_name_lies_beside_its_shaft_whichever_way_it_points(angle, per_px):
    tip = (200.0, 250.0)
    hub = (tip[0] + 150 * np.sin(angle), tip[1] + 150 * np.cos(angle))
    shaft = Shaft(hub_px=hub, tip_px=tip, sag_px=None, proposed=False)
    middle = np.add(tip, beside_tip(shaft, "needle", per_px))
    half = half_px("needle", per_px)
    along = np.linspace(tip, hub, 400)
    assert not (np.abs(along - middle) < np.array(half)).all(axis=1).any()
    assert np.abs(along - middle).sum(axis=1).min() < 3 * sum(half)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 1000), st.floats(0.3, 3))
def test_every_pixel_of_a_region_is_taken(rows, columns, seed, per_px):
    region = np.random.default_rng(seed).random((rows, columns)) < 0.1
    boxes = region_boxes(region, per_px)
    for spot in np.argwhere(region):
        at = Box(middle_px=tuple(spot + 0.5), half_px=(0.1, 0.1))
        assert any(at.meets(box) for box in boxes)
