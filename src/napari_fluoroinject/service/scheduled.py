"""What the worklist says of the study that a loop belongs to."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.run import StoppedError
from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.service.verdict import plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.dicom.requested import Requested
    from napari_fluoroinject.model.geometry import Side
    from napari_fluoroinject.model.scheduled import ScheduledProcedure
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)


PATIENCE_S = 15.0
"""For all that a worklist is asked about one loop, the call included."""
_POLL_S = 0.05


class UnansweredError(Exception):
    """The worklist did not answer: a loop is decided on without it."""


class Schedule:
    """Asks the worklist of the settings; a callable, for `Analyst`.

    Parameters
    ----------
    settings
        Names who is asked; where nobody is, there is never an item.
    stopping
        Whether the service stops: then no answer is awaited.
    """

    def __init__(
        self, settings: Settings, *, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._settings = settings
        self._stopping = stopping

    def __call__(self, header: Requested) -> Requested | None:
        """Return the item of the loop's study or accession number; None where there is none.

        Parameters
        ----------
        header
            What the loop says.

        Raises
        ------
        UnansweredError
            The worklist did not answer, or not in time; the log says why.
        StoppedError
            The service stops.
        """
        if self._settings.service.worklist is None:
            return None
        answered: queue.SimpleQueue[Sequence[ScheduledProcedure] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answered.put(self._items(header))
            except Exception as error:
                answered.put(error)

        # a peer may keep the thread for as long as an association may take; nobody waits for it
        threading.Thread(target=ask, name="worklist", daemon=True).start()
        return as_requested(self._awaited(answered))

    def _awaited(
        self, answered: queue.SimpleQueue[Sequence[ScheduledProcedure] | Exception]
    ) -> Sequence[ScheduledProcedure]:
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            try:
                told = answered.get(timeout=_POLL_S)
            except queue.Empty:
                if self._stopping():
                    raise StoppedError from None
                continue
            if isinstance(told, FluoroinjectError):
                log.warning("the worklist was not asked: %s", plainly(told))
                raise UnansweredError from told
            if isinstance(told, Exception):
                raise told
            return told
        log.warning("the worklist had not answered after %g s", PATIENCE_S)
        raise UnansweredError

    def _items(self, header: Requested) -> Sequence[ScheduledProcedure]:
        """Items of the same study; where it has none, of the same accession number."""
        from napari_fluoroinject.endpoints import connect
        from napari_fluoroinject.endpoints.pacs import Pacs
        from napari_fluoroinject.endpoints.worklist import WorklistQuery, worklist

        named = self._settings.service.worklist
        if named is None:
            return ()
        peer, _ = connect(named, self._settings)
        if not isinstance(peer, Pacs):
            log.warning("the worklist %s is no PACS; expected pacs://...", named)
            return ()
        if header.study_instance_uid:
            uid = header.study_instance_uid
            items = worklist(peer, WorklistQuery(study_instance_uid=uid))
            found = [one for one in items if one.study_instance_uid == uid]
            if found:
                return found
        if header.accession:
            items = worklist(peer, WorklistQuery(accession=header.accession))
            return [one for one in items if one.accession == header.accession]
        return ()


def as_requested(items: Sequence[ScheduledProcedure]) -> Requested | None:
    """Put together what the items of one study say; None where there is none.

    Parameters
    ----------
    items
        One for each step.
    """
    from napari_fluoroinject.dicom.requested import Requested

    if not items:
        return None
    sides: set[Side] = {one.side for one in items if one.side is not None}
    codes = [code for one in items for code in (*one.requested_codes, *one.step_codes)]
    texts = [text for one in items for text in (one.requested_description, one.step_description)]
    return Requested(
        codes=tuple(dict.fromkeys(codes)),
        descriptions=tuple(dict.fromkeys(text for text in texts if text)),
        side=sides.pop() if len(sides) == 1 else None,
        study_instance_uid=items[0].study_instance_uid,
    )
