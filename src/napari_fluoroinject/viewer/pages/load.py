"""Step 1: where runs come from, and which are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QSizePolicy, QTabWidget

from napari_fluoroinject.viewer.pages.load_carm import CArmTab
from napari_fluoroinject.viewer.pages.load_files import FilesTab
from napari_fluoroinject.viewer.pages.load_pacs import PacsTab
from napari_fluoroinject.viewer.pages.load_runs import OpenRuns
from napari_fluoroinject.viewer.pages.page import Page

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench


class LoadPage(Page):
    """PACS, C-arm and files in tabs; below them the runs that are open."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.pacs = PacsTab(bench)
        self.carm = CArmTab(bench)
        self.files = FilesTab(bench)
        self.runs = OpenRuns(bench)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Where runs come from")
        for tab, words, tip in (
            (self.files, "Files", "Open files, folders and sample data"),
            (self.pacs, "PACS", "Find and retrieve runs of a PACS"),
            (self.carm, "C-arm", "Runs as the C-arm pushes them"),
        ):
            self.tabs.addTab(tab, words)
            self.tabs.setTabToolTip(self.tabs.count() - 1, tip)
        self.tabs.currentChanged.connect(lambda _index: self._fit())
        self._fit()
        self.column.addWidget(self.tabs)
        self.column.addWidget(self.runs)
        self.column.addStretch(1)

    def show_tab(self, tab: str) -> None:
        """Show one of the tabs: `files`, `pacs` or `c-arm`."""
        named = {"files": self.files, "pacs": self.pacs, "c-arm": self.carm}
        self.tabs.setCurrentWidget(named[tab])

    def _fit(self) -> None:
        """Only the tab that is shown counts for the height: the runs stand right below it."""
        for index in range(self.tabs.count()):
            tab = self.tabs.widget(index)
            if tab is not None:
                shown = index == self.tabs.currentIndex()
                policy = QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Ignored
                tab.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self.tabs.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def release(self) -> None:
        """Hear nothing more, in no tab."""
        for part in (self.pacs, self.carm, self.files, self.runs):
            part.release()
        super().release()
