"""The clinical layout of a napari window, and the way back to what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QBoxLayout, QDockWidget

if TYPE_CHECKING:
    from qtpy.QtWidgets import QMainWindow, QWidget

OF_NAPARI = ("layer list", "layer controls")
"""napari's own panels, by the names under which it docks them."""
WIDTH_PX = 350
"""The dock of the six steps."""
STRIP_HEIGHT_PX = 190
"""Curves and transport below the pictures."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What the window was like."""

    corner: Qt.DockWidgetArea
    shown: tuple[QDockWidget, ...]


class Layout:
    """Two pictures beside each other, curves below them, the dock at the far right over all.

    napari's panels are hidden, not taken away. Only public Qt is used: the window's docks by name
    and its central widget.

    Parameters
    ----------
    window
        The main window of the viewer.
    companion
        The second picture, to the right of the main one.
    """

    def __init__(self, window: QMainWindow, companion: QWidget) -> None:
        self._window = window
        self._companion = companion
        self._before: _Before | None = None

    @property
    def applied(self) -> bool:
        """Whether the window has the clinical layout."""
        return self._before is not None

    @property
    def panels_shown(self) -> bool:
        """Whether napari's panels are to be seen."""
        return any(not panel.isHidden() for panel in self._panels())

    def apply(self, dock: QDockWidget, strip: QDockWidget) -> None:
        """Lay the window out; the docks must be in it."""
        window, corner = self._window, Qt.Corner.BottomRightCorner
        if self._before is None:
            shown = tuple(one for one in self._panels() if not one.isHidden())
            self._before = _Before(window.corner(corner), shown)
        self.show_panels(False)
        window.setCorner(corner, Qt.DockWidgetArea.RightDockWidgetArea)
        row = self._row()
        if row is not None:
            row.addWidget(self._companion, 1)
            row.setStretch(0, 1)
            self._companion.show()
        window.resizeDocks([dock], [WIDTH_PX], Qt.Orientation.Horizontal)
        window.resizeDocks([strip], [STRIP_HEIGHT_PX], Qt.Orientation.Vertical)

    def show_panels(self, shown: bool) -> None:
        """Show or hide napari's own panels."""
        for panel in self._panels():
            panel.setVisible(shown)

    def restore(self) -> None:
        """Make the window what it was before `apply`."""
        if self._before is None:
            return
        self._window.setCorner(Qt.Corner.BottomRightCorner, self._before.corner)
        for panel in self._before.shown:
            panel.show()
        row = self._row()
        if row is not None:
            row.removeWidget(self._companion)
        self._companion.hide()
        self._companion.setParent(None)
        self._before = None

    def _row(self) -> QBoxLayout | None:
        """What the picture lies in."""
        centre = self._window.centralWidget()
        row = None if centre is None else centre.layout()
        return row if isinstance(row, QBoxLayout) else None

    def _panels(self) -> list[QDockWidget]:
        docks = self._window.findChildren(QDockWidget)
        return [one for one in docks if one.objectName() in OF_NAPARI]
