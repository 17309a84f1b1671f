"""Undo, redo and on to the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined] # of either binding
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_fluoroinject.viewer.session import Session


class UndoRow(QWidget):
    """Two buttons that say what they take back and do again, and one that goes on.

    `onward` is emitted where a person wants the next step.
    """

    onward = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._undo, self._redo, self._next = QPushButton(), QPushButton(), QPushButton()
        self._undo.clicked.connect(lambda _checked=False: session.undo())
        self._redo.clicked.connect(lambda _checked=False: session.redo())
        self._next.clicked.connect(self.onward)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for button in (self._undo, self._redo, self._next):
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        grid.addWidget(self._undo, 0, 0)
        grid.addWidget(self._redo, 0, 1)
        grid.addWidget(self._next, 1, 0, 1, 2)
        self.tell("")

    def tell(self, following: str) -> None:
        """Show what each would do; `following` is the next step's title, empty after the last."""
        _tell(self._undo, "Undo", self._session.undoes, "Ctrl+Z")
        _tell(self._redo, "Redo", self._session.redoes, "Ctrl+Shift+Z")
        self._next.setVisible(bool(following))
        self._next.setText(f"Next: {following}  (Ctrl+Enter)".replace("&", "&&"))
        self._next.setToolTip(f"Go on to {following} (Ctrl+Enter)")
        self._next.setAccessibleName(f"Next step: {following}")

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Cut the texts to the new width."""
        super().resizeEvent(event)
        _tell(self._undo, "Undo", self._session.undoes, "Ctrl+Z")
        _tell(self._redo, "Redo", self._session.redoes, "Ctrl+Shift+Z")


def _tell(button: QPushButton, word: str, what: str | None, key: str) -> None:
    """A long label is cut in the middle; the tooltip has it whole."""
    whole = f"{word}: {what}" if what else word
    room = max(button.width() - 16, 60)
    shown = button.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideRight, room)
    button.setText(shown.replace("&", "&&"))
    button.setEnabled(what is not None)
    nothing = "nothing was done yet" if word == "Undo" else "nothing was taken back"
    button.setToolTip(f"{whole} ({key})" if what else f"{word} ({key}): {nothing}")
    button.setAccessibleName(whole)
