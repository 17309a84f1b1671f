"""The file in which files are kept by study: made, opened, and begun anew where it is damaged."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_BESIDE = ("", "-wal", "-shm")
_CACHE_KB = 32 << 10
_VERSION = 1
_SCHEMA = """
CREATE TABLE folders (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE studies (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE);
CREATE TABLE lines (id INTEGER PRIMARY KEY, place TEXT NOT NULL, asked TEXT NOT NULL);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL, study INTEGER, sop TEXT, kind TEXT NOT NULL,
    run INTEGER NOT NULL, line INTEGER, named INTEGER NOT NULL, place INTEGER NOT NULL,
    UNIQUE (folder, name));
CREATE INDEX by_study ON files (study);
CREATE INDEX by_sop ON files (sop);
CREATE INDEX by_line ON files (line);
CREATE TABLE fetched (
    study TEXT NOT NULL, wish TEXT NOT NULL, state TEXT NOT NULL, orders TEXT NOT NULL,
    PRIMARY KEY (study, wish));
"""


def opened(path: Path) -> sqlite3.Connection:
    """Open the file, or begin it anew.

    Parameters
    ----------
    path
        The file, in a folder that exists.

    Raises
    ------
    sqlite3.Error, OSError
        It cannot be made.
    """
    for last in (False, True):
        database = sqlite3.connect(path, check_same_thread=False)
        try:
            _prepare(database)
        except sqlite3.DatabaseError:
            database.close()
            if last:
                raise
            for ending in _BESIDE:
                path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
        else:
            return database
    raise StorageError(f"{path} cannot be used")  # pragma: no cover - the loop returns or raises


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # what a power cut takes is looked at once more; a kill takes nothing
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    database.execute("PRAGMA temp_store = FILE")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION:
        raise sqlite3.DatabaseError("another version")
