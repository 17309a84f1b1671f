"""A slider by frame that shows mask frames, where contrast comes, and what was flagged."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QSlider, QStyle, QStyleOptionSlider

from napari_fluoroinject.rendering import palette


class FrameSlider(QSlider):
    """Frames from left to right: a bar under mask frames, a wedge at the onset, and flags."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._masks: tuple[int, ...] = ()
        self._onset: int | None = None
        self._flags: tuple[int, ...] = ()
        self.setPageStep(5)

    @property
    def marks(self) -> tuple[tuple[int, ...], int | None]:
        """The mask frames, and the first frame with contrast; None = not known."""
        return self._masks, self._onset

    @property
    def flags(self) -> tuple[int, ...]:
        """The frames that the operator flagged."""
        return self._flags

    def mark(self, masks: tuple[int, ...], onset: int | None) -> None:
        """Show these mask frames and this first frame with contrast."""
        if (masks, onset) != self.marks:
            self._masks, self._onset = masks, onset
            self.update()

    def flag(self, frames: tuple[int, ...]) -> None:
        """Show these frames as flagged."""
        if frames != self._flags:
            self._flags = frames
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's name
        """Paint the slider, and the marks over it."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.LANDMARK))
        bottom = self.height()
        for frame in self._masks:
            left, right = self._across(frame - 0.5), self._across(frame + 0.5)
            painter.drawRect(QRectF(left, bottom - 4, max(right - left, 2.0), 3))
        if self._onset is not None:
            painter.setBrush(QColor(palette.ONSET))
            at = self._across(self._onset)
            corners = (QPointF(at - 4, 0), QPointF(at + 4, 0), QPointF(at, 6))
            painter.drawPolygon(QPolygonF(list(corners)))
        self._paint_flags(painter)
        painter.end()

    def _paint_flags(self, painter: QPainter) -> None:
        """A pole with a pennant: told from the wedge by its shape."""
        painter.setBrush(QColor(palette.RUN_OFF))
        for frame in self._flags:
            at = self._across(frame)
            painter.drawRect(QRectF(at - 0.75, 0, 1.5, self.height()))
            pennant = (QPointF(at, 0), QPointF(at + 7, 3), QPointF(at, 6))
            painter.drawPolygon(QPolygonF(list(pennant)))

    def _across(self, frame: float) -> float:
        """Where a frame stands, in pixels from the left."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style, control = self.style(), QStyle.ComplexControl.CC_Slider
        if style is None:
            return 0.0
        parts = QStyle.SubControl
        groove = style.subControlRect(control, option, parts.SC_SliderGroove, self)
        handle = style.subControlRect(control, option, parts.SC_SliderHandle, self).width()
        span = max(self.maximum() - self.minimum(), 1)
        share = min(max((frame - self.minimum()) / span, 0.0), 1.0)
        return groove.left() + handle / 2 + share * (groove.width() - handle)
