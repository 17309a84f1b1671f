"""A window is opened by a program that has loaded nothing of Qt or napari before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.qt


@pytest.mark.parametrize("binding", ["pyqt6", "pyside6"])
def test_what_opens_a_window_loads_with_either_binding(binding):
    done = subprocess.run(
        [sys.executable, "-c", "import napari_fluoroinject.viewer.start"],
        env=os.environ | {"QT_API": binding, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
