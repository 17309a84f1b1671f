"""The dock: pages, messages and undo as a person meets them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtWidgets import QLabel

from napari_fluoroinject.settings import Defaults, Settings
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.bench import STEPS
from napari_fluoroinject.viewer.device import ADVICE, NOT_THERE, find_device
from napari_fluoroinject.viewer.dock import Dock
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.session import NOBODY_ACCEPTS

pytestmark = pytest.mark.qt


class Wide(Page):
    def __init__(self, bench):
        super().__init__(bench)
        label = QLabel("W" * 200)
        self.column.addWidget(label)


@pytest.fixture(autouse=True)
def _drafts_of_our_own(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUOROINJECT_STATE", str(tmp_path / "state"))


@pytest.fixture
def made(qtbot):
    docks = []

    def make(bench, **options):
        dock = Dock(bench, **options)
        qtbot.addWidget(dock)
        docks.append(dock)
        return dock

    yield make
    for dock in docks:
        dock.release()


def test_every_step_has_a_page_and_next_leads_through_all(made, bench):
    dock = made(bench)
    seen = [dock.step]
    while dock.undo_row._next.isVisibleTo(dock):
        dock.undo_row._next.click()
        seen.append(dock.step)
    assert seen == list(STEPS)
    dock.go_on()
    assert dock.step == STEPS[-1]


def test_only_the_page_of_the_open_step_is_shown(made, bench):
    dock = made(bench)
    for key in STEPS:
        dock.steps.button(key).click()
        shown = [one for one in STEPS if one in dock._pages and dock.page(one).isVisibleTo(dock)]
        assert shown == [key]


def test_no_page_makes_the_dock_scroll_sideways(made, bench, qtbot):
    dock = made(bench, pages=dict.fromkeys(STEPS, Wide))
    dock.resize(350, 600)
    dock.show()
    qtbot.waitExposed(dock)
    assert dock.width() == 350
    assert dock._inside.width() <= dock.area.viewport().width()


def test_a_job_that_fails_says_so_until_it_is_dismissed(made, bench):
    dock = made(bench)

    def work(_tell):
        raise ConnectionRefusedError(111, "Connection refused")

    bench.jobs.start("Ask the archive", work, lambda _result: None)
    assert dock.notices.texts == ("Ask the archive: Connection refused",)
    dock.notices.dismiss_all()
    assert dock.notices.texts == ()


def test_what_the_session_has_to_say_stands_in_the_dock(made, bench):
    dock = made(bench)
    bench.session.signals.notice.emit("That run belongs to another study.")
    assert dock.notices.texts == ("That run belongs to another study.",)


def test_a_note_that_a_name_is_missing_goes_once_the_needle_is_accepted(made, bench):
    dock = made(bench)
    works.look_at(bench, bench.session.run)
    bench.session.accept_needle()
    assert dock.notices.texts == (NOBODY_ACCEPTS,)
    bench.session.operator = "R. Reader"
    bench.session.accept_needle()
    assert dock.notices.texts == ()


def test_a_device_that_is_not_there_is_told_and_nothing_takes_its_place(made, bench):
    dock = made(bench)
    wanted = replace(bench, settings=Settings(defaults=Defaults(on="cuda")))
    find_device(wanted.jobs, "cuda", dock.foot.set_device)
    if "CUDA:" in dock.foot.text():
        pytest.skip("there is a CUDA device")
    assert NOT_THERE in dock.foot.text()
    assert ADVICE in dock.notices.texts[0]
    works.analyze(wanted, bench.session.run)
    assert bench.session.analysed is None
    assert len(dock.notices.texts) == 2


def test_the_device_in_use_stands_in_the_foot(made, bench):
    dock = made(bench)
    find_device(bench.jobs, "cpu", dock.foot.set_device)
    assert "CPU (numba)" in dock.foot.text()


def test_after_its_release_the_dock_hears_nothing(made, bench):
    dock = made(bench)
    dock.release()
    bench.session.signals.notice.emit("too late")
    assert dock.notices.texts == ()
