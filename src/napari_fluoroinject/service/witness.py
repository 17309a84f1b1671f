"""Notes what a receiver does: in the audit trail, and in the counters."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_fluoroinject import __version__
from napari_fluoroinject.endpoints.allow import Peer, legible
from napari_fluoroinject.endpoints.judge import CONFLICT
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.counters import Counters
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from napari_fluoroinject.endpoints.judge import Received
    from napari_fluoroinject.endpoints.storage_scp import Refused

log = logging.getLogger(__name__)

_FLUSH_S = 1.0
_MOST_PEERS, _MOST_TOLD = 16, 3
"""Of callers that are turned away within a second: kept, and told."""


@contextmanager
def witnessed(root: Path, *, settings: object = None) -> Iterator[SpoolWitness]:
    """Give the witness of a spool's receiver: `receiver.witness = ...` before it listens.

    Nothing is noted before it listens: the spool may be another's.

    Parameters
    ----------
    root
        Folder of the spool.
    settings
        What the receiver and its service go by; the trail tells when they are others than before.

    Raises
    ------
    StorageError
        The trail or the database cannot be used.
    """
    with Database(root) as database, Trail(root / "audit") as trail:
        digest = hashlib.sha256(repr(settings).encode()).hexdigest()
        witness = SpoolWitness(trail, Counters(database), settings_sha256=digest)
        stop = threading.Event()
        keeper = threading.Thread(target=_flush_until, args=(stop, witness), name="witness")
        keeper.start()
        try:
            yield witness
        finally:
            stop.set()
            keeper.join()
            witness.flush()


def _flush_until(stop: threading.Event, witness: SpoolWitness) -> None:
    """Write what was gathered every second: the next event may be hours away."""
    while not stop.wait(_FLUSH_S):
        witness.flush()


def _note_change(trail: Trail, digest: str) -> None:
    """Note that the settings are others than at the last start; the first ones are no change."""
    kept = trail.folder / "settings.sha256"
    try:
        before: str | None = kept.read_text(encoding="ascii")
    except FileNotFoundError:
        before = None
    except (OSError, UnicodeDecodeError):
        before = ""
    if before == digest:
        return
    if before is not None:
        trail.note("settings changed", settings_sha256=digest)
    try:
        write_whole(kept, digest.encode("ascii"))
    except OSError as error:
        raise StorageError(f"{error.filename}: {error.strerror}") from error


@dataclass(slots=True)
class _TurnedAway:
    """Callers turned away for one reason: how many, and some of them."""

    count: int = 0
    peers: list[Peer] = field(default_factory=list)

    def add(self, peer: Peer) -> None:
        self.count += 1
        if len(self.peers) < _MOST_PEERS and peer not in self.peers:
            self.peers.append(peer)


class SpoolWitness:
    """Notes into a trail and counters; any thread may call.

    Every object is in the trail before its sender is answered. Counts are gathered for a second,
    and of callers who are turned away one a second has a line of its own, the rest a line for
    each reason: a flood of them fills no disk. A crash may lose the last second's.

    Parameters
    ----------
    trail, counters
        Of the spool.
    settings_sha256
        Of what the receiver goes by.
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(
        self,
        trail: Trail,
        counters: Counters,
        *,
        settings_sha256: str = "",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._settings_sha256 = settings_sha256
        self._listens = False
        self._trail = trail
        self._counters = counters
        self._now_s = now_s
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str, str], int] = {}
        self._flushed = time.monotonic()
        self._turned_away = -_FLUSH_S
        self._rest: dict[str, _TurnedAway] = {}

    def started(self) -> None:
        """Note that the receiver listens from here on.

        Raises
        ------
        StorageError
            The trail cannot be kept.
        """
        digest = self._settings_sha256
        self._trail.note("started", what="receiver", version=__version__, settings_sha256=digest)
        self._listens = True
        _note_change(self._trail, digest)

    def stopped(self) -> None:
        """Note that it listens no more, where it did.

        Raises
        ------
        StorageError
            The trail cannot be kept.
        """
        if self._listens:
            self._listens = False
            self.flush()
            self._trail.note("stopped", what="receiver")

    def accepted(self, peer: Peer) -> None:
        """Note an association that is established."""
        self._note("association accepted", [peer])
        self._count("associations_accepted")

    def rejected(self, peer: Peer, why: str) -> None:
        """Note a caller that was turned away."""
        with self._lock:
            alone = time.monotonic() - self._turned_away >= _FLUSH_S
            if alone:
                self._turned_away = time.monotonic()
            else:
                self._rest.setdefault(why, _TurnedAway()).add(peer)
        if alone:
            self._note("association refused", [peer], reason=why)
        self._count("associations_refused", label=why)

    def received(self, received: Received) -> None:
        """Note an object before it is acknowledged.

        Raises
        ------
        StorageError
            The trail cannot be kept: then the object is not acknowledged either.
        """
        self._trail.note(
            "received" if received.new else "duplicate",
            sop_instance_uid=received.sop_instance_uid,
            sop_class_uid=received.sop_class_uid,
            study_instance_uid=received.study_instance_uid,
            series_instance_uid=received.series_instance_uid,
            sha256=received.sha256,
            size_bytes=received.size_bytes,
            caller=received.caller,
            address=received.address,
        )
        if not received.new:
            self._count("objects_duplicate")
        log.info(
            "…%s was received%s from %s",
            received.sop_instance_uid[-12:],
            "" if received.new else " again",
            received.caller,
        )

    def refused(self, refused: Refused) -> None:
        """Note an object that was refused."""
        with suppress(StorageError):  # the log has it, and a full disk is often the reason
            self._trail.note(
                "conflict" if refused.status == CONFLICT else "refused",
                sop_instance_uid=refused.sop_instance_uid,
                status=f"0x{refused.status:04X}",
                reason=refused.reason,
                caller=refused.caller,
                address=refused.address,
            )
        self._count("objects_refused", label=f"0x{refused.status:04X}")

    def flush(self) -> None:
        """Write the counts that were gathered."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
            rest, self._rest = self._rest, {}
            self._flushed = time.monotonic()
        for why, turned_away in rest.items():
            self._note(
                "association refused", turned_away.peers, reason=why, count=turned_away.count
            )
        for (name, label), number in gathered.items():
            try:
                self._counters.add(name, number, label=label, now_s=self._now_s())
            except StorageError as error:
                log.warning("%s %s by %d could not be counted: %s", name, label, number, error)

    def _note(
        self, event: str, peers: Sequence[Peer], *, reason: str | None = None, count: int = 1
    ) -> None:
        """Note callers; whatever they then do is noted on disk, and this line with it."""
        try:
            self._trail.note_soon(
                event,
                caller=_few(legible(peer.ae_title) for peer in peers),
                called=_few(legible(peer.called) for peer in peers),
                address=_few(peer.address for peer in peers),
                certificate=_few(" ".join(peer.names) for peer in peers),
                reason=reason,
                count=count if count > 1 else None,
            )
        except StorageError as error:
            log.warning("%s of %s could not be noted: %s", event, peers[0].address, error)

    def _count(self, name: str, *, label: str = "") -> None:
        with self._lock:
            self._gathered[name, label] = self._gathered.get((name, label), 0) + 1
            due = time.monotonic() - self._flushed >= _FLUSH_S
        if due:
            self.flush()


def _few(texts: Iterable[str]) -> str | None:
    """The first three that differ; None where there are none."""
    told = list(dict.fromkeys(filter(None, texts)))
    more = " and others" if len(told) > _MOST_TOLD else ""
    return ", ".join(told[:_MOST_TOLD]) + more or None
