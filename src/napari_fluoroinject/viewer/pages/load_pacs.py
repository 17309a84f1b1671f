"""The tab that finds runs at a PACS and fetches them."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QTreeWidgetItem,
)

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.viewer.opening import RETRIEVED, open_sources
from napari_fluoroinject.viewer.pacs_query import (
    WANTED,
    Filters,
    RunRow,
    StudyRow,
    advice,
    days_back,
    fault,
    find_studies,
    find_study_runs,
    origin_of,
)
from napari_fluoroinject.viewer.pages.load_table import StudyTable
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.preview import Preview
from napari_fluoroinject.viewer.pages.said import JobLine, Sentence, button, choice
from napari_fluoroinject.viewer.retrieval import Retrieval
from napari_fluoroinject.viewer.waiting import patiently

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job, Progress


class PacsTab(Page):
    """Find, look at, retrieve and open runs of a PACS; the screen waits for nothing of it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.endpoint = self._endpoints()
        self._fields = {
            "patient_id": _field("Patient ID", "whole, or with * for the rest"),
            "name": _field("Patient name", "family name first, or its beginning"),
            "accession": _field("Accession number", "of the request"),
            "first_day": _field("From day", "YYYY-MM-DD"),
            "last_day": _field("To day", "YYYY-MM-DD"),
        }
        self.modality = choice("Modality", "Modality of the studies that are asked for")
        self.modality.addItems(list(WANTED))
        self.find_button = button("Find", "Ask the PACS for studies", self.ask)
        self.line = JobLine()
        self.said = Sentence(name="what the PACS answered")
        self.table = StudyTable()
        self.table.itemExpanded.connect(self.ask_runs)
        self.table.itemSelectionChanged.connect(self._picked)
        self.retrieve = button(
            "Retrieve and open", "Fetch the selected runs, or all of a study", self.fetch
        )
        self.open_came = button("Open what came", "Open the runs that are here", self._open)
        self.preview = Preview(bench)
        self._retrieval: Retrieval | None = None
        self._fetching: Job | None = None
        self._lay_out()
        self.listen(bench.jobs.changed, self._on_job)

    def release(self) -> None:
        """Hear nothing more, and wait for nobody."""
        self.line.cancel()
        self.preview.release()
        super().release()

    @property
    def filters(self) -> Filters:
        """What was typed."""
        typed = {key: field.text().strip() for key, field in self._fields.items()}
        return Filters(**typed, modality=WANTED[self.modality.currentIndex()])

    def ask(self) -> None:
        """Ask for studies."""
        endpoint, filters = self._named(), self.filters
        wrong = (
            fault(filters)
            if endpoint
            else (
                "No PACS is named: choose one of the settings, or write its address, such as "
                "pacs://FLUOROINJECT:ARCHIVE@192.0.2.1:104 or dicomweb+https://host/dicom-web."
            )
        )
        if wrong or self.line.busy:
            self.said.say(wrong or "Still asking: cancel that first.")
            return
        self.table.clear()
        self.said.say("")
        settings = self.bench.settings

        def work(tell: Progress) -> tuple[StudyRow, ...] | str:
            try:
                return patiently(
                    lambda _note: find_studies(endpoint, filters, settings),
                    tell,
                    step="waiting for the answer",
                )
            except FluoroinjectError as error:
                return advice(error, endpoint)

        self._start("find studies", work, self._show_studies)

    def ask_runs(self, item: QTreeWidgetItem) -> None:
        """Ask for the runs of the study that was unfolded, once."""
        study = self.table.unasked(item)
        if study is None:
            return
        if self.line.busy:
            item.setExpanded(False)
            self.said.say("Still asking: wait for the answer, or cancel.")
            return
        endpoint, settings = self._named(), self.bench.settings

        def work(tell: Progress) -> tuple[RunRow, ...] | str:
            try:
                return patiently(
                    lambda _note: find_study_runs(endpoint, study.uid, settings),
                    tell,
                    step="waiting for the runs",
                )
            except FluoroinjectError as error:
                return advice(error, endpoint)

        self._start("find runs", work, lambda rows: self._show_runs(study.uid, rows))

    def fetch(self) -> None:
        """Fetch the selected runs; of a selected study all of its runs."""
        if self.line.busy:
            self.said.say("Still at work: cancel that first.")
            return
        rows = self.table.chosen()
        if not rows:
            self.said.say(
                "Unfold the study first: its runs are not known yet."
                if self.table.chosen_unasked()
                else "Nothing is selected: unfold a study and select one or more runs."
            )
            return
        endpoint = self._named()
        retrieval = Retrieval(endpoint=endpoint, rows=rows, folder=self.bench.results / RETRIEVED)
        self._retrieval = retrieval
        self.open_came.hide()
        self._fetching = self.bench.jobs.start(
            f"retrieve {len(rows)} run{'s' * (len(rows) != 1)}",
            lambda tell: retrieval.work(self.bench.settings, tell),
            self._fetched,
            failed=self._stopped,
        )
        self.line.follow(self._fetching)

    def _fetched(self, retrieval: Retrieval) -> None:
        self.said.say(retrieval.says)
        if retrieval.came:
            self._open()

    def _stopped(self, why: str) -> None:
        came = 0 if self._retrieval is None else len(self._retrieval.came)
        self.said.say(f"{why}. {came} object{'s' * (came != 1)} came before that and are kept.")
        self.open_came.setVisible(bool(came))

    def _open(self) -> None:
        if self._retrieval is not None:
            self.open_came.hide()
            files = [str(path) for path in dict.fromkeys(self._retrieval.came)]
            open_sources(self.bench, files, origin=origin_of(self._retrieval.endpoint))

    def _on_job(self, job: Job) -> None:
        self.line.changed(job)
        if job is self._fetching and job.state == "cancelled":
            self._stopped("Cancelled")

    def _start(self, name: str, work: object, done: object) -> None:
        started = self.bench.jobs.start(name, work, done, failed=self.said.say)  # type: ignore[arg-type] # checked where they are written
        self.line.follow(started)

    def _show_studies(self, found: tuple[StudyRow, ...] | str) -> None:
        if isinstance(found, str):
            self.said.say(found)
            return
        self.table.put_studies(found)
        self.said.say(
            f"{len(found)} {'study' if len(found) == 1 else 'studies'}. Unfold to see the runs."
            if found
            else "No study matches: check the spelling, take away a filter, or give more days."
        )
        self.table.unfold_only()

    def _show_runs(self, study_uid: str, found: tuple[RunRow, ...] | str) -> None:
        if isinstance(found, str):
            self.said.say(found)
        self.table.put_runs(study_uid, None if isinstance(found, str) else found)

    def _picked(self) -> None:
        rows = self.table.chosen()
        self.preview.offer(self._named(), rows[0] if len(rows) == 1 else None)

    def _named(self) -> str:
        return self.endpoint.currentText().strip()

    def _set_days(self, days: int | None) -> None:
        first, last = ("", "") if days is None else days_back(days, today=date.today())
        self._fields["first_day"].setText(first)
        self._fields["last_day"].setText(last)

    def _endpoints(self) -> QComboBox:
        made = choice(
            "PACS", "An endpoint of the settings, or its address (pacs://, dicomweb+https://)"
        )
        made.setEditable(True)
        made.addItems(sorted(self.bench.settings.endpoints))
        typed = made.lineEdit()
        if typed is not None:  # of the list itself it would be a least width
            typed.setPlaceholderText("name, or pacs://OURS:THEIRS@host:port")
        return made

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("PACS", self.endpoint)
        for key, words in (("patient_id", "ID"), ("name", "Name"), ("accession", "Accession")):
            form.addRow(words, self._fields[key])
            self._fields[key].returnPressed.connect(self.ask)
        days = QHBoxLayout()
        days.addWidget(self._fields["first_day"])
        days.addWidget(self._fields["last_day"])
        form.addRow("Days", days)
        quick = QHBoxLayout()
        for words, count, tip in (
            ("Today", 1, "Studies of today"),
            ("7 days", 7, "Studies of the last seven days"),
            ("Any", None, "Studies of any day"),
        ):
            quick.addWidget(button(words, tip, partial(self._set_days, count)))
        form.addRow(quick)
        form.addRow("Modality", self.modality)
        self.column.addLayout(form)
        for widget in (self.find_button, self.line, self.said, self.table, self.preview):
            self.column.addWidget(widget)
        self.column.addWidget(self.retrieve)
        self.column.addWidget(self.open_came)
        self.open_came.hide()


def _field(name: str, hint: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(hint)
    made.setToolTip(f"{name}: {hint}")
    made.setAccessibleName(name)
    return made
