"""One plot over time: named curves, masks, onset, and a cursor that costs no re-plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QBrush, QColor

from napari_fluoroinject.rendering import palette

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.viewer.timeline import Dash, Line

LINE_PX = 15
"""Height of a line of small text."""
AXIS_PX = 54
"""Width of the axis at the left, with its numbers."""
BELOW_PX = 40
"""Height of the axis below, with its numbers and its name."""
_EDGE_PX = 8
"""Between the curves and the ends of the plot."""
_MARGIN_PX = 8
"""What a text has around it, both sides together."""
_STYLES: dict[Dash, Qt.PenStyle] = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dash-dotted": Qt.PenStyle.DashDotLine,
}


class TimePlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Curves over one axis of time.

    Parameters
    ----------
    went
        Called with the place on the axis to which somebody clicked or dragged.
    masked
        Called with the ends of the mask frames as somebody drags them, and with whether they let
        go.
    words
        Whether marks carry their words here, or in the plot beside.
    """

    def __init__(
        self,
        went: Callable[[float], None],
        masked: Callable[[float, float, bool], None],
        *,
        words: bool = True,
    ) -> None:
        super().__init__(viewBox=_Scrubbed(went, masked), background=palette.PANEL)
        self._masked, self._worded = masked, words
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setPen(palette.RULE)
            axis.setTextPen(palette.TEXT)
        self.getAxis("left").setWidth(AXIS_PX)
        self.getAxis("bottom").setHeight(BELOW_PX)
        self.getPlotItem().layout.setContentsMargins(0, 0, 0, 4)  # names hang out of their axis
        self.cursor = pg.InfiniteLine(pen=pg.mkPen(palette.TEXT, width=1))
        self.cursor.setZValue(20)
        self.masks = _Masks()
        self.masks.sigRegionChanged.connect(lambda: self._dragged(done=False))
        self.masks.sigRegionChangeFinished.connect(lambda: self._dragged(done=True))
        self.onset = pg.InfiniteLine(
            pen=pg.mkPen(palette.ONSET, width=1, style=Qt.PenStyle.DashLine)
        )
        self._flags: list[Any] = []
        self._words = {name: _word(colour) for name, colour in _WORDS.items()}
        self._released = False
        self._drawn: list[Any] = []
        self._names: list[tuple[Any, float]] = []
        for item in (self.masks, self.onset, self.cursor, *self._words.values()):
            self.addItem(item, ignoreBounds=True)
        self._x: DoubleArray = np.zeros(1)
        self._low, self._top, self._name_px = 0.0, 1.0, 0

    def show_axes(self, x: DoubleArray, *, bottom: str, left: str) -> None:
        """Say where the frames stand, and what both axes mean."""
        self._x = x
        self.setLabel("bottom", bottom)
        self.setLabel("left", left)
        self.getAxis("bottom").resizeEvent(None)  # puts a longer name into the middle again

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Draw these curves in place of the earlier ones, each with its name beside its end."""
        for item in self._drawn:
            self.removeItem(item)
        self._drawn, self._names = [], []
        values = [line.values for line in lines]
        finite = np.concatenate([np.zeros(1), *(one[np.isfinite(one)] for one in values)])
        self._top = max(float(finite.max()), 1e-3)
        self._low = min(float(finite.min()), 0.0)
        self.getAxis("left").setStyle(showValues=bool(lines))
        widths = [self.fontMetrics().horizontalAdvance(line.name) for line in lines]
        self._name_px = max(widths, default=0) + _MARGIN_PX
        for line in lines:
            pen = pg.mkPen(line.colour, width=1.6, style=_STYLES[line.dash])
            sign = "o" if np.isfinite(line.values).sum() < 3 else None
            curve = pg.PlotDataItem(self._x, line.values, pen=pen, connect="finite", symbol=sign)
            name = pg.TextItem(line.name, color=line.colour, anchor=(0, 0.5))
            self._names.append((name, float(line.values[np.isfinite(line.values)][-1])))
            for item in (curve, name):
                self.addItem(item, ignoreBounds=True)
            self._drawn += [curve, name]
        self._settle()

    def show_spans(self, spans: Sequence[tuple[float, float]]) -> None:
        """Hatch these stretches of time as not judged; to be called after `show_lines`."""
        brush = QBrush(QColor(palette.MUTED), Qt.BrushStyle.BDiagPattern)
        for span in spans:
            item = pg.LinearRegionItem(span, movable=False, brush=brush, pen=pg.mkPen(None))
            item.setZValue(-5)
            self.addItem(item, ignoreBounds=True)
            self._drawn.append(item)

    def show_masks(self, ends: tuple[float, float] | None, text: str) -> None:
        """Lay the mask frames over the axis; None = none are known."""
        self.masks.setVisible(ends is not None)
        if ends is not None:
            with QSignalBlocker(self.masks):
                self.masks.setRegion(ends)
        self._say("masks", None if ends is None else ends[0], text)

    def show_onset(self, at: float | None) -> None:
        """Mark where contrast comes."""
        self.onset.setVisible(at is not None)
        if at is not None:
            self.onset.setPos(at)
        self._say("onset", at, "onset")

    def show_flags(self, at: Sequence[float]) -> None:
        """Mark the moments that the operator flagged."""
        for item in self._flags:
            self.removeItem(item)
        pen = pg.mkPen(palette.RUN_OFF, width=1.5, style=Qt.PenStyle.DashDotLine)
        self._flags = [pg.InfiniteLine(pos=one, pen=pen) for one in at]
        for item in self._flags:
            self.addItem(item, ignoreBounds=True)
        self._say("flagged", at[0] if len(at) else None, "flagged by the operator")

    def show_cursor(self, at: float) -> None:
        """Move the line of the shown frame; nothing is drawn anew."""
        self.cursor.setPos(at)

    def release(self) -> None:
        """Delete the menu that pyqtgraph makes without a parent; nothing is drawn after this."""
        self._released = True
        item = self.getPlotItem()
        if item.ctrlMenu is not None:
            item.ctrlMenu.deleteLater()
            item.ctrlMenu = None

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Keep names and words apart in pixels, whatever the size."""
        super().resizeEvent(event)
        if hasattr(self, "_names") and not self._released:  # pyqtgraph resizes early and late
            self._settle()

    def _say(self, word: str, at: float | None, text: str) -> None:
        item = self._words[word]
        item.setVisible(at is not None and self._worded)
        if at is not None:
            item.setText(text)
            item.setPos(at, item.pos().y())
            self._settle()

    def _settle(self) -> None:
        """Leave room for names at the right and for words above, and put both there."""
        low, high = float(self._x[0]), float(self._x[-1])
        span = high - low if high > low else 1.0
        # the axis at the left, the frame of the plot, and what stands beside the curves
        width = max(self.width() - AXIS_PX - 6 - self._name_px - 2 * _EDGE_PX, 50)
        height = max(self.height() - BELOW_PX - 12, 40)
        per_x = span / width
        right = (self._name_px + _EDGE_PX) * per_x
        self.setXRange(low - _EDGE_PX * per_x, high + right, padding=0)
        bottom = self._low
        per_px = (self._top - bottom) / max(height - 2 * LINE_PX, 20)
        top = self._top + 2 * LINE_PX * per_px
        self.setYRange(bottom, top, padding=0)
        lower = self._onset_lower(per_x) * LINE_PX * per_px
        for word, y in (
            ("masks", top),
            ("onset", top - lower),
            ("flagged", bottom + 1.2 * LINE_PX * per_px),
        ):
            self._words[word].setPos(self._words[word].pos().x(), y)
        at = -np.inf
        for name, value in sorted(self._names, key=lambda one: one[1]):
            at = max(value, at + LINE_PX * per_px)
            name.setPos(high + 2 * per_x, min(at, top - LINE_PX / 2 * per_px))

    def _onset_lower(self, per_x: float) -> bool:
        """Whether the word of the onset stands below that of the masks: they would overlap."""
        masks, onset = self._words["masks"], self._words["onset"]
        if not (masks.isVisible() and onset.isVisible()):
            return False
        left, right = sorted((masks, onset), key=lambda word: float(word.pos().x()))
        words_px = self.fontMetrics().horizontalAdvance(left.toPlainText()) + _MARGIN_PX
        return bool(right.pos().x() - left.pos().x() < words_px * per_x)

    def _dragged(self, *, done: bool) -> None:
        low, high = self.masks.getRegion()
        self._masked(float(low), float(high), done)


