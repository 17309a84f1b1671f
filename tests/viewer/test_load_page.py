"""Step 1 finds, receives and opens runs, and says what to do where it cannot."""

from __future__ import annotations

import shutil
import socket
import stat
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from peers import orthanc
from test_arrivals import push

from napari_fluoroinject.settings import Settings
from napari_fluoroinject.settings.network import Endpoint, ListenSettings
from napari_fluoroinject.transfer import store_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.viewer.pages.load import LoadPage

pytestmark = [pytest.mark.qt, pytest.mark.network]


@pytest.fixture
def bench(threaded_bench, tmp_path):
    """A bench whose receiver has a spool of the test's own and a free port."""
    listen = ListenSettings(spool=tmp_path / "spool", port=0)
    return replace(threaded_bench, settings=Settings(listen=listen))


@pytest.fixture
def page(bench, qtbot) -> Iterator[LoadPage]:
    from napari_fluoroinject.viewer.pages.load import LoadPage

    made = LoadPage(bench)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.release()


@pytest.fixture
def settle(qtbot, pump, bench) -> Callable[..., None]:
    """Let Qt and the jobs work until something holds; else until no job runs."""

    def wait(condition: Callable[[], object] = lambda: not bench.jobs.running) -> None:
        def holds() -> bool:
            pump.run()
            return bool(condition())

        qtbot.waitUntil(holds, timeout=60_000)

    return wait


def _name(page: LoadPage, url: str, **typed: str) -> None:
    page.pacs.endpoint.setEditText(url)
    for key, text in typed.items():
        page.pacs._fields[key].setText(text)


def test_a_run_of_a_pacs_is_found_retrieved_and_opened(page, bench, run, settle, tmp_path, caplog):
    with orthanc(tmp_path / "orthanc") as peer:
        assert not store_objects(peer.url, run.files).failures
        uid, study = run.uid, run.study_uid
        bench.session.close(uid)
        _name(page, peer.url, first_day="2000-01-01")
        page.pacs.modality.setCurrentText("XA")
        page.pacs.ask()
        settle(lambda: page.pacs.table.topLevelItemCount() == 1)
        item = page.pacs.table.topLevelItem(0)
        assert item.data(0, 256).uid == study
        settle(lambda: not page.pacs.line.busy and item.child(0).data(0, 256) is not None)
        assert "16 frames" in item.child(0).text(0)
        item.child(0).setSelected(True)
        page.pacs.fetch()
        settle(lambda: bench.session.run is not None)
        assert bench.session.run.uid == uid
        folder = bench.results / "retrieved"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "1 object came" in page.pacs.said.text()
        patient = item.text(0)
        assert patient not in caplog.text
        assert patient not in bench.session.run.name
        settle()


def test_dicomweb_shows_a_frame_before_anything_is_retrieved(page, bench, run, settle, tmp_path):
    with orthanc(tmp_path / "orthanc", dicomweb=True) as peer:
        assert not store_objects(peer.url, run.files).failures
        _name(page, peer.dicomweb, first_day="2000-01-01")
        page.pacs.modality.setCurrentText("any")
        page.pacs.ask()
        settle(lambda: page.pacs.table.topLevelItemCount() == 1)
        item = page.pacs.table.topLevelItem(0)
        settle(lambda: not page.pacs.line.busy and item.child(0).data(0, 256) is not None)
        item.child(0).setSelected(True)
        assert page.pacs.preview.isVisibleTo(page.pacs)
        page.pacs.preview.ask()
        settle()
        assert page.pacs.preview.picture.pixmap().width() == 96
        assert not (bench.results / "retrieved").exists()


def test_a_pacs_over_dimse_offers_no_preview_that_it_cannot_give(page):
    from napari_fluoroinject.viewer.pacs_query import RunRow

    row = RunRow(
        study_uid="1",
        series_uid="2",
        sop_instance_uid="3",
        sop_class_uid="",
        modality="XA",
        frames=9,
        description="",
    )
    page.pacs.preview.offer("pacs://US:THEM@127.0.0.1:1", row)
    assert not page.pacs.preview.isVisibleTo(page.pacs)


def test_nobody_answering_is_told_with_what_to_do(page, settle):
    _name(page, "pacs://US:THEM@127.0.0.1:1", name="Doe")
    page.pacs.ask()
    settle()
    assert "Nobody answers" in page.pacs.said.text()
    assert "Check that" in page.pacs.said.text()


