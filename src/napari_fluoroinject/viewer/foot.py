"""The line that is always on the screen: synthetic or not, the device, and what this is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.session import Session

INTENDED_USE = "Research software - not for diagnostic use"
SYNTHETIC = "SYNTHETIC DATA"


def foot_text(*, synthetic: bool, device: str) -> str:
    """What the foot says."""
    return " · ".join([*([SYNTHETIC] if synthetic else []), device, INTENDED_USE])


class Foot(QLabel):
    """The foot of the dock."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._device = "device: not known yet"
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAccessibleName("Data, device and intended use")
        self.setToolTip(
            "Whether the shown run is synthetic, where the array work runs, and what this "
            "software is not for"
        )
        session.signals.shown.connect(self._tell)
        self._tell()

    def set_device(self, device: str) -> None:
        """Say where the array work runs."""
        self._device = device
        self._tell()

    def release(self) -> None:
        """Hear nothing more."""
        self._session.signals.shown.disconnect(self._tell, missing_ok=True)

    def _tell(self) -> None:
        run = self._session.run
        synthetic = run is not None and run.loop.synthetic
        self.setText(foot_text(synthetic=synthetic, device=self._device))
