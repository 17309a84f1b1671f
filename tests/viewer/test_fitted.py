"""A picture is shown whole, below its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.viewer.view import HEAD_PX, fitted

SIDES = st.integers(64, 2048)


@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(200, 1400), st.integers(120, 2000)))
def test_a_picture_lies_on_the_canvas_below_the_text(picture, canvas):
    zoom, down = fitted(picture, canvas)
    top = canvas[0] / 2 + (down - picture[0] / 2) * zoom
    assert top + picture[0] * zoom <= canvas[0]
    assert top >= min(HEAD_PX, canvas[0] / 2)
    assert picture[1] * zoom <= canvas[1]
    room = max(canvas[0] - HEAD_PX, canvas[0] / 2)
    assert max(picture[0] * zoom / room, picture[1] * zoom / canvas[1]) > 0.97


def test_a_canvas_that_has_no_size_yet_does_no_harm():
    assert fitted((512, 512), (0, 0))[0] > 0
