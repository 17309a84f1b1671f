"""Grey pictures as Qt draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtGui import QIcon, QImage, QPixmap

if TYPE_CHECKING:
    import numpy.typing as npt


def pixmap(grey: npt.NDArray[np.uint8]) -> QPixmap:
    """A (rows, columns) picture as a pixmap of its own."""
    whole = np.ascontiguousarray(grey)
    rows, columns = whole.shape
    # copied: Qt keeps no reference to the bytes
    image = QImage(whole.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.copy())


def icon(grey: npt.NDArray[np.uint8]) -> QIcon:
    """The same as the icon of a line, untinted also where the line is selected."""
    made, drawn = QIcon(), pixmap(grey)
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active):
        made.addPixmap(drawn, mode)
    return made
