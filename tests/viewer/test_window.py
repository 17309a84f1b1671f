"""The whole plugin in a napari window, as a person meets it."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydicom import dcmread

from napari_fluoroinject.settings import Defaults, Settings

pytestmark = pytest.mark.screen
ROOT = Path(__file__).parents[2]
NAME = "Roe^Jane"


@pytest.fixture(autouse=True)
def _folders_of_our_own(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUOROINJECT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def viewer(make_napari_viewer):
    made = make_napari_viewer(show=True)
    made.window.resize(1366, 768)
    return made


@pytest.fixture
def opened(viewer, qtbot):
    """A workspace, docked; closed at the end of the test."""
    from qtpy.QtCore import QCoreApplication, QEvent

    from napari_fluoroinject.viewer.widgets import open_workspace
    from napari_fluoroinject.viewer.workspace import workspace

    made = []

    def start(settings: Settings | None = None):
        work = workspace(viewer, settings=settings or Settings(defaults=Defaults(on="cpu")))
        open_workspace(viewer)
        made.append(work)
        qtbot.waitUntil(lambda: not work.jobs.running, timeout=60_000)
        return work

    yield start
    while made:  # pytest keeps `start`, and with it this list, until napari has looked for leaks
        made.pop().close()
    for _ in range(3):  # PySide keeps what is deleted later until it is
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()


@pytest.fixture
def patient_file(phantom_file, tmp_path):
    dataset = dcmread(phantom_file)
    dataset.PatientName, dataset.PatientID = NAME, "4711-0815"
    path = tmp_path / "run.dcm"
    dataset.save_as(path)
    return path


def until_idle(qtbot, work):
    qtbot.waitUntil(lambda: not work.jobs.running, timeout=120_000)


def load(qtbot, work, path):
    from napari_fluoroinject.viewer.opening import open_sources

    open_sources(work.bench, [str(path)])
    until_idle(qtbot, work)


def hidden_panels(window):
    from qtpy.QtWidgets import QDockWidget

    from napari_fluoroinject.viewer.layout import OF_NAPARI

    docks = window.findChildren(QDockWidget)
    return [one.objectName() for one in docks if one.objectName() in OF_NAPARI and one.isHidden()]


def test_taking_the_dock_away_leaves_layers_and_panels_as_they_were(viewer, opened, qtbot, run):
    from napari_fluoroinject.viewer.adapter import main_window

    own = np.arange(64.0).reshape(8, 8)
    layer = viewer.add_image(own, name="somebody's own")
    work = opened()
    work.session.open(run)
    until_idle(qtbot, work)
    assert len(hidden_panels(main_window(viewer))) == 2
    viewer.window.remove_dock_widget(work.dock.parent().parent())
    qtbot.waitUntil(lambda: work.closed, timeout=10_000)
    assert [one.name for one in viewer.layers] == ["somebody's own"]
    assert np.array_equal(layer.data, own)
    assert hidden_panels(main_window(viewer)) == []
    assert [name for name in viewer.window.dock_widgets if "FluoroInject" in name] == []


def test_no_title_and_no_layer_names_a_patient(viewer, opened, qtbot, patient_file):
    from qtpy.QtWidgets import QDockWidget

    from napari_fluoroinject.viewer.adapter import main_window

    work = opened()
    load(qtbot, work, patient_file)
    assert work.session.run is not None
    window = main_window(viewer)
    titles = [window.windowTitle(), viewer.title, viewer.status or ""]
    titles += [one.windowTitle() for one in window.findChildren(QDockWidget)]
    titles += [layer.name for layer in [*viewer.layers, *work.stage.companion.layers]]
    said = " ".join(map(str, titles))
    assert "Roe" not in said
    assert "4711" not in said


def test_every_page_fits_into_the_width_of_the_dock(viewer, opened, qtbot, run):
    from napari_fluoroinject.viewer.bench import STEPS

    work = opened()
    work.session.open(run)
    until_idle(qtbot, work)
    wide = {}
    for key in STEPS:
        work.dock.go_to(key)
        qtbot.wait(50)
        needed = work.dock.page(key).minimumSizeHint().width()
        room = work.dock.area.viewport().width()
        if needed > room:
            wide[key] = (needed, room)
    assert wide == {}


def commands():
    """What the manifest names of our widgets, in its order."""
    manifest = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))
    every = [one["python_name"] for one in manifest["contributions"]["commands"]]
    ours = [one.partition(":")[2] for one in every if ".widgets:" in one]
    return [one for one in ours if one[0].islower()]


def test_every_command_works_in_a_window_without_a_workspace(viewer, opened, qtbot):
    from napari_fluoroinject.viewer import widgets
    from napari_fluoroinject.viewer.workspace import workspace

    assert len(commands()) > 15
    for name in commands():
        getattr(widgets, name)(viewer)
    work = workspace(viewer)
    assert work.is_hosted
    until_idle(qtbot, work)
    errors = [one.text for one in work.dock.notices._shown if one.kind == "error"]
    assert errors == []
    work.close()


def test_a_broken_file_is_named_in_the_window(viewer, opened, qtbot, phantom_file, tmp_path):
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(phantom_file.read_bytes()[:5000])
    work = opened()
    load(qtbot, work, broken)
    said = " ".join(work.dock.notices.texts)
    assert "broken.dcm" in said
    assert "expected" in said
    assert work.session.runs == ()


def test_a_device_that_is_missing_is_told_with_what_to_do(viewer, opened, qtbot):
    work = opened(Settings(defaults=Defaults(on="cuda")))
    if "CUDA:" in work.dock.foot.text():
        pytest.skip("there is a CUDA device")
    (said,) = work.dock.notices.texts
    assert "File > Preferences" in said


def ask_pacs(work, url):
    work.load_from("pacs")
    page = work.dock.page("load")
    page.pacs.endpoint.setEditText(url)
    page.pacs._fields["patient_id"].setText("4711")
    page.pacs.ask()
    return page.pacs


@pytest.mark.network
def test_a_pacs_that_nobody_runs_is_answered_with_what_to_do(viewer, opened, qtbot):
    work = opened()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    tab = ask_pacs(work, f"pacs://US:THEM@127.0.0.1:{port}")
    until_idle(qtbot, work)
    assert str(port) in tab.said.text()
    assert len(tab.said.text()) > 40


@pytest.mark.network
def test_a_pacs_that_never_answers_leaves_the_window_free_and_can_be_left(viewer, opened, qtbot):
    work = opened()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ask_pacs(work, f"pacs://US:THEM@127.0.0.1:{silent.getsockname()[1]}")
        qtbot.waitUntil(lambda: not work.dock.job_area.isHidden(), timeout=5000)
        work.dock.go_to("procedure")
        assert work.dock.step == "procedure"
        (job,) = work.jobs.running
        (block,) = work.dock.job_area._blocks.values()
        block._cancel.click()
        qtbot.waitUntil(lambda: not job.running, timeout=10_000)
        assert any("cancelled" in one for one in work.dock.notices.texts)


CLOSED_IN_THE_MIDDLE = textwrap.dedent(
    """
    import sys, threading
    from pathlib import Path
    from qtpy.QtCore import QTimer
    import napari
    from napari_fluoroinject.viewer.start import open_window
    from napari_fluoroinject.viewer.workspace import workspace_of
    from napari_fluoroinject.viewer import works

    viewer = open_window([sys.argv[1]])
    work = workspace_of(viewer)
    from napari_fluoroinject.viewer.adapter import main_window
    window = main_window(viewer)
    seen = []

    def close_when_it_works():
        if work.session.run is None:
            return
        works.analyze(work.bench, work.session.run)
        if any(job.state == "working" for job in work.jobs.running):
            timer.stop()
            seen.append(len(work.jobs.running))
            window.close()

    timer = QTimer()
    timer.timeout.connect(close_when_it_works)
    timer.start(20)
    napari.run()
    left = [one.name for one in threading.enumerate() if one.name.startswith("fluoroinject")]
    print("working", seen, "closed", work.closed, "threads", left)
    """
)


@pytest.mark.parametrize("binding", ["pyqt6", "pyside6"])
def test_closing_the_window_in_the_middle_of_a_job_ends_cleanly(binding, phantom_file, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_IN_THE_MIDDLE, str(phantom_file)],
        env=os.environ | {"QT_API": binding, "NAPARI_CONFIG": str(tmp_path / "napari.yaml")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "closed True threads []" in done.stdout, done.stdout
    assert "working [0]" not in done.stdout
    assert "Traceback" not in done.stderr, done.stderr[-3000:]


NEED_A_RUN = (
    *("play_or_pause", "place_needle", "place_target", "flag_uptake", "accept_proposal"),
    *("hide_map", "show_opacity", "show_arrival", "show_time_to_peak", "show_washout"),
    *("toggle_subtraction", "analyze", "write_results"),
)
"""Commands that can do nothing without a run."""


def test_every_command_works_without_a_run_or_says_what_is_missing(viewer, opened):
    from npe2 import PluginManifest

    from napari_fluoroinject.viewer import widgets

    work = opened()
    offered = PluginManifest.from_distribution("napari-fluoroinject").contributions.commands
    named = [one.python_name.partition(":") for one in offered]
    names = [name for module, _, name in named if module == widgets.__name__]
    commands = [name for name in names if not isinstance(getattr(widgets, name), type)]
    assert set(NEED_A_RUN) <= set(commands)
    silent = []
    for name in commands:
        work.dock.notices.dismiss_all()
        getattr(widgets, name)(viewer)
        if name in (*NEED_A_RUN, "undo", "redo") and not work.dock.notices.texts:
            silent.append(name)
    assert silent == []
    assert work.session.run is None


def test_the_live_view_is_a_tab_beside_the_six_steps_and_fills_it(viewer, opened, qtbot):
    work = opened()
    dock, _ = viewer.window.add_plugin_dock_widget("napari-fluoroinject", "FluoroInject live view")
    qtbot.waitUntil(lambda: dock.windowTitle() == "Live view")
    assert work._host.parent() in dock.window().tabifiedDockWidgets(dock)
    qtbot.waitUntil(lambda: work.live.height() > 0.85 * dock.height())
