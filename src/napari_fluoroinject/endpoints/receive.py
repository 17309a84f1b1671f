"""The Storage SCP that C-arms and archives push cine loops to."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.dimse import CINE_CLASSES
from napari_fluoroinject.endpoints.storage_scp import Received, Refused, Station, StorageScp
from napari_fluoroinject.spool.index import Arrival, Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.endpoints.limits import Limits
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
    index
        Gets a row for every object before it is acknowledged.
    job
        Whether each new object is to be analysed.
    refused
        Called with every object that is refused, in the association's thread.
    limits
        What callers are granted.
    """

    def __init__(
        self,
        spool: Spool,
        station: Station = HERE,
        *,
        index: Index | None = None,
        job: bool = False,
        refused: Callable[[Refused], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._arrivals: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._index = index
        self._job = job
        self._tell = refused
        super().__init__(
            spool, station, classes=CINE_CLASSES, received=self._note, limits=limits
        )

    def wait(self, timeout_s: float) -> Received | None:
        """Return the next object that is new here, as they arrived; None after `timeout_s`."""
        try:
            return self._arrivals.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def refused(self, refused: Refused) -> None:
        """Take note of an object that was refused."""
        if self._tell is not None:
            self._tell(refused)

    def _note(self, received: Received) -> None:
        # also what is not new: a crash may have come between its file and its row
        if self._index is not None:
            self._index.add(arrival(received, at_s=time.time()), job=self._job)
        if received.new:
            self._arrivals.put(received)


def arrival(received: Received, *, at_s: float) -> Arrival:
    """The row of a received object; `at_s` in seconds since the epoch."""
    return Arrival(
        sop_instance_uid=received.sop_instance_uid,
        sop_class_uid=received.sop_class_uid,
        study_instance_uid=received.study_instance_uid,
        series_instance_uid=received.series_instance_uid,
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        caller=received.caller,
        address=received.address,
        received_s=at_s,
        path=received.path,
    )
