"""The Storage SCP that C-arms and archives push cine loops to."""

from __future__ import annotations

import queue
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.endpoints.answering import PROBE
from napari_fluoroinject.endpoints.arrivals import found_arrival
from napari_fluoroinject.endpoints.dimse import CINE_CLASSES, RESULT_CLASSES
from napari_fluoroinject.endpoints.judge import Shelf
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.self_test import check_guards
from napari_fluoroinject.endpoints.storage_scp import Refused, Station, StorageScp, dataset_sha256
from napari_fluoroinject.endpoints.tls import server_context
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.judge import Received
    from napari_fluoroinject.settings.network import ListenSettings


RECEIVED_CLASSES = (*CINE_CLASSES, *RESULT_CLASSES)
"""Loops, the dose reports of their studies, and whatever a fetch over C-MOVE may ask for.

The length of this list costs nothing that can be measured: 5 ms per association with 9 classes and
with 22, where the caller proposes one."""
HERE = Station(ae_title="FLUOROINJECT")
"""On loopback, for everyone on this machine, at a free port."""

_MOST_AWAITED = 1000


class Witness(Protocol):
    """Notes what a receiver does; between start and stop called in the associations' threads."""

    def started(self) -> None:
        """Note that the receiver listens from here on; a StorageError ends it."""
        ...

    def stopped(self) -> None:
        """Note that it listens no more; called also where `started` was not."""
        ...

    def accepted(self, peer: Peer) -> None:
        """Note an association that is established."""
        ...

    def rejected(self, peer: Peer, why: str) -> None:
        """Note a caller that was turned away."""
        ...

    def received(self, received: Received) -> None:
        """Note an object before it is acknowledged; a StorageError refuses it with 0xA700."""
        ...

    def refused(self, refused: Refused) -> None:
        """Note an object that was refused, before its sender is told."""
        ...


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
        Whether each object that is pushed is to be analysed, once; what somebody here fetches over
        C-MOVE is not.
    refused
        Called with every object that is refused, in the association's thread.
    limits
        What callers are granted.

    Attributes
    ----------
    witness
        Notes what the receiver does; to be set before it listens.
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
        self.witness: Witness | None = None
        super().__init__(
            Shelf(spool=spool, index=index, job=job, askers=index.askers() if index else None),
            station,
            classes=RECEIVED_CLASSES,
            received=self._note,
            limits=limits,
        )

    def wait(self, timeout_s: float) -> Received | None:
        """Return the next object that is new here, as they arrived; None after `timeout_s`.

        Of those that nobody waited for, the last thousand.
        """
        try:
            return self._arrivals.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def listens(self) -> None:
        """Take note of the port that was had, before the first caller is accepted."""
        if self.witness is not None:
            self.witness.started()

    def close(self) -> None:
        """Stop listening, end every association, and wait for their threads."""
        super().close()
        if self.witness is not None:
            self.witness.stopped()

    def accepted(self, peer: Peer) -> None:
        """Take note of a caller whose association is established."""
        if self.witness is not None and peer.ae_title != PROBE:
            self.witness.accepted(peer)

    def rejected(self, peer: Peer, why: str) -> None:
        """Take note of a caller that is turned away."""
        if peer.ae_title == PROBE:
            return
        super().rejected(peer, why)
        if self.witness is not None:
            self.witness.rejected(peer, why)

    def refused(self, refused: Refused) -> None:
        """Take note of an object that was refused."""
        if self.witness is not None:
            self.witness.refused(refused)
        if self._tell is not None:
            self._tell(refused)

    def _note(self, received: Received) -> None:
        if self.witness is not None:
            self.witness.received(received)
        if received.new:
            if self._arrivals.qsize() >= _MOST_AWAITED:  # nobody waits: the spool has them all
                with suppress(queue.Empty):
                    self._arrivals.get_nowait()
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
    with Database(root) as database, ExitStack() as stack:
        index = Index(database)
        spool = Spool(
            root,
            digest=dataset_sha256,
            same=_same_content,
            reserve_bytes=reserve,
            quarantine_bytes=settings.quarantine_mb << 20,
        )
        stack.enter_context(spool)
        index.reconcile(spool, read=found_arrival, job=job)
        receiver = Receiver(spool, station, index=index, job=job, refused=refused, limits=limits)
        if prepare is not None:
            prepare(receiver)
        with receiver:
            yield receiver


def _same_content(kept: Path, new: Path) -> bool:
    # imported when two files differ, and in a process of its own: a peer chose these pixels
    from napari_fluoroinject.dicom.same_content import same_content_apart

    return same_content_apart(kept, new)
