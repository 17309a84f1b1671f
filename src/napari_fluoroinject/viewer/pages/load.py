"""Step 1: where runs come from, and which are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabBar

from napari_fluoroinject.viewer.pages.load_carm import CArmTab
from napari_fluoroinject.viewer.pages.load_files import FilesTab
from napari_fluoroinject.viewer.pages.load_pacs import PacsTab
from napari_fluoroinject.viewer.pages.load_runs import OpenRuns
from napari_fluoroinject.viewer.pages.page import Page

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench

_TABS = (
    ("files", "Files", "Open files, folders and sample data"),
    ("pacs", "PACS", "Find and retrieve runs of a PACS"),
    ("c-arm", "C-arm", "Runs as the C-arm pushes them"),
)


class LoadPage(Page):
    """PACS, C-arm and files in tabs; below them the runs that are open."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.pacs = PacsTab(bench)
        self.carm = CArmTab(bench)
        self.files = FilesTab(bench)
        self.runs = OpenRuns(bench)
        self._named: dict[str, Page] = {
            "files": self.files,
            "pacs": self.pacs,
            "c-arm": self.carm,
        }
        # no QTabWidget: that is as high as its highest page, and the runs stand below it
        self.bar = QTabBar()
        self.bar.setAccessibleName("Where runs come from")
        self.bar.setToolTip("Where runs come from: left and right arrow keys change the tab")
        self.bar.setDrawBase(False)
        self.column.addWidget(self.bar)
        for key, words, tip in _TABS:
            self.bar.setTabToolTip(self.bar.addTab(words), tip)
            self.column.addWidget(self._named[key])
        self.column.addWidget(self.runs)
        self.column.addStretch(1)
        self.bar.currentChanged.connect(self._turn)
        self._turn(0)

    def show_tab(self, tab: str) -> None:
        """Show one of the tabs: `files`, `pacs` or `c-arm`."""
        self.bar.setCurrentIndex([key for key, _, _ in _TABS].index(tab))

    def release(self) -> None:
        """Hear nothing more, in no tab."""
        for part in (self.pacs, self.carm, self.files, self.runs):
            part.release()
        super().release()

    def _turn(self, index: int) -> None:
        for number, (key, _, _) in enumerate(_TABS):
            self._named[key].setVisible(number == index)
