"""Tells that a window is about to be closed, and that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


class WindowEnd(QObject):
    """Listens to a window.

    Parameters
    ----------
    window
        The window.
    asked
        Called when somebody wants it closed, before napari remembers what it looks like.
    stays
        Called when that was refused: the person said no to napari's question.
    ended
        Called once, when it is closed or about to be deleted; its widgets are still there.
    """

    def __init__(
        self,
        window: QWidget,
        *,
        asked: Callable[[], None],
        stays: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__()
        self._window, self._asked, self._stays, self._ended = window, asked, stays, ended
        self._closing = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._look)
        window.installEventFilter(self)

    def release(self) -> None:
        """Hear nothing more."""
        self._later.stop()
        self._window.removeEventFilter(self)
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """Look on; nothing is kept from the window."""
        if watched is self._window and event is not None:
            kind = event.type()
            if kind == QEvent.Type.Close:
                self._closing = True
                self._asked()
                self._later.start(0)
            elif kind == QEvent.Type.DeferredDelete or (
                kind == QEvent.Type.Hide and self._closing and not event.spontaneous()
            ):
                self._ended()
        return False

    def _look(self) -> None:
        self._closing = False
        self._stays()
