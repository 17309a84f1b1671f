"""Step 4: mask frames, motion, the analysis, its maps, and what could not be assessed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QProgressBar

from napari_fluoroinject.rendering import statement
from napari_fluoroinject.rendering.palette import SEVERITY
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.pages.mask_choice import MaskChoice
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.parts import SHAPES, Card, button, heading, row, said, tell
from napari_fluoroinject.viewer.seen import (
    MAPS,
    assessable_said,
    map_missing,
    map_said,
    motion_said,
    onset_said,
    opacity_said,
)

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.viewer.bench import Bench, MapKind
    from napari_fluoroinject.viewer.jobs import Job

_BASIC = "Motion is always corrected before opacity is measured."


class ContrastPage(Page):
    """Has the run subtracted and analysed, and shows how far that can be relied on."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._job: Job | None = None
        self.late = Card(SEVERITY["high"])
        self.late.head.setText(f"{SHAPES['high']} Out of date")
        self.late.add("Something was changed since the analysis: maps and numbers are of before.")
        self.again = button("Analyse again", "Analyse with what is said now", self.analyse)
        self.late.add_buttons((self.again,))
        self.masks = MaskChoice(bench)
        self._motion = said("Residual motion")
        self._device = said("Device", quiet=True)
        self._make_work()
        self._make_maps()
        self.unfit = Card(SEVERITY["info"])
        self.unfit.head.setText("What could be assessed")
        self._unfit = self.unfit.add("")
        self._lay_out()
        signals = bench.session.signals
        for signal in (signals.shown, signals.draft, signals.look, signals.results):
            self.listen(signal, self.refresh)
        self.listen(bench.jobs.changed, self._on_job)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        session = self.bench.session
        self.late.setVisible(session.out_of_date)
        self.masks.refresh()
        tell(self._motion, "\n".join(self._followed()))
        analysed, made = session.analysed, session.subtracted
        by = analysed.report if analysed is not None else made
        wish = self.bench.settings.defaults.on
        tell(self._device, f"Device: {statement.made_by(by) if by else f'{wish} (setting)'}.")
        for one in (self.subtract_button, self.analyse_button):
            one.setEnabled(session.run is not None)
        report = None if analysed is None else analysed.report
        self.unfit.setVisible(report is not None)
        tell(self._unfit, "" if report is None else "\n".join(_assessed(report)))
        self._show_maps(report)
        self._show_job()

    def subtract(self) -> None:
        """Subtract the mask frames from the run."""
        if (run := self.bench.session.run) is not None:
            self._job = works.subtract(self.bench, run)
            self.refresh()

    def analyse(self) -> None:
        """Analyse the run with what is said of it."""
        if (run := self.bench.session.run) is not None:
            self._job = works.analyze(self.bench, run)
            self.refresh()

    def _followed(self) -> list[str]:
        session = self.bench.session
        run, look, made = session.run, session.look, session.subtracted
        if run is None:
            return ["Open a run first."]
        motion = session.motion_of(run.uid)
        lines = [_BASIC]
        if motion is None:
            lines.append("The picture is being followed: residual motion is not known yet.")
        else:
            injection = session.analysed.report.injection if session.analysed else None
            injection = injection or (look.injection if look is not None else None)
            lines += [onset_said(injection.onset_frame)] if injection is not None else []
            lines.append(motion_said(motion))
        if made is not None:
            lines.append(f"Subtracted: {made.told()}; {made.moved()}.")
        return lines

    def _show_maps(self, report: Report | None) -> None:
        kind = self.bench.tools.map_kind
        for one, shown in self.maps.items():
            why = map_missing(report, one)
            shown.setEnabled(not why)
            shown.setToolTip(f"Not there: {why}" if why else f"Show over the picture: {MAPS[one]}")
            shown.setChecked(one == kind)
        missing = map_missing(report, "arrival")
        tell(self._map, map_said(report, kind) or (f"Maps: {missing}." if missing else ""))

    def _show_map(self, kind: MapKind) -> None:
        self.bench.tools.show_map(kind)
        analysed = self.bench.session.analysed
        self._show_maps(None if analysed is None else analysed.report)

    def _on_job(self, job: Job) -> None:
        if job is self._job:
            self._show_job()

    def _show_job(self) -> None:
        job = self._job
        running = job is not None and job.running
        self.progress.setVisible(running)
        self.cancel.setVisible(running)
        if job is None:
            tell(self._work, "")
        elif running:
            self.progress.setValue(round(100 * job.fraction))
            step = "ending at its next step" if job.cancelled else job.step or job.state
            tell(self._work, f"{job.name}: {step}.")
        else:
            failed = f"{job.name} failed: {job.error}" if job.state == "failed" else ""
            tell(self._work, f"{job.name}: cancelled." if job.state == "cancelled" else failed)

    def _end(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._show_job()

    def _make_work(self) -> None:
        self.subtract_button = button(
            "Subtract", "Show the run less its mask frames (quick)", self.subtract, large=True
        )
        self.analyse_button = button(
            "Analyse", "Measure needle, contrast and run-off in the run", self.analyse, large=True
        )
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        self.progress.setToolTip("How much of the work is done")
        self.progress.setAccessibleName("Progress of the work")
        self.cancel = button("Cancel", "End the work at its next step; nothing is kept", self._end)
        self._work = said("Work")

    def _make_maps(self) -> None:
        self.maps = {
            kind: button(text, text, partial(self._show_map, kind)) for kind, text in MAPS.items()
        }
        for kind, one in self.maps.items():
            one.setCheckable(True)
            one.setAccessibleName(f"Map: {MAPS[kind]}")
        self._map = said("Map", quiet=True)

    def _lay_out(self) -> None:
        self.column.addWidget(self.late)
        self.column.addWidget(heading("Mask frames"))
        self.column.addWidget(self.masks)
        self.column.addWidget(heading("Motion correction"))
        self.column.addWidget(self._motion)
        self.column.addLayout(row(self.subtract_button, self.analyse_button))
        self.column.addWidget(self.progress)
        self.column.addWidget(self._work)
        self.column.addWidget(self.cancel)
        self.column.addWidget(self._device)
        self.column.addWidget(heading("Map over the picture"))
        grid = QGridLayout()
        grid.setSpacing(6)
        for number, one in enumerate(self.maps.values()):
            grid.addWidget(one, number // 3, number % 3)
        self.column.addLayout(grid)
        self.column.addWidget(self._map)
        self.column.addWidget(self.unfit)
        self.column.addStretch(1)


def _assessed(report: Report) -> list[str]:
    reasons = (f"· {one[:1].upper()}{one[1:]}" for one in report.assessable.reasons)
    return [assessable_said(report), opacity_said(report), *reasons]
