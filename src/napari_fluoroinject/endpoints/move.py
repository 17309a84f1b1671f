"""C-MOVE: objects that the archive sends to our own Storage SCP, awaited until all are there."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pynetdicom.presentation import build_context

from napari_fluoroinject.endpoints.allow import is_loopback
from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.dimse import (
    CINE_CLASSES,
    RESULT_CLASSES,
    STUDY_ROOT_MOVE,
    SUCCESS,
    is_warning,
)
from napari_fluoroinject.endpoints.judge import Shelf
from napari_fluoroinject.endpoints.landing import land
from napari_fluoroinject.endpoints.storage_scp import Station, StorageScp, dataset_sha256
from napari_fluoroinject.endpoints.suboperations import (
    Events,
    Final,
    NeverError,
    Operation,
    Refused,
    carry_out,
)
from napari_fluoroinject.errors import EndpointError, FluoroinjectError
from napari_fluoroinject.settings.network import Tls
from napari_fluoroinject.spool.askers import Askers
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.store import Spool, kept_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_fluoroinject.endpoints.judge import Received
    from napari_fluoroinject.endpoints.order import Order
    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""An archive may have to fetch from slow storage before the first object comes."""
ARRIVAL_S = 15.0
"""How long objects are awaited that the archive says it has sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Where archives send what they are asked to move; they must have been set up with it.

    Attributes
    ----------
    host, port
        Where we listen while objects are moved.
    ae_title
        Of `fluoroinject listen`, where that runs on this port; then `spool` is its spool, and
        objects are taken from there.
    tls
        Of our listener.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "FLUOROINJECT"
    spool: Path | None = None
    tls: Tls | None = None


def move(
    peer: Pacs, order: Order, *, room: Path, folder: Path
) -> Iterator[Path | Refused | Final]:
    """Have objects sent to us; each lands in `folder` once it is whole.

    Parameters
    ----------
    peer, order
        Who is asked, for what.
    room
        A private folder on the same file system, for what is arriving.
    folder
        Where whole objects go, as `<SOP Instance UID>.dcm`.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the peer does not move: 0xA801 where it does not know our AE title.
    EndpointError
        Nobody listens at our address, and we cannot.
    """
    events = Events()
    keep = _Keeper(order, room=room, folder=folder, events=events)
    with _receiving(peer, keep, room) as (title, spool):
        keep.watch(spool)
        with associated(peer, [build_context(STUDY_ROOT_MOVE)]) as association:
            operation = Operation(
                name="C-MOVE",
                model=STUDY_ROOT_MOVE,
                begin=lambda: association.send_c_move(order.identifier(), title, STUDY_ROOT_MOVE),
                look=keep.look,
                complete=keep.complete,
                patience_s=PATIENCE_S,
            )
            for event in carry_out(peer, association, operation, events):
                if isinstance(event, Final):
                    keep.told(event)
                yield event
        yield from _late(keep, events)


def unknown_destination(peer: Pacs) -> NeverError:
    """What to say where an archive does not know where to send."""
    return NeverError(
        f"{peer} does not know where to send (C-MOVE status 0xA801): {what_it_must_know(peer)}"
    )


def what_it_must_know(peer: Pacs) -> str:
    """What must be set up at an archive before it can send to us."""
    inbound = peer.inbound
    return (
        f"expected the AE title {peer.calling} to be set up there with this machine's address and "
        f"port {inbound.port} (or {inbound.ae_title}, where `fluoroinject listen` runs there)"
    )


@contextmanager
def _receiving(peer: Pacs, keep: _Keeper, room: Path) -> Iterator[tuple[str, Path]]:
    """Listen; gives the AE title to send to, and the spool where objects come in.

    Where the port is taken by a listener of ours, it receives, and its spool is watched.
    """
    inbound = peer.inbound
    station = Station(
        ae_title=peer.calling,
        host=_host(peer),
        port=inbound.port,
        callers=(peer.called,),
        tls=inbound.tls,
    )
    with Spool(room / "spool", digest=dataset_sha256) as spool:
        scp = StorageScp(
            Shelf(spool=spool),
            station,
            classes=(*CINE_CLASSES, *RESULT_CLASSES),
            received=keep.received,
        )
        try:
            scp.start()
        except EndpointError:
            if inbound.spool is None or not inbound.spool.is_dir():
                raise
            log.info("the listener on port %s receives for %s", inbound.port, peer)
            _note_asker(inbound.spool, peer.calling)
            yield inbound.ae_title, inbound.spool
            return
        try:
            yield peer.calling, spool.root
        finally:
            scp.close()


def _note_asker(spool: Path, ae_title: str) -> None:
    """Let the listener know who asks, so that it keeps what comes and does not analyse it."""
    with Database(spool) as database:
        Askers(database).note(ae_title)


def _host(peer: Pacs) -> str:
    """The address to listen on: from elsewhere nobody reaches loopback."""
    inbound = peer.inbound
    return "0.0.0.0" if is_loopback(inbound.host) and not is_loopback(peer.host) else inbound.host  # noqa: S104 - only the archive is answered


def _late(keep: _Keeper, events: Events) -> Iterator[Path | Refused]:
    """What an archive sends after its last answer; one that failed does not come any more."""
    deadline = time.monotonic() + ARRIVAL_S
    while not keep.complete() and events.idle_s() < ARRIVAL_S and time.monotonic() < deadline:
        event = events.wait()
        yield from keep.look()
        if event is not None and not isinstance(event, Final):
            yield event


class _Keeper:
    """Takes what was ordered out of the spool that it came into."""

    def __init__(self, order: Order, *, room: Path, folder: Path, events: Events) -> None:
        self._order = order
        self._room = room
        self._folder = folder
        self._events = events
        self._done: set[str] = set()
        self._spool: Path | None = None
        self._incoming_bytes = 0
        self._came = 0
        self._count = len(order.instances)

    def complete(self) -> bool:
        """Whether every object came, or was refused by us."""
        return self._order.instances <= self._done

    def told(self, final: Final) -> None:
        """Do not await what the archive says it could not send."""
        status = int(final.response.Status)
        failed = int(final.response.get("NumberOfFailedSuboperations") or 0)
        self._done |= final.failed
        if status != SUCCESS and not is_warning(status):
            self._done |= self._order.instances
        elif failed > len(final.failed):  # it does not say which: those that are not here
            self._done |= self._order.instances if self._came + failed >= self._count else set()

    def watch(self, spool: Path) -> None:
        """Look into the spool at this folder from here on."""
        self._spool = spool

    def received(self, received: Received) -> None:
        """Note that our own listener has an object; it is fetched at the next look."""
        self._events.heard()
        if received.sop_instance_uid not in self._order.instances:
            log.warning("an object that was not asked for came over C-MOVE, and was not kept")

    def look(self) -> Iterable[Path]:
        """Land what is in the spool; growing parts are a sign of life."""
        if self._spool is None:
            return
        growing = _size(self._spool / "incoming")
        if growing != self._incoming_bytes:
            self._incoming_bytes = growing
            self._events.heard()
        for uid in sorted(self._order.instances - self._done):
            kept = kept_path(self._spool, uid)
            if kept.is_file():
                self._done.add(uid)
                yield from self._land(kept, uid)

    def _land(self, kept: Path, uid: str) -> Iterable[Path]:
        try:
            landed = land(_copy(kept, self._room), self._folder, uid=uid)
        except (FluoroinjectError, OSError) as error:
            self._events.put(Refused(sop_instance_uid=uid, reason=str(error)))
            return
        self._events.heard()
        self._came += 1
        yield landed


def _copy(kept: Path, room: Path) -> Path:
    """A copy of a kept object: nobody who edits what was fetched may change what is kept."""
    descriptor, name = tempfile.mkstemp(suffix=".part", dir=room)
    os.close(descriptor)
    shutil.copyfile(kept, name)
    return Path(name)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # finished in between
            continue
    return total
