"""Window and level follow the mouse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.viewer.window_level import Presses, Window


def test_to_the_right_is_wider_and_upwards_a_higher_middle():
    start = Window(low=100, high=300)
    assert start.dragged(200, 0) == Window(low=50, high=350)
    assert start.dragged(0, -200) == Window(low=200, high=400)
    assert start.told() == "window 200 · level 200"


@given(st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_a_window_stays_open_and_across_leaves_the_middle_alone(right_px, down_px):
    start = Window(low=100, high=300)
    assert start.dragged(right_px, down_px).width > 0
    assert start.dragged(right_px, 0).level == pytest.approx(start.level)
    assert start.dragged(0, down_px).width == pytest.approx(start.width)


def test_two_presses_at_once_are_a_double_press_but_not_with_a_drag_between():
    presses = Presses()
    assert [presses.press(t) for t in (0.0, 1.0, 1.2, 1.3, 5.0)] == [
        False, False, True, False, False,
    ]  # fmt: skip
    presses.used()
    assert not presses.press(5.1)
