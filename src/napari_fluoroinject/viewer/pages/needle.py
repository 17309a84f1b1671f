"""Step 3: needle, target, and the landmarks that the procedure asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.marked import (
    FOLLOWING,
    NOT_FOLLOWED,
    needle_angle,
    needle_said,
    target_said,
    tip_to_target,
)
from napari_fluoroinject.viewer.pages.landmark_list import LandmarkList
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.parts import button, heading, row, said, tell
from napari_fluoroinject.viewer.pages.proposal import Proposal

if TYPE_CHECKING:
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_fluoroinject.viewer.bench import Bench

_ARMED_EVERY_MS = 200
"""The keys N and G arm a tool, too, and the picture disarms it: nobody tells."""


class NeedlePage(Page):
    """Two clicks for the needle, one for the target, and one box for each landmark."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.following = said("State of the first look", quiet=True)
        self.look_button = button(
            "Follow the picture",
            "Measure the motion of the anatomy, and look for a needle",
            self.look_again,
        )
        self.proposal = Proposal(bench)
        self.landmarks = LandmarkList(bench)
        self._make_tools()
        self._needle, self._target = said("Needle"), said("Target")
        self._numbers = said("Distance and angle")
        self._gauge = said("Gauge", quiet=True)
        self._lay_out()
        self._armed = QTimer(self)
        self._armed.setInterval(_ARMED_EVERY_MS)
        self._armed.timeout.connect(self.show_armed)
        signals = bench.session.signals
        for signal in (signals.shown, signals.draft, signals.look, signals.results):
            self.listen(signal, self.refresh)
        self.listen(bench.jobs.changed, self._show_following)
        self.refresh()

    def refresh(self) -> None:
        """Show what is said now."""
        session = self.bench.session
        run, annotation = session.run, session.annotation
        self._show_following()
        tell(self._needle, "".join(needle_said(session)) if run else "Open a run first.")
        tell(self._target, "".join(target_said(session)) if run else "")
        for one in (self.needle, self.target):
            one.setEnabled(run is not None)
        self.remove_needle.setEnabled(annotation.needle is not None)
        self.remove_target.setEnabled(annotation.target_px is not None)
        apart, angle = tip_to_target(session), needle_angle(session)
        numbers = [f"Tip to target: {apart}"] if apart else []
        tell(self._numbers, "\n".join([*numbers, *([f"Needle angle: {angle}"] if angle else [])]))
        tell(self._gauge, _gauge(annotation.gauge))
        self.proposal.refresh()
        self.landmarks.refresh()
        self.show_armed()

    def look_again(self) -> None:
        """Follow the picture and look for a needle, where no look came of it yet."""
        if (run := self.bench.session.run) is not None:
            works.look_at(self.bench, run)
            self._show_following()

    def accept(self) -> None:
        """Accept what is proposed."""
        self.proposal.take()

    def show_armed(self) -> None:
        """Show which tool the next click is for."""
        armed = self.bench.tools.armed
        self.needle.setChecked(armed == "needle")
        self.target.setChecked(armed == "target")
        self.landmarks.show_armed()

    def release(self) -> None:
        """Hear nothing more, and look no more at what is armed."""
        self._armed.stop()
        super().release()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Look at what is armed as long as it is seen."""
        super().showEvent(event)
        self.show_armed()
        self._armed.start()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Look no more."""
        self._armed.stop()
        super().hideEvent(event)

    def _show_following(self, _job: object = None) -> None:
        """Say whether marks are moved with the anatomy, as long as they are not."""
        session = self.bench.session
        run = session.run
        if run is None or session.motion_of(run.uid) is not None:
            told, looking = "", True
        else:
            looking = any(one.name == f"Look at {run.name}" for one in self.bench.jobs.running)
            told = FOLLOWING if looking else NOT_FOLLOWED
        tell(self.following, told)
        self.look_button.setVisible(not looking)

    def _make_tools(self) -> None:
        self.needle = button(
            "Needle: 2 clicks (N)",
            "Click the hub, then the tip (N); again: no more",
            lambda: self._arm("needle"),
            large=True,
        )
        self.target = button(
            "Target: 1 click (G)",
            "Click where the tip belongs (G); again: no more",
            lambda: self._arm("target"),
            large=True,
        )
        for one in (self.needle, self.target):
            one.setCheckable(True)
        session = self.bench.session
        self.remove_needle = button(
            "Remove needle", "Take the needle away", lambda: session.place_needle(None)
        )
        self.remove_target = button(
            "Remove target", "Take the target away", lambda: session.place_target(None)
        )

    def _lay_out(self) -> None:
        self.column.addWidget(heading("Needle and target"))
        self.column.addWidget(self.following)
        self.column.addWidget(self.look_button)
        self.column.addWidget(self.proposal)
        self.column.addLayout(row(self.needle, self.target))
        for one in (self._needle, self._target, self._numbers, self._gauge):
            self.column.addWidget(one)
        self.column.addLayout(row(self.remove_needle, self.remove_target))
        self.column.addWidget(heading("Landmarks"))
        self.column.addWidget(self.landmarks)
        self.column.addStretch(1)

    def _arm(self, tool: str) -> None:
        tools = self.bench.tools
        tools.arm(None if tools.armed == tool else tool)
        self.show_armed()


def _gauge(gauge: int | None) -> str:
    if gauge is None:
        return "Gauge: not said (step 2)."
    return f"Gauge: {gauge} G, as said in step 2."
