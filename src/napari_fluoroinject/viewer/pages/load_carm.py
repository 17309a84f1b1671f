"""The tab that shows runs as the C-arm pushes them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem

from napari_fluoroinject.viewer.arrivals import Arrivals, Arrived
from napari_fluoroinject.viewer.opening import open_sources
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.pictures import icon
from napari_fluoroinject.viewer.pages.said import Sentence, button
from napari_fluoroinject.viewer.receiving import Light, Receiving
from napari_fluoroinject.viewer.thumbnails import SIDE_PX
from napari_fluoroinject.viewer.tips import plain_tip

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench

_ARRIVED = Qt.ItemDataRole.UserRole
_LOOK_MS = 250
_ROW_PX = 76
_LIST_PX = 240
_SHAPES: dict[Light, str] = {
    "stopped": "\N{WHITE CIRCLE}",
    "starting": "\N{CIRCLE WITH LEFT HALF BLACK}",
    "listening": "\N{BLACK CIRCLE}",
    "failed": "\N{BLACK UP-POINTING TRIANGLE}",
}
"""Beside the words: no light is told by colour."""


class CArmTab(Page):
    """What comes from the C-arm, whoever receives it; and a receiver of our own."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.receiving = Receiving(bench.settings.listen)
        self.arrivals = Arrivals(bench.settings.listen.spool.absolute())
        self.light = Sentence(name="receiver")
        self.start = button(
            "Start receiving here", "Listen in this program, as the settings say", self._toggle
        )
        self.watched = Sentence(name="what is watched")
        self.runs = QListWidget()
        self.runs.setIconSize(QSize(SIDE_PX * 2 // 3, SIDE_PX * 2 // 3))
        self.runs.setWordWrap(True)
        self.runs.setMinimumHeight(_LIST_PX)
        self.runs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.runs.setToolTip("Click a run, or press Return on it, to open it")
        self.runs.setAccessibleName("Runs from the C-arm, the newest first")
        # one click opens, and so does Return; a style may activate at the same click
        self.runs.itemClicked.connect(self.open)
        self.runs.itemActivated.connect(self.open)
        self._opened: dict[str, int] = {}
        self._items: dict[str, QListWidgetItem] = {}
        row = QHBoxLayout()
        row.addWidget(self.light, 1)
        self.column.addLayout(row)
        for widget in (self.start, self.watched, self.runs):
            self.column.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self.listen(bench.session.signals.runs, self._mark)
        self.look()

    def release(self) -> None:
        """Watch no more, and stop the receiver of our own."""
        self._timer.stop()
        self.arrivals.close()
        self.receiving.close()
        super().release()

    def look(self) -> None:
        """Take in what came, and how the receiver stands."""
        for one in self.arrivals.take():
            self._put(one)
        light = self.receiving.light
        self.light.say(f"{_SHAPES[light]} {self.receiving.says}")
        self.start.setText("Stop receiving" if self.receiving.running else "Start receiving here")
        count = self.runs.count()
        empty = "" if count else " No run has come yet."
        self.watched.say(f"{self.arrivals.state[:1].upper()}{self.arrivals.state[1:]}.{empty}")

    def open(self, item: QListWidgetItem) -> None:
        """Open a run that came; one that is open is shown."""
        arrived: Arrived = item.data(_ARRIVED)
        if not arrived.readable:
            self.bench.session.signals.notice.emit(f"This object cannot be opened: {arrived.told}")
            return
        here = {run.uid: len(run.files) for run in self.bench.session.runs}
        if here.get(arrived.uid, 0) >= len(arrived.paths):
            self.bench.session.show(arrived.uid)
            return
        if self._opened.get(arrived.uid) == len(arrived.paths):
            return  # the click that selected it has opened it already
        self._opened[arrived.uid] = len(arrived.paths)
        open_sources(self.bench, [str(path) for path in arrived.paths], origin="C-arm")
        self._mark()

    def _toggle(self) -> None:
        if self.receiving.running:
            self.receiving.stop()
        else:
            self.receiving.start()
        self.look()

    def _put(self, arrived: Arrived) -> None:
        item = self._items.get(arrived.uid)
        if item is None:
            item = QListWidgetItem()
            item.setSizeHint(QSize(0, _ROW_PX))
            self._items[arrived.uid] = item
            self.runs.insertItem(0, item)
        item.setData(_ARRIVED, arrived)
        if arrived.picture is not None:
            item.setIcon(icon(arrived.picture))
        self._write(item)

    def _mark(self) -> None:
        """Runs that are open are new no longer; those that were closed can be opened again."""
        here = {run.uid for run in self.bench.session.runs}
        for uid, item in self._items.items():
            if uid in here:
                self._opened[uid] = 0
            self._write(item)

    def _write(self, item: QListWidgetItem) -> None:
        arrived: Arrived = item.data(_ARRIVED)
        came = time.strftime("%H:%M:%S", time.localtime(arrived.received_s))
        if not arrived.readable:
            word = "cannot be read"
        else:
            word = "opened" if arrived.uid in self._opened else "NEW"
        item.setText(f"{came} · {word}\n{arrived.told}")
        item.setToolTip(plain_tip(item.text()))
        font = item.font()
        font.setBold(word == "NEW")
        item.setFont(font)
