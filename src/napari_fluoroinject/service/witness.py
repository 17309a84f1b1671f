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
from napari_fluoroinject.service.many import SECOND_S, Many
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
    from napari_fluoroinject.spool.audit_entry import Fact

log = logging.getLogger(__name__)

_FLUSH_S = SECOND_S


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
            witness.close()
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

    Every object that is kept is in the trail before its sender is answered. Counts are gathered
    for a second. Of associations and refusals the first of a second have lines of their own, the
    rest a line together for those that are alike: a flood fills no disk. A crash may lose the last
    second's.

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
        self._many = Many(now_s=now_s)
        self._timer: threading.Timer | None = None
        self._flushing = threading.Lock()
        self._closed = False

    def accepted(self, peer: Peer) -> None:
        """Note an association that is established."""
        self._note("association accepted", peer)
        self._count("associations_accepted")

    def rejected(self, peer: Peer, why: str) -> None:
        """Note a caller that was turned away."""
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

    def refused(self, refused: Refused) -> None:
        """Note an object that was refused."""
        event = "conflict" if refused.status == CONFLICT else "refused"
        facts: dict[str, Fact] = {
            "status": f"0x{refused.status:04X}",
            "reason": refused.reason,
            "caller": refused.caller,
            "address": refused.address,
        }
        if self._many.alone(event, facts):
            with suppress(StorageError):  # the log has it, and a full disk is often the reason
                self._trail.note(event, sop_instance_uid=refused.sop_instance_uid, **facts)
        self._count("objects_refused", label=f"0x{refused.status:04X}")

    def flush(self) -> None:
        """Write what was gathered."""
        with self._flushing:  # at the end whoever is at it is waited for
            with self._lock:
                gathered, self._gathered = self._gathered, {}
                self._timer = None
                self._flushed = time.monotonic()
            for event, facts in self._many.taken():
                try:
                    self._trail.note(event, **facts)
                except StorageError as error:
                    log.warning(
                        "%s, %s times, could not be noted: %s", event, facts["count"], error
                    )
            for (name, label), number in gathered.items():
                try:
                    self._counters.add(name, number, label=label, now_s=self._now_s())
                except StorageError as error:
                    log.warning("%s %s by %d could not be counted: %s", name, label, number, error)

    def close(self) -> None:
        """Write what was gathered, for the last time."""
        with self._lock:
            self._closed = True
            timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()
        self.flush()

    def _note(self, event: str, peer: Peer, reason: str | None = None) -> None:
        """Note a caller; whatever it then does is noted on disk, and this line with it."""
        facts: dict[str, Fact] = {
            "caller": peer.ae_title,
            "address": peer.address,
            "certificate": " ".join(peer.names) or None,
            "reason": reason,
        }
        if not self._many.alone(event, facts):
            return
        try:
            self._trail.note_soon(event, **facts)
        except StorageError as error:
            log.warning("%s of %s could not be noted: %s", event, peer.address, error)

    def _count(self, name: str, *, label: str = "") -> None:
        with self._lock:
            self._gathered[name, label] = self._gathered.get((name, label), 0) + 1
            due = time.monotonic() - self._flushed >= _FLUSH_S
            if not due and self._timer is None and not self._closed:
                # nobody may call again for hours
                self._timer = threading.Timer(_FLUSH_S, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if due:
            self.flush()
