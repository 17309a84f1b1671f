"""Which view each run of the study shows, and which views nobody has taken."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from napari_fluoroinject.analysis.study_rules import missing_views
from napari_fluoroinject.viewer.describe import view_words
from napari_fluoroinject.viewer.landmarks import view_of
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import Sentence, choice
from napari_fluoroinject.viewer.planning import with_view

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.run import Run


class RunViews(Page):
    """A line for each run of the study that is shown."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.missing = Sentence(name="views that are missing")
        self.boxes: dict[str, QComboBox] = {}
        self._room = QWidget()
        self._grid = QGridLayout(self._room)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(self._room)
        self.column.addWidget(self.missing)
        self._rows: tuple[object, ...] = ()
        signals = bench.session.signals
        for signal in (signals.draft, signals.shown, signals.runs):
            self.listen(signal, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show runs and views as they are now."""
        session, runs = self.bench.session, self._runs()
        names = tuple(view.name for view in session.procedure.views)
        rows = (names, *((run.uid, run.name) for run in runs))
        if rows != self._rows:
            self._rows = rows
            self._build(runs, names)
        for run in runs:
            said = session.draft.marked(run.uid).annotation.view
            box = self.boxes[run.uid]
            box.setCurrentIndex(max(box.findText(said), 0) if said else 0)
            box.setEnabled(bool(names))
            told = view_of(session, run) if said is None else None
            how = f"by its angle: {told}" if told else f"not known ({view_words(run.loop.view)})"
            box.setItemText(0, how if names else view_words(run.loop.view))
        self.missing.say(self._says(runs))

    def _says(self, runs: tuple[Run, ...]) -> str:
        session = self.bench.session
        if not session.procedure.views:
            return "Choose a procedure: it says which views are needed."
        found = missing_views(session.procedure, [view_of(session, run) for run in runs])
        lines = [f"\N{WHITE CIRCLE} View {name} is missing." for name in found.missing]
        lines += [f"{why[:1].upper()}{why[1:]}." for why in found.reasons]
        return "\n".join(lines) or "\N{BLACK CIRCLE} Every needed view is there."

    def _build(self, runs: tuple[Run, ...], names: tuple[str, ...]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.boxes = {}
        for row, run in enumerate(runs):
            box = choice(
                f"View of {run.name}",
                f"View that {run.name} shows; the first entry leaves it to the angle",
            )
            box.addItems(["", *names])
            box.activated.connect(partial(self._take, run.uid))
            self.boxes[run.uid] = box
            self._grid.addWidget(QLabel(run.name), row, 0)
            self._grid.addWidget(box, row, 1)

    def _take(self, uid: str, index: int) -> None:
        session = self.bench.session
        view = self.boxes[uid].itemText(index) if index else None
        session.change("say which view a run shows", with_view(session.draft, uid, view))

    def _runs(self) -> tuple[Run, ...]:
        shown = self.bench.session.run
        if shown is None:
            return ()
        return tuple(r for r in self.bench.session.runs if r.study_uid == shown.study_uid)
