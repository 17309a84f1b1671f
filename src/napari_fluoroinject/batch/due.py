"""Orders that have to be done: planned ahead in a thread, held against what the journal knows."""

from __future__ import annotations

import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, NamedTuple

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.order import LoopOrder, Unplanned
from napari_fluoroinject.batch.state import is_current, same_loop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_fluoroinject.batch.journal import Ended, Journal

_POLL_S = 0.2


class Kept(NamedTuple):
    """A loop that ended before, and is not done again; or, `twice`, that stands there twice."""

    order: LoopOrder
    ended: Ended
    twice: bool = False


Planned = LoopOrder | Unplanned | Kept


class Due:
    """Orders of a plan, as they become due, from a thread that plans ahead.

    Parameters
    ----------
    plan
        Orders and what could not be planned.
    journal
        Of the folder `out`.
    out
        Folder of the results.
    retry
        Whether loops that failed, or were set aside, are due again.
    most
        How far it plans ahead.
    """

    def __init__(
        self,
        plan: Iterable[LoopOrder | Unplanned],
        *,
        journal: Journal,
        out: Path,
        retry: bool,
        most: int,
    ) -> None:
        self._plan, self._journal, self._out, self._retry = plan, journal, out, retry
        self._ready: Queue[Planned] = Queue(most)
        self._seen: set[bytes] = set()
        self._twice: list[LoopOrder] = []
        self._stop = threading.Event()
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def complete(self) -> bool:
        """Whether all is planned: nothing comes that is not counted in `waiting`."""
        return self._over.is_set()

    @property
    def waiting(self) -> int:
        """How many are planned and not taken yet."""
        return self._ready.qsize()

    def take(self, timeout_s: float) -> Planned | None:
        """Return the next; None where none is ready in time, or none is left."""
        try:
            return self._ready.get(timeout=timeout_s)
        except Empty:
            return None

    def repeated(self) -> list[LoopOrder]:
        """Orders whose loop was ordered before: to be judged when the work is over."""
        return self._twice

    def close(self) -> None:
        """Plan no further."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the plan before its end.

        Raises
        ------
        FluoroinjectError
            As the plan.
        """
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            for one in self._plan:
                if self._stop.is_set():
                    break
                due = self._judged(one)
                if due is not None:
                    self._hand(due)
        except BaseException as error:  # handed to the thread that takes
            self._error = error
        finally:
            close = getattr(self._plan, "close", None)
            if close is not None:
                close()
            self._over.set()

    def _hand(self, one: Planned) -> None:
        while not self._stop.is_set():
            try:
                self._ready.put(one, timeout=_POLL_S)
            except Full:
                continue
            return

    def _judged(self, one: LoopOrder | Unplanned) -> Planned | None:
        if isinstance(one, Unplanned):
            return one
        key = one.key.encode()
        if key in self._seen:
            self._twice.append(one)
            return None
        self._seen.add(key)
        ended = self._journal.last(one.key)
        if ended is None or not is_current(one, ended, out=self._out, version=__version__):
            return one
        # a full disk is no fault of the loop
        again = ended.state != "done" and (self._retry or ended.fault == "storage")
        return one if again else Kept(one, ended)


def judged_twice(orders: Iterable[LoopOrder], journal: Journal) -> list[Kept | Unplanned]:
    """Tell copies of a loop from other loops of the same UID.

    Parameters
    ----------
    orders
        Whose loop was ordered before, by another order.
    journal
        In which that ended.
    """
    return [_judged_twice(order, journal.last(order.key)) for order in orders]


def _judged_twice(order: LoopOrder, ended: Ended | None) -> Kept | Unplanned:
    try:
        if ended is not None and same_loop(order, ended):
            return Kept(order, ended, twice=True)
    except OSError as error:
        return Unplanned(source=order.source, reason=f"cannot be read: {error.strerror}")
    return Unplanned(
        source=order.source,
        reason="seen another loop of the same SOP Instance UID, of other content or not read; "
        "expected one loop of a UID: results are named by it",
    )
