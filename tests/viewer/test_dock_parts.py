"""Steps, messages, work and foot of the dock."""

from __future__ import annotations

import threading

import pytest

from napari_fluoroinject.viewer.bench import STEPS
from napari_fluoroinject.viewer.foot import INTENDED_USE, Foot, foot_text
from napari_fluoroinject.viewer.job_area import JobArea
from napari_fluoroinject.viewer.notices import MOST_NOTICES, Notices
from napari_fluoroinject.viewer.step_bar import StepBar
from napari_fluoroinject.viewer.undo_row import UndoRow

pytestmark = pytest.mark.qt


def test_a_step_that_is_done_has_a_tick_and_says_so_in_words(qtbot):
    bar = StepBar()
    qtbot.addWidget(bar)
    bar.tell(dict.fromkeys(STEPS, False) | {"load": True})
    assert bar.button("load").text() == "✓ 1  Load"
    assert bar.button("send").text() == "6  Send"
    assert bar.button("load").accessibleName() == "Step 1, Load, done"
    assert "Ctrl+1" in bar.button("load").toolTip()


def test_a_click_on_a_step_asks_for_it(qtbot):
    bar = StepBar()
    qtbot.addWidget(bar)
    with qtbot.waitSignal(bar.chosen) as asked:
        bar.button("review").click()
    assert asked.args == ["review"]


def test_the_newest_message_stands_first_and_each_can_be_dismissed(qtbot):
    notices = Notices()
    qtbot.addWidget(notices)
    notices.tell("first")
    notices.tell("second", "error")
    assert notices.texts == ("second", "first")
    notices.dismiss_all()
    assert notices.texts == ()
    assert notices.isHidden()


def test_errors_stay_until_somebody_dismisses_them(qtbot):
    notices = Notices()
    qtbot.addWidget(notices)
    notices.tell("the archive does not answer", "error")
    for number in range(2 * MOST_NOTICES):
        notices.tell(f"note {number}")
    assert "the archive does not answer" in notices.texts
    assert len(notices.texts) == MOST_NOTICES + 1


def test_a_message_that_comes_again_stands_there_once(qtbot):
    notices = Notices()
    qtbot.addWidget(notices)
    for text in ("again", "other", "again"):
        notices.tell(text)
    assert notices.texts == ("again", "other")


def test_a_running_job_shows_its_step_and_can_be_cancelled(qtbot, threaded_bench, pump):
    area = JobArea(threaded_bench.jobs)
    qtbot.addWidget(area)
    go = threading.Event()

    def work(tell):
        tell("halfway", 0.5)
        go.wait(10)
        tell("further", 0.6)

    job = threaded_bench.jobs.start("long work", work, lambda _result: None)
    pump.until(lambda: job.fraction == 0.5)
    assert not area.isHidden()
    (block,) = area._blocks.values()
    assert block._name.text().startswith("long work: halfway")
    assert block._bar.value() == 50
    block._cancel.click()
    assert job.cancelled
    assert "ending at its next step" in block._name.text()
    go.set()
    pump.until(lambda: not job.running)
    assert area.isHidden()
    area.release()


def test_the_foot_always_says_device_and_intended_use(qtbot, session):
    foot = Foot(session)
    qtbot.addWidget(foot)
    foot.set_device("CPU (numba)")
    assert foot.text() == f"SYNTHETIC DATA · CPU (numba) · {INTENDED_USE}"
    session.close(session.run.uid)
    assert foot.text() == f"CPU (numba) · {INTENDED_USE}"
    foot.release()


def test_a_real_run_is_not_called_synthetic():
    assert foot_text(synthetic=False, device="CPU") == f"CPU · {INTENDED_USE}"


def test_undo_says_what_it_takes_back(qtbot, session):
    row = UndoRow(session)
    qtbot.addWidget(row)
    assert not row._undo.isEnabled()
    session.place_target((10.0, 12.0))
    row.tell("Procedure")
    assert row._undo.isEnabled()
    assert "place the target" in row._undo.toolTip()
    row._undo.click()
    row.tell("Procedure")
    assert session.annotation.target_px is None
    assert "place the target" in row._redo.toolTip()
