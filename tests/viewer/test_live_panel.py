"""The live panel as a person uses it: start, watch, freeze, open what was recorded, stop."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.errors import EndpointError, StorageError
from napari_fluoroinject.live.connect import Connected
from tests.proofs.live_view import measure

pytestmark = pytest.mark.screen


@pytest.fixture
def panel(qtbot, bench, monkeypatch):
    from napari_fluoroinject.viewer.live import panel as module

    monkeypatch.setattr(module, "look_at", lambda _bench, _run: None)
    made = module.LivePanel(bench)
    yield made
    made.release()
    made.deleteLater()


def settle(qtbot, condition) -> None:
    qtbot.waitUntil(condition, timeout=60_000)


def test_a_file_is_watched_recorded_frozen_opened_and_stopped(qtbot, panel, bench, run):
    head = panel.picture._head
    panel.controls.source.setText(str(run.files[0]))
    panel.controls.again.setChecked(True)
    panel.controls.start.click()
    settle(qtbot, lambda: "LIVE" in head.text())
    settle(qtbot, lambda: panel.picture.view.shown > 3)
    panel.tell()
    assert not panel.controls.start.isEnabled()
    assert "frames recorded." in panel.controls.received.text()
    assert "GB" in panel.controls.room.text()
    panel.picture.close()
    panel.controls.show_picture.click()
    assert panel.picture.isVisible()
    panel.controls.freeze.click()
    assert panel.controls.freeze.text() == "Back to the newest picture"
    settle(qtbot, lambda: "FROZEN" in head.text())
    before = panel._station.receiver.told.recorded
    settle(qtbot, lambda: panel._station.receiver.told.recorded > before)
    panel.controls.freeze.click()
    settle(qtbot, lambda: "LIVE" in head.text())
    told = []
    bench.session.signals.notice.connect(told.append)
    panel.controls.open.click()
    assert bench.session.run.origin == "live"
    assert bench.session.run.files == ()
    assert "cannot be written back" in bench.session.run.loop.notes[0]
    assert any("not written back" in words for words in told)
    np.testing.assert_array_equal(bench.session.run.loop.frames.frame(0), run.loop.frames.frame(0))
    panel.controls.stop.click()
    settle(qtbot, lambda: not panel.running)
    panel.tell()
    assert "FEED ENDED" in head.text()
    assert panel.controls.start.isEnabled()


def test_what_is_no_feed_is_told_in_the_panel(panel):
    panel.controls.source.setText("gopher://tracker:18944")
    panel.controls.start.click()
    assert "no such feed" in panel.controls.message.text()
    assert panel.controls.start.isEnabled()
    assert not panel.running


def test_a_lost_feed_and_a_disk_that_cannot_be_written_are_told_on_the_picture(
    qtbot, panel, monkeypatch
):
    from napari_fluoroinject.live import station
    from napari_fluoroinject.viewer.live import panel as module

    def lost():
        yield Frame(index=0, time_s=0.0, pixels=np.zeros((16, 16), np.uint8))
        time.sleep(0.2)
        raise EndpointError("the frame grabber is gone; expected it: plug it in")

    def full(*_where, **_what):
        raise StorageError("the recording cannot be written: no room; expected a disk with room")

    monkeypatch.setattr(module, "connect_feed", lambda *_a, **_k: Connected(feed=lost(), kind="x"))
    monkeypatch.setattr(station, "Recorder", full)
    panel.start()
    assert panel.controls.message.text().startswith("NOT RECORDING: the recording cannot")
    settle(qtbot, lambda: "FEED LOST" in panel.picture._head.text())
    panel.tell()
    assert "plug it in" in panel.picture._alarm.text()
    assert "plug it in" in panel.controls.message.text()
    assert not panel.controls.open.isEnabled()


def test_the_panel_scrolls_where_the_window_is_low_and_cuts_no_words(qtbot, panel):
    from qtpy.QtWidgets import QScrollArea

    panel.resize(350, 300)
    panel.show()
    panel.controls.say("a sentence that takes several lines of a dock " * 4)
    label, bar = panel.controls.message, panel.findChild(QScrollArea).verticalScrollBar()
    settle(qtbot, lambda: label.height() >= label.heightForWidth(label.width()))
    assert bar.maximum() > 0
    panel.hide()


def test_every_control_has_a_name_and_a_tip(panel):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    kinds = (QAbstractButton, QComboBox, QLineEdit)
    controls = [one for kind in kinds for one in panel.controls.findChildren(kind)]
    assert len(controls) >= 10
    assert [one for one in controls if not one.accessibleName() or not one.toolTip()] == []


def test_no_frame_of_a_fast_producer_is_lost_on_disk(qapp):
    figures = measure(hz=120, size=128, seconds=1.5)
    assert figures.made == 180
    assert (figures.recorded, figures.lost) == (180, 0)
    assert 0 < figures.shown <= 180
