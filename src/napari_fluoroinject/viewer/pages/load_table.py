"""The table of studies and their runs; the one place where patients' names are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem

from napari_fluoroinject.viewer.pacs_query import RunRow, StudyRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROW = Qt.ItemDataRole.UserRole
_TABLE_PX = 190
_COLUMNS_PX = (190, 80, 160)


class StudyTable(QTreeWidget):
    """Studies as lines that unfold into their runs."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Patient / run", "Day", "What"])
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setToolTip("Unfold a study with the right arrow key; select runs to retrieve")
        self.setAccessibleName("Studies and their runs")
        self.setMinimumHeight(_TABLE_PX)
        self.setIndentation(14)
        for column, width_px in enumerate(_COLUMNS_PX):
            self.setColumnWidth(column, width_px)

    def put_studies(self, studies: Sequence[StudyRow]) -> None:
        """Show these studies, folded."""
        self.clear()
        for study in studies:
            item = _item(study, [study.patient, study.day, study.what])
            item.addChild(QTreeWidgetItem(["asking for its runs"]))
            self.addTopLevelItem(item)

    def put_runs(self, study_uid: str, runs: Sequence[RunRow] | None) -> None:
        """Show the runs of a study; None = they were not told, unfolding asks again."""
        item = next((one for one in self._studies() if _row(one).uid == study_uid), None)
        if item is None:
            return
        item.takeChildren()
        if runs is None:
            item.addChild(QTreeWidgetItem(["not answered: unfold to ask again"]))
            item.setExpanded(False)
            return
        for row in runs:
            item.addChild(_item(row, [row.words, "", row.what]))
        if not runs:
            none = _item("none", ["no cine loop (XA, RF, secondary capture)"])
            item.addChild(none)

    def unasked(self, item: QTreeWidgetItem) -> StudyRow | None:
        """The study of a line whose runs are not there yet; None for every other line."""
        row, first = item.data(0, _ROW), item.child(0)
        empty = first is not None and first.data(0, _ROW) is None
        return row if isinstance(row, StudyRow) and empty else None

    def chosen(self) -> tuple[RunRow, ...]:
        """What is selected, and of selected studies all runs, without earlier results."""
        rows: dict[RunRow, None] = {}
        for item in self.selectedItems():
            below = [item.child(number) for number in range(item.childCount())]
            for one in (item, *below):
                row = None if one is None else one.data(0, _ROW)
                if isinstance(row, RunRow) and (one is item or not row.result):
                    rows[row] = None
        return tuple(rows)

    def chosen_unasked(self) -> bool:
        """Whether a study is selected whose runs are not known."""
        return any(self.unasked(item) is not None for item in self.selectedItems())

    def unfold_only(self) -> None:
        """Unfold the study where there is but one."""
        only = self.topLevelItem(0)
        if self.topLevelItemCount() == 1 and only is not None:
            only.setExpanded(True)

    def _studies(self) -> Iterator[QTreeWidgetItem]:
        for number in range(self.topLevelItemCount()):
            item = self.topLevelItem(number)
            if item is not None:
                yield item


def _row(item: QTreeWidgetItem) -> StudyRow:
    row: StudyRow = item.data(0, _ROW)
    return row


def _item(row: object, texts: list[str]) -> QTreeWidgetItem:
    """A line; its columns are narrow, so the whole text stands in the tooltips."""
    made = QTreeWidgetItem(texts)
    made.setData(0, _ROW, row)
    for column, text in enumerate(texts):
        made.setToolTip(column, text)
    return made
