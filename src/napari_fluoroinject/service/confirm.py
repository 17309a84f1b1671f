"""Whether what was acknowledged is kept: storage commitment, else a query, asked until it is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.spool.queue import DAY_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.service.delivery import Delivery
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.queue import Entry

log = logging.getLogger(__name__)

ASK_AGAIN_S = 60.0
"""How long after an acknowledgement a query is repeated that could not be asked or answered."""
_BETWEEN_S = 30.0


class Confirmation:
    """Follows up what is `sent` in the queue of a delivery.

    Parameters
    ----------
    delivery
        Whose entries.
    settings
        Endpoints by name.
    trail
        What is done is noted there.
    now_s
        The clock: seconds since the epoch.
    """

    def __init__(
        self,
        delivery: Delivery,
        settings: Settings,
        trail: Trail,
        *,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._delivery = delivery
        self._settings = settings
        self._trail = trail
        self._now_s = now_s
        self._next_s = 0.0
        self._alarmed: set[int] = set()

    def round(self) -> None:
        """Look after entries that wait for word, every half a minute."""
        now_s = self._now_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _BETWEEN_S
        for entry in self._delivery.queue.overdue(now_s=now_s, patience_s=ASK_AGAIN_S):
            self._follow_up(entry)
        for entry in self._delivery.queue.alarms(now_s=now_s):
            if entry.number not in self._alarmed:
                self._alarmed.add(entry.number)
                log.error("entry %d is %s and needs a person", entry.number, entry.state)
                self._trail.note(
                    "alarm",
                    number=entry.number,
                    sop_instance_uid=entry.sop_instance_uid,
                    destination=entry.destination,
                    tries=entry.tries,
                    what=entry.state,
                )

    def _follow_up(self, entry: Entry) -> None:
        try:
            endpoint = self._settings.endpoint(entry.destination)
            if endpoint.verify == "none":
                self._delivery.queue.verified(entry.number, now_s=self._now_s())
                return
            if endpoint.verify == "commitment" and not self._is_late(entry):
                return
            self._delivery.verify(entry, self._delivery.open(endpoint))
        except FluoroinjectError as error:
            log.warning("entry %d could not be followed up: %s", entry.number, error)

    def _is_late(self, entry: Entry) -> bool:
        """Whether no report of storage commitment came within a day."""
        return self._now_s() - (entry.sent_s or 0.0) >= DAY_S
