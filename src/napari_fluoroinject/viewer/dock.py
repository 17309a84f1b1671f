"""The dock: six steps, the page of the open one, work, messages, undo, and the foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_fluoroinject.viewer.bench import STEPS
from napari_fluoroinject.viewer.foot import Foot
from napari_fluoroinject.viewer.heading import Heading, line_label, status_text
from napari_fluoroinject.viewer.job_area import JobArea
from napari_fluoroinject.viewer.layout import WIDTH_PX
from napari_fluoroinject.viewer.notices import Notices
from napari_fluoroinject.viewer.pages.contrast import ContrastPage
from napari_fluoroinject.viewer.pages.load import LoadPage
from napari_fluoroinject.viewer.pages.needle import NeedlePage
from napari_fluoroinject.viewer.pages.page import scroll_area
from napari_fluoroinject.viewer.pages.procedure import ProcedurePage
from napari_fluoroinject.viewer.pages.review import ReviewPage
from napari_fluoroinject.viewer.pages.send import SendPage
from napari_fluoroinject.viewer.recovery import RecoveryBar
from napari_fluoroinject.viewer.step_bar import TITLES, StepBar
from napari_fluoroinject.viewer.steps import status
from napari_fluoroinject.viewer.undo_row import UndoRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from psygnal import SignalInstance

    from napari_fluoroinject.viewer.bench import Bench, StepKey
    from napari_fluoroinject.viewer.jobs import Job
    from napari_fluoroinject.viewer.notices import Kind
    from napari_fluoroinject.viewer.pages.page import Page

TOLD_ABOVE: frozenset[StepKey] = frozenset({"load"})
"""Steps of which it is told above the page what is known: the pages of the others say it."""
PAGES: Mapping[StepKey, Callable[[Bench], Page]] = {
    "load": LoadPage,
    "procedure": ProcedurePage,
    "needle": NeedlePage,
    "contrast": ContrastPage,
    "review": ReviewPage,
    "send": SendPage,
}


class Dock(QWidget):
    """What a person works down, from top to bottom; a page is made when it is first opened.

    Parameters
    ----------
    bench
        What the pages work with.
    pages
        How the page of each step is made.
    """

    def __init__(
        self, bench: Bench, *, pages: Mapping[StepKey, Callable[[Bench], Page]] = PAGES
    ) -> None:
        super().__init__()
        self.bench = bench
        self._makers = pages
        self._pages: dict[StepKey, Page] = {}
        self._step: StepKey = STEPS[0]
        self._heard: list[tuple[SignalInstance, Callable[..., Any]]] = []
        self.steps = StepBar()
        self.heading = Heading()
        self.recovery = RecoveryBar(bench)
        self.status = line_label("What of this step is done and missing")
        self._inside, self._column = _column_of_pages()
        self.area = scroll_area(self._inside)
        self.job_area = JobArea(bench.jobs)
        self.notices = Notices()
        self.undo_row = UndoRow(bench.session)
        self.foot = Foot(bench.session)
        self._lay_out()
        self._soon = QTimer(self)  # many changes at once are told once
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)
        self.steps.chosen.connect(self.go_to)
        self.undo_row.onward.connect(self.go_on)
        self._listen()
        self.go_to(STEPS[0])

    @property
    def step(self) -> StepKey:
        """The open step."""
        return self._step

    def page(self, key: StepKey) -> Page:
        """The page of a step, made where it is not yet."""
        if key not in self._pages:
            self._pages[key] = page = self._makers[key](self.bench)
            self._column.addWidget(page, 1)
        return self._pages[key]

    def go_to(self, key: StepKey) -> None:
        """Open a step."""
        page = self.page(key)
        self._step = key
        for other in self._pages.values():
            other.setVisible(other is page)
        self.area.ensureVisible(0, 0)
        self.steps.show_step(key)
        page.setFocus(Qt.FocusReason.OtherFocusReason)
        self.refresh()

    def go_on(self) -> None:
        """Open the next step; after the last there is none."""
        place = STEPS.index(self._step) + 1
        if place < len(STEPS):
            self.go_to(STEPS[place])

    def tell(self, text: str, kind: Kind = "notice") -> None:
        """Show a message."""
        self.notices.tell(text, kind)

    def refresh(self) -> None:
        """Tell anew what is done and missing."""
        session = self.bench.session
        states = {key: status(session, key) for key in STEPS}
        self.steps.tell({key: state.done for key, state in states.items()})
        self.heading.tell(session)
        missing_alone = self._step not in TOLD_ABOVE
        self.status.setText(status_text(states[self._step], missing_alone=missing_alone))
        self.status.setVisible(bool(self.status.text()))
        place = STEPS.index(self._step) + 1
        self.undo_row.tell(TITLES[STEPS[place]] if place < len(STEPS) else "")

    def release(self) -> None:
        """Hear nothing more, and let go of every page; before the dock is deleted."""
        for signal, slot in self._heard:
            signal.disconnect(slot, missing_ok=True)
        self._heard.clear()
        self._soon.stop()
        self.recovery.release()
        self.job_area.release()
        self.foot.release()
        for page in self._pages.values():
            page.release()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as the pages are made for."""
        return QSize(WIDTH_PX, 700)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Never so narrow that a page is cut."""
        return QSize(WIDTH_PX, 300)

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(6)
        above: tuple[QWidget, ...] = (self.steps, self.heading, self.recovery)
        below: tuple[QWidget, ...] = (self.job_area, self.notices, self.undo_row, self.foot)
        for part in above:
            column.addWidget(part)
        self._column.addWidget(self.status)
        column.addWidget(self.area, 1)
        for part in below:
            column.addWidget(part)

    def _listen(self) -> None:
        signals, jobs = self.bench.session.signals, self.bench.jobs
        for signal in (signals.runs, signals.shown, signals.draft, signals.look, signals.results):
            self._hear(signal, self._later)
        self._hear(signals.kept, self._later)
        self._hear(signals.notice, self._noticed)
        self._hear(signals.answered, self.notices.withdraw)
        self._hear(jobs.changed, self._job_changed)

    def _hear(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        signal.connect(slot)
        self._heard.append((signal, slot))

    def _later(self, *_what: object) -> None:
        self._soon.start(0)

    def _noticed(self, text: str) -> None:
        self.tell(text)

    def _job_changed(self, job: Job) -> None:
        if job.state == "failed":
            self.tell(f"{job.name}: {job.error}", "error")
        elif job.state == "cancelled":
            self.tell(f"{job.name}: cancelled; nothing of it was kept")
        if not job.running:
            self._later()


def _column_of_pages() -> tuple[QWidget, QVBoxLayout]:
    inside = QWidget()
    # as wide as the dock, whatever a page would like: a word that is cut is seen and mended
    inside.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    column = QVBoxLayout(inside)
    column.setContentsMargins(0, 0, 0, 0)
    return inside, column
