"""What the viewer needs of this machine: napari, a Qt binding, libraries of the screen, OpenGL.

Qt ends the process where it cannot open a screen, without an exception: nothing of it is loaded
here, but looked at from outside, or tried in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.cli.finding import Check, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOPIC = "Viewer"
_BINDINGS = (
    ("PyQt6", "PyQt6", "GPL-3.0 or a commercial licence"),
    ("PySide6", "PySide6-Essentials", "LGPL-3.0 or GPL"),
)
_ENDS_THE_PROGRAM = ("PySide6-Essentials", "6.12.0")
"""On Python before 3.12 it loses a reference to None at each call, until there is none left."""
_PLUGINS = {"PyQt6": "Qt6/plugins/platforms", "PySide6": "Qt/plugins/platforms"}
_GET_A_BINDING = 'pip install "napari-fluoroinject[pyside]" (LGPL), or [all] (PyQt6, GPL)'
_DEBIAN = {
    "libEGL": "libegl1",
    "libGL": "libgl1",
    "libglib-2": "libglib2.0-0",
    "libgthread-2": "libglib2.0-0",
    "libfontconfig": "libfontconfig1",
    "libdbus-1": "libdbus-1-3",
    "libxkbcommon-x11": "libxkbcommon-x11-0",
    "libxkbcommon": "libxkbcommon0",
    "libxcb-cursor": "libxcb-cursor0",
    "libxcb-icccm": "libxcb-icccm4",
    "libxcb-image": "libxcb-image0",
    "libxcb-keysyms": "libxcb-keysyms1",
    "libxcb-render-util": "libxcb-render-util0",
    "libxcb-shape": "libxcb-shape0",
    "libxcb-xkb": "libxcb-xkb1",
    "libX11-xcb": "libx11-xcb1",
}
"""Debian's packages of what Qt's wheels expect of the system, by the file's name."""
_DRAW = """
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
app = QGuiApplication([])
surface = QOffscreenSurface()
surface.create()
context = QOpenGLContext()
context.create()
context.makeCurrent(surface)
from vispy.gloo import gl
print(app.platformName(), gl.glGetParameter(gl.GL_RENDERER), sep="|")
"""
_PATIENCE_S = 60


def viewer_parts() -> Iterator[Check]:
    """Yield what was found of each part; none of them is needed without the viewer."""
    version = installed("napari")
    yield _check("napari", version, f"Only the viewer needs it: {_GET_A_BINDING}")
    there = [(module, name, licence) for module, name, licence in _BINDINGS if installed(name)]
    told = "; ".join(f"{name} {installed(name)} ({licence})" for _, name, licence in there)
    yield _check("Qt binding", told, f"Only the viewer needs it: {_GET_A_BINDING}")
    name, unsound = _ENDS_THE_PROGRAM
    if sys.version_info < (3, 12) and installed(name) == unsound:
        yield _check(
            f"{name} {unsound}",
            None,
            f'On this Python it ends the program within minutes: pip install "{name}!={unsound}"',
        )
    if sys.platform == "linux":
        for module, _, _ in there:
            yield from _libraries(module)
    if version and there:
        yield _screen()


def missing_libraries(listing: str) -> tuple[str, ...]:
    """Return the libraries that were not found, each once.

    Parameters
    ----------
    listing
        What `ldd` says.
    """
    return tuple(dict.fromkeys(re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE)))


def debian_packages(libraries: tuple[str, ...]) -> tuple[str, ...]:
    """Return Debian's packages of libraries; of those that are not known, what to search for.

    Parameters
    ----------
    libraries
        Names of files, such as `libxcb-cursor.so.0`.
    """
    stems = (re.split(r"\.so|\.\d", one)[0] for one in libraries)
    return tuple(dict.fromkeys(_DEBIAN.get(stem, stem) for stem in stems))


def _libraries(module: str) -> Iterator[Check]:
    """Ask the loader what Qt's plugin for X11 would miss, without loading it."""
    spec, ldd = importlib.util.find_spec(module), shutil.which("ldd")
    if spec is None or spec.origin is None or ldd is None:
        return
    plugin = Path(spec.origin).parent / _PLUGINS[module] / "libqxcb.so"
    if not plugin.is_file():
        return
    done = subprocess.run(  # noqa: S603 - the loader's own program, on a file of an installed package
        [ldd, str(plugin)], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    missing = missing_libraries(done.stdout)
    packages = " ".join(debian_packages(missing))
    yield Check(
        topic=_TOPIC,
        name=f"{module} on X11",
        works=not missing,
        found=f"missing: {', '.join(missing)}" if missing else "every library is there",
        core=False,
        advice=f"apt-get install {packages} (without them Qt ends the program)",
    )


def _screen() -> Check:
    """Open a screen and draw nothing, in a process that may die of it."""
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return _check("OpenGL", None, "Not tried: no screen here; xvfb-run makes one")
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, with the lines above
            [sys.executable, "-c", _DRAW],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _check("OpenGL", None, f"Qt opened no screen in {_PATIENCE_S} s")
    platform, _, renderer = done.stdout.strip().partition("|")
    if done.returncode != 0 or not renderer:
        why = (done.stderr.strip().splitlines() or ["no OpenGL context"])[-1]
        return _check("OpenGL", None, f"Qt could not draw: {why}")
    software = " (software: slower, and enough)" if "llvmpipe" in renderer else ""
    return _check("OpenGL", f"{renderer} on {platform}{software}", "")


def _check(name: str, found: str | None, advice: str) -> Check:
    return Check(
        topic=_TOPIC,
        name=name,
        works=bool(found),
        found=found or "not there",
        core=False,
        advice=advice,
    )
