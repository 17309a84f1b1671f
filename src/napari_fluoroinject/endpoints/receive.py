"""The Storage SCP that C-arms and archives push cine loops to."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydicom.uid import XRayRadiationDoseSRStorage

from napari_fluoroinject.dicom.scan import SERIES_UID, STUDY_UID, scan
from napari_fluoroinject.endpoints.dimse import CINE_CLASSES
from napari_fluoroinject.endpoints.judge import Shelf
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.self_test import check_guards
from napari_fluoroinject.endpoints.storage_scp import Refused, Station, StorageScp, dataset_sha256
from napari_fluoroinject.endpoints.tls import server_context
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Arrival, Index
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_fluoroinject.endpoints.judge import Received
    from napari_fluoroinject.settings.network import ListenSettings


RECEIVED_CLASSES = (*CINE_CLASSES, XRayRadiationDoseSRStorage)
"""Loops, and the dose reports of their studies."""
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
        self._tell = refused
        super().__init__(
            Shelf(spool=spool, index=index, job=job),
            station,
            classes=RECEIVED_CLASSES,
            received=self._note,
            limits=limits,
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
        if received.new:
            self._arrivals.put(received)


@contextmanager
def receiving(
    settings: ListenSettings,
    station: Station,
    *,
    job: bool = False,
    refused: Callable[[Refused], None] | None = None,
    prepare: Callable[[Receiver], None] | None = None,
) -> Iterator[Receiver]:
    """Receive durably while the context lasts: spool, index, guards tried, then the port.

    Parameters
    ----------
    settings
        Where the spool is, and its limits.
    station
        Where and as whom it answers.
    job
        Whether each new object is to be analysed.
    refused
        Called with every object that is refused.
    prepare
        Called with the receiver before it listens, to let it take more than objects.

    Raises
    ------
    StorageError
        The spool cannot be used.
    EndpointError
        The port cannot be had, or a guard does not act.
    """
    reserve = settings.reserve_mb << 20
    limits = Limits(least_free_bytes=reserve)
    check_guards(limits, None if station.tls is None else server_context(station.tls))
    root = settings.spool.absolute()
    spool = Spool(
        root,
        digest=dataset_sha256,
        reserve_bytes=reserve,
        quarantine_bytes=settings.quarantine_mb << 20,
    )
    with spool, Database(root) as database:
        index = Index(database)
        index.reconcile(spool, read=read_arrival, job=job)
        receiver = Receiver(spool, station, index=index, job=job, refused=refused, limits=limits)
        if prepare is not None:
            prepare(receiver)
        with receiver:
            yield receiver


def read_arrival(path: Path) -> Arrival:
    """What a file of the spool says of itself; nobody noted who sent it.

    Raises
    ------
    UnreadableObjectError
        It is no whole DICOM object.
    """
    structure = scan(path)
    found = path.stat()
    return Arrival(
        sop_instance_uid=structure.sop_instance_uid,
        sop_class_uid=structure.sop_class_uid,
        study_instance_uid=structure.text(STUDY_UID),
        series_instance_uid=structure.text(SERIES_UID),
        sha256=dataset_sha256(path),
        size_bytes=found.st_size,
        caller="",
        address="",
        received_s=found.st_mtime,
        path=path,
    )
