"""What the worklist says of the study, shown before it is applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout

from napari_fluoroinject import procedures
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import JobLine, Sentence, button
from napari_fluoroinject.viewer.planning import with_procedure
from napari_fluoroinject.viewer.prefill import Prefill, prefill

if TYPE_CHECKING:
    from napari_fluoroinject.decide import Decision
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Progress


class FromWorklist(Page):
    """Asks, shows what would be set and on what basis, and sets it when told to."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.ask_button = button(
            "From worklist", "Ask the worklist for this study's procedure", self.ask
        )
        self.line = JobLine()
        self.said = Sentence(name="what the worklist says")
        self.apply_button = button("Apply", "Set what the worklist says", self.apply)
        self.discard_button = button("Discard", "Set nothing", self.discard)
        self._found: tuple[str, Decision] | None = None
        row = QHBoxLayout()
        row.addWidget(self.apply_button)
        row.addWidget(self.discard_button)
        self.column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.ask_button, self.line, self.said):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        self.setVisible(bench.settings.service.worklist is not None)
        self.discard()
        self.listen(bench.jobs.changed, self.line.changed)
        self.listen(bench.session.signals.shown, self.discard)

    def ask(self) -> None:
        """Ask for the study that is shown."""
        run = self.bench.session.run
        if run is None or not run.files or self.line.busy:
            self.said.say("Open a run first." if run is None else self.said.text())
            return
        self.discard()
        file, study, settings = run.files[0], run.study_uid, self.bench.settings

        def work(tell: Progress) -> Prefill:
            return prefill(file, settings, tell=tell)

        def done(found: Prefill) -> None:
            shown = self.bench.session.run
            if shown is not None and shown.study_uid == study:
                self._show(study, found)

        job = self.bench.jobs.start("worklist", work, done, failed=self.said.say)
        self.line.follow(job)

    def apply(self) -> None:
        """Set procedure, level and side in one step; what was not stated stays as it is."""
        session, found = self.bench.session, self._found
        if found is None or session.run is None or session.run.study_uid != found[0]:
            return
        decision = found[1]
        procedure = procedures.get(decision.procedure, site=session.site_procedures)
        draft = with_procedure(session.draft, procedure).draft
        plan = replace(
            draft.plan,
            level=decision.level or draft.plan.level,
            side=decision.side or draft.plan.side,
        )
        session.change("set from the worklist", replace(draft, plan=plan))
        self.discard()
        self.said.say("Set from the worklist; undo takes it back.")

    def discard(self) -> None:
        """Forget what was found."""
        self._found = None
        self.said.say("")
        self.apply_button.hide()
        self.discard_button.hide()

    def release(self) -> None:
        """Hear nothing more, and wait for no answer."""
        self.line.cancel()
        super().release()

    def _show(self, study: str, found: Prefill) -> None:
        decision = found.decision
        if decision is None or decision.procedure == procedures.GENERIC:
            level_or_side = decision is not None and (decision.level or decision.side)
            if decision is None or not level_or_side:
                nothing = "" if decision is None else "No procedure is named. "
                self.said.say(f"{nothing}{found.says}")
                return
        session = self.bench.session
        procedure = procedures.get(decision.procedure, site=session.site_procedures)
        lost = with_procedure(session.draft, procedure).lost
        lines = [
            f"Would set: {procedure.name}; level {decision.level or 'not stated'}; side "
            f"{decision.side or 'not stated'}.",
            found.says,
        ]
        if lost:
            lines.append(f"It would drop: {', '.join(lost)}; undo brings them back.")
        self.said.say("\n".join(lines))
        self._found = study, decision
        self.apply_button.show()
        self.discard_button.show()
