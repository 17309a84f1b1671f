"""Clicks become marks: where they were clicked, one step each, and all of it can be undone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen import KEY, LINE, opened

from napari_fluoroinject import procedures
from napari_fluoroinject.model.annotation import check_landmarks
from napari_fluoroinject.viewer.placing import placing
from napari_fluoroinject.viewer.pointing import Pointing
from napari_fluoroinject.viewer.scene import scene_of

REACH = 3.0


class Table:
    """A session with pointing, and what it said."""

    def __init__(self, session, **seen):
        from dataclasses import replace

        self.session, self.said = session, []
        session.signals.notice.connect(self.said.append)
        self.pointing = Pointing(
            session, lambda: replace(scene_of(session, session.run.uid), **seen)
        )

    def click(self, *points):
        for point in points:
            self.pointing.press(point, reach_px=REACH)
            self.pointing.release()

    def drag(self, *points):
        assert self.pointing.press(points[0], reach_px=REACH)
        for point in points[1:]:
            self.pointing.drag(point)
        self.pointing.release()


@pytest.fixture
def bare():
    return Table(opened(results=False))


def test_hub_then_tip_make_a_needle_in_the_frame_that_is_shown(bare):
    bare.session.go_to(4)
    bare.pointing.arm("needle")
    assert bare.pointing.placing.asks() == "click the hub of the needle"
    bare.click((10.0, 20.0))
    assert bare.session.annotation.needle is None
    assert bare.pointing.placing.asks() == "click the tip of the needle"
    bare.click((40.0, 50.0))
    needle = bare.session.annotation.needle
    assert (needle.hub_px, needle.tip_px, needle.frame) == ((10.0, 20.0), (40.0, 50.0), 4)
    assert bare.pointing.placing is None
    assert bare.session.undo() == "place the needle"
    assert bare.session.annotation.needle is None


def test_a_target_is_kept_in_the_reference_pose():
    table = Table(opened())
    motion = table.session.motion_of(table.session.run.uid)
    frame = int(np.abs(motion.shift_px).sum(axis=1).argmax())
    table.session.go_to(frame)
    table.pointing.arm("target")
    table.click((33.0, 44.0))
    kept = table.session.annotation.target_px
    np.testing.assert_allclose(motion.in_frame(kept, frame), (33.0, 44.0), atol=0.01)
    assert np.abs(np.array(kept) - (33.0, 44.0)).max() > 0.5


def test_on_a_subtraction_without_motion_a_target_is_where_it_was_clicked():
    table = Table(opened(), subtraction_shown=True)
    table.session.go_to(12)
    table.pointing.arm("target")
    table.click((33.0, 44.0))
    assert table.session.annotation.target_px == (33.0, 44.0)
    table.pointing.arm("needle")
    table.click((10.0, 20.0), (40.0, 50.0))
    motion = table.session.motion_of(table.session.run.uid)
    needle = table.session.annotation.needle
    np.testing.assert_allclose(
        motion.in_reference_pose(needle.tip_px, needle.frame), (40.0, 50.0), atol=0.02
    )


def test_a_needle_may_be_clicked_in_two_frames():
    table = Table(opened())
    motion = table.session.motion_of(table.session.run.uid)
    table.pointing.arm("needle")
    table.session.go_to(2)
    table.click((10.0, 20.0))
    table.session.go_to(11)
    table.click((40.0, 50.0))
    needle = table.session.annotation.needle
    assert (needle.tip_px, needle.frame) == ((40.0, 50.0), 11)
    expected = motion.in_frame(motion.in_reference_pose((10.0, 20.0), 2), 11)
    np.testing.assert_allclose(needle.hub_px, expected, atol=0.02)


def test_clicks_outside_the_picture_are_left_out_and_said(bare):
    bare.pointing.arm("target")
    bare.click((-3.0, 5.0), (96.0, 5.0), (5.0, 200.0))
    assert bare.session.annotation.target_px is None
    assert bare.said == ["That click was outside the picture; click inside it."] * 3
    assert bare.pointing.placing is not None


def test_a_line_with_a_limit_asks_for_its_far_side_last(bare):
    procedure = procedures.get(KEY)
    limited = procedure.limits[0].landmark
    bare.pointing.arm(f"mark:{limited}")
    bare.click((10.0, 10.0))
    bare.pointing.end()
    assert "More points are needed" in bare.said[0]
    bare.click((50.0, 12.0), (80.0, 13.0))
    assert "Enter or double click ends" in bare.pointing.placing.asks()
    bare.pointing.end()
    assert bare.pointing.placing.asks().startswith("click a point on the far side")
    bare.click((40.0, 60.0))
    mark = bare.session.annotation.mark(limited)
    assert mark.points_px == ((10.0, 10.0), (50.0, 12.0), (80.0, 13.0))
    assert mark.beyond_px == (40.0, 60.0)


def test_the_last_click_can_be_taken_back_and_then_the_tool(bare):
    bare.pointing.arm("needle")
    bare.click((10.0, 10.0))
    bare.pointing.back()
    assert bare.pointing.placing.points_px == ()
    bare.pointing.back()
    assert bare.pointing.placing is None
    assert bare.session.undoes == "choose the procedure"


def test_cancelling_places_nothing(bare):
    bare.pointing.arm("needle")
    bare.click((10.0, 10.0))
    bare.pointing.cancel()
    assert bare.pointing.placing is None
    assert bare.session.annotation.needle is None


def test_a_landmark_that_the_procedure_does_not_ask_for_is_refused(bare):
    bare.pointing.arm("mark:no_such")
    assert bare.pointing.placing is None
    assert "asks for no such landmark" in bare.said[0]


@pytest.mark.parametrize("grip", ["tip", "target", "mark", "far side"])
def test_a_drag_is_one_step_that_undo_takes_back(grip):
    table = Table(opened(motion="still"))
    session = table.session
    before, marks = session.annotation, session.annotation.mark(LINE)
    session.go_to(2)
    scene = scene_of(session, session.run.uid)
    start = {
        "tip": scene.shaft(2).tip_px,
        "target": scene.to_picture(before.target_px, 2),
        "mark": scene.to_picture(marks.points_px[1], 2),
        "far side": scene.to_picture(marks.beyond_px, 2),
    }[grip]
    table.drag(start, (60.0, 70.0), (61.0, 71.0), (62.0, 72.0))
    assert session.annotation != before
    session.undo()
    assert session.annotation == before


def test_a_press_beside_everything_takes_hold_of_nothing():
    table = Table(opened())
    assert not table.pointing.press((90.0, 5.0), reach_px=REACH)
    assert not table.pointing.dragging


def test_a_proposed_needle_cannot_be_dragged():
    table = Table(opened())
    scene = scene_of(table.session, table.session.run.uid)
    tip = scene.shaft(0).tip_px
    table.session.place_needle(None)
    assert not table.pointing.press(tip, reach_px=0.5)


def test_escape_in_the_middle_of_a_drag_takes_it_back():
    table = Table(opened(motion="still"))
    before = table.session.annotation
    start = scene_of(table.session, table.session.run.uid).to_picture(before.target_px, 0)
    table.pointing.press(start, reach_px=REACH)
    table.pointing.drag((10.0, 10.0))
    table.pointing.cancel()
    table.pointing.drag((20.0, 20.0))
    assert table.session.annotation == before


@settings(max_examples=60)
@given(st.sampled_from(procedures.all_keys()), st.data())
def test_every_landmark_of_every_procedure_can_be_marked(key, data):
    procedure = procedures.get(key)
    if not procedure.landmarks:
        return
    rule = data.draw(st.sampled_from(procedure.landmarks))
    tool = placing(f"mark:{rule.id}", procedure)
    # along a bow: points that cross nothing and go from head to feet
    spots = iter([(10.0, 10.0), (40.0, 30.0), (70.0, 12.0), (80.0, 11.0)])
    while not tool.complete:
        count = len(tool.points_px)
        if tool.may_end and count == (2 if rule.kind == "line" else 3):
            tool = tool.end()
            if tool.complete:
                break
        assert tool.asks()
        tool = tool.click(next(spots))
    from napari_fluoroinject.model.annotation import Annotation, Mark

    mark = Mark(landmark=rule.id, points_px=tool.points, beyond_px=tool.far_point)
    check_landmarks(Annotation(marks=(mark,)), procedure)
    assert (tool.far_point is not None) == (
        rule.kind == "line" and any(one.landmark == rule.id for one in procedure.limits)
    )


def test_a_curve_is_asked_for_where_somebody_clicks_and_nothing_is_marked(bare):
    asked, before = [], bare.session.draft
    bare.pointing.asked.connect(asked.append)
    bare.pointing.arm("curve")
    assert "place whose curve" in bare.pointing.placing.asks()
    bare.click((30.0, 31.0))
    assert asked == [pytest.approx((30.0, 31.0))]
    assert bare.pointing.placing is None
    assert bare.session.draft == before
