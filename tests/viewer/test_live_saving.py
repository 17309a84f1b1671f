"""The live panel's `Save the run as DICOM`, and a served feed that is not recorded twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import dcmread

from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.serving import Serving
from napari_fluoroinject.live.station import Station, StationSettings
from napari_fluoroinject.settings import Settings
from tests.live.test_station import NoMaps, connected
from tests.peers import wlmscpfs
from tests.worklist_items import STUDY_UID, item

pytestmark = [pytest.mark.screen, pytest.mark.network]


@pytest.fixture
def made(bench, monkeypatch):
    """A panel with these settings."""
    from napari_fluoroinject.live import station
    from napari_fluoroinject.viewer.live import panel as module

    monkeypatch.setattr(module, "look_at", lambda _bench, _run: None)
    ready = NoMaps()
    ready.told = MapsTold(device="cpu")  # else a file waits for them
    monkeypatch.setattr(station, "RunningMaps", lambda **_: ready)
    panels = []

    def make(settings: Settings):
        own = replace(bench, settings=settings)
        panels.append(module.LivePanel(own))
        return panels[-1]

    yield make
    for one in panels:
        one.release()
        one.deleteLater()


def settle(qtbot, condition) -> None:
    qtbot.waitUntil(condition, timeout=60_000)


def test_a_run_is_saved_under_the_patient_of_its_order_and_only_of_one(qtbot, made, run, tmp_path):
    with wlmscpfs(tmp_path, {"one": item("A1")}) as ris:
        settings = Settings()
        panel = made(replace(settings, live=replace(settings.live, worklist=ris.url)))
        controls = panel.controls
        controls.source.setText(str(run.files[0]))
        controls.start.click()
        settle(qtbot, lambda: panel._station is not None and not panel.running)
        panel.tell()
        controls.accession.setText("A2")
        controls.save.click()
        settle(qtbot, lambda: "no worklist item matches" in controls.message.text())
        assert not list(panel._folder.glob("*.dcm"))
        panel.tell()
        controls.accession.setText("A1")
        controls.save.click()
        settle(qtbot, lambda: "is written: run-001.dcm" in controls.message.text())
    dataset = dcmread(panel._folder / "run-001.dcm")
    assert (dataset.PatientID, dataset.StudyInstanceUID) == ("TEST-77", STUDY_UID)


def test_without_a_worklist_nothing_is_offered(made):
    panel = made(Settings())
    assert not panel.controls.save.isVisibleTo(panel)
    panel.controls.save.click()
    panel.save()
    assert "Nothing is recorded" in panel.controls.message.text()


def test_a_served_feed_is_not_recorded_again_and_can_be_frozen_all_the_same(qtbot, made, tmp_path):
    settings = StationSettings(recordings=tmp_path / "there", reserve_bytes=0)
    serving = Serving()
    station = Station(connected(), settings, maps=NoMaps(), others=(serving,))
    with serving, station:
        serving.follow(station)
        panel = made(Settings())
        panel.controls.source.setText(f"igtl://127.0.0.1:{serving.port}")
        panel.controls.start.click()
        settle(qtbot, lambda: panel.running)
        assert "not again here" in panel.controls.message.text()
        station.start()
        settle(qtbot, lambda: panel._station.receiver.told.frames > 3)
        panel.tell()
        assert "not recorded here" in panel.controls.received.text()
        assert panel.controls.freeze.isEnabled()
        panel.controls.freeze.click()
        assert panel.picture.view.frozen
        assert not panel.controls.save.isVisibleTo(panel)
    assert not (panel._root).exists()
