"""The list of open runs: which is shown, which stands beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem

from napari_fluoroinject.viewer.describe import run_words
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.pictures import icon
from napari_fluoroinject.viewer.pages.said import button
from napari_fluoroinject.viewer.thumbnails import SIDE_PX, Thumbnails
from napari_fluoroinject.viewer.tips import plain_tip

if TYPE_CHECKING:
    from qtpy.QtCore import QObject

    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.run import Run

_UID = Qt.ItemDataRole.UserRole
_ROW_PX = 84
_LEAST_PX, _MOST_PX = 100, 340


class OpenRuns(Page):
    """Every open run with its picture, in the order in which they were opened."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.thumbnails = Thumbnails(bench)
        self.title = QLabel()
        self.runs = QListWidget()
        self.runs.setIconSize(QSize(SIDE_PX * 3 // 4, SIDE_PX * 3 // 4))
        self.runs.setWordWrap(True)
        self.runs.setToolTip("Return shows the selected run, Delete closes it")
        self.runs.setAccessibleName("Open runs")
        self.runs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.runs.itemActivated.connect(lambda _item: self.show_it())
        self.runs.currentRowChanged.connect(lambda _row: self._enable())
        self.show_button = button("Show", "Work on the selected run", self.show_it)
        self.beside_button = button(
            "Beside", "Put the selected run of the same study into the second view", self.beside
        )
        self.close_button = button(
            "Close", "Take the run away; what was marked in it stays with its study", self.close_it
        )
        self.runs.installEventFilter(self)
        row = QHBoxLayout()
        for one in (self.show_button, self.beside_button, self.close_button):
            row.addWidget(one)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(self.title)
        self.column.addWidget(self.runs)
        self.column.addLayout(row)
        signals = bench.session.signals
        self.listen(signals.runs, self.refresh)
        self.listen(signals.shown, self.refresh)
        self.listen(self.thumbnails.came, self.refresh)
        self.refresh()

    @property
    def selected(self) -> Run | None:
        """The run of the selected line."""
        item = self.runs.currentItem()
        uid = None if item is None else item.data(_UID)
        return next((run for run in self.bench.session.runs if run.uid == uid), None)

    def show_it(self) -> None:
        """Work on the selected run."""
        if self.selected is not None:
            self.bench.session.show(self.selected.uid)

    def beside(self) -> None:
        """Put the selected run beside, or take it from there."""
        run = self.selected
        if run is not None:
            now = self.bench.session.beside
            self.bench.session.show_beside(None if now is run else run.uid)

    def close_it(self) -> None:
        """Close the selected run."""
        if self.selected is not None:
            self.bench.session.close(self.selected.uid)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """Close the selected run at Delete."""
        if watched is self.runs and isinstance(event, QKeyEvent):
            pressed = event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Delete
            if pressed:
                self.close_it()
                return True
        return super().eventFilter(watched, event)

    def refresh(self) -> None:
        """Show the runs as they are now."""
        session = self.bench.session
        chosen = self.selected or session.run
        self.runs.blockSignals(True)
        self.runs.clear()
        for run in session.runs:
            self.runs.addItem(self._item(run))
            if run is chosen:
                self.runs.setCurrentRow(self.runs.count() - 1)
        self.runs.blockSignals(False)
        count = len(session.runs)
        self.title.setText(f"Open runs: {count}" if count else "No run is open yet.")
        self.runs.setVisible(count > 0)
        self.runs.setFixedHeight(min(max(count * _ROW_PX + 6, _LEAST_PX), _MOST_PX))
        self._enable()
        self.thumbnails.make(session.runs)

    def _item(self, run: Run) -> QListWidgetItem:
        session = self.bench.session
        role = {session.run: " · shown", session.beside: " · beside"}.get(run, "")
        first, second = run_words(run)
        sign = "\N{BLACK RIGHT-POINTING TRIANGLE} " if role else ""
        item = QListWidgetItem(f"{sign}{run.name}{role}\n{first}\n{second}")
        item.setToolTip(plain_tip(item.text()))
        item.setData(_UID, run.uid)
        item.setSizeHint(QSize(0, _ROW_PX))
        picture = self.thumbnails.of(run)
        if picture is not None:
            item.setIcon(icon(picture))
        return item

    def _enable(self) -> None:
        session, run = self.bench.session, self.selected
        self.show_button.setEnabled(run is not None and run is not session.run)
        shown = session.run
        same = run is not None and shown is not None and run.study_uid == shown.study_uid
        self.beside_button.setEnabled(same and run is not shown)
        away = run is not None and run is session.beside
        self.beside_button.setText("Not beside" if away else "Beside")
        self.close_button.setEnabled(run is not None)
        for one in (self.show_button, self.beside_button, self.close_button):
            one.setVisible(bool(session.runs))
