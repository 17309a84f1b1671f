"""`fluoroinject view`: the six steps in napari, with runs opened."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import ConfigOption, finish, settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping

BINDINGS = {"pyqt6": "PyQt6", "pyside6": "PySide6"}
"""What napari runs on, by the values of QT_API."""
_NEEDED = ("napari", "qtpy", "pyqtgraph", "psygnal", "platformdirs")
_WITHOUT_SCREEN = ("offscreen", "minimal", "minimalegl", "vnc", "linuxfb", "eglfs")
"""Qt's platforms that need no display server."""


def view(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Files, folders, URLs or endpoints of the settings to open; none = nothing.",
        ),
    ] = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Open napari with the six steps from run to results; needs napari, Qt and a screen.

    Maps are computed and results written by the same functions as those of `analyze` and `store`.
    """
    settings = settings_from(config)
    # before Qt is loaded: where it finds no screen, it ends the process at once
    finish(
        [
            ("view", one)
            for one in (missing_software(), missing_screen(os.environ, sys.platform))
            if one
        ][:1]
    )
    from napari_fluoroinject.viewer.start import show

    show(sources or [], settings=settings)


def missing_software() -> str | None:
    """What is not installed of what a window needs, and what to do; None = nothing is."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    binding = any(find_spec(module) is not None for module in BINDINGS.values())
    if not missing and binding:
        return None
    seen = ", ".join([*missing, *([] if binding else ["a Qt binding"])])
    return (
        f"{seen} not installed; expected napari with Qt: "
        'pip install "napari-fluoroinject[all]" (PyQt6, under the GPL) or '
        'pip install "napari-fluoroinject[pyside]" (PySide6, under the LGPL)'
    )


def missing_screen(environment: Mapping[str, str], platform: str) -> str | None:
    """What there is instead of a screen, and what to do; None = there may well be one.

    Parameters
    ----------
    environment
        As of the process.
    platform
        As `sys.platform`.
    """
    if not platform.startswith("linux"):
        return None
    chosen = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if chosen in _WITHOUT_SCREEN:
        return None
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return None
    return (
        "no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; expected a desktop session, "
        "ssh -X, or a virtual screen: xvfb-run -a fluoroinject view"
    )
