"""The list of procedures with its search box and the summary of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QTextBrowser, QTreeWidget, QTreeWidgetItem

from napari_fluoroinject import procedures
from napari_fluoroinject.procedures.page import sections
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import Sentence, button
from napari_fluoroinject.viewer.planning import grouped, summary, with_procedure
from napari_fluoroinject.viewer.tips import plain_tip

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.viewer.bench import Bench

_KEY = Qt.ItemDataRole.UserRole
_LIST_PX, _PAGE_PX = 170, 260


class ProcedureList(Page):
    """Search, read and choose; what a choice would drop is asked for in the page."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: name, region, CPT code")
        self.search.setToolTip("Words that the name, region, key or CPT code must hold")
        self.search.setAccessibleName("Search procedures")
        self.search.setClearButtonEnabled(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setIndentation(12)
        self.tree.setMinimumHeight(_LIST_PX)
        self.tree.setToolTip("Return or a double-click chooses the procedure")
        self.tree.setAccessibleName("Procedures by region")
        self.choose_button = button("Choose", "Plan this procedure", self.choose)
        self.more = button("Show all facts", "Every fact with its grade and sources", self._more)
        self.summary = Sentence(name="summary of the procedure")
        self.page = QTextBrowser()
        self.page.setMinimumHeight(_PAGE_PX)
        self.page.setToolTip("Every fact of the procedure with its grade and sources")
        self.page.setAccessibleName("Page of the procedure")
        self.page.hide()
        self.asked = Sentence(name="what would be dropped")
        self.go_on = button("Change anyway", "Undo brings the marks back", self._go_on)
        self.leave = button("Keep the procedure", "Change nothing", self._leave)
        self._lay_out()
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._first)
        self.tree.currentItemChanged.connect(lambda _now, _before: self._read())
        self.tree.itemActivated.connect(lambda _item, _column: self.choose())
        self.listen(bench.session.signals.draft, self.refresh)
        self.listen(bench.session.signals.shown, self.refresh)
        self._fill()
        self.refresh()

    def choose(self) -> None:
        """Plan the procedure that is read; asks first where marks would be dropped."""
        key = self._read_key
        session = self.bench.session
        if key is None or session.run is None or key == session.plan.procedure:
            return
        change = with_procedure(session.draft, self._procedure(key))
        if change.lost:
            self.asked.say(
                f"{self._procedure(key).name} does not know: {', '.join(change.lost)}. They would "
                "be dropped; undo brings them back."
            )
            self.go_on.show()
            self.leave.show()
            self.go_on.setFocus()
        else:
            self._take(key)

    def refresh(self) -> None:
        """Mark the planned procedure."""
        planned = self.bench.session.plan.procedure
        for item in self._items():
            font = item.font(0)
            font.setBold(item.data(0, _KEY) == planned)
            item.setFont(0, font)
            name = _within(self._procedure(item.data(0, _KEY)))
            item.setText(0, f"\N{CHECK MARK} {name}" if item.data(0, _KEY) == planned else name)
        self._read()
        self.choose_button.setEnabled(self.bench.session.run is not None)

    @property
    def _read_key(self) -> str | None:
        item = self.tree.currentItem()
        key: str | None = None if item is None else item.data(0, _KEY)
        return key

    def _fill(self, typed: str = "") -> None:
        self.tree.clear()
        for title, members in grouped(procedures.every(site=self._site), typed):
            region = QTreeWidgetItem([title])
            region.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.tree.addTopLevelItem(region)
            for one in members:
                item = QTreeWidgetItem([_within(one)])
                item.setData(0, _KEY, one.key)
                item.setToolTip(0, plain_tip(f"{one.name}: Return or a double-click chooses it"))
                region.addChild(item)
            region.setExpanded(True)
        self.refresh()

    def _first(self) -> None:
        """Go from the search box to the first procedure that it left."""
        item = next(iter(self._items()), None)
        if item is not None:
            self.tree.setCurrentItem(item)
            self.tree.setFocus()

    def _read(self) -> None:
        key = self._read_key or self.bench.session.procedure.key
        procedure = self._procedure(key)
        whose = procedures.whose(key, site=self._site)
        lines = (f"{procedure.name} ({key})", *summary(procedure, whose=whose))
        self.summary.say("\n".join(lines))
        if self.page.isVisible():
            self._write_page()

    def _more(self) -> None:
        self.page.setVisible(self.page.isHidden())
        self.more.setText("Show all facts" if self.page.isHidden() else "Hide all facts")
        if not self.page.isHidden():
            self._write_page()

    def _write_page(self) -> None:
        procedure = self._procedure(self._read_key or self.bench.session.procedure.key)
        parts = []
        for section in sections(procedure):
            lines = [f"{label}: {text}" for label, text in section.lines]
            parts.append("\n".join([section.title.upper(), *lines]))
        self.page.setPlainText("\n\n".join(parts))

    def _go_on(self) -> None:
        if self._read_key is not None:
            self._take(self._read_key)

    def _take(self, key: str) -> None:
        session, procedure = self.bench.session, self._procedure(key)
        session.change(f"plan {procedure.name}", with_procedure(session.draft, procedure).draft)
        self._leave()

    def _leave(self) -> None:
        self.asked.say("")
        self.go_on.hide()
        self.leave.hide()

    @property
    def _site(self) -> Path | None:
        return self.bench.session.site_procedures

    def _procedure(self, key: str) -> Procedure:
        return procedures.get(key, site=self._site)

    def _items(self) -> list[QTreeWidgetItem]:
        found = []
        for number in range(self.tree.topLevelItemCount()):
            region = self.tree.topLevelItem(number)
            count = 0 if region is None else region.childCount()
            children = [] if region is None else [region.child(at) for at in range(count)]
            found += [child for child in children if child is not None]
        return found

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.choose_button)
        row.addWidget(self.more)
        asking = QHBoxLayout()
        asking.addWidget(self.go_on)
        asking.addWidget(self.leave)
        self.column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.search, self.tree, self.summary):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        self.column.addWidget(self.asked)
        self.column.addLayout(asking)
        self.column.addWidget(self.page)
        self._leave()


def _within(procedure: Procedure) -> str:
    """The name as it fits below its region's title: what tells it apart must not be cut off."""
    words = procedure.name.removeprefix(f"{procedure.region.capitalize()} ")
    words = words.replace(" injection", "")
    return f"{words[:1].upper()}{words[1:]}"
