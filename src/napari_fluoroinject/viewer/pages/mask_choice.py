"""Which frames are the mask: found in the picture, the header's, or those that a person chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QButtonGroup, QLabel, QRadioButton, QSpinBox, QVBoxLayout, QWidget

from napari_fluoroinject.model.subtracted import numbered
from napari_fluoroinject.viewer.pages.parts import row, said, tell

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench

Choice = Literal["found", "header", "chosen"]
_WORDS: dict[Choice, tuple[str, str]] = {
    "found": ("Found automatically", "Take the frames before contrast, as the picture shows them"),
    "header": ("Those of the header", "Take the mask that the file itself names"),
    "chosen": ("These frames", "Take the frames from the first number to the second"),
}


class MaskChoice(QWidget):
    """Three choices and a range of frames, counted from 1; `refresh` brings it up to date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._group = QButtonGroup(self)
        self.buttons = {choice: self._button(choice) for choice in _WORDS}
        self.first, self.last = self._box("First"), self._box("Last")
        self.first.valueChanged.connect(self._ranged)
        self.last.valueChanged.connect(self._ranged)
        self._told = said("Mask frames", quiet=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for one in self.buttons.values():
            column.addWidget(one)
        column.addLayout(row(QLabel("from frame"), self.first, QLabel("to"), self.last))
        column.addWidget(self._told)

    @property
    def choice(self) -> Choice:
        """What is chosen for the run that is shown."""
        annotation = self._bench.session.annotation
        if annotation.mask_frames:
            return "chosen"
        return "header" if annotation.mask == "header" else "found"

    def refresh(self) -> None:
        """Show what is chosen now."""
        run, choice = self._bench.session.run, self.choice
        self.buttons[choice].setChecked(True)
        for one in self.buttons.values():
            one.setEnabled(run is not None)
        self.buttons["header"].setVisible(run is not None and bool(run.loop.masks))
        frames = self._bench.session.annotation.mask_frames or self._before()
        count = 1 if run is None else run.loop.shape[0]
        for box, frame in ((self.first, min(frames)), (self.last, max(frames))):
            with QSignalBlocker(box):
                box.setRange(1, count)
                box.setValue(frame + 1)
            box.setEnabled(choice == "chosen")
        gaps = choice == "chosen" and len(frames) != max(frames) - min(frames) + 1
        tell(self._told, f"Chosen: frames {numbered(sorted(frames))}." if gaps else "")

    def _before(self) -> tuple[int, ...]:
        """The frames before contrast as far as anybody has looked; else the first one."""
        look, analysed = self._bench.session.look, self._bench.session.analysed
        if analysed is not None and analysed.report.injection.mask_frames:
            return analysed.report.injection.mask_frames
        return (look.injection.mask_frames if look is not None else ()) or (0,)

    def _button(self, choice: Choice) -> QRadioButton:
        text, tip = _WORDS[choice]
        made = QRadioButton(text)
        made.setToolTip(tip)
        made.setAccessibleName(f"Mask frames: {text}")
        made.clicked.connect(lambda _checked=False: self._choose(choice))
        self._group.addButton(made)
        return made

    def _box(self, which: str) -> QSpinBox:
        box = QSpinBox()
        box.setMinimum(1)
        box.setKeyboardTracking(False)
        box.setToolTip(f"{which} mask frame, counted from 1; it can be dragged on the curve, too")
        box.setAccessibleName(f"{which} mask frame")
        return box

    def _choose(self, choice: Choice) -> None:
        if choice == self.choice:
            return
        if choice == "chosen":
            self._bench.session.choose_mask(None, tuple(sorted(self._before())))
        else:
            self._bench.session.choose_mask("header" if choice == "header" else None)

    def _ranged(self, _value: int) -> None:
        first, last = self.first.value() - 1, self.last.value() - 1
        if first > last:  # the other end gives way to the one that was moved
            first = last = last if self.sender() is self.last else first
        self._bench.session.choose_mask(None, tuple(range(first, last + 1)), amend=True)
