"""Whether what was acknowledged is kept: storage commitment, else a query, asked until it is."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError, RefusedError
from napari_fluoroinject.service.delivery import AT_ONCE
from napari_fluoroinject.service.verdict import plainly
from napari_fluoroinject.spool.outgoing import back_off_s
from napari_fluoroinject.spool.queue import DAY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.endpoints.base import Counterpart
    from napari_fluoroinject.endpoints.commitment import Report
    from napari_fluoroinject.service.delivery import Delivery
    from napari_fluoroinject.settings.network import Endpoint
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.outgoing import Entry
    from napari_fluoroinject.spool.queue import Queue

log = logging.getLogger(__name__)

ASK_AGAIN_S = 60.0
"""How long after an acknowledgement a query is repeated that could not be answered."""
BETWEEN_S = 30.0
"""How often entries that wait for word are looked at."""


class Confirmation:
    """Follows up what is `sent` in the queue of a delivery.

    Parameters
    ----------
    delivery
        Whose entries.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._queue = delivery.queue
        self._next_s = 0.0
        self._alarmed: set[int] = set()
        self._refusals: dict[str, tuple[int, float]] = {}

    def round(self) -> None:
        """Ask for storage commitment of what was sent; now and then, look after the rest."""
        for name, endpoint in self._committing():
            self._ask(name, endpoint)
        now_s = self._delivery.now_s()
        if now_s >= self._next_s:
            # what an earlier run of the sender has left is not waited for
            patience_s = ASK_AGAIN_S if self._next_s else 0.0
            self._next_s = now_s + BETWEEN_S
            self._look_after(self._queue.overdue(now_s=now_s, patience_s=patience_s))
            self._alarm(self._queue.alarms(now_s=now_s))

    def _committing(self) -> list[tuple[str, Endpoint]]:
        """Destinations of the settings that are asked for storage commitment, and may be now."""
        settings, now_s = self._delivery.settings, self._delivery.now_s()
        return [
            (name, endpoint)
            for name, endpoint in settings.endpoints.items()
            if endpoint.verify == "commitment" and self._refusals.get(name, (0, 0.0))[1] <= now_s
        ]

    def _ask(self, name: str, endpoint: Endpoint) -> None:
        """Ask one destination, under a transaction that is on disk before."""
        from napari_fluoroinject.endpoints.commitment import ask
        from napari_fluoroinject.endpoints.pacs import Pacs

        entries = self._queue.unasked(destination=name, limit=AT_ONCE)
        if not entries:
            return
        now_s = self._delivery.now_s
        transaction = f"2.25.{uuid.uuid4().int}"
        numbers = [one.number for one in entries]
        self._queue.commitment_asked(numbers, transaction_uid=transaction, now_s=now_s())
        trail = self._delivery.trail
        trail.note(
            "commitment asked", transaction_uid=transaction, destination=name, count=len(entries)
        )
        try:
            sink = self._delivery.open(endpoint)
            if not isinstance(sink, Pacs):
                raise RefusedError(f"{name} is no PACS; expected verify = 'query' for it")
            ask(
                sink,
                {one.sop_instance_uid: one.sop_class_uid for one in entries},
                transaction_uid=transaction,
                reported=lambda report: take_report(self._queue, trail, report, now_s=now_s()),
            )
            self._refusals.pop(name, None)
        except FluoroinjectError as error:
            log.warning("%s takes no storage commitment now: %s", name, plainly(error))
            self._queue.commitment_refused(transaction, now_s=now_s())
            tries = self._refusals.get(name, (0, 0.0))[0] + 1
            self._refusals[name] = (tries, now_s() + 12 * back_off_s(tries, jitter=0.0))
            if isinstance(error, RefusedError):
                self._verify(entries, endpoint)

    def _look_after(self, entries: Sequence[Entry]) -> None:
        """Ask by query for what is overdue: of storage commitment, after a day without word."""
        now_s = self._delivery.now_s()
        for destination in dict.fromkeys(one.destination for one in entries):
            mine = [one for one in entries if one.destination == destination]
            try:
                endpoint = self._delivery.endpoint(destination)
            except FluoroinjectError as error:
                log.warning("entries cannot be followed up: %s", plainly(error))
                continue
            if endpoint.verify == "commitment":
                mine = [one for one in mine if now_s - (one.sent_s or 0.0) >= DAY_S]
            for start in range(0, len(mine), AT_ONCE):
                self._verify(mine[start : start + AT_ONCE], endpoint)

    def _verify(self, entries: Sequence[Entry], endpoint: Endpoint) -> None:
        try:
            sink: Counterpart = self._delivery.open(endpoint)
            self._delivery.verify(entries, endpoint, sink)
        except FluoroinjectError as error:
            log.warning("%d entries could not be verified: %s", len(entries), error)

    def _alarm(self, entries: Sequence[Entry]) -> None:
        """Call a person, once for each entry and run of this process."""
        for entry in entries:
            if entry.number in self._alarmed:
                continue
            self._alarmed.add(entry.number)
            log.error("entry %d is %s and needs a person", entry.number, entry.state)
            self._delivery.trail.note(
                "alarm",
                number=entry.number,
                sop_instance_uid=entry.sop_instance_uid,
                destination=entry.destination,
                tries=entry.tries,
                what=entry.state,
            )


def take_report(queue: Queue, trail: Trail, report: Report, *, now_s: float) -> None:
    """Keep what an archive reports of a storage commitment; it is on disk when this returns.

    Parameters
    ----------
    queue, trail
        Of the spool.
    report
        As it came, on the association that asked or on the archive's own.
    now_s
        Seconds since the epoch.

    Raises
    ------
    RefusedError
        Nobody has asked for this transaction.
    """
    known = queue.commitment_reported(
        report.transaction_uid, committed=report.committed, failed=report.failed, now_s=now_s
    )
    if not known:
        trail.note(
            "refused",
            transaction_uid=report.transaction_uid,
            caller=report.caller,
            count=len(report.committed) + len(report.failed),
            reason="nobody has asked for this storage commitment",
        )
        raise RefusedError(
            f"a report on the transaction {report.transaction_uid}; expected one that was asked "
            "for"
        )
    _note_report(trail, report, queue.asked_in(report.transaction_uid))


def _note_report(trail: Trail, report: Report, entries: Sequence[Entry]) -> None:
    """Note of each object what the archive says; of what was not asked for nothing."""
    told = [one for one in entries if one.sop_instance_uid in {*report.committed, *report.failed}]
    for entry in told:
        status = report.failed.get(entry.sop_instance_uid)
        note = trail.note if entry is told[-1] else trail.note_soon  # on disk with the last
        note(
            "committed" if status is None else "send failed",
            sop_instance_uid=entry.sop_instance_uid,
            sop_class_uid=entry.sop_class_uid,
            source_uid=entry.source_uid,
            destination=entry.destination,
            transaction_uid=report.transaction_uid,
            caller=report.caller,
            number=entry.number,
            status=None if status is None else f"0x{status:04X}",
            reason=None if status is None else "the archive does not keep it",
        )
