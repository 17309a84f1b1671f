"""What is to be analysed: a job for every received loop, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.outgoing import insert

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.outgoing import Outgoing

JobState = Literal["waiting", "working", "done", "failed", "skipped"]
STATES: tuple[JobState, ...] = get_args(JobState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A received object that is to be analysed.

    Attributes
    ----------
    sop_instance_uid
        Of the object.
    state
        waiting -> working -> done, failed, skipped or waiting again.
    tries
        How often it was begun.
    due_s, begun_s
        Seconds since the epoch: not begun before, begun last (None = never).
    procedure
        Key of the procedure it was analysed for; None = not done.
    reason
        Why it failed, waits again or was skipped; None where there is none to tell.
    dismissed_s
        When a person said that nothing more is to be done for it; None = nobody did.
    """

    sop_instance_uid: str
    state: JobState
    tries: int
    due_s: float
    begun_s: float | None
    procedure: str | None
    reason: str | None
    dismissed_s: float | None = None


_SELECT = (
    "SELECT sop_instance_uid, state, tries, due_s, begun_s, procedure, reason, dismissed_s "
    "FROM job"
)


class Jobs:
    """Jobs in a database; whoever claims one has it alone.

    Parameters
    ----------
    database
        Of the spool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now_s: float) -> Job | None:
        """Begin the job that is due longest; None when none is due.

        It is `working` on disk before this returns.

        Raises
        ------
        StorageError
            As `Database.transaction`; so do all methods.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                f"{_SELECT} WHERE state = 'waiting' AND due_s <= ? ORDER BY due_s, number LIMIT 1",
                (now_s,),
            ).fetchone()
            if row is None:
                return None
            uid = row["sop_instance_uid"]
            connection.execute(
                "UPDATE job SET state = 'working', tries = tries + 1, begun_s = ? "
                "WHERE sop_instance_uid = ?",
                (now_s, uid),
            )
            return _get(connection, uid)

    def done(self, uid: str, results: Sequence[Outgoing], *, procedure: str, now_s: float) -> None:
        """End a job and queue its results, both or neither.

        Raises
        ------
        StorageError
            If nobody works on it.
        ConflictError
            If a result has other bytes than one queued before under its UID; the job goes on.
        """
        with self._database.transaction() as connection:
            insert(connection, results, now_s=now_s, database=self._database)
            _end(connection, uid, "done", now_s=now_s, procedure=procedure)

    def failed(self, uid: str, *, reason: str, retry_s: float | None, now_s: float) -> None:
        """Note a failure: the job waits for `retry_s` seconds, or has failed for good (None).

        Raises
        ------
        StorageError
            If nobody works on it.
        """
        with self._database.transaction() as connection:
            if retry_s is None:
                _end(connection, uid, "failed", now_s=now_s, reason=reason)
            else:
                _wait(connection, uid, due_s=now_s + retry_s, reason=reason)

    def skipped(self, uid: str, *, reason: str, now_s: float) -> None:
        """Note that an object is not analysed, and why.

        Raises
        ------
        StorageError
            If nobody works on it.
        """
        with self._database.transaction() as connection:
            _end(connection, uid, "skipped", now_s=now_s, reason=reason)

    def put_off(self, uid: str, *, due_s: float) -> None:
        """Let a job wait that could not begin yet (its series is not whole); it costs no try.

        Raises
        ------
        StorageError
            If nobody works on it.
        """
        with self._database.transaction() as connection:
            _wait(connection, uid, due_s=due_s, reason=None)
            connection.execute(
                "UPDATE job SET tries = tries - 1 WHERE sop_instance_uid = ?", (uid,)
            )

    def recover(self) -> int:
        """Let jobs wait again that a crash interrupted; only before anybody works. How many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "UPDATE job SET state = 'waiting' WHERE state = 'working'"
            ).rowcount

    def again(self, uid: str) -> None:
        """Let a job begin anew, however it ended.

        Raises
        ------
        StorageError
            If there is none, or somebody works on it.
        """
        with self._database.transaction() as connection:
            job = _get(connection, uid)
            if job.state == "working":
                raise StorageError(f"job {uid} is being worked on; expected it to have ended")
            connection.execute(
                "UPDATE job SET state = 'waiting', tries = 0, due_s = 0, "
                "procedure = NULL, reason = NULL, dismissed_s = NULL WHERE sop_instance_uid = ?",
                (uid,),
            )

    def dismiss(self, uid: str, *, now_s: float) -> None:
        """Note that a person wants nothing more done for a failed job; it stays as it is.

        Raises
        ------
        StorageError
            If there is none, or it has not failed.
        """
        with self._database.transaction() as connection:
            job = _get(connection, uid)
            if job.state != "failed":
                raise StorageError(f"job {uid} is {job.state}; expected one that has failed")
            connection.execute(
                "UPDATE job SET dismissed_s = ? WHERE sop_instance_uid = ?", (now_s, uid)
            )

    def get(self, uid: str) -> Job | None:
        """Return the job of an object, None where it has none."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE sop_instance_uid = ?", (uid,)).fetchone()
        return None if row is None else Job(**row)

    def counts(self) -> Mapping[str, int]:
        """How many jobs are in each state, 0 too."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT state, count(*) FROM job GROUP BY state").fetchall()
        return {**dict.fromkeys(STATES, 0), **dict(rows)}

    def every(self, state: str | None = None) -> tuple[Job, ...]:
        """Every job, or those in one state, as their objects arrived."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE state = coalesce(?, state) ORDER BY number", (state,)
            ).fetchall()
        return tuple(Job(**row) for row in rows)


def _get(connection: sqlite3.Connection, uid: str) -> Job:
    row = connection.execute(f"{_SELECT} WHERE sop_instance_uid = ?", (uid,)).fetchone()
    if row is None:
        raise StorageError(f"there is no job {uid}; expected the UID of a received object")
    return Job(**row)


def _require_working(connection: sqlite3.Connection, uid: str) -> None:
    if (state := _get(connection, uid).state) != "working":
        raise StorageError(f"job {uid} is {state}; expected one that is worked on")


def _end(
    connection: sqlite3.Connection,
    uid: str,
    state: JobState,
    *,
    now_s: float,
    procedure: str | None = None,
    reason: str | None = None,
) -> None:
    _require_working(connection, uid)
    connection.execute(
        "UPDATE job SET state = ?, ended_s = ?, procedure = ?, reason = ? "
        "WHERE sop_instance_uid = ?",
        (state, now_s, procedure, reason, uid),
    )


def _wait(connection: sqlite3.Connection, uid: str, *, due_s: float, reason: str | None) -> None:
    _require_working(connection, uid)
    connection.execute(
        "UPDATE job SET state = 'waiting', due_s = ?, reason = ? WHERE sop_instance_uid = ?",
        (due_s, reason, uid),
    )
