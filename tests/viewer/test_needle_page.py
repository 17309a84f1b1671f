"""The page of needle, target and landmarks, without a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.draft import Plan
from napari_fluoroinject.viewer.landmarks import far_side, far_sides
from napari_fluoroinject.viewer.run import FirstLook

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.pages.needle import NeedlePage

pytestmark = pytest.mark.qt


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """With a procedure that asks for lines."""
    bench.session.plan_as("choose", Plan(procedure="esi_il_lumbar", gauge=22))
    return bench


@pytest.fixture
def page(qtbot, bench):
    """The page, released at the end as the dock does."""
    made = made_page(bench)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.release()


def made_page(bench: Bench) -> NeedlePage:
    from napari_fluoroinject.viewer.pages.needle import NeedlePage

    return NeedlePage(bench)


def texts(page) -> str:
    from qtpy.QtWidgets import QApplication, QLabel

    QApplication.processEvents()  # what was added to a page shows itself a moment later
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible())


def test_buttons_arm_their_tool_and_show_that_they_did(page, bench):
    page.needle.click()
    assert bench.tools.armed == "needle"
    assert page.needle.isChecked()
    page.target.click()
    assert (bench.tools.armed, page.needle.isChecked()) == ("target", False)
    page.target.click()
    assert bench.tools.armed is None
    assert not page.target.isChecked()


def test_a_tool_that_a_key_armed_is_shown_too(qtbot, page, bench):
    bench.tools.arm("needle")
    qtbot.waitUntil(page.needle.isChecked)


def test_while_nobody_has_looked_marks_are_said_to_be_taken_as_they_stand(page, bench):
    assert "The picture was not followed yet" in texts(page)
    page.look_button.click()
    assert bench.session.look is not None
    assert "followed" not in texts(page)
    assert page.look_button.isHidden()


def test_while_a_look_is_under_way_that_is_said(qtbot, threaded_bench, pump):
    page = made_page(threaded_bench)
    qtbot.addWidget(page)
    page.show()
    page.look_button.click()
    assert "The picture is being followed" in texts(page)
    assert page.look_button.isHidden()
    pump.until(lambda: threaded_bench.session.look is not None)
    assert "followed" not in texts(page)
    page.release()


def test_a_proposal_is_accepted_in_somebodys_name(page, bench):
    works.look_at(bench, bench.session.run)
    found = bench.session.look.needle
    assert isinstance(found, Needle)
    assert "px along the shaft" in texts(page)
    page.accept()
    assert bench.session.annotation.needle is None
    assert not page.proposal.accept.isEnabled()
    page.proposal.name.setText("R. Reader")
    page.proposal.accept.click()
    assert bench.session.annotation.needle.tip_px == pytest.approx(found.tip_px)
    assert bench.session.draft.runs[0].accepted[0].operator == "R. Reader"
    assert "accepted by R. Reader" in texts(page)
    assert page.proposal.isHidden()


def test_a_name_counts_as_it_is_written(page, bench):
    works.look_at(bench, bench.session.run)
    assert "name" in page.proposal.accept.toolTip()
    page.proposal.name.setText("R. Reader")
    bench.session.accept_needle()  # as Ctrl+Enter does, without leaving the field
    assert bench.session.draft.runs[0].accepted[0].operator == "R. Reader"


def test_a_declined_proposal_is_gone(page, bench):
    works.look_at(bench, bench.session.run)
    page.proposal.decline.click()
    assert page.proposal.isHidden()
    assert bench.session.annotation.needle is None


def test_where_no_needle_was_found_the_reason_is_told(page, bench):
    works.look_at(bench, bench.session.run)
    look = bench.session.look
    why = NoNeedle(reason="no straight dark line was found")
    uid = bench.session.run.uid
    bench.session.put_look(
        uid, FirstLook(motion=look.motion, injection=look.injection, needle=why)
    )
    assert "No straight dark line was found. Mark it with two clicks." in texts(page)


def test_numbers_come_with_unit_and_basis_and_marks_can_be_removed(page, bench):
    from napari_fluoroinject.model.annotation import NeedleTrajectory

    bench.session.place_needle(NeedleTrajectory(hub_px=(80.0, 80.0), tip_px=(50.0, 50.0)))
    bench.session.place_target((40.0, 50.0))
    assert "Tip to target:" in texts(page)
    assert "in the image plane (" in texts(page)
    assert "Needle angle: 225\N{DEGREE SIGN}" in texts(page)
    page.remove_needle.click()
    page.remove_target.click()
    assert bench.session.annotation.needle is None
    assert bench.session.annotation.target_px is None


def test_every_landmark_has_a_box_that_arms_it(page, bench):
    box = page.landmarks.boxes["midline"]
    assert "missing" in box.head.text()
    box.mark.click()
    assert bench.tools.armed == "mark:midline"
    assert box.mark.isChecked()
    bench.session.place_mark(Mark(landmark="midline", points_px=((5.0, 48.0), (90.0, 48.0))))
    assert "marked, 2 points" in box.head.text()
    box.remove.click()
    assert bench.session.annotation.mark("midline") is None


def test_another_procedure_brings_its_own_landmarks(page, bench):
    bench.session.plan_as("choose", Plan(procedure="slbb"))
    assert set(page.landmarks.boxes) == {"foramen"}
    bench.session.plan_as("choose", Plan())
    assert "asks for no landmarks" in texts(page)


def test_the_far_side_of_a_limit_is_said_in_the_picture(page, bench):
    session = bench.session
    session.annotate("say the view", replace(session.annotation, view="CLO"))
    line = Mark(landmark="ventral_interlaminar_line", points_px=((5.0, 48.0), (90.0, 40.0)))
    session.place_mark(line)
    box = page.landmarks.boxes[line.landmark]
    assert "Where is its ventral side in the picture?" in texts(page)
    box.sides[0].click()
    _row, column = session.annotation.mark(line.landmark).beyond_px
    assert column < 44.0
    assert box.sides[0].isChecked()
    assert not box.sides[1].isChecked()
    box.sides[1].click()
    assert session.annotation.mark(line.landmark).beyond_px[1] > 44.0


def test_a_page_that_was_released_hears_nothing(qtbot, bench):
    page = made_page(bench)
    qtbot.addWidget(page)
    page.release()
    before = texts(page)
    bench.session.place_target((40.0, 50.0))
    assert texts(page) == before


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (((0.0, 5.0), (9.0, 5.0)), ("left", "right")),
        (((9.0, 5.0), (0.0, 5.0)), ("left", "right")),
        (((5.0, 0.0), (5.0, 9.0)), ("above", "below")),
        (((5.0, 9.0), (5.0, 0.0)), ("above", "below")),
    ],
)
def test_sides_of_a_line_are_named_as_they_lie_in_the_picture(points, words):
    mark = Mark(landmark="midline", points_px=points)
    (first, one), (second, other) = far_sides(mark, (12, 12))
    assert (first, second) == words
    at = 1 if words[0] == "left" else 0
    assert one[at] < 5.0 < other[at]
    assert far_side(replace(mark, beyond_px=one), (12, 12)) == words[0]
    assert far_side(mark, (12, 12)) is None
