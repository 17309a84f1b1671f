"""The outgoing queue: results on their way, until their destination is known to keep them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.outgoing import COLUMNS, STATES, back_off_s, insert
from napari_fluoroinject.spool.outgoing import Entry as Entry
from napari_fluoroinject.spool.outgoing import Outgoing as Outgoing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from napari_fluoroinject.spool.database import Database

DAY_S = 86400.0
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM outgoing"  # noqa: S608 - names of ours


class Queue:
    """Entries in a database; every change is on disk when its method returns.

    Whoever takes an entry has it alone. Nothing is ever dropped: what cannot be sent is `dead`
    and told, and stays.

    Parameters
    ----------
    database
        Of the spool.
    jitter
        Gives numbers of -1 to 1 for `back_off_s`.
    """

    def __init__(self, database: Database, *, jitter: Callable[[], float] | None = None) -> None:
        self._database = database
        self._jitter = jitter or _any_jitter

    def add(self, items: Iterable[Outgoing], *, now_s: float) -> int:
        """Queue files, all or none; what is queued for the same destination stays as it is.

        Returns
        -------
        int
            How many are new.

        Raises
        ------
        ConflictError
            If other bytes were queued before under the same SOP Instance UID.
        StorageError
            As `Database.transaction`; so do all methods.
        """
        with self._database.transaction() as connection:
            return insert(connection, items, now_s=now_s, database=self._database)

    def take(
        self, *, now_s: float, limit: int, destination: str | None = None
    ) -> tuple[Entry, ...]:
        """Take what is due, longest first; it is `sending` on disk before this returns."""
        with self._database.transaction() as connection:
            numbers = [
                row["number"]
                for row in connection.execute(
                    "SELECT number FROM outgoing WHERE state = 'new' AND next_try_s <= ? "
                    "AND destination = coalesce(?, destination) "
                    "ORDER BY next_try_s, number LIMIT ?",
                    (now_s, destination, limit),
                )
            ]
            connection.executemany(
                "UPDATE outgoing SET state = 'sending', tries = tries + 1 WHERE number = ?",
                [(number,) for number in numbers],
            )
            return tuple(self._get(connection, number) for number in numbers)

    def sent(self, number: int, *, status: int, now_s: float) -> None:
        """Note that the destination has acknowledged an entry.

        Raises
        ------
        StorageError
            If it is not being sent.
        """
        with self._database.transaction() as connection:
            self._require(connection, number, "sending")
            connection.execute(
                "UPDATE outgoing SET state = 'sent', sent_s = ?, last_status = ?, "
                "last_error = NULL, transaction_uid = NULL WHERE number = ?",
                (now_s, status, number),
            )

    def failed(
        self,
        number: int,
        *,
        error: str,
        status: int | None,
        permanent: bool,
        now_s: float,
    ) -> None:
        """Note that an entry was not taken, or is not there after all; it waits, or is dead.

        Raises
        ------
        StorageError
            If it is neither being sent nor sent.
        """
        with self._database.transaction() as connection:
            entry = self._require(connection, number, "sending", "sent")
            self._set_back(connection, entry, error=error, status=status, now_s=now_s)
            if permanent:
                connection.execute(
                    "UPDATE outgoing SET state = 'dead' WHERE number = ?", (number,)
                )

    def held_back(self, number: int, *, error: str, now_s: float) -> None:
        """Note that our own check has refused an entry: it is dead, and was not sent.

        Raises
        ------
        StorageError
            If it is not being sent.
        """
        with self._database.transaction() as connection:
            entry = self._require(connection, number, "sending")
            self._set_back(connection, entry, error=error, status=None, now_s=now_s)
            connection.execute(
                "UPDATE outgoing SET state = 'dead', held = 1 WHERE number = ?", (number,)
            )

    def commitment_asked(
        self, numbers: Sequence[int], *, transaction_uid: str, now_s: float
    ) -> None:
        """Note a transaction of storage commitment, before the N-ACTION (PS3.4 J.3.2).

        Raises
        ------
        StorageError
            If one of the entries is not sent, or the transaction was noted before.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO commitment (transaction_uid, asked_s) VALUES (?, ?)",
                (transaction_uid, now_s),
            )
            for number in numbers:
                self._require(connection, number, "sent")
                connection.execute(
                    "UPDATE outgoing SET transaction_uid = ?, asked_s = ? WHERE number = ?",
                    (transaction_uid, now_s, number),
                )

    def commitment_refused(self, transaction_uid: str, *, now_s: float) -> None:
        """Note that the N-ACTION was refused or nobody answered: its entries can be asked again.

        A report that comes all the same is taken.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE outgoing SET asked_s = NULL WHERE transaction_uid = ? AND state = 'sent'",
                (transaction_uid,),
            )
            _note_answer(connection, transaction_uid, now_s=now_s)

    def commitment_reported(
        self,
        transaction_uid: str,
        *,
        committed: Collection[str],
        failed: Mapping[str, int],
        now_s: float,
    ) -> bool:
        """Take a report of storage commitment (PS3.4 J.3.3); the same report again is no news.

        Parameters
        ----------
        transaction_uid
            Of the report.
        committed
            SOP Instance UIDs that the archive keeps.
        failed
            Failure Reason (0008,1197) of those that it does not; they are sent again.
        now_s
            Seconds since the epoch.

        Returns
        -------
        bool
            False when no such transaction was asked for.
        """
        with self._database.transaction() as connection:
            known = _note_answer(connection, transaction_uid, now_s=now_s)
            rows = connection.execute(
                f"{_SELECT} WHERE transaction_uid = ? AND state = 'sent'", (transaction_uid,)
            ).fetchall()
            for entry in map(self._entry, rows):
                reason = failed.get(entry.sop_instance_uid)
                if reason is not None:
                    error = f"the archive does not keep it: reason 0x{reason:04X}"
                    self._set_back(connection, entry, error=error, status=reason, now_s=now_s)
                elif entry.sop_instance_uid in committed:
                    _commit(connection, entry.number, now_s=now_s)
        return known

    def asked_in(self, transaction_uid: str) -> tuple[Entry, ...]:
        """Entries that a storage commitment was last asked for in this transaction."""
        return self._entries("transaction_uid = ? ORDER BY number", (transaction_uid,))

    def unasked(self, *, destination: str, limit: int) -> tuple[Entry, ...]:
        """Sent entries of a destination that no storage commitment was asked for yet."""
        return self._entries(
            "state = 'sent' AND asked_s IS NULL AND destination = ? ORDER BY number LIMIT ?",
            (destination, limit),
        )

    def overdue(self, *, now_s: float, patience_s: float = DAY_S) -> tuple[Entry, ...]:
        """Sent entries that nobody has committed for so long: a query tells whether they are kept.

        Counted from the storage commitment that was asked for, or from when they were sent.
        """
        return self._entries(
            "state = 'sent' AND coalesce(asked_s, sent_s) <= ? ORDER BY number",
            (now_s - patience_s,),
        )

    def verified(self, number: int, *, now_s: float) -> None:
        """Note that a query has found a sent entry at its destination: it is committed.

        Raises
        ------
        StorageError
            If it is not sent.
        """
        with self._database.transaction() as connection:
            self._require(connection, number, "sent")
            _commit(connection, number, now_s=now_s)

    def recover(self) -> int:
        """Send again what a crash interrupted; only before anybody sends. How many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "UPDATE outgoing SET state = 'new' WHERE state = 'sending'"
            ).rowcount

    def retry(self, number: int) -> None:
        """Let an entry be sent anew at once, however often it has failed.

        Raises
        ------
        StorageError
            If there is none, it is being sent, or the destination is known to keep it.
        """
        with self._database.transaction() as connection:
            self._require(connection, number, "new", "sent", "dead")
            _send_anew(connection, number)

    def retry_all(self) -> tuple[Entry, ...]:
        """Let all be sent anew at once that waits, or is dead and not dismissed.

        Returns
        -------
        tuple[Entry, ...]
            As they were before.
        """
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE state = 'new' OR (state = 'dead' AND dismissed_s IS NULL) "
                "ORDER BY number"
            ).fetchall()
            for row in rows:
                _send_anew(connection, row["number"])
        return tuple(map(self._entry, rows))

    def dismiss(self, number: int, *, now_s: float) -> None:
        """Note that a person wants nothing more done for a dead entry; it stays as it is.

        Raises
        ------
        StorageError
            If there is none, or it is not dead.
        """
        with self._database.transaction() as connection:
            self._require(connection, number, "dead")
            connection.execute(
                "UPDATE outgoing SET dismissed_s = ? WHERE number = ?", (now_s, number)
            )

    def counts(self) -> Mapping[str, int]:
        """How many entries are in each state, 0 too."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT state, count(*) FROM outgoing GROUP BY state"
            ).fetchall()
        return {**dict.fromkeys(STATES, 0), **dict(rows)}

    def every(self, state: str | None = None) -> tuple[Entry, ...]:
        """Every entry, or those in one state, in the order of their numbers."""
        return self._entries("state = coalesce(?, state) ORDER BY number", (state,))

    def alarms(self, *, now_s: float, after_s: float = DAY_S) -> tuple[Entry, ...]:
        """Entries that a person should look at: dead, or on their way for too long."""
        return self._entries(
            "dismissed_s IS NULL AND (state = 'dead' OR (state <> 'committed' AND added_s <= ?)) "
            "ORDER BY number",
            (now_s - after_s,),
        )

    def purgeable(self, *, now_s: float, keep_s: float) -> tuple[Entry, ...]:
        """Entries committed for at least `keep_s`, whose file nobody needs any more.

        A file stays while an entry for another destination needs it.
        """
        return self._entries(
            "purged_s IS NULL AND NOT EXISTS (SELECT 1 FROM outgoing AS other "
            "WHERE other.sop_instance_uid = outgoing.sop_instance_uid "
            "AND (other.state <> 'committed' OR other.committed_s > ?)) ORDER BY number",
            (now_s - keep_s,),
        )

    def purged(self, number: int, *, now_s: float) -> None:
        """Note, before its file is removed, that a committed entry has none any more.

        Raises
        ------
        StorageError
            If it is not committed.
        """
        with self._database.transaction() as connection:
            self._require(connection, number, "committed")
            connection.execute(
                "UPDATE outgoing SET purged_s = ? WHERE number = ?", (now_s, number)
            )

    def _set_back(
        self,
        connection: sqlite3.Connection,
        entry: Entry,
        *,
        error: str,
        status: int | None,
        now_s: float,
    ) -> None:
        wait_s = back_off_s(entry.tries, jitter=self._jitter())
        connection.execute(
            "UPDATE outgoing SET state = 'new', next_try_s = ?, last_error = ?, last_status = ?, "
            "asked_s = NULL WHERE number = ?",
            (now_s + wait_s, error, status, entry.number),
        )

    def _entries(self, where: str, values: tuple[object, ...]) -> tuple[Entry, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(f"{_SELECT} WHERE {where}", values).fetchall()
        return tuple(map(self._entry, rows))

    def _entry(self, row: sqlite3.Row) -> Entry:
        values = dict(row)
        return Entry(**values | {"path": self._database.absolute(values["path"])})

    def _get(self, connection: sqlite3.Connection, number: int) -> Entry:
        row = connection.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise StorageError(f"there is no entry {number}; expected a number of the queue")
        return self._entry(row)

    def _require(self, connection: sqlite3.Connection, number: int, *states: str) -> Entry:
        entry = self._get(connection, number)
        if entry.state not in states:
            raise StorageError(
                f"entry {number} is {entry.state}; expected one that is {' or '.join(states)}"
            )
        return entry


def _note_answer(connection: sqlite3.Connection, transaction_uid: str, *, now_s: float) -> bool:
    """Note when a transaction was answered last; False when it was never asked for."""
    return bool(
        connection.execute(
            "UPDATE commitment SET reported_s = ? WHERE transaction_uid = ?",
            (now_s, transaction_uid),
        ).rowcount
    )


def _commit(connection: sqlite3.Connection, number: int, *, now_s: float) -> None:
    connection.execute(
        "UPDATE outgoing SET state = 'committed', committed_s = ? WHERE number = ?",
        (now_s, number),
    )


def _send_anew(connection: sqlite3.Connection, number: int) -> None:
    connection.execute(
        "UPDATE outgoing SET state = 'new', tries = 0, next_try_s = 0, asked_s = NULL, held = 0, "
        "dismissed_s = NULL WHERE number = ?",
        (number,),
    )


def _any_jitter() -> float:
    return random.uniform(-1.0, 1.0)  # noqa: S311 - spreads load, keeps no secret
