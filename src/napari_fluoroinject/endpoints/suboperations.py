"""A C-GET or C-MOVE under way: answers and arrivals in one line, with a deadline of ours."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset

from napari_fluoroinject.endpoints.dimse import PENDING, status_of
from napari_fluoroinject.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from pynetdicom.association import Association

    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)

Responses = Iterator[tuple[Dataset, Dataset | None]]
POLL_S = 0.2
GRACE_S = 3.0
"""How long the last answer is awaited when every object has come: some archives never give it."""
_JOIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Final:
    """The last answer: its data set, and the SOP Instance UIDs that the peer says have failed."""

    response: Dataset
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An object that came and was not taken, and why."""

    sop_instance_uid: str
    reason: str


class NeverError(RefusedError):
    """The peer does not do this at all: no use in asking again for other objects."""


@dataclass(slots=True, eq=False)
class Events:
    """What happened, in order, from all threads; and when a sign of life was last seen."""

    happened: queue.SimpleQueue[Path | Final | Refused] = field(default_factory=queue.SimpleQueue)
    heard_s: float = field(default_factory=time.monotonic)

    def put(self, event: Path | Final | Refused) -> None:
        """Tell that something happened."""
        self.heard()
        self.happened.put(event)

    def heard(self) -> None:
        """Note a sign of life."""
        self.heard_s = time.monotonic()

    def idle_s(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self.heard_s

    def wait(self) -> Path | Final | Refused | None:
        """Return the next event; None when there is none for a moment."""
        try:
            return self.happened.get(timeout=POLL_S)
        except queue.Empty:
            return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """What is carried out, and how it is known to be alive and complete.

    `look` is asked at every turn for objects that came another way, `complete` whether all are
    there; after `patience_s` without a sign of life the operation is given up.
    """

    name: str
    model: str
    begin: Callable[[], Responses]
    look: Callable[[], Iterable[Path]]
    complete: Callable[[], bool]
    patience_s: float


def carry_out(
    peer: Pacs, association: Association, operation: Operation, events: Events
) -> Iterator[Path | Refused | Final]:
    """Yield what comes, and the last answer at the end.

    The answers are awaited in a thread: an archive may send every object and never answer, or go
    silent in the middle. Left early, the operation is cancelled.

    Raises
    ------
    UnreachableError
        No answer, and no sign of life for longer than the operation's patience.
    """
    association.dimse_timeout = None  # the deadline is ours
    worker = threading.Thread(
        target=_pump, args=(operation, events), name=operation.name, daemon=True
    )
    worker.start()
    try:
        yield from _until_final(peer, operation, events)
    finally:
        if worker.is_alive():
            _stop(association, operation, worker)


def _until_final(
    peer: Pacs, operation: Operation, events: Events
) -> Iterator[Path | Refused | Final]:
    while True:
        event = events.wait()
        yield from operation.look()
        if isinstance(event, Final):
            status_of(event.response, peer=str(peer), request=operation.name)
            yield event
            return
        if event is not None:
            yield event
        elif operation.complete() and events.idle_s() > GRACE_S:
            log.warning("%s left %s pending, but every object has come", peer, operation.name)
            return
        elif events.idle_s() > operation.patience_s:
            raise UnreachableError(
                f"{peer} went silent in {operation.name}: nothing for {operation.patience_s:.0f} "
                "s; expected objects or an answer: see whether it still runs, then try again"
            )


def _pump(operation: Operation, events: Events) -> None:
    """Read the answers; whatever happens, a last one is told."""
    final = Final(response=Dataset())
    try:
        for response, identifier in operation.begin():
            events.heard()
            if response.get("Status") not in PENDING:
                final = Final(response=response, failed=_failed(identifier))
    except Exception:  # the edge of a worker: without an answer the peer counts as gone
        log.debug("%s ended without an answer", operation.name, exc_info=True)
    events.put(final)


def _failed(identifier: Dataset | None) -> frozenset[str]:
    told = None if identifier is None else identifier.get("FailedSOPInstanceUIDList")
    if not told:
        return frozenset()
    return frozenset([told] if isinstance(told, str) else map(str, told))


def _stop(association: Association, operation: Operation, worker: threading.Thread) -> None:
    worker.join(POLL_S)
    if not worker.is_alive():
        return
    with suppress(RuntimeError, ValueError, OSError):
        association.send_c_cancel(1, query_model=operation.model)
    # read as an answer that did not come in time: the waiting thread then aborts
    association.dimse.msg_queue.put((None, None))
    worker.join(_JOIN_S)
