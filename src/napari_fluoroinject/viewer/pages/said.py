"""Sentences inside a page, and the one line of a job that the page has started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.viewer.jobs import Job

_LEAST_LETTERS = 8


class Sentence(QLabel):
    """Words that wrap, can be copied, and take no room while there are none."""

    def __init__(self, words: str = "", *, name: str) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(name)
        self.say(words)

    def say(self, words: str) -> None:
        """Show these words; none hide the line."""
        self.setText(words)
        self.setVisible(bool(words))


class JobLine(QWidget):
    """Progress of one job with its Cancel; hidden while none runs.

    Call `follow` with each job that is started, and `changed` whenever one has changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self._step = Sentence(name="what is being done")
        self._bar = QProgressBar()
        self._bar.setRange(0, 100)
        self._bar.setAccessibleName("progress")
        self._bar.setToolTip("How much of this is done")
        self._cancel = button(
            "Cancel", "End it at its next step; what came or was sent stays", self.cancel
        )
        row = QHBoxLayout()
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._step)
        column.addLayout(row)
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether its job runs still."""
        return self.job is not None and self.job.running and not self.job.cancelled

    def follow(self, job: Job) -> None:
        """Show this job from now on."""
        self.job = job
        self.changed(job)

    def changed(self, job: Job) -> None:
        """Show how far it is, if it is ours."""
        if job is self.job:
            self._step.say(f"{job.name}: {job.step}" if job.step else job.name)
            self._bar.setValue(round(100 * job.fraction))
            self.setVisible(self.busy)

    def cancel(self) -> None:
        """End the job; nobody waits for what it is doing."""
        if self.job is not None:
            self.job.cancel()
        self.hide()


def button(words: str, tip: str, clicked: Callable[[], object]) -> QPushButton:
    """A button with its tooltip and its name for screen readers."""
    made = QPushButton(words)
    made.setToolTip(tip)
    made.setAccessibleName(words)
    made.setAutoDefault(False)
    made.clicked.connect(lambda _checked=False: clicked())
    return made


def choice(name: str, tip: str) -> QComboBox:
    """A list of choices that is as wide as the page lets it be, whatever stands in it."""
    made = QComboBox()
    made.setToolTip(tip)
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(_LEAST_LETTERS)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
