"""Small widgets that several pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_fluoroinject.rendering.palette import MUTED, PANEL, SEVERITY, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtWidgets import QWidget

SHAPES = {"critical": "■", "high": "▲", "moderate": "◆", "info": "●"}
"""A shape of its own for each severity: its colour never stands alone."""
NAME_ASKED = "Your name"


def heading(text: str) -> QLabel:
    """A bold line above a part of a page."""
    label = QLabel(text)
    label.setStyleSheet("font-weight: bold;")
    return label


def said(name: str, *, quiet: bool = False) -> QLabel:
    """Text that wraps and can be selected; `name` is what a screen reader calls it."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAccessibleName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setProperty("quiet", quiet)  # a card shows it; a page has the colours of its theme
    label.setStyleSheet("background: transparent;")
    return label


def tell(label: QLabel, text: str) -> None:
    """Show a text; an empty one takes no room."""
    label.setText(text)
    label.setVisible(bool(text))


def button(
    text: str, tip: str, pressed: Callable[[], None], *, large: bool = False
) -> QPushButton:
    """A button that says in its tooltip what it does."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAccessibleName(f"{text}: {tip}" if len(text) < 4 else text)
    made.clicked.connect(lambda _checked=False: pressed())
    if large:
        made.setMinimumHeight(34)
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets beside each other, equally wide."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(6)
    for one in widgets:
        made.addWidget(one, 1)
    return made


def operator_line(named: Callable[[str], None]) -> QLineEdit:
    """A line for the operator's name; `named` is called with what stands there."""
    line = QLineEdit()
    line.setPlaceholderText(NAME_ASKED)
    line.setMaxLength(64)
    line.setToolTip("Who works here: it stands beside what was accepted and signed")
    line.setAccessibleName("Name of the operator")
    line.textChanged.connect(lambda text: named(text.strip()))
    return line


def clear(column: QVBoxLayout | QHBoxLayout) -> None:
    """Take every widget out of a layout, and away."""
    while (item := column.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


class Card(QFrame):
    """A box with a coloured bar on its left, a bold line and texts under it.

    Parameters
    ----------
    colour
        Of the bar; the bold line says in words what it means.
    """

    def __init__(self, colour: str = SEVERITY["info"]) -> None:
        super().__init__()
        self.setObjectName("card")
        self.head = said("Heading")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 6, 8, 6)
        self.column.setSpacing(3)
        self.column.addWidget(self.head)
        self.set_colour(colour)

    def set_colour(self, colour: str) -> None:
        """Colour the bar."""
        self.setStyleSheet(
            f"QFrame#card {{ background: {PANEL}; border-left: 5px solid {colour}; }}"
            f"QFrame#card QLabel {{ color: {TEXT}; }}"
            f'QFrame#card QLabel[quiet="true"] {{ color: {MUTED}; }}'
        )
        self.head.setStyleSheet("font-weight: bold; background: transparent;")

    def add(self, text: str, *, quiet: bool = False) -> QLabel:
        """Add a paragraph."""
        label = said(text[:60], quiet=quiet)
        self.column.addWidget(label)  # first: without a parent it would be shown as a window
        tell(label, text)
        return label

    def add_buttons(self, buttons: Sequence[QPushButton]) -> None:
        """Add buttons beside each other."""
        self.column.addLayout(row(*buttons))
