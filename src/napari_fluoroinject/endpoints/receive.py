"""The Storage SCP that C-arms and archives push cine loops to."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.dimse import CINE_CLASSES
from napari_fluoroinject.endpoints.storage_scp import Received, Station, StorageScp

if TYPE_CHECKING:
    from napari_fluoroinject.spool.store import Spool


HERE = Station(ae_title="FLUOROINJECT")
"""On loopback, for everyone on this machine, at a free port."""


class Receiver(StorageScp):
    """Listens for pushed loops, keeps them in the spool, and hands on what is new.

    Parameters
    ----------
    spool
        Must tell content by `storage_scp.dataset_sha256`.
    station
        Where and as whom it answers.
    """

    def __init__(self, spool: Spool, station: Station = HERE) -> None:
        self._arrivals: queue.SimpleQueue[Received] = queue.SimpleQueue()
        super().__init__(spool, station, classes=CINE_CLASSES, received=self._note)

    def wait(self, timeout_s: float) -> Received | None:
        """Return the next object that is new here, as they arrived; None after `timeout_s`."""
        try:
            return self._arrivals.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _note(self, received: Received) -> None:
        if received.new:
            self._arrivals.put(received)
