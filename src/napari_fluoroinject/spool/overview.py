"""Counts, ages and the latest objects of a spool, in one look at its database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.spool.counters import TABLE

if TYPE_CHECKING:
    import sqlite3

    from napari_fluoroinject.spool.database import Database

_LATEST = """SELECT object.sop_instance_uid, object.received_s, object.caller, job.state AS job,
    job.procedure, job.reason, job.tries,
    (SELECT count(*) FROM outgoing WHERE source_uid = object.sop_instance_uid) AS results,
    (SELECT count(*) FROM outgoing WHERE source_uid = object.sop_instance_uid
        AND state IN ('sent', 'committed')) AS returned,
    (SELECT count(*) FROM outgoing WHERE source_uid = object.sop_instance_uid
        AND state = 'committed') AS kept,
    (SELECT count(*) FROM outgoing WHERE source_uid = object.sop_instance_uid
        AND state = 'dead' AND dismissed_s IS NULL) AS dead,
    (job.dismissed_s IS NOT NULL) + (SELECT count(*) FROM outgoing
        WHERE source_uid = object.sop_instance_uid AND dismissed_s IS NOT NULL) AS dismissed
    FROM object LEFT JOIN job ON job.sop_instance_uid = object.sop_instance_uid
    ORDER BY object.number DESC LIMIT ?"""

_LAST = """SELECT ended_s - begun_s FROM job WHERE state = 'done' AND begun_s IS NOT NULL
    ORDER BY ended_s DESC LIMIT 1"""

_OPEN = """SELECT DISTINCT destination FROM outgoing WHERE state IN ('new', 'sending', 'sent')
    ORDER BY destination"""


_JOBS = """SELECT iif(dismissed_s IS NULL, state, 'dismissed'), count(*) FROM job GROUP BY 1"""

_QUEUE = """SELECT CASE WHEN dismissed_s IS NOT NULL THEN 'dismissed' WHEN held THEN 'held'
    ELSE state END, count(*) FROM outgoing GROUP BY 1"""

_WAITING = """SELECT destination, count(*) AS count, min(added_s) AS since_s FROM outgoing
    WHERE state IN ('new', 'sending') GROUP BY destination ORDER BY since_s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many results wait for one destination, and since when (seconds since the epoch)."""

    destination: str
    count: int
    since_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """An object that came lately: its job's state (None = no job), and its results by count.

    `dismissed` counts its job and results that a person has dismissed; `dead` those not dismissed.
    """

    sop_instance_uid: str
    received_s: float
    caller: str
    job: str | None
    procedure: str | None
    reason: str | None
    tries: int | None
    results: int
    returned: int
    kept: int
    dead: int
    dismissed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a database says at one moment.

    Attributes
    ----------
    received, received_bytes
        Objects that were acknowledged.
    jobs, queue
        Counts by state. What a person has dismissed is `dismissed`; `dead` are the results that
        their destination refused, `held` those that our own check did.
    waiting
        What is not sent, by destination, the oldest first.
    unsent_since_s, uncommitted_since_s
        When the oldest result that is not sent was queued, and the oldest that is sent and not
        confirmed was sent; seconds since the epoch.
    destinations
        That results wait for, or that have not confirmed all of theirs.
    last_analysis_s
        How long the last one took; None before the first.
    counters
        By name and label.
    recent
        Newest first.
    """

    received: int
    received_bytes: int
    jobs: Mapping[str, int]
    queue: Mapping[str, int]
    waiting: tuple[Waiting, ...]
    unsent_since_s: float | None
    uncommitted_since_s: float | None
    destinations: tuple[str, ...]
    last_analysis_s: float | None
    counters: Mapping[str, Mapping[str, int]]
    recent: tuple[Recent, ...]


def overview(database: Database, *, recent: int) -> Overview:
    """Read all of it; `recent` is how many objects at most.

    Raises
    ------
    StorageError
        As `Database.reading`.
    """
    with database.reading() as connection:
        received, size = connection.execute(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM object"
        ).fetchone()
        rows = connection.execute(_LATEST, (recent,)).fetchall()
        return Overview(
            received=received,
            received_bytes=size,
            jobs=dict(connection.execute(_JOBS).fetchall()),
            queue=dict(connection.execute(_QUEUE).fetchall()),
            waiting=tuple(Waiting(**dict(row)) for row in connection.execute(_WAITING)),
            unsent_since_s=_one(
                connection, "SELECT min(added_s) FROM outgoing WHERE state IN ('new', 'sending')"
            ),
            uncommitted_since_s=_one(
                connection, "SELECT min(sent_s) FROM outgoing WHERE state = 'sent'"
            ),
            destinations=tuple(row[0] for row in connection.execute(_OPEN)),
            last_analysis_s=_one(connection, _LAST),
            counters=_counters(connection),
            recent=tuple(Recent(**dict(row)) for row in rows),
        )


def _one(connection: sqlite3.Connection, statement: str) -> float | None:
    row = connection.execute(statement).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _counters(connection: sqlite3.Connection) -> Mapping[str, Mapping[str, int]]:
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()
    found: dict[str, dict[str, int]] = {}
    if there:
        for name, label, value in connection.execute("SELECT name, label, value FROM counters"):
            found.setdefault(name, {})[label] = value
    return found
