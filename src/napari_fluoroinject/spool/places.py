"""Numbers by key for a million keys: on disk, so that memory stays small."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.private import make_private, tighten_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CACHE_KB = 8 << 10
_SCHEMA = "CREATE TABLE places (key TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"


class Places(Closing):
    """Where something stands, by its key; forgotten when it is closed.

    Used by any thread, by one at a time.

    Parameters
    ----------
    path
        The file, in a folder that is made private; nothing of what stood there is kept.

    Raises
    ------
    StorageError
        It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            make_private(path.parent)
            path.unlink(missing_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            tighten_file(path)
            for what in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
                self._database.execute(f"PRAGMA {what}")
            self._run(_SCHEMA)
            self._run("BEGIN")  # for good: it is nobody's but ours
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def __len__(self) -> int:
        return int(self._run("SELECT count(*) FROM places").fetchone()[0])

    def add(self, key: str, number: int = 0) -> bool:
        """Keep a number of a key that has none; whether it had none.

        Raises
        ------
        StorageError
            As `put`.
        """
        return bool(self._run("INSERT OR IGNORE INTO places VALUES (?, ?)", key, number).rowcount)

    def put(self, key: str, number: int) -> None:
        """Keep a number in the place of the one before.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        self._run("INSERT OR REPLACE INTO places VALUES (?, ?)", key, number)

    def get(self, key: str) -> int | None:
        """Return the number of a key; None where it has none."""
        row = self._run("SELECT number FROM places WHERE key = ?", key).fetchone()
        return None if row is None else int(row[0])

    def numbers(self) -> Iterator[int]:
        """Return all numbers, in the order of their keys."""
        return (int(number) for (number,) in self._run("SELECT number FROM places ORDER BY key"))

    def close(self) -> None:
        """Let go of the file, and remove it."""
        self._database.close()
        self._path.unlink(missing_ok=True)

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self._path} cannot be used: {error}; expected a private file, and room on the disk"
        )
