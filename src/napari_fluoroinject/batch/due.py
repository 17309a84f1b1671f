"""Orders that have to be done: planned ahead in a thread, held against what the journal knows."""

from __future__ import annotations

import threading
from contextlib import closing
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, NamedTuple, Protocol

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder, Unplanned
from napari_fluoroinject.batch.state import content_of, is_current, same_loop
from napari_fluoroinject.spool.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_fluoroinject.batch.journal import Ended, Journal

_POLL_S = 0.2
_ORDERED = "ordered.sqlite"
"""Keys of the loops that were ordered, as long as a plan is open."""


class Kept(NamedTuple):
    """A loop that ended before, and is not done again."""

    order: LoopOrder
    ended: Ended


class Repeated(NamedTuple):
    """A loop that was ordered before: hashes of the files of this order, or why there are none."""

    key: str
    source: str
    content: tuple[str, ...] | None
    fault: str = ""


Planned = LoopOrder | Unplanned | Kept


class Plan(Protocol):
    """Orders, and what cannot be planned; what was fetched for it stays until it is closed."""

    def __iter__(self) -> Iterator[LoopOrder | Unplanned]:
        """Give one after another; called in one thread, that which opened it and closes it."""
        ...

    def ended(self, order: LoopOrder) -> None:
        """Hear that an order's files are needed no more; called in any thread."""
        ...

    def stop(self) -> None:
        """Wait for nothing any more: no further order is wanted; called in any thread."""
        ...

    def close(self) -> None:
        """Remove what was fetched."""
        ...


def is_settled(order: LoopOrder, journal: Journal, *, out: Path, retry: bool) -> Ended | None:
    """Return how a loop ended that is not to be done again; None where it is due.

    Parameters
    ----------
    order
        What is to be done; one that has an `origin` may be without files.
    journal
        Of the folder `out`.
    out
        Folder of the results.
    retry
        Whether loops that failed, or were set aside, are due again.
    """
    ended = journal.last(order.key)
    if ended is None or not is_current(order, ended, out=out, version=__version__):
        return None
    # a full disk is no fault of the loop
    again = ended.state != "done" and (retry or ended.fault == "storage")
    return None if again else ended


class Due:
    """Orders of a plan, as they become due, from a thread that plans ahead.

    Parameters
    ----------
    opening
        Opens the plan; called in the thread.
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
        opening: Callable[[], Plan],
        *,
        journal: Journal,
        out: Path,
        retry: bool,
        most: int,
    ) -> None:
        self._opening, self._journal = opening, journal
        self._out, self._retry = out, retry
        self._plan: Plan | None = None
        self._ready: Queue[Planned] = Queue(most)
        self._twice: list[Repeated] = []
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

    def ended(self, order: LoopOrder) -> None:
        """Tell the plan that an order's files are needed no more.

        Parameters
        ----------
        order
            Whose work has ended.
        """
        if self._plan is not None:
            self._plan.ended(order)

    def repeated(self) -> list[Repeated]:
        """What was ordered again: to be judged when the work is over."""
        return self._twice

    def close(self) -> None:
        """Plan no further."""
        self._stop.set()
        if self._plan is not None:
            self._plan.stop()
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
            ordered = Places(self._out / JOB_FOLDER / _ORDERED)
            with ordered, closing(self._opening()) as plan:
                self._plan = plan
                if self._stop.is_set():
                    plan.stop()
                for one in plan:
                    if self._stop.is_set():
                        break
                    self._hand(self._judged(one, ordered))
                self._over.set()
                self._stop.wait()  # what was fetched is needed until the work is over
        except BaseException as error:  # handed to the thread that takes
            self._error = error
        finally:
            self._over.set()

    def _hand(self, one: Planned | None) -> None:
        while one is not None and not self._stop.is_set():
            try:
                self._ready.put(one, timeout=_POLL_S)
            except Full:
                continue
            return

    def _judged(self, one: LoopOrder | Unplanned, ordered: Places) -> Planned | None:
        if isinstance(one, Unplanned):
            return one
        if not ordered.add(one.key):
            self._twice.append(_repeated(one))  # its files may be gone when it is judged
            self.ended(one)
            return None
        ended = is_settled(one, self._journal, out=self._out, retry=self._retry)
        if ended is None:
            return one
        self.ended(one)
        return Kept(one, ended)


def judged_twice(one: Repeated, journal: Journal) -> Unplanned | None:
    """Tell a copy of a loop, which is None, from another loop of the same UID.

    Parameters
    ----------
    one
        What was ordered again.
    journal
        In which the first order ended.
    """
    if one.content is None:
        return Unplanned(source=one.source, reason=one.fault)
    ended = journal.last(one.key)
    if ended is not None and same_loop(one.content, ended):
        return None
    return Unplanned(
        source=one.source,
        reason="seen another loop of the same SOP Instance UID, of other content or not read; "
        "expected one loop of a UID: results are named by it",
    )


def _repeated(order: LoopOrder) -> Repeated:
    try:
        return Repeated(order.key, order.source, content_of(order))
    except OSError as error:
        return Repeated(order.key, order.source, None, f"cannot be read: {error.strerror}")
