"""What the manifest names: the dock, the live view, and one function for each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari  # noqa: TC002 - napari resolves the annotation to give the viewer
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_fluoroinject.viewer.workspace import Workspace, workspace

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import MapKind, StepKey


class Workflow(QWidget):
    """The six steps, as napari docks them; taking the dock away ends the work in this window.

    Parameters
    ----------
    napari_viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._workspace = workspace(napari_viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._workspace.dock)
        self._workspace.hosted(self)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The width of the dock."""
        return QSize(self._workspace.dock.sizeHint())

    def event(self, event: QEvent | None) -> bool:
        """Lay the window out when napari docks this, and close all when it takes it away."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            home = self._workspace
            QTimer.singleShot(0, home.close if self.parent() is None else home.lay_out)
        return bool(super().event(event))


class Live(QWidget):
    """The live view of a feed, in a dock of its own: a tab beside the six steps."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._workspace = _open(napari_viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._workspace.live)
        # else napari puts a stretch below it, which takes half of the height
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def event(self, event: QEvent | None) -> bool:
        """Go beside the six steps when napari docks this."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            QTimer.singleShot(0, lambda: self._workspace.dock_beside(self, "Live view"))
        return bool(super().event(event))


def query_pacs(viewer: napari.Viewer) -> None:
    """Open step 1 where a PACS is asked for runs."""
    _open(viewer).load_from("pacs")


def receive_runs(viewer: napari.Viewer) -> None:
    """Open step 1 where the runs appear that a C-arm pushes."""
    _open(viewer).load_from("c-arm")


def go_to_load(viewer: napari.Viewer) -> None:
    """Go to step 1."""
    _go(viewer, "load")


def go_to_procedure(viewer: napari.Viewer) -> None:
    """Go to step 2."""
    _go(viewer, "procedure")


def go_to_needle(viewer: napari.Viewer) -> None:
    """Go to step 3."""
    _go(viewer, "needle")


def go_to_contrast(viewer: napari.Viewer) -> None:
    """Go to step 4."""
    _go(viewer, "contrast")


def go_to_review(viewer: napari.Viewer) -> None:
    """Go to step 5."""
    _go(viewer, "review")


def go_to_send(viewer: napari.Viewer) -> None:
    """Go to step 6."""
    _go(viewer, "send")


def play_or_pause(viewer: napari.Viewer) -> None:
    """Play the run in its own time, or hold it."""
    _open(viewer).play_or_pause()


def undo(viewer: napari.Viewer) -> None:
    """Take back the last thing that was said of the run."""
    made = _open(viewer)
    if made.session.undo() is None:
        made.dock.tell("Nothing to undo.")


def redo(viewer: napari.Viewer) -> None:
    """Do again what was taken back."""
    made = _open(viewer)
    if made.session.redo() is None:
        made.dock.tell("Nothing to redo.")


def place_needle(viewer: napari.Viewer) -> None:
    """Let the next two clicks mark the needle: hub, then tip."""
    _arm(viewer, "needle")


def place_target(viewer: napari.Viewer) -> None:
    """Let the next click mark the target."""
    _arm(viewer, "target")


def flag_uptake(viewer: napari.Viewer) -> None:
    """Flag vascular uptake at the shown frame, or take the flag away."""
    session = _open(viewer).session
    session.flag(session.frame)


def accept_proposal(viewer: napari.Viewer) -> None:
    """Make the proposed needle the operator's own."""
    made = _open(viewer)
    made.with_run(lambda _run: made.session.accept_needle())


def hide_map(viewer: napari.Viewer) -> None:
    """Lay no map over the picture."""
    _show(viewer, "none")


def show_opacity(viewer: napari.Viewer) -> None:
    """Lay the opacity over the picture."""
    _show(viewer, "opacity")


def show_arrival(viewer: napari.Viewer) -> None:
    """Lay the arrival times over the picture."""
    _show(viewer, "arrival")


def show_time_to_peak(viewer: napari.Viewer) -> None:
    """Lay the times to peak over the picture."""
    _show(viewer, "time_to_peak")


def show_washout(viewer: napari.Viewer) -> None:
    """Lay the washout over the picture."""
    _show(viewer, "washout")


def toggle_subtraction(viewer: napari.Viewer) -> None:
    """Show the run as it was stored, or subtracted."""
    made = _open(viewer)
    made.with_run(lambda _run: made.stage.toggle_subtraction())


def analyze(viewer: napari.Viewer) -> None:
    """Analyse the shown run."""
    _open(viewer).analyze()


def write_results(viewer: napari.Viewer) -> None:
    """Keep the results of the shown run in the results folder."""
    _open(viewer).write_results()


def send_results(viewer: napari.Viewer) -> None:
    """Go to step 6, where results are sent."""
    _go(viewer, "send")


def toggle_panels(viewer: napari.Viewer) -> None:
    """Show or hide napari's own panels beside the clinical layout."""
    _open(viewer).toggle_panels()


def open_workspace(viewer: napari.Viewer) -> Workspace:
    """Return the workspace of a viewer with its dock open; a dock that is there stays."""
    made = workspace(viewer)
    if not made.is_hosted:
        made.dock_in_window(Workflow)
    return made


_open = open_workspace


def _go(viewer: napari.Viewer, step: StepKey) -> None:
    _open(viewer).dock.go_to(step)


def _arm(viewer: napari.Viewer, tool: str) -> None:
    made = _open(viewer)
    made.dock.go_to("needle")
    made.stage.arm(tool)


def _show(viewer: napari.Viewer, kind: MapKind) -> None:
    made = _open(viewer)
    made.with_run(lambda _run: made.stage.show_map(kind))
