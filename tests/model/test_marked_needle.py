"""A found needle that becomes a person's mark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.model.annotation import Annotation, check_annotation
from napari_fluoroinject.model.needle import Needle, as_marked

PICTURE = (120, 100)


def found(hub, tip):
    followed = np.zeros((3, 2))
    return Needle(
        tip_px=tip,
        hub_px=hub,
        frame=1,
        tip_uncertainty_px=0.5,
        hub_uncertainty_px=2.0,
        tip_by_frame_px=followed,
        hub_by_frame_px=followed,
        source="detected",
        tip_end_by="edge",
    )


def test_a_shaft_inside_the_picture_is_marked_as_it_was_found():
    marked = as_marked(found((4.0, 5.0), (60.0, 50.0)), PICTURE)
    assert (marked.hub_px, marked.tip_px, marked.frame) == ((4.0, 5.0), (60.0, 50.0), 1)


def test_a_shaft_that_leaves_the_picture_is_marked_up_to_its_edge():
    marked = as_marked(found((50.0, -10.0), (60.0, 40.0)), PICTURE)
    assert marked.hub_px == pytest.approx((52.0, 0.0))


@given(
    st.tuples(st.floats(-300, 400), st.floats(-300, 400)),
    st.tuples(st.floats(0, 119), st.floats(0, 99)),
)
def test_every_marked_needle_can_be_analysed_and_lies_on_the_shaft(hub, tip):
    marked = as_marked(found(hub, tip), PICTURE)
    check_annotation(Annotation(needle=marked), region="lumbar", picture=PICTURE)
    shaft, part = np.subtract(hub, tip), np.subtract(marked.hub_px, tip)
    assert abs(shaft[0] * part[1] - shaft[1] * part[0]) < 1e-6 * (1.0 + shaft @ shaft)
    assert part @ shaft >= -1e-9
