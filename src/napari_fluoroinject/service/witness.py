"""Notes what a receiver does: in the audit trail, and in the counters."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_fluoroinject import __version__
from napari_fluoroinject.endpoints.judge import CONFLICT
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.audit import Trail
from napari_fluoroinject.spool.counters import Counters
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.judge import Received
    from napari_fluoroinject.endpoints.storage_scp import Refused

log = logging.getLogger(__name__)

_FLUSH_S = 1.0


@contextmanager
def witnessed(root: Path, *, settings: object = None) -> Iterator[SpoolWitness]:
    """Give the witness of a spool's receiver: `receiver.witness = ...` before it listens.

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
        witness = SpoolWitness(trail, Counters(database))
        digest = hashlib.sha256(repr(settings).encode()).hexdigest()
        trail.note("started", what="receiver", version=__version__, settings_sha256=digest)
        _note_change(trail, digest)
        try:
            yield witness
        finally:
            witness.flush()
            trail.note("stopped", what="receiver")


def _note_change(trail: Trail, digest: str) -> None:
    """Note that the settings are others than at the last start; the first ones are news too."""
    kept = trail.folder / "settings.sha256"
    try:
        before = kept.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        before = ""
    if before != digest:
        trail.note("settings changed", settings_sha256=digest)
        try:
            write_whole(kept, digest.encode("ascii"))
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error


class SpoolWitness:
    """Notes into a trail and counters; any thread may call.

    Every object is in the trail before its sender is answered. Counts are gathered for a second,
    and of callers who are turned away one a second has a line of its own, the rest a line
    together: a flood of them fills no disk. A crash may lose the last second's.

    Parameters
    ----------
    trail, counters
        Of the spool.
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(
        self, trail: Trail, counters: Counters, *, now_s: Callable[[], float] = time.time
    ) -> None:
        self._trail = trail
        self._counters = counters
        self._now_s = now_s
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str, str], int] = {}
        self._flushed = time.monotonic()
        self._turned_away = -_FLUSH_S
        self._unnamed = 0

    def accepted(self, peer: Peer) -> None:
        """Note an association that is established."""
        self._note("association accepted", peer)
        self._count("associations_accepted")

    def rejected(self, peer: Peer, why: str) -> None:
        """Note a caller that was turned away."""
        with self._lock:
            alone = time.monotonic() - self._turned_away >= _FLUSH_S
            if alone:
                self._turned_away = time.monotonic()
            else:
                self._unnamed += 1
        if alone:
            self._note("association refused", peer, reason=why)
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
            unnamed, self._unnamed = self._unnamed, 0
            self._flushed = time.monotonic()
        if unnamed:
            with suppress(StorageError):
                self._trail.note("association refused", count=unnamed, reason="many at once")
        for (name, label), number in gathered.items():
            try:
                self._counters.add(name, number, label=label, now_s=self._now_s())
            except StorageError as error:
                log.warning("%s %s by %d could not be counted: %s", name, label, number, error)

    def _note(self, event: str, peer: Peer, reason: str | None = None) -> None:
        """Note a caller; whatever it then does is noted on disk, and this line with it."""
        certificate = " ".join(peer.names) or None
        try:
            self._trail.note_soon(
                event,
                caller=peer.ae_title,
                address=peer.address,
                certificate=certificate,
                reason=reason,
            )
        except StorageError as error:
            log.warning("%s of %s could not be noted: %s", event, peer.address, error)

    def _count(self, name: str, *, label: str = "") -> None:
        with self._lock:
            self._gathered[name, label] = self._gathered.get((name, label), 0) + 1
            due = time.monotonic() - self._flushed >= _FLUSH_S
        if due:
            self.flush()