_WORDS = {"masks": palette.LANDMARK, "onset": palette.ONSET, "flagged": palette.RUN_OFF}


def _word(colour: str) -> Any:
    item = pg.TextItem("", color=colour, anchor=(0, 0))
    item.setZValue(10)
    item.setVisible(False)
    return item


class _Masks(pg.LinearRegionItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The mask frames: their ends are dragged; between them the plot itself is clicked."""

    def __init__(self) -> None:
        brush, pen = QColor(palette.MASK), pg.mkPen(palette.LANDMARK, width=2)
        brush.setAlpha(90)
        super().__init__((0, 1), brush=brush, pen=pen, hoverPen=pg.mkPen(palette.TEXT, width=3))
        self.setVisible(False)

    def mouseDragEvent(self, event: Any) -> None:  # noqa: N802  # pyqtgraph's name
        """Leave it to the plot."""
        event.ignore()

    def hoverEvent(self, event: Any) -> None:  # noqa: N802  # pyqtgraph's name
        """Look the same: only the ends can be taken."""


class _Scrubbed(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """A view that is not moved by the mouse, but tells where it clicks and drags."""

    def __init__(
        self, went: Callable[[float], None], masked: Callable[[float, float, bool], None]
    ) -> None:
        super().__init__(enableMenu=False, defaultPadding=0)
        self._went, self._masked = went, masked

    def mouseClickEvent(self, event: Any) -> None:  # noqa: N802  # pyqtgraph's name
        """Go to a time."""
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self._went(self._time(event.pos()))

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:  # noqa: ARG002, N802  # pyqtgraph's names
        """Go through time; with Shift, draw the mask frames anew."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        here = self._time(event.pos())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            start = self._time(event.buttonDownPos())
            self._masked(min(start, here), max(start, here), bool(event.isFinish()))
        else:
            self._went(here)

    def wheelEvent(self, event: Any, axis: Any = None) -> None:  # noqa: ARG002, N802  # pyqtgraph's names
        """Do nothing: the whole run stays in view."""
        event.ignore()

    def _time(self, position: Any) -> float:
        return float(self.mapToView(position).x())
