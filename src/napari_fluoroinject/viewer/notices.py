"""What a person is told, within the window: newest first, each to be dismissed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_fluoroinject.rendering.palette import PANEL, SEVERITY, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["error", "notice"]

MOST_NOTICES = 3
"""Notices that stand at once; errors stay until somebody dismissed them, however many."""
_HIGHEST_PX = 150
_WORDS: dict[Kind, str] = {"error": "Failed", "notice": "Note"}
_COLOURS: dict[Kind, str] = {"error": SEVERITY["critical"], "notice": SEVERITY["info"]}


class Notices(QScrollArea):
    """Messages under each other; nothing where there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Messages")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addStretch(1)
        self.setWidget(inside)
        self._shown: list[_Notice] = []
        self.hide()

    @property
    def texts(self) -> tuple[str, ...]:
        """What stands there, newest first."""
        return tuple(one.text for one in self._shown)

    def tell(self, text: str, kind: Kind = "notice") -> None:
        """Show a message; one that stands there already comes to the top, once."""
        for one in tuple(self._shown):
            if (one.text, one.kind) == (text, kind):
                self.dismiss(one)
        notice = _Notice(text, kind, self.dismiss)
        self._shown.insert(0, notice)
        self._column.insertWidget(0, notice)
        for one in [one for one in self._shown if one.kind == "notice"][MOST_NOTICES:]:
            self.dismiss(one)
        self._settle()
        self.ensureVisible(0, 0)

    def dismiss(self, notice: _Notice) -> None:
        """Take a message away."""
        self._shown.remove(notice)
        self._column.removeWidget(notice)
        notice.hide()
        notice.deleteLater()
        self._settle()

    def withdraw(self, text: str) -> None:
        """Take a note away that is not so any more; nothing where it does not stand there."""
        for one in tuple(self._shown):
            if (one.text, one.kind) == (text, "notice"):
                self.dismiss(one)

    def dismiss_all(self) -> None:
        """Take all messages away."""
        for one in tuple(self._shown):
            self.dismiss(one)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as the messages are, up to a limit."""
        width = max(self.width(), 200)
        heights = [one.heightForWidth(width - 20) for one in self._shown]
        return QSize(200, min(_HIGHEST_PX, sum(heights) + 4 * len(heights) + 2))

    def _settle(self) -> None:
        self.setVisible(bool(self._shown))
        self.updateGeometry()


class _Notice(QFrame):
    """One message: a word for its kind, the text, and a button that takes it away."""

    def __init__(self, text: str, kind: Kind, dismiss: Callable[[_Notice], None]) -> None:
        super().__init__()
        self.text = text
        self.kind: Kind = kind
        self.setStyleSheet(
            f"_Notice {{ background: {PANEL}; border-left: 4px solid {_COLOURS[kind]}; }}"
            f"QLabel {{ background: {PANEL}; color: {TEXT}; }}"
        )
        label = QLabel(f"{_WORDS[kind]}: {text}")
        label.setTextFormat(Qt.TextFormat.PlainText)  # texts hold names of files
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setAccessibleName(f"{_WORDS[kind]}: {text}")
        away = QToolButton()
        away.setText("✕")
        away.setToolTip("Dismiss this message")
        away.setAccessibleName("Dismiss this message")
        away.clicked.connect(lambda: dismiss(self))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        row.addWidget(label, 1)
        row.addWidget(away, 0, Qt.AlignmentFlag.AlignTop)
