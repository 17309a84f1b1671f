"""Step 2: each edit is one step, nothing is guessed, and nothing is dropped unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.endpoints import worklist as worklists
from napari_fluoroinject.model.annotation import Mark
from napari_fluoroinject.model.scheduled import ScheduledProcedure
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.viewer.pages.procedure import ProcedurePage

pytestmark = pytest.mark.qt

WORKLIST = ServiceSettings(
    worklist="pacs://US:RIS@127.0.0.1:1", procedure_codes={"64493^C4": "facet_ia_lumbar"}
)


@pytest.fixture
def page(bench, qtbot) -> Iterator[ProcedurePage]:
    from napari_fluoroinject.viewer.pages.procedure import ProcedurePage

    made = ProcedurePage(replace(bench, settings=Settings(service=WORKLIST)))
    qtbot.addWidget(made)
    made.show()
    yield made
    made.release()


def _choose(page: ProcedurePage, words: str) -> None:
    page.procedures.search.setText(words)
    page.procedures._first()
    page.procedures.choose()


def _pick(box, words: str) -> None:
    box.setCurrentText(words)
    assert box.currentText() == words
    box.activated.emit(box.currentIndex())


def test_a_procedure_is_found_by_typing_and_chosen(page, session):
    _choose(page, "medial branch block lumbar")
    assert session.plan.procedure == "mbb_lumbar"
    assert session.undoes == "plan Lumbar medial branch block"
    assert "not signed off by a clinician" in page.procedures.summary.text()
    session.undo()
    assert session.plan.procedure is None


def test_nothing_is_said_before_a_person_says_it(page, session):
    for box in (page.plan.level, page.plan.side, page.plan.kind, page.plan.gauge):
        assert box.currentText() == "not said"
    assert session.plan.side is None
    assert session.undoes is None


def test_each_edit_is_one_step_and_undo_is_shown(page, session):
    _choose(page, "medial branch block lumbar")
    _pick(page.plan.level, "L4")
    _pick(page.plan.side, "left")
    _pick(page.plan.gauge, "22 G")
    page.plan.length.setValue(90.0)
    page.plan.length.editingFinished.emit()
    page.plan.agent.setText("iohexol")
    page.plan.agent.editingFinished.emit()
    plan = session.plan
    assert (plan.level, plan.side, plan.gauge, plan.needle_length_mm) == ("L4", "left", 22, 90.0)
    assert plan.agent.name == "iohexol"
    for _ in range(5):
        session.undo()
    assert page.plan.level.currentText() == "not said"
    assert page.plan.agent.text() == ""
    assert session.plan.procedure == "mbb_lumbar"


def test_only_levels_of_the_region_are_offered(page):
    _choose(page, "medial branch block lumbar")
    offered = [page.plan.level.itemText(at) for at in range(page.plan.level.count())]
    assert "L4-L5" in offered
    assert "C3" not in offered


def test_an_agent_that_cannot_be_is_refused_in_the_page(page, session):
    _pick(page.plan.kind, "iodinated")
    page.plan.iodine.setValue(300)
    page.plan.iodine.editingFinished.emit()
    before = session.plan
    _pick(page.plan.kind, "gadolinium")
    assert "gadolinium" in page.plan.said.text()
    assert session.plan == before
    assert page.plan.kind.currentText() == "iodinated"


def test_a_change_that_would_drop_a_landmark_asks_and_undo_brings_it_back(page, session):
    _choose(page, "lumbar interlaminar")
    landmark = session.procedure.landmarks[0].id
    session.place_mark(Mark(landmark=landmark, points_px=((1.0, 1.0), (5.0, 5.0))))
    _choose(page, "stellate")
    assert session.plan.procedure == "esi_il_lumbar", "nothing changes unasked"
    assert landmark.replace("_", " ") in page.procedures.asked.text()
    page.procedures.go_on.click()
    assert session.plan.procedure == "stellate"
    assert session.annotation.marks == ()
    session.undo()
    assert session.plan.procedure == "esi_il_lumbar"
    assert session.annotation.mark(landmark) is not None


def test_a_change_can_be_left(page, session):
    _choose(page, "lumbar interlaminar")
    landmark = session.procedure.landmarks[0].id
    session.place_mark(Mark(landmark=landmark, points_px=((1.0, 1.0), (5.0, 5.0))))
    _choose(page, "stellate")
    page.procedures.leave.click()
    assert session.plan.procedure == "esi_il_lumbar"
    assert not page.procedures.go_on.isVisibleTo(page)


def test_views_are_told_by_angle_and_can_be_said(page, session, run):
    _choose(page, "medial branch block lumbar")
    box = page.views.boxes[run.uid]
    assert box.itemText(0) == "by its angle: AP"
    assert "View OBL is missing" in page.views.missing.text()
    _pick(box, "OBL")
    assert session.annotation.view == "OBL"
    assert "Every needed view is there" in page.views.missing.text()


def test_reminders_say_that_nobody_has_signed_them(page):
    assert "not signed off by a clinician" in page.reminders.text()
    assert "block nothing" in page.reminders.text()


def test_the_worklist_shows_its_basis_and_sets_nothing_before_apply(
    page, session, run, monkeypatch
):
    item = ScheduledProcedure(
        study_instance_uid=run.study_uid, requested_codes=("64493^C4",), side="right"
    )
    monkeypatch.setattr(worklists, "worklist", lambda _peer, _query: (item,))
    page.worklist.ask()
    assert "Would set: Lumbar facet joint injection" in page.worklist.said.text()
    assert "code of the worklist item: 64493^C4" in page.worklist.said.text()
    assert session.plan.procedure is None
    page.worklist.apply_button.click()
    assert (session.plan.procedure, session.plan.side) == ("facet_ia_lumbar", "right")
    session.undo()
    assert session.plan.side is None


def test_a_worklist_without_the_study_is_said(page, session, monkeypatch):
    monkeypatch.setattr(worklists, "worklist", lambda _peer, _query: ())
    page.worklist.ask()
    assert "no item" in page.worklist.said.text()
    assert not page.worklist.apply_button.isVisibleTo(page)
    assert session.undoes is None


def test_without_a_worklist_in_the_settings_nothing_offers_it(bench, qtbot):
    from napari_fluoroinject.viewer.pages.procedure import ProcedurePage

    made = ProcedurePage(bench)
    qtbot.addWidget(made)
    assert not made.worklist.isVisibleTo(made)
    made.release()


def test_the_page_fits_into_the_dock(page):
    assert page.minimumSizeHint().width() <= 330


def test_without_a_run_there_is_nothing_to_plan(page, session, run):
    session.close(run.uid)
    assert not page.plan.isEnabled()
    assert not page.procedures.choose_button.isEnabled()
