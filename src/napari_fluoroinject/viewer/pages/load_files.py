"""The tab that opens files, folders and sample data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QVBoxLayout

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.spool.private import make_private
from napari_fluoroinject.viewer.opening import open_sources
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import JobLine, Sentence, button, choice
from napari_fluoroinject.viewer.sample_scenes import SCENES, write_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job, Progress

_MOST_RECENT = 8
_DROP_PX = 90


class DropArea(QFrame):
    """Where files and folders are dropped; `dropped` is called with their paths."""

    def __init__(self, dropped: Callable[[Sequence[str]], None]) -> None:
        super().__init__()
        self._dropped = dropped
        self.setAcceptDrops(True)
        self.setStyleSheet(f"DropArea {{ border: 1px dashed {palette.MUTED}; }}")
        self.setMinimumHeight(_DROP_PX)
        self.setToolTip("Drop DICOM files or folders here")
        self.setAccessibleName("Drop area for files and folders")
        words = QLabel("Drop DICOM files or folders here")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        QVBoxLayout(self).addWidget(words)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take what has paths."""
        if event is not None and _paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Tell of the paths."""
        if event is not None and (paths := _paths(event.mimeData())):
            event.acceptProposedAction()
            self._dropped(paths)


class FilesTab(Page):
    """Open files by dropping, choosing or taking a sample; recent paths are in memory alone."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.drop = DropArea(self.open)
        self.line = JobLine()
        self.said = Sentence(name="what became of it")
        self.recent = choice(
            "Recent files", "What was opened since this window began; nothing is kept on disk"
        )
        self.again = button("Open again", "Open the recent file or folder", self._again)
        self.samples = choice("Sample data", "Synthetic loops, one for each group of procedures")
        self.samples.addItems([scene.words for scene in SCENES])

        self.sample = button("Open sample", "Make this synthetic loop and open it", self.make)
        self._lay_out()
        self._show_recent()
        self.listen(bench.jobs.changed, self._changed)

    def open(self, paths: Sequence[str]) -> None:
        """Open files and folders."""
        if not paths:
            return
        kept = [self.recent.itemData(at) for at in range(self.recent.count())]
        chosen = list(paths)
        self.recent.clear()
        for one in [chosen, *(other for other in kept if other != chosen)][:_MOST_RECENT]:
            more = f" and {len(one) - 1} more" if len(one) > 1 else ""
            self.recent.addItem(f"{Path(one[0]).name}{more}", one)
        self._show_recent()
        self.said.say("")
        self.line.follow(open_sources(self.bench, chosen))

    def make(self) -> None:
        """Make the chosen sample and open it."""
        scene = SCENES[self.samples.currentIndex()]
        folder = self.bench.results / "samples"

        def work(tell: Progress) -> list[str]:
            tell("the scene is drawn", 0.1)
            make_private(folder)
            return [str(path) for path in write_scene(scene, folder)]

        def done(paths: list[str]) -> None:
            self.line.follow(open_sources(self.bench, paths, origin="sample"))

        self.said.say("")
        job = self.bench.jobs.start(f"sample: {scene.words}", work, done, failed=self.said.say)
        self.line.follow(job)

    def _again(self) -> None:
        chosen = self.recent.currentData()
        if chosen:
            self.open(chosen)

    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Open DICOM files")
        self.open(paths)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a folder of DICOM files")
        self.open([folder] if folder else [])

    def _changed(self, job: Job) -> None:
        self.line.changed(job)

    def _show_recent(self) -> None:
        self.recent.setVisible(self.recent.count() > 0)
        self.again.setVisible(self.recent.count() > 0)

    def _lay_out(self) -> None:
        choose = QHBoxLayout()
        choose.addWidget(button("Files...", "Choose DICOM files", self._choose_files))
        choose.addWidget(
            button("Folder...", "Choose a folder; all below it is searched", self._choose_folder)
        )
        recent = QHBoxLayout()
        recent.addWidget(self.recent, 1)
        recent.addWidget(self.again)
        self.column.addWidget(self.drop)
        self.column.addLayout(choose)
        self.column.addLayout(recent)
        self.column.addWidget(QLabel("Sample data (synthetic):"))
        self.column.addWidget(self.samples)  # as wide as the page: its words are long
        self.column.addWidget(self.sample)
        self.column.addWidget(self.line)
        self.column.addWidget(self.said)
        self.column.addStretch(1)


def _paths(dropped: QMimeData | None) -> list[str]:
    urls = [] if dropped is None else dropped.urls()
    return [url.toLocalFile() for url in urls if url.isLocalFile()]
