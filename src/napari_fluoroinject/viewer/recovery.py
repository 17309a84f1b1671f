"""The bar that offers a draft of before a crash, and the clock that keeps those of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.viewer.autosave import Autosave, Drafts, state_folder
from napari_fluoroinject.viewer.pages.page import Page

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.draft import Draft

SAVE_AFTER_MS = 500
"""After the first change that is not on disk; a drag is not written at every pixel."""


class RecoveryBar(Page):
    """Shown only where a draft of the shown run's study was left; saves drafts as they change.

    Parameters
    ----------
    bench
        Whose session.
    drafts
        Where drafts lie; None = in the user's state folder.
    """

    def __init__(self, bench: Bench, *, drafts: Drafts | None = None) -> None:
        super().__init__(bench)
        kept = Drafts(state_folder() / "drafts") if drafts is None else drafts
        self.autosave = Autosave(bench.session, kept)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("What was left of an earlier session")
        self.restore = _button("Restore", "Take up what was marked before the window was closed")
        self.discard = _button("Discard", "Remove what was marked then for good")
        buttons = QHBoxLayout()
        buttons.addWidget(self.restore)
        buttons.addWidget(self.discard)
        self.column.addWidget(self.words)
        self.column.addLayout(buttons)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setInterval(SAVE_AFTER_MS)
        self._clock.timeout.connect(self._save)
        self.restore.clicked.connect(self._restore)
        self.discard.clicked.connect(self._discard)
        signals = bench.session.signals
        self.listen(signals.runs, self._show)
        self.listen(signals.shown, self._show)
        self.listen(signals.draft, self._changed)
        self.listen(signals.kept, self.autosave.sent)
        self._show()

    def release(self) -> None:
        """Save what is not on disk, and hear nothing more."""
        self._clock.stop()
        self.autosave.flush()
        super().release()

    def _changed(self) -> None:
        if self.autosave.due and not self._clock.isActive():
            self._clock.start()

    def _save(self) -> None:
        if not self.autosave.flush():
            self._clock.start()  # a full disk may have room later

    def _restore(self) -> None:
        self.autosave.restore()
        self._show()

    def _discard(self) -> None:
        self.autosave.discard()
        self._show()

    def _show(self) -> None:
        self.autosave.look()
        left = self.autosave.offered
        self.setVisible(left is not None)
        if left is not None:
            self.words.setText(_told(left, sent=self.autosave.offers_sent))


def _told(draft: Draft, *, sent: bool) -> str:
    marked = sum(one.annotation != Annotation() for one in draft.runs)
    what = f"marks in {marked} run{'s' * (marked != 1)}" if marked else "what was said of it"
    if sent:
        return (
            f"Results of this study were sent before, with {what}. Restore them, to look or to "
            "correct? They are then analysed and signed anew."
        )
    return f"An earlier session of this study ended with {what} not sent. Restore them?"


def _button(words: str, tip: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.setAccessibleName(f"{words} the autosaved draft")
    return button
