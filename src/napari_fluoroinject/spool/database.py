"""The one SQLite file of a spool: what is committed in it survives a crash and a power cut."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.disk import fsync
from napari_fluoroinject.spool.private import make_private, tighten_file
from napari_fluoroinject.spool.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "state.sqlite"
_BESIDE = ("", "-wal", "-shm")
_BUSY_S = 30.0
"""Longest wait for another process that writes; a transaction takes milliseconds."""
_IDLE = 8
"""Connections kept open while nobody uses them."""
_WAL_BYTES = 4 << 20
"""What the write-ahead log is cut to once its content is in the database."""
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")

_making = threading.Lock()
"""Closing a file drops every lock that its process holds on it, SQLite's too (POSIX): no thread
may make the file while another opens it as a database."""


class Database(Closing):
    """State of a spool, for all threads of several processes at once.

    Write-ahead log, synchronous FULL: when a transaction has ended without an error, it is on
    disk.

    Parameters
    ----------
    root
        Folder of the spool; made with mode 0700 if absent.

    Raises
    ------
    StorageError
        If the file cannot be used, is damaged, or was written by a newer version.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / FILE_NAME
        self._root = root.resolve()
        self._idle: list[sqlite3.Connection] = []
        self._pool = threading.Lock()
        self._writing = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        try:
            make_private(root)
            _make_file(self.path)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be made: {error.strerror or error}") from error
        try:
            self._check()
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every idle connection; one that is in use closes when it is given back."""
        with self._pool:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def relative(self, path: Path) -> str:
        """Return how a path is kept: without the root's own, so that a spool can be moved."""
        path = path.resolve()
        return (
            path.relative_to(self._root) if path.is_relative_to(self._root) else path
        ).as_posix()

    def absolute(self, kept: str) -> Path:
        """Return the path that was kept as this."""
        return self._root / kept

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection on which all is done or nothing; committed to disk at the end.

        Transactions of all threads and processes follow one another; do not nest them.

        Raises
        ------
        StorageError
            No space, an I/O error, a damaged file, or another process that does not let go.
        """
        self._follow_fork()
        with self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for statements that only read; writers go on meanwhile.

        Raises
        ------
        StorageError
            As `transaction`.
        """
        self._follow_fork()
        with self._connection() as connection:
            yield connection

    def _follow_fork(self) -> None:
        """Leave to the parent what is the parent's: SQLite's connections do not survive a fork."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            self._inherited = self._idle  # closing them here would take the parent's locks
            self._idle = []
            self._pool, self._writing = threading.Lock(), threading.Lock()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; after an error of SQLite it is not used again."""
        connection: sqlite3.Connection | None = None
        try:
            connection = self._borrow()
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _storage_error(self.path, error) from error
        except BaseException:
            if connection is not None:
                self._give_back(connection)
            raise
        else:
            self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._pool:
            if self._closed:
                raise StorageError(f"{self.path} was closed; expected to be used before that")
            if self._idle:
                return self._idle.pop()
        return _connect(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool:
            usable = not self._closed and not connection.in_transaction
            if usable and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _check(self) -> None:
        with self.reading() as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StorageError(_damage(self.path, str(found)))

    def _migrate(self) -> None:
        """Bring an older file to this version, one step at a time, each whole or not at all."""
        while True:
            with self.transaction() as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > len(MIGRATIONS):
                    raise StorageError(
                        f"{self.path} has version {version}; expected {len(MIGRATIONS)} or older: "
                        "a newer fluoroinject wrote it, use that one or another folder"
                    )
                if version == len(MIGRATIONS):
                    return
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")


def set_aside(root: Path, *, now_s: float) -> Path:
    """Put a damaged database under another name; the next `Database` begins an empty one.

    Nobody may use the spool meanwhile. `Index.reconcile` then indexes the received objects anew.

    Parameters
    ----------
    root
        Folder of the spool.
    now_s
        Seconds since the epoch; part of the new name.

    Returns
    -------
    Path
        Where the damaged file is now, its write-ahead log beside it.

    Raises
    ------
    StorageError
        If it cannot be renamed.
    """
    aside = root / f"damaged-{int(now_s)}-{FILE_NAME}"
    try:
        # the log first: should this stop in between, the database is not taken for whole with it
        for ending in reversed(_BESIDE):
            path = root / f"{FILE_NAME}{ending}"
            if path.exists():
                path.rename(aside.with_name(f"{aside.name}{ending}"))
        fsync(root)
    except OSError as error:
        raise StorageError(
            f"{root / FILE_NAME} cannot be put aside: {error.strerror or error}"
        ) from error
    return aside


def _make_file(path: Path) -> None:
    """Make the file for its owner alone; SQLite gives the files beside it the same mode."""
    with _making:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        for ending in _BESIDE:
            with suppress(FileNotFoundError):
                tighten_file(path.with_name(path.name + ending))
        fsync(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    with _making:
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"journal_size_limit = {_WAL_BYTES}",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "fullfsync = ON",  # macOS: to the disk, not to its cache
            "checkpoint_fullfsync = ON",
        ):
            with closing(connection.execute(f"PRAGMA {pragma}")) as cursor:
                cursor.fetchall()
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_DAMAGED):
        return StorageError(_damage(path, str(error)))
    advice = "expected a disk that can be written to, with room on it"
    if name.startswith("SQLITE_BUSY"):
        advice = f"another process held it for {_BUSY_S:.0f} s; look for one that hangs"
    return StorageError(f"{path}: {error} ({name or type(error).__name__}); {advice}")


def _damage(path: Path, seen: str) -> str:
    return (
        f"{path} is damaged: {' '.join(seen.split())}; expected a whole database. Stop everything "
        "that uses this spool, put the file and those beside it (-wal, -shm) aside, and start "
        "again: received objects are indexed anew, and their results are made and sent again "
        "under the same UIDs"
    )
