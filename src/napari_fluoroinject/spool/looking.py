"""A look at a spool that another process receives into: what came, without touching anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.database import FILE_NAME
from napari_fluoroinject.spool.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_BUSY_S = 5.0


class SpoolLook:
    """Reads the index of a spool; nothing is made, migrated or locked.

    Parameters
    ----------
    root
        Folder of the spool.

    Raises
    ------
    StorageError
        It is no spool, or one of another version.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = root / FILE_NAME
        if not self._file.is_file():
            raise StorageError(
                f"{root} is no spool; expected the folder that `fluoroinject listen` receives "
                "into: start that first, or name another folder"
            )
        version = int(self._rows("PRAGMA user_version")[0][0])
        if version != len(MIGRATIONS):
            raise StorageError(
                f"{self._file} has version {version}; expected {len(MIGRATIONS)}: use the "
                "fluoroinject that receives into it"
            )

    def last(self) -> int:
        """Number of the object that came last; 0 = none."""
        return int(self._rows("SELECT coalesce(max(number), 0) FROM object")[0][0])

    def after(self, number: int, classes: Collection[str]) -> tuple[int, tuple[Path, ...]]:
        """Return the last number, and the files of these SOP classes that came after `number`.

        Raises
        ------
        StorageError
            The index cannot be read.
        """
        rows = self._rows(
            "SELECT number, sop_class_uid, path FROM object "
            "WHERE number > ? AND purged_s IS NULL ORDER BY number",
            (number,),
        )
        paths = tuple(self._root / row[2] for row in rows if row[1] in classes)
        return (int(rows[-1][0]) if rows else number), paths

    def _rows(self, statement: str, values: tuple[int, ...] = ()) -> list[tuple[int, str, str]]:
        place = f"file:{quote(str(self._file.absolute()))}?mode=ro"
        try:
            with closing(sqlite3.connect(place, uri=True, timeout=_BUSY_S)) as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(
                f"{self._file} cannot be read: {error}; expected the index of a spool"
            ) from error
