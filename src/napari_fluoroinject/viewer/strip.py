"""What lies below the pictures: the transport, and the curves under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fluoroinject.viewer.layout import STRIP_HEIGHT_PX

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.curves import CurvesPanel
    from napari_fluoroinject.viewer.transport import Transport


class Strip(QWidget):
    """Transport and curves as one panel.

    Parameters
    ----------
    transport, curves
        The two, from top to bottom.
    """

    def __init__(self, transport: Transport, curves: CurvesPanel) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(2)
        column.addWidget(transport)
        column.addWidget(curves, 1)
        transport.add_beside_words(curves.at_click)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """High enough for the curves to be read."""
        return QSize(600, STRIP_HEIGHT_PX)
