"""One picture of a run that still lies at a DICOMweb endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel

from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.transfer import preview_frame
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.pictures import pixmap
from napari_fluoroinject.viewer.pages.said import Sentence, button
from napari_fluoroinject.viewer.thumbnails import small_picture
from napari_fluoroinject.viewer.waiting import patiently

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job, Progress
    from napari_fluoroinject.viewer.pacs_query import RunRow

_WEB = "dicomweb+"


class Preview(Page):
    """A button and its picture; there only where the endpoint gives single frames."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._row: RunRow | None = None
        self._endpoint = ""
        self._job: Job | None = None
        self.picture = QLabel()
        self.picture.setAccessibleName("middle frame of the selected run")
        self.said = Sentence(name="why there is no preview")
        self.show_it = button("Preview", "Fetch the middle frame alone, before all", self.ask)
        row = QHBoxLayout()
        row.addWidget(self.show_it)
        row.addWidget(self.picture)
        row.addWidget(self.said, 1)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addLayout(row)
        self.hide()

    def offer(self, endpoint: str, row: RunRow | None) -> None:
        """Offer the picture of this run, if its endpoint has single frames."""
        if row == self._row and endpoint == self._endpoint:
            return
        self._row, self._endpoint = row, endpoint
        self.picture.clear()
        self.said.say("")
        web = self.bench.settings.resolve(endpoint).startswith(_WEB)
        self.setVisible(web and row is not None and bool(row.sop_instance_uid))

    def ask(self) -> None:
        """Fetch the frame."""
        row, endpoint, settings = self._row, self._endpoint, self.bench.settings
        if row is None or (self._job is not None and self._job.running):
            return
        reference = LoopReference(
            study_instance_uid=row.study_uid,
            series_instance_uid=row.series_uid,
            sop_instance_uid=row.sop_instance_uid,
            sop_class_uid=row.sop_class_uid,
        )

        def work(tell: Progress) -> npt.NDArray[np.uint8]:
            stored = patiently(
                lambda _note: preview_frame(
                    endpoint, reference, (row.frames or 1) // 2, settings=settings
                ),
                tell,
                step="waiting for one frame",
            )
            return small_picture(stored)

        def done(grey: npt.NDArray[np.uint8]) -> None:
            if row == self._row:
                self.picture.setPixmap(pixmap(grey))

        self._job = self.bench.jobs.start("preview", work, done, failed=self.said.say)

    def release(self) -> None:
        """Hear nothing more, and wait for no frame."""
        if self._job is not None:
            self._job.cancel()
        super().release()
