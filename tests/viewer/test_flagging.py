"""Flags in the viewer: one step each, seen over time, and the operator's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_fluoroinject.model.annotation import SignOff
from napari_fluoroinject.model.flags import MOST_FLAGS
from napari_fluoroinject.viewer import timeline
from napari_fluoroinject.viewer.marking import Marked, flag, why_not_flagged
from napari_fluoroinject.viewer.session import Session


def told(session):
    notices = []
    session.signals.notice.connect(notices.append)
    return notices


def test_a_flag_is_set_and_taken_away_in_one_step_each(session):
    session.flag(3)
    session.flag(1)
    assert timeline.flagged(session) == (1, 3)
    assert session.undoes == "flag vascular uptake in frame 2"
    session.flag(3)
    assert timeline.flagged(session) == (1,)
    assert session.undo() == "remove the flag in frame 4"
    assert timeline.flagged(session) == (1, 3)


@pytest.mark.parametrize("frame", [-1, 10_000])
def test_a_frame_that_the_run_does_not_have_is_not_flagged(session, frame):
    notices = told(session)
    session.flag(frame)
    assert session.annotation.flags == ()
    assert "was not flagged" in notices[0]


def test_without_a_run_it_is_said_what_is_missing():
    session = Session()
    notices = told(session)
    session.flag(0)
    assert notices == ["Nothing was flagged: no run is open. Open one in step 1."]


def test_there_is_an_end_of_flags(run):
    marked = Marked(sop_instance_uid=run.uid)
    for frame in range(MOST_FLAGS):
        marked = flag(marked, 1000 + frame).marked
    assert "remove one" in why_not_flagged(run, marked, 0)


def test_a_flag_changes_no_result_but_takes_the_sign_off_back(session):
    from napari_fluoroinject.viewer.outcome import Analysed

    made_of = session.annotation.inputs
    analysed = Analysed(report=None, procedure=session.plan.procedure, annotation=made_of)
    session.put_report(session.run.uid, analysed)
    session.sign(SignOff(operator="A", at="20261122163000", confirmed=()))
    session.flag(2)
    assert not session.out_of_date
    assert session.annotation.sign_off is None


@pytest.mark.qt
def test_flags_are_listed_gone_to_and_removed(qtbot, bench):
    from napari_fluoroinject.viewer.pages.review import ReviewPage

    session = bench.session
    page = ReviewPage(bench)
    qtbot.addWidget(page)
    session.go_to(4)
    page.flags.add.click()
    session.go_to(0)
    (card,) = page.flags.cards
    assert card.head.text().startswith("Frame 5 (")
    assert "no finding of the software" in page.flags.whose.text()
    card.go_to.click()
    assert session.frame == 4
    card.remove.click()
    assert page.flags.cards == []
    assert session.annotation.flags == ()
    page.release()


@pytest.mark.qt
def test_flags_are_marked_on_the_curves_and_the_slider(qtbot, session):
    from napari_fluoroinject.viewer.curves import CurvesPanel
    from napari_fluoroinject.viewer.frame_slider import FrameSlider

    panel, slider = CurvesPanel(session), FrameSlider()
    qtbot.addWidget(panel)
    qtbot.addWidget(slider)
    session.flag(3)
    slider.setRange(0, 9)
    before = slider.grab().toImage()
    slider.flag(timeline.flagged(session))
    assert slider.flags == (3,)
    assert slider.grab().toImage() != before
    times_s = session.run.loop.times_s
    for plot in (panel.opacity, panel.area):
        assert [line.value() for line in plot._flags] == [pytest.approx(times_s[3])]
    panel.release()


def test_the_results_that_are_kept_hold_the_flags_of_now(bench):
    from napari_fluoroinject.dicom.annotation_file import annotation_from
    from napari_fluoroinject.viewer import works

    session = bench.session
    works.analyze(bench, session.run)
    session.flag(2)
    works.keep(bench, session.run)
    report = next(file for file in session.kept.files if file.name == "report.dcm")
    assert annotation_from(report).flags == session.annotation.flags
    session.flag(5)
    assert replace(session.annotation, flags=()) == replace(session.kept.annotation, flags=())
    assert session.annotation != session.kept.annotation
