"""The operator's sign-off: three boxes and a name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_fluoroinject.viewer.pages.parts import button, heading, operator_line, said, tell
from napari_fluoroinject.viewer.steps import BOXES
from napari_fluoroinject.viewer.told import sign_off_now, signed

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.viewer.bench import Bench


class SignOffBox(QWidget):
    """Signs the results of the run that is shown; `refresh` brings it up to date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._report: Report | None = None
        self._signed = False
        self.boxes = {box: QCheckBox(name) for box, name in BOXES.items()}
        self.name = operator_line(lambda _name: self._ready())
        self.sign = button("Sign", "Say that you looked at all three", self.take, large=True)
        self.withdraw = button("Take back", "Take the sign-off back", self._withdraw)
        self._state = said("Sign-off")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(heading("Sign-off: I have looked at"))
        for one in self.boxes.values():
            one.setToolTip("Tick what you have looked at in this run")
            one.setAccessibleName(f"Looked at: {one.text()}")
            one.toggled.connect(lambda _on: self._ready())
            column.addWidget(one)
        for widget in (self.name, self.sign, self._state, self.withdraw):
            column.addWidget(widget)

    def refresh(self) -> None:
        """Show whether the results are signed; ticks do not outlive what they were said of."""
        session = self._bench.session
        sign_off, report = session.annotation.sign_off, session.report
        anew = report is not self._report or (self._signed and sign_off is None)
        for box, shown in self.boxes.items():
            if sign_off is not None or anew:
                with QSignalBlocker(shown):
                    shown.setChecked(sign_off is not None and box in sign_off.confirmed)
            shown.setEnabled(report is not None and sign_off is None)
        self._report, self._signed = report, sign_off is not None
        if session.operator and not self.name.text():
            self.name.setText(session.operator)
        self.name.setVisible(sign_off is None)
        self.sign.setVisible(sign_off is None)
        self.withdraw.setVisible(sign_off is not None)
        told = "Not signed." if report is not None else "Nothing can be signed before an analysis."
        tell(self._state, signed(sign_off) if sign_off is not None else told)
        self._ready()

    def take(self) -> None:
        """Sign, once all is ticked and a name stands there."""
        if not self.sign.isEnabled():
            return
        session = self._bench.session
        session.operator = self.name.text().strip()
        now = datetime.now().astimezone()
        session.sign(sign_off_now(session.operator, tuple(self.boxes), now))

    def _withdraw(self) -> None:
        self._bench.session.sign(None)

    def _ready(self) -> None:
        ticked = all(one.isChecked() for one in self.boxes.values())
        ready = ticked and bool(self.name.text().strip())
        session = self._bench.session
        self.sign.setEnabled(
            ready and session.report is not None and session.annotation.sign_off is None
        )
