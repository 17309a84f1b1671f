"""The curves under the picture: they show the session, and move its frame and its masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.qt


@pytest.fixture
def panel(session, qtbot):
    from napari_fluoroinject.viewer.curves import CurvesPanel

    one = CurvesPanel(session)
    qtbot.addWidget(one)
    one.resize(1000, 180)
    yield one
    one.release()


def test_before_any_analysis_it_says_what_is_missing(panel):
    assert "No curves yet" in panel.note.text()
    assert not panel.note.isHidden()
    assert panel.area.isHidden()


def test_without_a_run_there_is_no_plot(panel, session, run):
    session.close(run.uid)
    assert "No run is open" in panel.note.text()
    assert panel.opacity.isHidden()


def test_the_cursor_stands_at_the_time_of_the_frame(panel, session, run):
    session.go_to(6)
    assert panel.opacity.cursor.value() == float(run.loop.times_s[6])


def test_the_cursor_moves_without_drawing_the_curves_anew(panel, session, monkeypatch):
    drawn = []
    monkeypatch.setattr(panel.opacity, "show_lines", drawn.append)
    for frame in range(10):
        session.go_to(frame)
    assert drawn == []


def test_a_click_goes_to_the_nearest_frame(panel, session, run):
    panel._went(float(run.loop.times_s[7]) + 0.02)
    assert session.frame == 7


def test_a_mouse_press_on_the_plot_goes_to_that_time(panel, session, run, qtbot):
    from qtpy.QtCore import QPointF, Qt

    panel.show()
    box = panel.opacity.getViewBox()
    x = float(run.loop.times_s[9])
    scene = box.mapViewToScene(QPointF(x, box.viewRect().center().y()))
    place = panel.opacity.mapFromScene(scene)
    qtbot.mouseClick(panel.opacity.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert abs(session.frame - 9) <= 1


def test_dragging_the_masks_is_one_step_to_undo(panel, session, run, look):
    session.put_look(run.uid, look)
    times_s = run.loop.times_s
    for low in (1, 2, 3):
        panel._masked(float(times_s[low]), float(times_s[6]), False)
    panel._masked(float(times_s[3]), float(times_s[6]), True)
    assert session.annotation.mask_frames == (3, 4, 5, 6)
    panel._masked(float(times_s[4]), float(times_s[6]), False)
    panel._masked(float(times_s[4]), float(times_s[6]), True)
    session.undo()
    assert session.annotation.mask_frames == (3, 4, 5, 6)
    session.undo()
    assert session.annotation.mask_frames == ()
    assert session.undoes is None


def test_the_ends_of_the_masks_snap_to_frames(panel, session, run, look):
    session.put_look(run.uid, look)
    times_s = run.loop.times_s
    assert panel.opacity.masks.getRegion() == (float(times_s[0]), float(times_s[2]))
    panel.opacity.masks.setRegion((float(times_s[1]) + 0.01, float(times_s[4]) - 0.01))
    assert session.annotation.mask_frames == (1, 2, 3, 4)
    assert panel.opacity.masks.getRegion() == (float(times_s[1]), float(times_s[4]))


def test_onset_and_frames_not_judged_are_named(panel, session, run, look):
    session.put_look(run.uid, look)
    words = panel.opacity._words
    assert words["onset"].toPlainText() == "onset"
    assert words["masks"].toPlainText() == "mask (found)"
    assert panel.opacity.getAxis("bottom").labelText == "time (s) · hatched: not judged"
    assert panel.opacity.onset.value() == float(run.loop.times_s[4])


def test_curves_are_drawn_with_their_names(panel, session, run, subtracted):
    session.place_target((40.0, 40.0))
    session.put_subtraction(run.uid, subtracted)
    panel.show_point((60.0, 60.0))
    assert [name.toPlainText() for name, _ in panel.opacity._names] == ["target", "point"]
    session.go_to(3)
    panel.show_point(None)
    assert [name.toPlainText() for name, _ in panel.opacity._names] == ["target"]


def test_a_button_asks_for_a_curve_and_takes_it_away(qtbot, session, run, subtracted):
    from napari_fluoroinject.viewer.curves import CurvesPanel

    asked = []
    panel = CurvesPanel(session, ask=lambda: asked.append(True))
    qtbot.addWidget(panel)
    assert not panel.at_click.isEnabled()
    assert "Subtract the run first" in panel.at_click.toolTip()
    session.put_subtraction(run.uid, subtracted)
    panel.at_click.click()
    assert asked == [True]
    panel.show_point((60.0, 60.0))
    assert panel.at_click.text() == "Remove this curve"
    panel.at_click.click()
    assert panel.opacity._names == []
    assert asked == [True]
    panel.release()


def test_without_times_the_axis_counts_frames(panel, session, run):
    from napari_fluoroinject.viewer.run import Run

    reference = replace(run.loop.reference, sop_instance_uid="1.2.3")
    loop = replace(run.loop, times_s=None, reference=reference)
    session.open(Run(loop=loop, files=(), name="silent"))
    assert panel.opacity.getAxis("bottom").labelText == "frame (times unknown)"
    session.go_to(3)
    assert panel.opacity.cursor.value() == 4.0


def test_no_axis_is_given_a_prefix(panel):
    for plot in (panel.opacity, panel.area):
        assert not any(plot.getAxis(side).autoSIPrefix for side in ("left", "bottom"))


def test_frames_that_follow_each_other_are_one_stretch():
    from napari_fluoroinject.viewer.curves import _spans

    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert _spans(x, (1, 2, 4)) == [(0.5, 2.5), (3.5, 4.0)]
    assert _spans(x, ()) == []


def test_a_released_panel_hears_nothing(panel, session):
    panel.release()
    before = panel.opacity.cursor.value()
    session.go_to(9)
    assert panel.opacity.cursor.value() == before
