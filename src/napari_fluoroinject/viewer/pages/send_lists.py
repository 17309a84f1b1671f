"""The two lists of the last step: objects to send, and receipts of what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_fluoroinject.viewer.objects import status_words
from napari_fluoroinject.viewer.tips import plain_tip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from napari_fluoroinject.viewer.objects import Sendable
    from napari_fluoroinject.viewer.outcome import Kept

_MOST_ROWS, _LEAST_ROWS = 12, 3
_SENDING, _ANSWERED = "sending", "answered"


class ObjectList(QTreeWidget):
    """Objects with a tick each; every one is ticked at first."""

    def __init__(self) -> None:
        super().__init__()
        _dress(self, ("Object", "Size", ""), "Objects to send")
        self.setToolTip("Ticked objects are sent; the space bar ticks and unticks")
        self.listed: tuple[Sendable, ...] = ()

    def put(self, objects: Sequence[Sendable]) -> None:
        """List these in place of all others."""
        self.listed = tuple(objects)
        self.clear()
        for one in objects:
            item = QTreeWidgetItem([one.name, one.size, ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Checked)
            for column in range(3):
                item.setToolTip(column, f"{one.name}: {one.sop_class}, file {one.path.name}")
            self.addTopLevelItem(item)
        _fit(self)
        self.setVisible(bool(objects))

    @property
    def ticked(self) -> tuple[Path, ...]:
        """Files of the ticked objects."""
        checked = Qt.CheckState.Checked
        rows = (self.topLevelItem(row) for row in range(self.topLevelItemCount()))
        return tuple(
            one.path
            for one, item in zip(self.listed, rows, strict=True)
            if item is not None and item.checkState(0) == checked
        )

    def sending(self, files: Collection[Path]) -> None:
        """Mark these as on their way, and the others as nothing."""
        for row, one in enumerate(self.listed):
            self._tell(row, _SENDING if one.path in files else "")

    def answered(self, name: str) -> None:
        """Mark the file of this name as answered for."""
        for row, one in enumerate(self.listed):
            if one.path.name == name:
                self._tell(row, _ANSWERED)

    def _tell(self, row: int, words: str) -> None:
        item = self.topLevelItem(row)
        if item is not None and item.text(2) != words:
            item.setText(2, words)


class ReceiptList(QTreeWidget):
    """What destinations answered, the latest first; hidden while there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        _dress(self, ("Object", "Status", "Time"), "Receipts")
        self.setToolTip("What destinations answered for each object, the latest first")

    def put(self, kept: Kept | None, names: Mapping[str, str]) -> None:
        """List the receipts of these results; `names` of objects by SOP Instance UID."""
        self.clear()
        receipts = () if kept is None else tuple(zip(kept.receipts, kept.arrived, strict=True))
        for receipt, at in reversed(receipts):
            name = names.get(receipt.sop_instance_uid, receipt.sop_instance_uid)
            item = QTreeWidgetItem([name, status_words(receipt), at])
            for column in range(3):
                told = f"{name}: {status_words(receipt)} at {at}, by {receipt.destination}"
                item.setToolTip(column, plain_tip(told))
            self.addTopLevelItem(item)
        _fit(self)
        self.setVisible(bool(receipts))


def _dress(tree: QTreeWidget, heads: tuple[str, ...], name: str) -> None:
    tree.setHeaderLabels(list(heads))
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setAccessibleName(name)
    tree.setTabKeyNavigation(False)
    tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = tree.header()
    if header is not None:
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)


def _fit(tree: QTreeWidget) -> None:
    """As high as its rows, up to a number: the page scrolls, not the list in the page."""
    rows = min(max(tree.topLevelItemCount(), _LEAST_ROWS), _MOST_ROWS)
    header = tree.header()
    head = 0 if header is None else header.sizeHint().height()
    tree.ensurePolished()
    hint = tree.sizeHintForRow(0)
    height = hint if hint > 0 else tree.fontMetrics().height()
    tree.setFixedHeight(head + rows * height + 2 * tree.frameWidth() + 2)