def test_no_endpoint_and_no_filter_are_told_at_once(page):
    _name(page, "")
    page.pacs.ask()
    assert "No PACS is named" in page.pacs.said.text()
    _name(page, "pacs://US:THEM@127.0.0.1:1")
    page.pacs.ask()
    assert "whole archive" in page.pacs.said.text()
    assert page.pacs.line.job is None


def test_a_pacs_without_the_study_is_told_apart_from_one_that_is_away(page, settle, tmp_path):
    with orthanc(tmp_path / "orthanc") as peer:
        _name(page, peer.url, accession="NONE")
        page.pacs.ask()
        settle(lambda: "No study matches" in page.pacs.said.text())


def test_a_pacs_that_keeps_silent_blocks_nothing_and_can_be_cancelled(page, bench, settle):
    silent = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []
    answering = threading.Thread(target=lambda: taken.append(silent.accept()[0]), daemon=True)
    answering.start()
    try:
        _name(page, f"pacs://US:THEM@127.0.0.1:{silent.getsockname()[1]}", name="Doe")
        page.pacs.ask()
        settle(lambda: "(1 s)" in page.pacs.line._step.text())
        assert page.pacs.line.isVisibleTo(page.pacs)
        page.pacs.line._cancel.click()
        settle()
        assert not page.pacs.line.isVisibleTo(page.pacs)
        assert page.pacs.line.job.state == "cancelled"
    finally:
        answering.join(10)
        for one in (*taken, silent):
            one.close()


def test_a_run_pushed_by_another_process_appears_and_one_click_opens_it(
    page, bench, run, phantom_file, settle
):
    bench.session.close(run.uid)
    page.show_tab("c-arm")
    page.carm.start.click()
    settle(lambda: page.carm.receiving.light == "listening")
    push(page.carm.receiving.port, phantom_file)
    settle(lambda: page.carm.runs.count() == 1)
    item = page.carm.runs.item(0)
    assert "NEW" in item.text()
    assert "16 frames" in item.text()
    assert not item.icon().isNull()
    assert "Listening on 127.0.0.1" in page.carm.light.text()
    assert "from this computer alone" in page.carm.light.text()
    page.carm.open(item)
    settle(lambda: bench.session.run is not None)
    assert bench.session.run.origin == "C-arm"
    assert "opened" in item.text()
    settle()
    page.carm.start.click()
    settle(lambda: not page.carm.receiving.running)


def test_dropped_paths_open_and_are_listed_as_recent(page, bench, run, settle, tmp_path):
    bench.session.close(run.uid)
    folder = tmp_path / "export"
    folder.mkdir()
    shutil.copy(run.files[0], folder)
    page.files.drop._dropped([str(folder)])
    settle(lambda: bench.session.run is not None)
    settle()
    assert page.files.recent.itemText(0) == "export"
    assert page.files.recent.itemData(0) == [str(folder)]


def test_open_runs_say_what_is_shown_and_keys_work(page, bench, run, qtbot, settle):
    from qtpy.QtCore import Qt

    settle()
    item = page.runs.runs.item(0)
    assert "shown" in item.text()
    assert "16 frames" in item.text()
    assert not item.icon().isNull()
    page.runs.runs.setCurrentRow(0)
    qtbot.keyClick(page.runs.runs, Qt.Key.Key_Delete)
    assert bench.session.runs == ()
    assert "No run is open" in page.runs.title.text()


def test_endpoints_of_the_settings_are_offered_by_name(bench, qtbot):
    from qtpy.QtWidgets import QWidget

    from napari_fluoroinject.viewer.pages.load_pacs import PacsTab

    archive = Endpoint(url="pacs://US:THEM@127.0.0.1:1")
    tab = PacsTab(replace(bench, settings=Settings(endpoints={"archive": archive})))
    qtbot.addWidget(tab)
    assert tab.endpoint.currentText() == "archive"
    assert isinstance(tab, QWidget)
    tab.release()


def test_every_control_has_a_tooltip_and_a_name(page):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QListWidget

    for kind in (QAbstractButton, QComboBox, QLineEdit, QListWidget):
        for one in page.findChildren(kind):
            if one.objectName().startswith("qt_") or isinstance(one.parent(), QComboBox):
                continue
            if type(one).__name__ == "QToolButton" or one.parent() is None:
                continue
            assert one.toolTip(), one
            assert one.accessibleName(), one


def test_the_page_fits_into_the_dock(page):
    for tab in ("files", "pacs", "c-arm"):
        page.show_tab(tab)
        assert page.minimumSizeHint().width() <= 340
