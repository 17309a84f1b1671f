"""Work that goes on: what it is, how far it is, how long it takes, and a button that ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.jobs import Job, Jobs

_EVERY_MS = 500


class JobArea(QWidget):
    """One block for each job that runs; nothing where none does."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self.setAccessibleName("Work that goes on")
        self._jobs = jobs
        self._blocks: dict[Job, _Block] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._tick)
        jobs.changed.connect(self._changed)
        for job in jobs.running:
            self._changed(job)
        self.setVisible(bool(self._blocks))

    def release(self) -> None:
        """Hear nothing more."""
        self._jobs.changed.disconnect(self._changed, missing_ok=True)
        self._timer.stop()

    def _changed(self, job: Job) -> None:
        if job.running and job not in self._blocks:
            self._blocks[job] = block = _Block(job)
            self._column.addWidget(block)
            self._timer.start()
        elif job.running:
            self._blocks[job].tell()
        elif job in self._blocks:
            block = self._blocks.pop(job)
            self._column.removeWidget(block)
            block.hide()
            block.deleteLater()
            if not self._blocks:
                self._timer.stop()
        self.setVisible(bool(self._blocks))

    def _tick(self) -> None:
        for block in self._blocks.values():
            block.tell()


class _Block(QWidget):
    """One job."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._begin_s = time.monotonic()
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setRange(0, 100)
        self._bar.setAccessibleName(f"Progress: {job.name}")
        self._bar.setToolTip(f"How much of it is done: {job.name}")
        self._bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip(f"End it at its next step: {job.name}")
        self._cancel.setAccessibleName(f"Cancel: {job.name}")
        self._cancel.clicked.connect(self._end)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._name, 0, 0, 1, 2)
        grid.addWidget(self._bar, 1, 0)
        grid.addWidget(self._cancel, 1, 1)
        self.tell()

    def tell(self) -> None:
        """Show how far it is."""
        job, passed_s = self._job, time.monotonic() - self._begin_s
        step = "ending at its next step" if job.cancelled else job.step or job.state
        self._name.setText(f"{job.name}: {step} · {passed_s:.0f} s")
        self._bar.setValue(round(100 * job.fraction))

    def _end(self) -> None:
        self._job.cancel()
        self._cancel.setEnabled(False)
        self.tell()
