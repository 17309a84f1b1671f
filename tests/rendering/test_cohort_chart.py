"""Plots of many loops: every value lies where the axis says, and is told in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.rendering.cohort import (
    FEWEST_IN_BOX,
    MOST_POINTS,
    Group,
    draw_groups,
    draw_shares,
    five_numbers,
)

VALUES = st.lists(st.floats(0.0, 1e6), max_size=40)


def drawn(*groups):
    return ET.fromstring(draw_groups(groups, title="a & b", unit="mm"))


def of_class(svg, name):
    return [one for one in svg.iter() if one.get("class") == name]


def axis(svg):
    """Where zero and the last tick lie, and what stands at that."""
    ticks = [one for one in of_class(svg, "tick") if one.text != "mm"]
    return float(ticks[0].get("x")), float(ticks[-1].get("x")), float(ticks[-1].text)


@given(VALUES)
def test_points_lie_in_proportion_to_their_values(values):
    svg = drawn(Group(name="one", values=values, of=50), Group(name="two", values=[1.0], of=1))
    left, right, end = axis(svg)
    points = sorted(float(one.get("cx")) for one in of_class(svg, "point"))
    expected = sorted(left + (right - left) * value / end for value in (*values, 1.0))
    assert points == pytest.approx(expected, abs=0.011)
    assert all(left - 0.01 <= x <= right + 0.01 for x in points)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_five_numbers_stand_in_order_within_the_values(values):
    told = five_numbers(values)
    assert min(values) <= told.low <= told.lower <= told.middle <= told.upper <= told.high
    assert told.high <= max(values)


def test_few_values_have_no_box_and_many_no_points():
    few = drawn(Group(name="few", values=[1.0] * (FEWEST_IN_BOX - 1), of=9))
    assert not of_class(few, "box")
    assert len(of_class(few, "point")) == FEWEST_IN_BOX - 1
    many = drawn(Group(name="many", values=[float(k) for k in range(MOST_POINTS + 1)], of=999))
    assert of_class(many, "box")
    assert not of_class(many, "point")


def test_every_row_says_of_how_many_it_is():
    svg = drawn(Group(name="<b>", values=[], of=7), Group(name="x", values=[2.0], of=3))
    assert [one.text for one in of_class(svg, "count")] == ["n = 0 of 7", "n = 1 of 3"]
    titles = [one.text for one in svg.iter() if one.tag == "title"]
    assert titles[0] == "<b>: no value, of 7"
    assert "median 2 mm" in titles[1]
    assert svg.get("aria-label") == "a & b"


def test_a_reference_beyond_all_values_is_on_the_axis():
    svg = drawn(Group(name="x", values=[1.0], of=1, reference=40.0))
    left, right, end = axis(svg)
    (mark,) = of_class(svg, "reference")
    x = float(re.match(r"M([\d.]+)", mark.get("d"))[1]) + 5
    assert x == pytest.approx(left + (right - left) * 40.0 / end, abs=0.02)


def test_shares_fill_the_bar():
    svg = ET.fromstring(draw_shares([("a", 1), ("b", 0), ("c", 3)], width_px=200))
    assert [(one.get("class"), one.get("x"), one.get("width")) for one in svg] == [
        ("a", "0", "50"),
        ("c", "50", "150"),
    ]
    assert draw_shares([("a", 0)]) == ""
