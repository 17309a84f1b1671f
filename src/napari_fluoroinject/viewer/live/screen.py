"""The live picture with its frame: red and LIVE, or grey and STALE, never colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout

from napari_fluoroinject.viewer.adapter import SecondView
from napari_fluoroinject.viewer.live.banner import ALARM, INK, WHITE
from napari_fluoroinject.viewer.live.view import LiveView

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.live.banner import Banner

FOOT = "Research software - not for diagnostic use"
SYNTHETIC = "SYNTHETIC DATA"
_BORDER_PX = 5


class LiveScreen(QFrame):
    """A canvas of its own with a banner over it; a window, unless somebody puts it into a dock.

    Attributes
    ----------
    view
        What brings frames to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("live-screen")
        self.setWindowTitle("FluoroInject - live")
        self.setAccessibleName("Live picture")
        model = ViewerModel()
        self._canvas = SecondView(model)
        self.view = LiveView(model, self.tell)
        self._disconnect = self._canvas.on_drawn(self.view.drawn)
        self._head, self._line, self._alarm, self._foot = (QLabel() for _ in range(4))
        self._colour = ""
        self._lay_out()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A picture that a slow computer still draws 25 times a second."""
        return QSize(760, 820)

    def tell(self, banner: Banner) -> None:
        """Show what is said of the feed."""
        for label, text in (
            (self._head, banner.head),
            (self._line, banner.line),
            (self._alarm, banner.alarm),
        ):
            if label.text() != text:
                label.setText(text)
        self._alarm.setVisible(bool(banner.alarm))
        if banner.colour != self._colour:
            self._colour = banner.colour
            self.setStyleSheet(
                f"#live-screen {{ border: {_BORDER_PX}px solid {banner.colour};"
                f" background: {INK}; }}"
                f"#live-head {{ background: {banner.colour}; color: {banner.ink};"
                " font-size: 15pt; font-weight: bold; padding: 4px 8px; }"
                f"#live-line, #live-foot {{ background: {INK}; color: {WHITE}; }}"
                "#live-line { font-size: 11pt; padding: 2px 8px; }"
                f"#live-alarm {{ {ALARM} font-size: 11pt; }}"
                "#live-foot { font-size: 9pt; padding: 2px 8px; }"
            )

    def set_synthetic(self, synthetic: bool) -> None:
        """Say whether the pictures are made up."""
        self._foot.setText(f"{SYNTHETIC} · {FOOT}" if synthetic else FOOT)

    def release(self) -> None:
        """Take the canvas away; call before the widget is deleted."""
        self.view.leave()
        self._disconnect()
        self._canvas.close()
        self.hide()
        self.deleteLater()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(_BORDER_PX, _BORDER_PX, _BORDER_PX, _BORDER_PX)
        column.setSpacing(0)
        for label, name in (
            (self._head, "live-head"),
            (self._line, "live-line"),
            (self._alarm, "live-alarm"),
            (self._foot, "live-foot"),
        ):
            label.setObjectName(name)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        for widget in (self._head, self._line, self._alarm):
            column.addWidget(widget)
        column.addWidget(self._canvas.widget, stretch=1)
        column.addWidget(self._foot)
        self._alarm.hide()
        self.set_synthetic(False)
