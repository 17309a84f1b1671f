"""Runs as the receiver gets them, as a feed: read from its spool, which is left as it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.dimse import CINE_CLASSES
from napari_fluoroinject.endpoints.runs_in_turn import Found, RunsInTurn
from napari_fluoroinject.spool.looking import SpoolLook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class ReceivedRuns(RunsInTurn):
    """Runs that `fluoroinject listen` receives while it is watched, each at its own rate.

    An object is given once it is durable and acknowledged; those that came before are not.

    Parameters
    ----------
    spool
        Folder of the receiver; another process may receive into it.
    speed, clock
        As `RunsInTurn`.

    Raises
    ------
    StorageError
        It is no spool.
    """

    def __init__(
        self, spool: Path, *, speed: float = 1.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(
            _Arrivals(SpoolLook(spool)),
            waits="waits for runs that the receiver gets",
            speed=speed,
            clock=clock,
        )


class _Arrivals:
    def __init__(self, spool: SpoolLook) -> None:
        self._spool = spool
        self._last = spool.last()

    def look(self) -> Found:
        """Return the files of loops that came since the last look."""
        self._last, paths = self._spool.after(self._last, CINE_CLASSES)
        return Found(objects=paths)
