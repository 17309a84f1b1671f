"""What the doctor says of the viewer: looked at from outside, since Qt ends the process."""

from __future__ import annotations

import subprocess

from napari_fluoroinject.cli import viewer_parts
from napari_fluoroinject.cli.viewer_parts import debian_packages, missing_libraries

LISTING = """
	libQt6XcbQpa.so.6 => /opt/lib/libQt6XcbQpa.so.6 (0x00007f9169512000)
	libxcb-cursor.so.0 => not found
	libxcb-icccm.so.4 => not found
	libglib-2.0.so.0 => not found
	libxcb-cursor.so.0 => not found
	libunheard.so.3 => not found
"""


def parts(name):
    return [one for one in viewer_parts.viewer_parts() if one.name == name]


def test_missing_libraries_are_named_once_with_their_packages():
    missing = missing_libraries(LISTING)
    assert missing == (
        *("libxcb-cursor.so.0", "libxcb-icccm.so.4", "libglib-2.0.so.0", "libunheard.so.3"),
    )
    packages = ("libxcb-cursor0", "libxcb-icccm4", "libglib2.0-0", "libunheard")
    assert debian_packages(missing) == packages


def test_every_binding_is_told_with_its_licence(monkeypatch):
    monkeypatch.setattr(viewer_parts, "_screen", lambda: viewer_parts._check("OpenGL", "x", ""))
    (binding,) = parts("Qt binding")
    assert "PyQt6" in binding.found
    assert "GPL-3.0" in binding.found
    assert "LGPL-3.0" in binding.found


def test_without_a_viewer_the_doctor_says_how_to_get_one_and_the_core_is_well(monkeypatch):
    monkeypatch.setattr(viewer_parts, "installed", lambda _name: None)
    found = list(viewer_parts.viewer_parts())
    assert [one.works for one in found] == [False, False]
    assert all(not one.core and "pyside" in one.advice for one in found)


def test_a_qt_that_ends_its_process_ends_nothing_here(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(viewer_parts, "_DRAW", "import os; os.abort()")
    check = viewer_parts._screen()
    assert not check.works
    assert "could not draw" in check.advice


def test_a_screen_that_never_opens_is_not_waited_for(monkeypatch):
    def late(*_given, **_named):
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(viewer_parts.subprocess, "run", late)
    assert not viewer_parts._screen().works
