"""Step 5: warnings and where to see them, numbers, what is not known, and the sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fluoroinject.rendering import statement
from napari_fluoroinject.rendering.palette import RUN_OFF, SEVERITY
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.evidence import WHOLE_LOOP, evidence
from napari_fluoroinject.viewer.pages.flags import FlagBox
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.parts import (
    SHAPES,
    Card,
    button,
    clear,
    heading,
    said,
    tell,
)
from napari_fluoroinject.viewer.pages.sign_off import SignOffBox
from napari_fluoroinject.viewer.seen import not_analysed
from napari_fluoroinject.viewer.told import (
    lengths,
    measures,
    numbers,
    report_text,
    reviewed,
    vascular,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.report import Finding, Report
    from napari_fluoroinject.rendering.statement import Row
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.evidence import Spot


class ReviewPage(Page):
    """Shows the report of what is said now, and nothing of what was said before."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._shown: Report | None = None
        self.cards: list[WarningCard] = []
        self._missing = said("State of the analysis")
        self.analyse = button(
            "Analyse", "Analyse the run with what is said now", self._analyse, large=True
        )
        self._body = QVBoxLayout()
        self._body.setSpacing(6)
        self.flags = FlagBox(bench)
        self.sign_off = SignOffBox(bench)
        self.copy = button("Copy as text", "Put the whole report on the clipboard", self._copy)
        self.column.addWidget(self._missing)
        self.column.addWidget(self.analyse)
        self.column.addLayout(self._body)
        self.column.addWidget(self.flags)
        self.column.addWidget(self.sign_off)
        self.column.addWidget(self.copy)
        self.column.addStretch(1)
        signals = bench.session.signals
        for signal in (signals.shown, signals.draft, signals.results):
            self.listen(signal, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the report, or why there is none."""
        session = self.bench.session
        report = session.report
        none = "Open a run first." if session.run is None else "\n".join(not_analysed(session))
        tell(self._missing, "" if report is not None else none)
        self.analyse.setVisible(report is None)
        self.analyse.setEnabled(session.run is not None)
        self.copy.setVisible(report is not None)
        if report is not self._shown:
            self._shown = report
            self._fill(report)
        self.flags.refresh()
        self.sign_off.refresh()

    def _fill(self, report: Report | None) -> None:
        clear(self._body)
        self.cards = []
        if report is None:
            return
        self._body.addWidget(_verdict(report))
        if report.findings:
            self._body.addWidget(heading("Warnings"))
        found = {(one.id.replace("_", " "), one.text): one for one in report.findings}
        for notice in statement.notices(report):
            card = WarningCard(self.bench, report, found[notice.name, notice.text])
            self.cards.append(card)
            self._body.addWidget(card)
        self._body.addWidget(_vascular(report))
        self._add_rows("Measured", numbers(report))
        self._body.addWidget(_quiet("Basis of lengths", lengths(report)))
        self._add_rows("For the procedure", measures(report))
        self._add("Of the expected spread", (one.text for one in report.expected))
        self._add("Not known, not judged", statement.unknowns(report))
        self._add("Reminders", report.reminders)
        self._add("How it was made", (statement.made_by(report), reviewed(report)))

    def _add(self, name: str, lines: Iterable[str]) -> None:
        texts = list(lines)
        if texts:
            self._body.addWidget(heading(name))
        for text in texts:
            label = said(name)
            label.setText(text)
            self._body.addWidget(label)

    def _add_rows(self, name: str, rows: tuple[Row, ...]) -> None:
        if rows:
            self._body.addWidget(heading(name))
        for one in rows:
            self._body.addWidget(_number(one))

    def _analyse(self) -> None:
        if (run := self.bench.session.run) is not None:
            works.analyze(self.bench, run)

    def _copy(self) -> None:
        board = QGuiApplication.clipboard()
        if self._shown is not None and board is not None:
            board.setText(report_text(self._shown, self.bench.session.annotation))


class WarningCard(Card):
    """One warning: shape, word and colour of its severity, its text, and where to see it."""

    def __init__(self, bench: Bench, report: Report, finding: Finding) -> None:
        super().__init__(SEVERITY[finding.severity])
        self._bench = bench
        self._spot: Spot | None = evidence(report, finding)
        name = finding.id.replace("_", " ")
        when = "" if finding.frames is None else f" · {statement.span(report, finding.frames)}"
        self.head.setText(f"{SHAPES[finding.severity]} {finding.severity.upper()} · {name}{when}")
        self.add(finding.text)
        if self._spot is None:
            self.add(WHOLE_LOOP, quiet=True)
            return
        where = f"{statement.moment(report, self._spot.frame)}: {self._spot.what}"
        self.show_it = button("Show where", f"Go to {where}", self._point)
        self.show_it.setAccessibleName(f"Show where: {name}, {where}")
        self.add(f"To be seen in {where}.", quiet=True)
        self.add_buttons((self.show_it,))

    def _point(self) -> None:
        if self._spot is not None:
            self._bench.tools.point_at(self._spot.frame, self._spot.points_px)


def _verdict(report: Report) -> Card:
    severity, text = statement.verdict(report)
    card = Card(SEVERITY["info" if severity is None else severity])
    shape = SHAPES["info" if severity is None else severity]
    card.head.setText(f"{shape} {text}")
    card.add(f"{statement.title(report)}\n{statement.subtitle(report)}", quiet=True)
    return card


def _vascular(report: Report) -> Card:
    card = Card(RUN_OFF)
    card.head.setText("Search for vascular uptake")
    for line in vascular(report):
        card.add(line)
    return card


def _number(one: Row) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 2)
    column.setSpacing(0)
    first = said(one.label)
    first.setText(f"{one.label}: {one.value}")
    column.addWidget(first)
    if one.note:
        column.addWidget(_quiet(f"About {one.label}", one.note))
    return box


def _quiet(name: str, text: str) -> QWidget:
    label = said(name, quiet=True)
    label.setText(text)
    return label
