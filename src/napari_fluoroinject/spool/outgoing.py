"""Files that are to be sent, and their rows in the outgoing queue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from napari_fluoroinject.errors import ConflictError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from napari_fluoroinject.spool.database import Database

EntryState = Literal["new", "sending", "sent", "committed", "dead"]
STATES: tuple[EntryState, ...] = get_args(EntryState)

FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 3600.0
"""Between tries: the first doubles with every failure up to the longest."""
JITTER = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file that is to be sent.

    Attributes
    ----------
    sop_instance_uid, sop_class_uid
        Of the object in it.
    sha256
        Of its bytes.
    path
        Where it is; it must stay there until it may be purged.
    destination
        Name or URL of the endpoint that it goes to.
    source_uid
        SOP Instance UID of the received object that it was made of.
    """

    sop_instance_uid: str
    sop_class_uid: str
    sha256: str
    path: Path
    destination: str
    source_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Outgoing):
    """A file in the queue.

    Attributes
    ----------
    number
        Its own, for ever.
    state
        new -> sending -> sent -> committed; back to new, or dead, when it failed.
    tries
        How often it was sent or tried to be.
    next_try_s, added_s, sent_s
        Seconds since the epoch: not tried before, queued, acknowledged (None = not yet).
    last_error, last_status
        What went wrong last, in words, and the last DIMSE or HTTP status; None = nothing yet.
    transaction_uid
        Of the storage commitment that was asked for it last; None = of none.
    held
        Whether it is dead because our own check, not its destination, refused it.
    dismissed_s
        When a person said that nothing more is to be done for it; None = nobody did.
    """

    number: int
    state: EntryState
    tries: int
    next_try_s: float
    last_error: str | None
    last_status: int | None
    transaction_uid: str | None
    added_s: float
    sent_s: float | None
    held: int = 0
    dismissed_s: float | None = None


COLUMNS = tuple(one.name for one in fields(Entry))
"""Of a row, as `Entry` names them."""


def back_off_s(tries: int, *, jitter: float) -> float:
    """How long to wait after a failure: 5 s x 2^n and at most an hour.

    Parameters
    ----------
    tries
        Tries so far, this failure included: 1 or more.
    jitter
        -1 to 1: up to a fifth less or more, so that many do not come back at once.
    """
    doubled = FIRST_WAIT_S * 2.0 ** min(max(tries, 1) - 1, 32)
    return min(LONGEST_WAIT_S, min(doubled, LONGEST_WAIT_S) * (1.0 + JITTER * jitter))


def insert(
    connection: sqlite3.Connection,
    items: Iterable[Outgoing],
    *,
    now_s: float,
    database: Database,
) -> int:
    """Queue files within a transaction of the caller; see `Queue.add`."""
    added = 0
    for item in items:
        _require_same(connection, item)
        path = database.relative(item.path)
        known = connection.execute(
            "UPDATE outgoing SET path = ?, purged_s = NULL "
            "WHERE sop_instance_uid = ? AND destination = ?",
            (path, item.sop_instance_uid, item.destination),
        ).rowcount
        if not known:
            connection.execute(
                "INSERT INTO outgoing (sop_instance_uid, sop_class_uid, sha256, path, "
                "destination, source_uid, state, next_try_s, added_s) "
                "VALUES (?, ?, ?, ?, ?, ?, 'new', ?, ?)",
                (
                    *(item.sop_instance_uid, item.sop_class_uid, item.sha256, path),
                    *(item.destination, item.source_uid, now_s, now_s),
                ),
            )
            added += 1
    return added


def _require_same(connection: sqlite3.Connection, item: Outgoing) -> None:
    """Refuse other bytes under a UID, wherever they were to go (a result is made once)."""
    other = connection.execute(
        "SELECT 1 FROM outgoing WHERE sop_instance_uid = ? AND sha256 <> ? LIMIT 1",
        (item.sop_instance_uid, item.sha256),
    ).fetchone()
    if other is not None:
        raise ConflictError(
            f"{item.sop_instance_uid} is queued with other bytes; expected the same bytes, or a "
            "new UID for a new result"
        )
