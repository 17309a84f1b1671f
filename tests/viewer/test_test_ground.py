"""The ground under the viewer's tests: Qt only where it is asked for, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

LOOK = """
import sys
def test_that_nothing_of_qt_is_loaded():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not loaded & {"napari", "PyQt6", "PySide6", "pyqtgraph", "qtpy", "vispy"}
"""


def test_tests_outside_the_viewer_load_no_qt(tmp_path):
    test = tmp_path / "test_look.py"
    test.write_text(LOOK)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_a_run_is_small_and_lies_in_a_file_of_its_own(run, tmp_path):
    assert run.loop.shape == (16, 96, 96)
    assert run.loop.view.name == "AP"
    assert run.files[0].is_relative_to(tmp_path)


def test_jobs_of_a_bench_are_done_at_once(bench):
    came = []
    job = bench.jobs.start("count", lambda tell: tell("counting", 0.5) or 7, came.append)
    assert (job.state, came) == ("done", [7])


def test_jobs_of_a_threaded_bench_are_told_of_in_the_main_thread(threaded_bench, pump):
    came = []
    job = threaded_bench.jobs.start("count", lambda _tell: 7, came.append)
    pump.until(lambda: not job.running)
    assert (job.state, came) == ("done", [7])


@pytest.mark.qt
def test_the_binding_is_the_one_that_was_asked_for(qtbot):
    import qtpy

    assert os.environ["QT_API"] == qtpy.API


@pytest.mark.screen
def test_a_viewer_shows_a_picture_and_is_gone_afterwards(make_napari_viewer_proxy, run):
    viewer = make_napari_viewer_proxy()
    layer = viewer.add_image(run.loop.frames.every())
    assert layer.data.shape == (16, 96, 96)
