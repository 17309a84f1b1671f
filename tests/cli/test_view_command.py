"""`fluoroinject view` where it cannot open a window: a sentence, never an abort."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from napari_fluoroinject.cli import view

NOTHING = {
    name: value
    for name, value in os.environ.items()
    if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
}


@pytest.mark.parametrize(
    ("environment", "platform", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux", True),
        ({"QT_QPA_PLATFORM": "xcb"}, "linux", False),
        ({"QT_QPA_PLATFORM": "vnc:size=800x600"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_a_screen_is_looked_for_before_qt_is_loaded(environment, platform, there):
    said = sys.modules[view.__module__].missing_screen(environment, platform)
    assert (said is None) is there
    assert there or "expected a desktop session" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a screen can be lacking")
def test_without_a_screen_it_says_so_and_leaves():
    done = subprocess.run(
        [sys.executable, "-m", "napari_fluoroinject", "view"],
        env=NOTHING,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no screen" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("absent", "named"),
    [(("napari",), "napari"), (("PyQt6", "PySide6"), "a Qt binding")],
)
def test_without_napari_or_qt_it_says_how_to_install_them(absent, named):
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Absent:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name in {absent!r}: return None\n"
        "        return PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = [one for one in sys.meta_path if one is not PathFinder] + [Absent]\n"
        "sys.argv = ['fluoroinject', 'view']\n"
        "from napari_fluoroinject.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=NOTHING,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert f"{named} not installed" in done.stderr
    assert "[all]" in done.stderr
    assert "GPL" in done.stderr
    assert "[pyside]" in done.stderr
    assert "LGPL" in done.stderr
