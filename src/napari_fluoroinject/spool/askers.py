"""As whom we ask archives to send objects into a spool: what comes so was not pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.spool.database import Database

_MAKE = "CREATE TABLE IF NOT EXISTS asker (ae_title TEXT PRIMARY KEY) WITHOUT ROWID"


class Askers:
    """AE titles that ask for objects over C-MOVE, in the spool's database; any process may note.

    Parameters
    ----------
    database
        Of the spool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.execute(_MAKE)

    def note(self, ae_title: str) -> None:
        """Note one of ours, for good, before it asks.

        Raises
        ------
        StorageError
            If it cannot be noted durably.
        """
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO asker VALUES (?)", (ae_title,))

    def knows(self, ae_title: str) -> bool:
        """Whether it is one of ours.

        Raises
        ------
        StorageError
            As `Database.reading`.
        """
        with self._database.reading() as connection:
            found = connection.execute("SELECT 1 FROM asker WHERE ae_title = ?", (ae_title,))
            return found.fetchone() is not None
