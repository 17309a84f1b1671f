"""The needle that the picture proposes: to be accepted by name, or declined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.rendering.palette import NEEDLE
from napari_fluoroinject.viewer.marked import proposal, proposal_said
from napari_fluoroinject.viewer.pages.parts import Card, button, operator_line, tell

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench


_ACCEPT = "Make the proposed needle your own (Ctrl+Enter)"


class Proposal(Card):
    """Shown as long as there is something to say; `refresh` brings it up to date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(NEEDLE)
        self._bench = bench
        self.text = self.add("")
        self.name = operator_line(self._named)
        self.column.addWidget(self.name)
        self.accept = button("Accept", _ACCEPT, self.take)
        self.decline = button("Decline", "Say that this is no needle", self._decline)
        self.add_buttons((self.accept, self.decline))

    def refresh(self) -> None:
        """Show the proposal, or why there is none."""
        session = self._bench.session
        found, look = proposal(session), session.look
        none = look is not None and isinstance(look.needle, NoNeedle) and _unmarked(self._bench)
        self.setVisible(found is not None or none)
        for one in (self.accept, self.decline):
            one.setVisible(found is not None)
        asked = not session.operator or bool(self.name.text())
        self.name.setVisible(found is not None and asked)
        if session.operator and asked and not self.name.hasFocus():
            self.name.setText(session.operator)
        self._enable()
        if found is not None:
            self.head.setText("◇ Needle proposed, not accepted")
            tell(self.text, proposal_said(found))
        elif look is not None and isinstance(look.needle, NoNeedle):
            self.head.setText("○ No needle proposed")
            reason = look.needle.reason
            tell(self.text, f"{reason[:1].upper()}{reason[1:]}. Mark it with two clicks.")

    def take(self) -> None:
        """Accept the proposal in the name of the operator; without a name, ask for it."""
        session = self._bench.session
        if proposal(session) is None:
            return
        if not session.operator:
            self.name.setFocus()
            return
        session.accept_needle()

    def _decline(self) -> None:
        self._bench.session.decline_needle()

    def _named(self, name: str) -> None:
        self._bench.session.operator = name.strip()  # at once: Ctrl+Enter accepts, too
        self._enable()

    def _enable(self) -> None:
        named = bool(self._bench.session.operator)
        self.accept.setEnabled(named)
        self.accept.setToolTip(_ACCEPT if named else "Write your name first")


def _unmarked(bench: Bench) -> bool:
    return bench.session.annotation.needle is None
