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


def status_text(status: StepStatus) -> str:
    """What is done and what is missing, one line each."""
    lines = []
    if status.says:
        lines.append(f"Done: {'; '.join(status.says)}")
    if status.missing:
        lines.append(f"Missing: {'; '.join(status.missing)}")
    return "\n".join(lines)


class Heading(QWidget):
    """Procedure, run, and the state of the open step."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._plan = _line("Procedure, level and side", bold=True)
        self._run = _line("The run that is worked on")
        self._status = _line("What of this step is done and missing")
        for label in (self._plan, self._run, self._status):
            column.addWidget(label)

    def tell(self, session: Session, status: StepStatus) -> None:
        """Show what holds now."""
        self._plan.setText(plan_text(session))
        self._run.setText(run_text(session))
        self._status.setText(status_text(status))
        self._status.setVisible(bool(self._status.text()))


def _line(what: str, *, bold: bool = False) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setToolTip(what)
    label.setAccessibleName(what)
    if bold:
        label.setStyleSheet("font-weight: bold;")
    return label
