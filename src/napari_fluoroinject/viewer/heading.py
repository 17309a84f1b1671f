"""What is worked on, in two lines, and what of the open step is done and missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.session import Session
    from napari_fluoroinject.viewer.steps import StepStatus


def plan_text(session: Session) -> str:
    """Procedure, level and side; what nobody said is told as not said."""
    plan = session.plan
    said = [session.procedure.name, plan.level, plan.side]
    return ", ".join(one for one in said if one)


def run_text(session: Session) -> str:
    """Name, origin, frames and rate of the shown run."""
    run = session.run
    if run is None:
        return "no run is open"
    count = run.loop.shape[0]
    parts = [run.name, run.origin, "1 frame" if count == 1 else f"{count} frames"]
    return " · ".join(parts)


def status_text(status: StepStatus, *, missing_alone: bool = False) -> str:
    """What is known or done, and what is missing: a line each, with a word for either."""
    says = () if missing_alone else status.says
    lines = [*says, *(f"Missing: {one}" for one in status.missing)]
    return "\n".join(lines)


class Heading(QWidget):
    """Procedure and run."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._plan = line_label("Procedure, level and side", bold=True)
        self._run = line_label("The run that is worked on")
        for label in (self._plan, self._run):
            column.addWidget(label)

    def tell(self, session: Session) -> None:
        """Show what holds now."""
        self._plan.setText(plan_text(session))
        self._run.setText(run_text(session))


def line_label(what: str, *, bold: bool = False) -> QLabel:
    """A label that breaks its lines, and shows names of files as they are."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setToolTip(what)
    label.setAccessibleName(what)
    if bold:
        label.setStyleSheet("font-weight: bold;")
    return label
