"""The widgets of the live panel, from top to bottom, and which of them can be used when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fluoroinject.viewer.colormaps import MapName, rgb
from napari_fluoroinject.viewer.live.banner import ALARM
from napari_fluoroinject.viewer.live.words import MAPS, SOURCES

if TYPE_CHECKING:
    from napari_fluoroinject.live.pictures import LiveMap

FREEZE, BACK = "Freeze: loop the last 10 s", "Back to the newest picture"
_BAR_PX = (300, 12)
_AnyWidget = TypeVar("_AnyWidget", bound=QWidget)


class Controls(QWidget):
    """Fields, buttons and lines of text; they do nothing by themselves but choose a file."""

    def __init__(self) -> None:
        super().__init__()
        self.source = _named(
            QLineEdit(),
            "Source",
            SOURCES,
        )
        self.source.setPlaceholderText("igtl://host:port, video:0, file, phantom:mbb_lumbar")
        self.choose = _button("File…", "Choose a DICOM file that is replayed in real time")
        self.again = _named(QCheckBox("Repeat"), "Repeat", "Begin anew at the end of the file")
        self.start = _button("Start", "Connect, show and record the feed")
        self.stop = _button("Stop", "End the feed; its recording stays")
        self.begin = _button(
            "Contrast starts now", "Make the mask of the frames just before, and begin the maps"
        )
        self.automatic = _named(
            QCheckBox("Begin by itself when contrast is seen"),
            "Begin the maps by themselves",
            "Contrast is looked for; else it begins with the button",
        )
        self.automatic.setChecked(True)
        self.map_kind = _named(QComboBox(), "Map", "The map that lies over the live picture")
        for kind, words in MAPS.items():
            self.map_kind.addItem(words, kind)
        self.map_kind.setCurrentIndex(list(MAPS).index("arrival"))
        self.freeze = _button(FREEZE, "Loop what was recorded; recording goes on")
        self.freeze.setCheckable(True)
        self.show_picture = _button(
            "Show the picture", "Bring the window with the live picture to the front"
        )
        self.brighten = _button("Brightness of this picture", "Set black and white by the picture")
        self.open = _button(
            "Open the recording", "Open what is recorded so far as a run, without patient or study"
        )
        self.accession = _named(
            QLineEdit(),
            "Accession number",
            "Of the order on the worklist: patient and study of the run come from there",
        )
        self.accession.setPlaceholderText("accession number of the order")
        self.save = _button(
            "Save the run as DICOM", "Write the last run under the patient of that order"
        )
        self.bar = _named(
            QLabel(), "Colours of the map", "From 0 on the left to the highest value"
        )
        self.legend, self.received, self.maps, self.problem, self.room, self.message = (
            _text(name)
            for name in ("Legend", "Received", "Maps", "Problem", "Room on the disk", "Message")
        )
        self.warning, self.contrast = _text("Warnings"), _text("Contrast")
        self.said = _text("What was seen last")
        self.warning.setStyleSheet(ALARM)
        for label in (self.received, self.maps, self.problem, self.message):
            label.hide()
        for label in (self.warning, self.contrast, self.said):
            label.hide()
        self._lay_out()
        self.choose.clicked.connect(self._choose)

    @property
    def kind(self) -> LiveMap:
        """The map that was chosen."""
        kind: LiveMap = self.map_kind.currentData()
        return kind

    def say(self, message: str) -> None:
        """Tell a person something, in the panel."""
        self.message.setText(message)
        self.message.setVisible(bool(message))

    def follow(self, *, running: bool, recorded: bool) -> None:
        """Let only be used what makes sense now."""
        self.start.setEnabled(not running)
        for widget in (self.source, self.choose, self.again, self.automatic):
            widget.setEnabled(not running)
        for button in (self.stop, self.begin):
            button.setEnabled(running)
        for button in (self.brighten, self.show_picture):
            button.setEnabled(running or recorded)
        for button in (self.freeze, self.open, self.save):
            button.setEnabled(recorded)

    def tell(self, *, warning: str, contrast: str, said: str) -> None:
        """Say what the feed shows; a line without words is not there."""
        told = ((self.warning, warning), (self.contrast, contrast), (self.said, said))
        for label, words in told:
            label.setText(words)
            label.setVisible(bool(words))

    def offer_saving(self, offered: bool) -> None:
        """Show what saves a run, where there is a worklist to ask."""
        self.accession.setVisible(offered)
        self.save.setVisible(offered)

    def show_legend(self, kind: LiveMap, words: str) -> None:
        """Say what the colours of the map mean; nothing where none is shown."""
        shown = kind != "none" and bool(words)
        if shown:
            self.bar.setPixmap(_bar("magma" if kind == "opacity" else "viridis"))
            self.legend.setText(words)
        self.bar.setVisible(shown)
        self.legend.setVisible(shown)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel("Source of the live picture"))
        column.addLayout(_row(self.source, self.choose))
        column.addWidget(self.again)
        column.addLayout(_row(self.start, self.stop))
        for widget in (self.warning, self.message, self.received, self.room):
            column.addWidget(widget)
        grid = QGridLayout()
        grid.addWidget(QLabel("Map"), 0, 0)
        grid.addWidget(self.map_kind, 0, 1)
        grid.setColumnStretch(1, 1)
        column.addWidget(self.automatic)
        column.addWidget(self.begin)
        column.addLayout(grid)
        for widget in (self.bar, self.legend, self.contrast, self.maps, self.problem, self.said):
            column.addWidget(widget)
        for button in (self.freeze, self.show_picture, self.brighten, self.open):
            column.addWidget(button)
        column.addWidget(self.accession)
        column.addWidget(self.save)
        column.addStretch(1)

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A run to replay", str(Path.home()))
        if path:
            self.source.setText(path)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row


def _named(widget: _AnyWidget, name: str, tip: str) -> _AnyWidget:
    widget.setAccessibleName(name)
    widget.setToolTip(tip)
    return widget


def _button(words: str, tip: str) -> QPushButton:
    return _named(QPushButton(words), words, tip)


def _text(name: str) -> QLabel:
    label = _named(QLabel(), name, name)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _bar(name: MapName) -> QPixmap:
    """The colours of a map from low to high."""
    levels = (rgb(name) * 255).round().astype("uint8")
    image = QImage(levels.tobytes(), len(levels), 1, 3 * len(levels), QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image).scaled(*_BAR_PX)
