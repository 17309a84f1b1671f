"""What every page of the dock has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance

    from napari_fluoroinject.viewer.bench import Bench


class Page(QWidget):
    """One step: widgets that show the session, and change nothing but the session.

    Parameters
    ----------
    bench
        What it works with.

    Attributes
    ----------
    column
        Where its widgets go, from top to bottom.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(8, 8, 8, 8)
        self._heard: list[tuple[SignalInstance, Callable[..., Any]]] = []

    def listen(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Call `slot` at each emission, until the page is released."""
        signal.connect(slot)
        self._heard.append((signal, slot))

    def release(self) -> None:
        """Hear nothing more: the dock calls it before the page is deleted."""
        for signal, slot in self._heard:
            signal.disconnect(slot, missing_ok=True)
        self._heard.clear()


def scroll_area(inside: QWidget) -> QScrollArea:
    """Scrolls up and down; pages are made for its width."""
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidgetResizable(True)
    area.setWidget(inside)
    return area
