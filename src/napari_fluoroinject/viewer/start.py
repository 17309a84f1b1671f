"""Opens a window of its own with the six steps: `fluoroinject view`."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Whole, and before anything of ours loads Qt: where PySide6 is loaded first, its look into every
# module that is imported breaks that of pydantic, and with it napari.
from napari import Viewer, run

from napari_fluoroinject.errors import SettingsError
from napari_fluoroinject.viewer.binding import binding_fault
from napari_fluoroinject.viewer.opening import open_sources
from napari_fluoroinject.viewer.widgets import open_workspace
from napari_fluoroinject.viewer.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.settings import Settings

TITLE = "FluoroInject"


def show(sources: Sequence[str], *, settings: Settings) -> None:
    """Open the window, the dock and the sources, and wait until the window is closed.

    Raises
    ------
    SettingsError
        The Qt binding would end the program within minutes.
    """
    fault = binding_fault()
    if fault is not None:
        raise SettingsError(fault)
    open_window(sources, settings=settings)
    run()


def open_window(sources: Sequence[str], *, settings: Settings | None = None) -> Viewer:
    """Open a viewer over the screen with the dock, and begin to open the sources.

    The window's title names nobody.
    """
    viewer = Viewer(title=TITLE)
    workspace(viewer, settings=settings)
    made = open_workspace(viewer)
    made.fill_screen()
    if sources:
        open_sources(made.bench, sources)
    return viewer
