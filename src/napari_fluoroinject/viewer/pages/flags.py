"""What the operator flagged in the run that is shown, each to be gone to or taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fluoroinject.model.flags import FLAGGED, moment_text
from napari_fluoroinject.rendering.palette import RUN_OFF
from napari_fluoroinject.viewer.keys import tip
from napari_fluoroinject.viewer.pages.parts import Card, button, clear, heading, said, tell

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Flag
    from napari_fluoroinject.viewer.bench import Bench

WHOSE = "What the operator saw. It is no finding of the software, and changes no score."
NONE = "Nothing is flagged."


class FlagBox(QWidget):
    """Lists the flags; `refresh` brings it up to date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._shown: tuple[str, tuple[Flag, ...]] | None = None
        self.cards: list[FlagCard] = []
        self.whose = said("Whose the flags are", quiet=True)
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.add = button(
            "Flag this frame",
            tip("Flag vascular uptake at the shown frame, or take the flag away", "flag"),
            self._flag,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(heading("Flagged by the operator: vascular uptake"))
        column.addWidget(self.whose)
        column.addLayout(self._list)
        column.addWidget(self.add)

    def refresh(self) -> None:
        """Show the flags of the run."""
        session = self._bench.session
        run, flags = session.run, session.annotation.flags
        self.add.setEnabled(run is not None)
        tell(self.whose, WHOSE if flags else NONE)
        shown = ("" if run is None else run.uid, flags)
        if shown == self._shown:
            return
        self._shown = shown
        clear(self._list)
        times_s = None if run is None else run.loop.times_s
        self.cards = [FlagCard(self._bench, one, moment_text(one.frame, times_s)) for one in flags]
        for card in self.cards:
            self._list.addWidget(card)

    def _flag(self) -> None:
        session = self._bench.session
        session.flag(session.frame)


class FlagCard(Card):
    """One flag: what was seen, in which frame."""

    def __init__(self, bench: Bench, flag: Flag, moment: str) -> None:
        super().__init__(RUN_OFF)
        what = FLAGGED[flag.kind]
        self.head.setText(f"Frame {moment}: {what}")
        session = bench.session
        self.go_to = button(
            "Go to", f"Show frame {flag.frame + 1}", lambda: session.go_to(flag.frame)
        )
        self.remove = button(
            "Remove",
            f"Take the flag of frame {flag.frame + 1} away",
            lambda: session.flag(flag.frame),
        )
        for one in (self.go_to, self.remove):
            one.setAccessibleName(f"{one.text()}: {what}, frame {flag.frame + 1}")
        self.add_buttons((self.go_to, self.remove))
