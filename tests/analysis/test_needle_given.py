"""A needle that a person marked: taken as it is, carried by bone, refused where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle_scenes import SceneSettings, make_scene

from napari_fluoroinject.analysis.needle import given_needle
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.on_loop import SHORTEST_SHAFT_PX

LOOP = make_scene(SceneSettings(size=64, frames=6, needle=False)).registered
PLACES = st.tuples(st.floats(0, 63), st.floats(0, 63))


@settings(deadline=None)
@given(hub=PLACES, tip=PLACES, frame=st.integers(0, 5))
def test_a_marked_needle_moves_with_bone(
    hub: tuple[float, float], tip: tuple[float, float], frame: int
) -> None:
    if np.hypot(hub[0] - tip[0], hub[1] - tip[1]) < SHORTEST_SHAFT_PX:
        return
    needle = given_needle(NeedleTrajectory(hub_px=hub, tip_px=tip, frame=frame), LOOP)
    assert (needle.tip_px, needle.hub_px, needle.frame) == (tip, hub, frame)
    assert needle.source == needle.tip_end_by == "given"
    shift = LOOP.motion.shift_px
    assert np.allclose(needle.tip_by_frame_px, np.array(tip) + shift - shift[frame])
    assert np.allclose(needle.hub_by_frame_px[frame], hub)


@pytest.mark.parametrize(
    ("hub", "tip", "frame", "seen"),
    [
        ((10.0, 10.0), (70.0, 10.0), 0, r"tip .*\(70.0, 10.0\)"),
        ((-3.0, 10.0), (20.0, 10.0), 0, r"hub .*\(-3.0, 10.0\)"),
        ((10.0, 10.0), (float("nan"), 10.0), 0, "tip"),
        ((10.0, 10.0), (10.0, 10.0), 0, "too short for a direction"),
        ((10.0, 10.0), (12.0, 13.0), 0, "too short for a direction"),
        ((10.0, 10.0), (20.0, 10.0), 6, "frames 0 to 5"),
        ((10.0, 10.0), (20.0, 10.0), -1, "frames 0 to 5"),
    ],
)
def test_a_needle_that_cannot_be_is_refused_with_what_was_seen(
    hub: tuple[float, float], tip: tuple[float, float], frame: int, seen: str
) -> None:
    with pytest.raises(AnalysisError, match=seen):
        given_needle(NeedleTrajectory(hub_px=hub, tip_px=tip, frame=frame), LOOP)
