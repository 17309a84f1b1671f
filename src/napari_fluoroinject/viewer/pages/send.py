"""Step 6: which objects are written, where they go, and what came back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_fluoroinject.dicom.outputs import EXTRAS
from napari_fluoroinject.model.annotation import annotation_text
from napari_fluoroinject.model.sign_off import sign_off_text
from napari_fluoroinject.spool.disk import write_whole
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.objects import (
    EXTRA_NAMES,
    name_of,
    objects_of,
    why_not_sent,
    why_not_written,
)
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import JobLine, Sentence, button
from napari_fluoroinject.viewer.pages.send_lists import ObjectList, ReceiptList
from napari_fluoroinject.viewer.tips import plain_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.outputs import Extra
    from napari_fluoroinject.model.annotation import SignOff
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job
    from napari_fluoroinject.viewer.outcome import Kept


class SendPage(Page):
    """Writes results to disk, then sends what is ticked; nothing is sent that is out of date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._listed: Kept | None = None
        self.state = Sentence(name="State of the results")
        self.signed = Sentence(name="Sign-off")
        self.extras = self._extras()
        self.write = button(
            "Write results",
            "Write all objects into the results folder of this computer",
            self.keep,
        )
        self.where = Sentence(name="Where the results are")
        self.marks = button(
            "Save marks as JSON...",
            "Save what was marked and planned in this run, for fluoroinject analyze --annotation",
            self._choose_marks,
        )
        self.marks_said = Sentence(name="Where the marks are")
        self.objects = ObjectList()
        self.destination = self._destination()
        self.send = button("Send", "Send the ticked objects to the destination", self.send_ticked)
        self.why = Sentence(name="Why nothing can be sent")
        self.line = JobLine()
        self.receipts = ReceiptList()
        self.failures = Sentence(name="What was not kept, and why")
        self.again = button(
            "Send again", "Send what was not kept to the destination once more", self.send_again
        )
        self._lay_out()
        signals = bench.session.signals
        for signal in (signals.shown, signals.draft, signals.results, signals.kept):
            self.listen(signal, self.refresh)
        self.listen(bench.jobs.changed, self._job_changed)
        self.destination.editTextChanged.connect(self._enable)
        self.objects.itemChanged.connect(self._enable)
        self.refresh()

    def keep(self) -> None:
        """Write the results of the shown run."""
        run = self.bench.session.run
        if run is not None:
            also = frozenset(name for name, box in self.extras.items() if box.isChecked())
            self.line.follow(works.keep(self.bench, run, also=also))
            self._job_changed(self.line.job)

    def send_ticked(self) -> None:
        """Send what is ticked."""
        self._send(self.objects.ticked)

    def send_again(self) -> None:
        """Send what the destination did not keep once more."""
        kept = self.bench.session.kept
        if kept is not None:
            failed = {Path(name) for name, _ in kept.failures}
            self._send([path for path in kept.files if path in failed])

    def save_marks_as(self, path: Path) -> None:
        """Write what an analysis of the shown run is given, sign-off included, as JSON.

        Parameters
        ----------
        path
            Where; `.json` is added where it has no ending.
        """
        whole = path if path.suffix else path.with_suffix(".json")
        try:
            write_whole(whole, annotation_text(self.bench.session.annotation).encode())
        except OSError as error:
            self.marks_said.say(
                f"{whole.name} could not be written: {error.strerror}. Choose a folder that can "
                "be written to, with room on the disk."
            )
            return
        self.marks_said.say(
            f"The marks are in {whole.name}: fluoroinject analyze with --annotation takes them."
        )

    def refresh(self) -> None:
        """Show the session as it is."""
        session = self.bench.session
        run, kept = session.run, session.kept
        reason = "No run is open." if run is None else why_not_written(session, run)
        self.state.say(reason or "The analysis is up to date.")
        self.marks.setEnabled(run is not None)
        self.signed.say("" if run is None else _signed(session.annotation.sign_off))
        self.where.say("" if kept is None else _where(kept))
        self.where.setToolTip("" if kept is None else plain_tip(str(kept.folder)))
        self._list(kept)
        self._enable()

    def _list(self, kept: Kept | None) -> None:
        listed, self._listed = self._listed, kept
        if listed is None or kept is None or listed.files != kept.files:
            self.objects.put(() if kept is None else objects_of(kept))
        names = {one.sop_instance_uid: one.name for one in self.objects.listed}
        self.receipts.put(kept, names)
        failures = () if kept is None else kept.failures
        reasons: dict[str, list[str]] = {}
        for name, why in failures:
            reasons.setdefault(why, []).append(name_of(Path(name)))
        told = (f"Not kept: {', '.join(names)}. {why}" for why, names in reasons.items())
        self.failures.say("\n".join(told))
        self.again.setVisible(bool(failures))

    def _send(self, files: Sequence[Path]) -> None:
        run, destination = self.bench.session.run, self.destination.currentText().strip()
        if run is not None and files and destination:
            self.objects.sending(files)
            self.line.follow(works.send(self.bench, run, tuple(files), destination))
            self._job_changed(self.line.job)

    def _job_changed(self, job: Job | None) -> None:
        if job is None:
            return
        self.line.changed(job)
        if job is self.line.job:
            self.objects.answered(job.step)
            if not job.running:
                self.objects.sending(())
            self._enable(said=job.error)

    def _enable(self, *_changed: object, said: str = "") -> None:
        """Buttons that can be used now, and beside one that cannot the reason."""
        session, busy = self.bench.session, self.line.busy
        run = session.run
        first = "No run is open." if run is None else why_not_written(session, run)
        self.write.setEnabled(not first and not busy)
        reason = first if run is None else why_not_sent(session, run)
        missing = reason or self._missing()
        self.send.setEnabled(not missing and not busy)
        self.again.setEnabled(
            not (reason or busy) and bool(self.destination.currentText().strip())
        )
        told = "" if missing == first else missing  # that is said above
        self.why.say(said or told)

    def _missing(self) -> str:
        if not self.objects.ticked:
            return "No object is ticked."
        if not self.destination.currentText().strip():
            return "No destination: choose one, or write a folder or a URL."
        return ""

    def _extras(self) -> dict[Extra, QCheckBox]:
        of_site = self.bench.settings.defaults.also.split()
        boxes = {}
        for name, words in EXTRA_NAMES.items():
            box = QCheckBox(words)
            box.setToolTip(EXTRAS[name])
            box.setAccessibleName(f"Also write: {words}")
            if name in of_site or "all" in of_site:
                box.setChecked(True)
                box.setEnabled(False)
                box.setToolTip(f"{EXTRAS[name]} (always written here: the settings say so)")
            boxes[name] = box
        return boxes

    def _destination(self) -> QComboBox:
        box = QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.addItems(list(self.bench.settings.endpoints))
        box.setCurrentIndex(-1)
        line = box.lineEdit()
        if line is not None:
            line.setPlaceholderText("name, folder or URL")
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        box.setToolTip(
            "An endpoint of the settings, a folder, or a URL (pacs://, dicomweb+https://)"
        )
        box.setAccessibleName("Destination")
        return box

    def _choose_marks(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save marks", "marks.json", "JSON (*.json)")
        if path:
            self.save_marks_as(Path(path))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.destination.setEditText(folder)

    def _lay_out(self) -> None:
        group = QGroupBox("Also write")
        column = QVBoxLayout(group)
        for box in self.extras.values():
            column.addWidget(box)
        folder = button("Folder...", "Choose a folder as the destination", self._choose_folder)
        row = QHBoxLayout()
        to = QLabel("Send to")
        to.setBuddy(self.destination)
        row.addWidget(to)
        row.addWidget(self.destination, 1)
        row.addWidget(folder)
        above: tuple[QWidget, ...] = (
            *(self.state, self.signed, group, self.write, self.where),
            *(self.marks, self.marks_said),
        )
        below: tuple[QWidget, ...] = (self.send, self.why, self.line, self.receipts)
        for widget in (*above, self.objects):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        for widget in (*below, self.failures, self.again):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.column.setAlignment(Qt.AlignmentFlag.AlignTop)


def _signed(sign_off: SignOff | None) -> str:
    told = sign_off_text(sign_off)
    return told if sign_off is not None else f"{told} The report says so, too."


def _where(kept: Kept) -> str:
    """The folder in which results are kept, which may wrap at each of its parts."""
    parts = str(kept.folder.parent).replace("/", "/\N{ZERO WIDTH SPACE}")
    return (
        f"{len(kept.files)} objects are written, in {parts}\n"
        "Sending replaces nothing: what a destination got of other marks stays there beside these."
    )
