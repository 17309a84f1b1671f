"""Clears the spool of what an archive is known to keep, after the days that were set."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.service.counterpart import kept_of
from napari_fluoroinject.service.verdict import plainly
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.purge import Purge
from napari_fluoroinject.spool.queue import DAY_S

if TYPE_CHECKING:
    from napari_fluoroinject.service.delivery import Delivery
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.outgoing import Entry

log = logging.getLogger(__name__)

BETWEEN_S = 600.0
"""How often the spool is gone through."""
_AT_ONCE = 100


class Clearing:
    """Removes results and loops that are older than `keep_days` and known to be kept elsewhere.

    A result counts as kept when it is committed or verified, a loop when the archive that results
    go to was asked and has it. Rows stay for ever: what was removed is still known.

    Parameters
    ----------
    database
        Of the spool.
    delivery
        Whose queue, destination and clock are used.
    """

    def __init__(self, database: Database, delivery: Delivery) -> None:
        self._purge = Purge(database)
        self._index = Index(database)
        self._delivery = delivery
        self._next_s = 0.0

    def recover(self) -> None:
        """Finish what a crash left half removed; raises as `round`."""
        self._purge.recover()

    def round(self) -> None:
        """Go through the spool now and then; nothing is removed where `keep_days` is 0.

        Raises
        ------
        StorageError
            The spool cannot be used now.
        """
        keep_s = self._delivery.settings.service.keep_days * DAY_S
        now_s = self._delivery.now_s()
        if not keep_s or now_s < self._next_s:
            return
        self._next_s = now_s + BETWEEN_S
        self._clear_results(now_s, keep_s)
        self._ask_for_loops(now_s)
        for uid in self._purge.due(now_s=now_s, keep_s=keep_s, limit=_AT_ONCE):
            self._purge.remove(uid, now_s=now_s)
            self._delivery.trail.note("purged", sop_instance_uid=uid, what="received object")

    def _clear_results(self, now_s: float, keep_s: float) -> None:
        queue = self._delivery.queue
        for entry in queue.purgeable(now_s=now_s, keep_s=keep_s):
            queue.purged(entry.number, now_s=now_s)
            entry.path.unlink(missing_ok=True)
            self._delivery.trail.note(
                "purged",
                sop_instance_uid=entry.sop_instance_uid,
                number=entry.number,
                what="result",
            )
            if not any(entry.path.parent.glob("*.dcm")):
                self._clear_folder(entry)

    def _clear_folder(self, entry: Entry) -> None:
        """Remove picture and summary, too, once all objects beside them are gone."""
        from napari_fluoroinject.results import is_result

        for file in entry.path.parent.iterdir():
            if is_result(file.name):
                file.unlink()
        with suppress(OSError):  # a person's notes stay, and their folder
            entry.path.parent.rmdir()
            entry.path.parent.parent.rmdir()

    def _ask_for_loops(self, now_s: float) -> None:
        """Ask the archive for received objects with which nothing is to be done any more."""
        named = self._delivery.settings.service.send_to
        found = [self._index.get(uid) for uid in self._purge.unconfirmed(limit=_AT_ONCE)]
        there = [one for one in found if one is not None and one.path.is_file()]
        if named is None or not there:
            return
        try:
            sink = self._delivery.open(self._delivery.settings.endpoint(named))
            kept = kept_of(sink, {one.sop_instance_uid: one.path for one in there})
        except FluoroinjectError as error:
            log.warning("the archive was not asked which loops it keeps: %s", plainly(error))
            return
        for one in there:
            if one.sop_instance_uid in kept:
                self._purge.confirmed(one.sop_instance_uid, now_s=now_s)
