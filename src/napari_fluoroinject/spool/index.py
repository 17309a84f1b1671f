"""The index of received objects: a row for every one that was acknowledged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import ConflictError, FluoroinjectError, StorageError
from napari_fluoroinject.spool.askers import Askers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.store import Spool

log = logging.getLogger(__name__)

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An object as it was received.

    Attributes
    ----------
    sop_instance_uid, sop_class_uid, study_instance_uid, series_instance_uid
        Of the data set.
    sha256
        Of its content, as `Admission.sha256`.
    size_bytes
        Of the file.
    caller, address
        Calling AE title and network address of the sender; empty where nobody noted them.
    received_s
        Seconds since the epoch.
    path
        Where the file is.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sha256: str
    size_bytes: int
    caller: str
    address: str
    received_s: float
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What the index and the folder did not agree on.

    Attributes
    ----------
    added
        Files that had no row, indexed now.
    missing
        Rows whose file is gone though nothing purged it: received objects that are lost.
    strange
        Files that cannot be read, bear the name of another UID, or have another size than their
        row says; they are left alone.
    """

    added: tuple[Arrival, ...]
    missing: tuple[Arrival, ...]
    strange: tuple[Path, ...]


_COLUMNS = tuple(one.name for one in fields(Arrival))
_SELECT = f"SELECT number, {', '.join(_COLUMNS)} FROM object"  # noqa: S608 - names of ours
_INSERT = (
    f"INSERT INTO object ({', '.join(_COLUMNS)}) "  # noqa: S608 - names of ours
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Index:
    """Rows of received objects in a database.

    Parameters
    ----------
    database
        Of the same spool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, arrival: Arrival, *, job: bool) -> bool:
        """Note an object that is durable on disk; with `job`, that it is to be analysed as well.

        Returns
        -------
        bool
            True when it is new here, False when it was noted before; then nothing changes but
            that it gets a job that it had not.

        Raises
        ------
        ConflictError
            If other content was noted under this UID.
        StorageError
            If it cannot be noted durably.
        """
        with self._database.transaction() as connection:
            noted = connection.execute(
                "SELECT sha256, purged_s FROM object WHERE sop_instance_uid = ?",
                (arrival.sop_instance_uid,),
            ).fetchone()
            if noted is not None:
                _check_again(arrival, noted["sha256"])
                if noted["purged_s"] is not None:
                    self._revive(connection, arrival)
            else:
                connection.execute(_INSERT, self._values(arrival))
            if job:
                connection.execute(
                    "INSERT OR IGNORE INTO job (sop_instance_uid, state, due_s) "
                    "VALUES (?, 'waiting', ?)",
                    (arrival.sop_instance_uid, arrival.received_s),
                )
        return noted is None

    def askers(self) -> Askers:
        """Who asks for objects that come here and are no pushes.

        Raises
        ------
        StorageError
            As `Database.transaction`.
        """
        return Askers(self._database)

    def get(self, uid: str) -> Arrival | None:
        """Return the object with this SOP Instance UID, None where it was never received."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE sop_instance_uid = ?", (uid,)).fetchone()
        return None if row is None else self._arrival(row)

    def sha256_of(self, uid: str) -> str | None:
        """Digest of the object with this UID, None where it was never received; see `Spool`."""
        found = self.get(uid)
        return None if found is None else found.sha256

    def series(self, series_uid: str) -> tuple[Arrival, ...]:
        """Objects of a series, as they arrived."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE series_instance_uid = ? ORDER BY number", (series_uid,)
            ).fetchall()
        return tuple(map(self._arrival, rows))

    def study(self, study_uid: str) -> tuple[Arrival, ...]:
        """Objects of a study, as they arrived."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE study_instance_uid = ? ORDER BY number", (study_uid,)
            ).fetchall()
        return tuple(map(self._arrival, rows))

    def since(self, received_s: float) -> tuple[Arrival, ...]:
        """Objects that were received at this time or later, as they arrived; purged ones not.

        Parameters
        ----------
        received_s
            Seconds since the epoch.

        Raises
        ------
        StorageError
            As `Database.reading`.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE received_s >= ? AND purged_s IS NULL ORDER BY number",
                (received_s,),
            ).fetchall()
        return tuple(map(self._arrival, rows))

    def every(self) -> Iterator[Arrival]:
        """Every object, as they arrived; also those whose file was purged."""
        # page by page: a statement that stays open would keep the write-ahead log from being cut
        last = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"{_SELECT} WHERE number > ? ORDER BY number LIMIT ?", (last, _PAGE)
                ).fetchall()
            if not rows:
                return
            last = rows[-1]["number"]
            yield from map(self._arrival, rows)

    def reconcile(self, spool: Spool, *, read: Callable[[Path], Arrival], job: bool) -> Reconciled:
        """Bring index and folder together, at start, before anything is received.

        A crash after the link and before the row leaves a file that nobody was told of; a lost
        database leaves them all. A row without a file is an alarm.

        Parameters
        ----------
        spool
            Whose files are looked at; held by this process.
        read
            Tells what the bytes of a file say; raises FluoroinjectError where it cannot.
        job
            Whether objects that are indexed now are to be analysed.

        Raises
        ------
        StorageError
            If it cannot be noted durably.
        """
        known = {one.path: one for one in self.every()}
        on_disk = {path.resolve() for path in spool.objects()}
        added, strange = [], []
        for path in sorted(on_disk - known.keys()):
            found = _read(path, spool, read)
            if found is None:
                strange.append(path)
            elif self.add(found, job=job):
                added.append(found)
        strange += [path for path in sorted(on_disk & known.keys()) if _is_changed(known[path])]
        lost = known.keys() - on_disk - self._purged()
        missing = tuple(one for path, one in known.items() if path in lost)
        for one in missing:
            log.error("%s was received and its file is gone", one.sop_instance_uid)
        return Reconciled(added=tuple(added), missing=missing, strange=tuple(strange))

    def _purged(self) -> set[Path]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT path FROM object WHERE purged_s IS NOT NULL")
            return {self._database.absolute(row["path"]) for row in rows.fetchall()}

    def _values(self, arrival: Arrival) -> tuple[str | int | float, ...]:
        values = [getattr(arrival, name) for name in _COLUMNS if name != "path"]
        return (*values, self._database.relative(arrival.path))

    def _arrival(self, row: sqlite3.Row) -> Arrival:
        values = {name: row[name] for name in _COLUMNS}
        return Arrival(**values | {"path": self._database.absolute(values["path"])})

    def _revive(self, connection: sqlite3.Connection, arrival: Arrival) -> None:
        """Take back an object that was purged and came again; it is not analysed again."""
        if not arrival.path.is_file():  # purged between its admission and this row
            raise StorageError(
                f"{arrival.sop_instance_uid} was just being purged; expected to be sent once more"
            )
        connection.execute(
            "UPDATE object SET purged_s = NULL, confirmed_s = NULL, path = ?, size_bytes = ? "
            "WHERE sop_instance_uid = ?",
            (
                self._database.relative(arrival.path),
                arrival.size_bytes,
                arrival.sop_instance_uid,
            ),
        )


def _check_again(arrival: Arrival, sha256: str) -> None:
    if sha256 != arrival.sha256:
        raise ConflictError(
            f"{arrival.sop_instance_uid} was received before with other content; expected the "
            "same bytes or a new UID"
        )


def _read(path: Path, spool: Spool, read: Callable[[Path], Arrival]) -> Arrival | None:
    try:
        found = read(path)
        if spool.path_of(found.sop_instance_uid).resolve() == path:
            return found
        log.error("%s: the name of another UID; expected that of its own", path)
    except FluoroinjectError as error:
        log.error("%s: cannot be indexed: %s", path, error)
    return None


def _is_changed(noted: Arrival) -> bool:
    if (size_bytes := noted.path.stat().st_size) == noted.size_bytes:
        return False
    log.error(
        "%s has another size than was received: %d bytes for %d",
        *(noted.path, size_bytes, noted.size_bytes),
    )
    return True
