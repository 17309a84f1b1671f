"""The six steps as buttons: which is open, and which are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal  # type: ignore[attr-defined] # of either binding
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_fluoroinject.viewer.bench import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_fluoroinject.viewer.bench import StepKey

TITLES: dict[StepKey, str] = {
    "load": "Load",
    "procedure": "Procedure",
    "needle": "Needle + target",
    "contrast": "Contrast",
    "review": "Review",
    "send": "Send",
}
_COLUMNS = 2
_STYLE = """
QPushButton { min-height: 18px; padding: 2px 4px; }
QPushButton:checked { background-color: #3D57B8; color: #FFFFFF; font-weight: bold; }
QPushButton:focus { border: 1px solid #FFFFFF; }
"""


class StepBar(QWidget):
    """Six buttons in two columns; `chosen` is emitted with the key of a step.

    A step that is done has a tick before its number, and the open one is highlighted and checked.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setStyleSheet(_STYLE)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self._group = QButtonGroup(self)
        self._buttons: dict[StepKey, QPushButton] = {}
        for place, key in enumerate(STEPS):
            button = QPushButton()
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _checked=False, key=key: self.chosen.emit(key))
            self._group.addButton(button)
            self._buttons[key] = button
            grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
        self.tell(dict.fromkeys(STEPS, False))

    def button(self, key: StepKey) -> QPushButton:
        """The button of a step."""
        return self._buttons[key]

    def show_step(self, key: StepKey) -> None:
        """Highlight the open step."""
        self._buttons[key].setChecked(True)

    def tell(self, done: Mapping[StepKey, bool]) -> None:
        """Mark the steps that are done."""
        for number, key in enumerate(STEPS, start=1):
            said = "done" if done[key] else "not done"
            button = self._buttons[key]
            button.setText(f"{'✓ ' if done[key] else ''}{number}  {TITLES[key]}")
            button.setToolTip(f"Step {number}, {TITLES[key]}: {said} (Ctrl+{number})")
            button.setAccessibleName(f"Step {number}, {TITLES[key]}, {said}")
