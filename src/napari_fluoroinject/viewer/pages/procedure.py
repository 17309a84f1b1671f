"""Step 2: which procedure, where, with what; and which run shows which view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_fluoroinject.procedures.checklist import (
    applying,
    checklist,
    evidence_of,
    of_agent,
)
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.procedure_list import ProcedureList
from napari_fluoroinject.viewer.pages.procedure_plan import PlanForm
from napari_fluoroinject.viewer.pages.procedure_views import RunViews
from napari_fluoroinject.viewer.pages.procedure_worklist import FromWorklist
from napari_fluoroinject.viewer.pages.said import Sentence

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench


class ProcedurePage(Page):
    """Procedure, plan, views and reminders of the study that is shown."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.worklist = FromWorklist(bench)
        self.procedures = ProcedureList(bench)
        self.plan = PlanForm(bench)
        self.views = RunViews(bench)
        self.reminders = Sentence(name="reminders of the checklist")
        self.column.addWidget(self.worklist)
        for title, widget in (
            ("Procedure", self.procedures),
            ("Level, side, contrast, needle", self.plan),
            ("Views", self.views),
            ("Reminders", self.reminders),
        ):
            self.column.addWidget(_group(title, widget))
        self.column.addStretch(1)
        self.listen(bench.session.signals.draft, self.refresh)
        self.listen(bench.session.signals.shown, self.refresh)
        self.refresh()

    def release(self) -> None:
        """Hear nothing more, in no part."""
        for part in (self.worklist, self.procedures, self.plan, self.views):
            part.release()
        super().release()

    def refresh(self) -> None:
        """Show the reminders that hold now."""
        session = self.bench.session
        listed = checklist(site=session.site_procedures)
        agent = session.plan.agent
        kind = None if agent is None else agent.kind
        held = [one for one in applying(listed, session.procedure) if one.agent is None]
        held += of_agent(listed, session.procedure, kind)
        signed = "" if listed.clinician_signed_off else " They are not signed off by a clinician."
        lines = [f"They remind and block nothing.{signed}"]
        lines += [f"\N{BULLET} {evidence_of(one)}" for one in held]
        self.reminders.say("\n".join(lines))


def _group(title: str, widget: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    column = QVBoxLayout(box)
    column.setContentsMargins(6, 6, 6, 6)
    column.addWidget(widget)
    return box
