"""One round of returning results: take what is due, check it, store it, have it confirmed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError, IdentityMismatchError, SettingsError
from napari_fluoroinject.service.counterpart import kept_of, send_each
from napari_fluoroinject.service.verdict import (
    PERMANENT_TRIES,
    is_of_the_object,
    plainly,
    status_in,
)
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Counterpart, Receipt
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.settings.network import Endpoint
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.queue import Entry

log = logging.getLogger(__name__)

_QUIET_S = 60.0
"""The log tells the same failure of one destination again after so long."""
AT_ONCE = 32
"""Entries that are taken together, and go over one association."""


class Delivery:
    """Sends the entries of one queue; one process at a time does.

    Parameters
    ----------
    database
        Of the spool.
    settings
        Endpoints by name.
    trail
        What is done is noted there.
    sink_of
        Opens the counterpart of an endpoint; None = as its URL says.
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        trail: Trail,
        *,
        sink_of: Callable[[Endpoint], Counterpart] | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.queue = Queue(database)
        self._index = Index(database)
        self.settings = settings
        self.trail = trail
        self._sink_of = sink_of
        self.now_s = now_s
        self._unknown: set[str] = set()
        self._missed: dict[tuple[str, str], int] = {}
        self._told_s: dict[tuple[str, str], float] = {}

    def endpoint(self, destination: str) -> Endpoint:
        """Return the endpoint that entries were queued for; one that is gone calls a person, once.

        Raises
        ------
        SettingsError
            The settings do not know it any more.
        """
        try:
            return self.settings.kept(destination)
        except SettingsError as error:
            if destination not in self._unknown:
                self._unknown.add(destination)
                log.error("results wait, and need a person: %s", error)
                self.trail.note("alarm", destination=destination, reason=str(error))
            raise

    def open(self, endpoint: Endpoint) -> Counterpart:
        """Return the counterpart of an endpoint; nothing is sent yet.

        Raises
        ------
        FluoroinjectError
            Its URL is not valid, or its certificate cannot be used.
        """
        from napari_fluoroinject.endpoints import connect

        if self._sink_of is not None:
            return self._sink_of(endpoint)
        named = next((n for n, one in self.settings.endpoints.items() if one is endpoint), None)
        return connect(named or endpoint.url, self.settings)[0]

    def round(self) -> int:
        """Send what is due, destination by destination; how many entries were taken."""
        entries = self.queue.take(now_s=self.now_s(), limit=AT_ONCE)
        for destination in dict.fromkeys(one.destination for one in entries):
            self._send([one for one in entries if one.destination == destination])
        self._tell_missed()
        return len(entries)

    def _tell_missed(self) -> None:
        """Tell what was not sent, one line for a destination and a cause, and not too often."""
        now_s = self.now_s()
        for cause, tries in tuple(self._missed.items()):
            if not 0.0 <= now_s - self._told_s.get(cause, -_QUIET_S) < _QUIET_S:
                what = "1 try" if tries == 1 else f"{tries} tries"
                log.warning("%s to send to %s failed, it is tried again: %s", what, *cause)
                self._told_s[cause] = now_s
                del self._missed[cause]

    def _tell_returned(self, entry: Entry) -> None:
        failed = [cause for cause in self._told_s if cause[0] == entry.destination]
        if failed:
            log.warning("%s takes results again", entry.destination)
        for cause in failed:
            self._told_s.pop(cause)
            self._missed.pop(cause, None)
        log.info("…%s was returned to %s", entry.sop_instance_uid[-12:], entry.destination)

    def _send(self, entries: Sequence[Entry]) -> None:
        """Send entries of one destination; what becomes of one is not the others' matter."""
        try:
            endpoint = self.endpoint(entries[0].destination)
            sink = self.open(endpoint)
        except FluoroinjectError as error:
            for entry in entries:
                self._not_sent(entry, error)
            return
        ready = {one.sop_instance_uid: one for one in entries if self._may_go(one)}
        sent = []
        for uid, answer in send_each(sink, {uid: one.path for uid, one in ready.items()}):
            if isinstance(answer, FluoroinjectError):
                self._not_sent(ready[uid], answer)
            else:
                self._sent(ready[uid], answer)
                sent.append(ready[uid])
        if endpoint.verify != "commitment":
            self._verify_now(sent, endpoint, sink)

    def _may_go(self, entry: Entry) -> bool:
        try:
            self._check(entry)
        except FluoroinjectError as error:
            self._not_sent(entry, error)
            return False
        return True

    def _verify_now(self, entries: Sequence[Entry], endpoint: Endpoint, sink: Counterpart) -> None:
        try:
            self.verify(entries, endpoint, sink)
        except FluoroinjectError as error:  # asked again later: they stay `sent`
            log.warning(
                "%d entries were sent and could not be verified: %s", len(entries), plainly(error)
            )

    def _check(self, entry: Entry) -> None:
        """Refuse what is not the result that was queued, or not its loop's."""
        from napari_fluoroinject.dicom.misfiled import misfiled
        from napari_fluoroinject.spool.store import file_sha256

        source = self._index.get(entry.source_uid)
        if source is None or not source.path.is_file():
            raise IdentityMismatchError(
                "the loop it was made of is not in the spool any more; expected it, to compare "
                "whose it is"
            )
        try:
            seen = file_sha256(entry.path)
        except OSError as error:
            raise IdentityMismatchError(
                f"its file cannot be read: {error.strerror}; expected the one that was queued"
            ) from error
        if seen != entry.sha256:
            raise IdentityMismatchError(
                "its file was changed since it was queued; expected the same bytes"
            )
        self._check_source(source.path, source.sha256)
        fault = misfiled(entry.path, source.path)
        if fault is not None:
            raise IdentityMismatchError(f"{fault}; expected its loop's: it is not sent")

    def _check_source(self, path: Path, sha256: str) -> None:
        from napari_fluoroinject.endpoints.storage_scp import dataset_sha256

        if dataset_sha256(path) != sha256:
            raise IdentityMismatchError(
                "the loop it was made of has other content than it was received with"
            )

    def _sent(self, entry: Entry, receipt: Receipt) -> None:
        self.queue.sent(entry.number, status=receipt.status, now_s=self.now_s())
        self._tell_returned(entry)
        self._note("sent", entry, status=receipt.status, tries=entry.tries)

    def verify(self, entries: Sequence[Entry], endpoint: Endpoint, sink: Counterpart) -> None:
        """Have entries of one destination confirmed that are `sent`; what is missing goes again.

        Parameters
        ----------
        entries
            Some that are `sent`.
        endpoint, sink
            Their destination.

        Raises
        ------
        FluoroinjectError
            It cannot be asked: they stay `sent`.
        """
        if not entries:
            return
        trusted = endpoint.verify == "none"
        kept = (
            None if trusted else kept_of(sink, {one.sop_instance_uid: one.path for one in entries})
        )
        for entry in entries:
            if kept is None or entry.sop_instance_uid in kept:
                self.queue.verified(entry.number, now_s=self.now_s())
                self._note("verified", entry)
            else:
                lost = "acknowledged, and not found by a query"
                self.queue.failed(
                    entry.number, error=lost, status=None, permanent=False, now_s=self.now_s()
                )
                self._note("send failed", entry, reason=lost)

    def _not_sent(self, entry: Entry, error: FluoroinjectError) -> None:
        foreign = isinstance(error, IdentityMismatchError)
        dead = foreign or (is_of_the_object(error) and entry.tries >= PERMANENT_TRIES)
        status = status_in(error)
        if foreign:
            self.queue.held_back(entry.number, error=str(error), now_s=self.now_s())
        else:
            self.queue.failed(
                entry.number, error=str(error), status=status, permanent=dead, now_s=self.now_s()
            )
        if dead:
            by = "our own check" if foreign else entry.destination
            log.error(
                "entry %d will not be sent: %s refused: %s", entry.number, by, plainly(error)
            )
        else:
            cause = entry.destination, plainly(error)
            self._missed[cause] = self._missed.get(cause, 0) + 1
        self._note("dead" if dead else "send failed", entry, status=status, reason=plainly(error))

    def _note(self, event: str, entry: Entry, **facts: str | int | None) -> None:
        self.trail.note(
            event,
            number=entry.number,
            sop_instance_uid=entry.sop_instance_uid,
            source_uid=entry.source_uid,
            destination=entry.destination,
            **facts,
        )
