"""Counters that survive a restart: what was refused, counted twice, received in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_fluoroinject.spool.database import Database

TABLE = "counters"
_MAKE = """CREATE TABLE IF NOT EXISTS counters (
    name TEXT NOT NULL, label TEXT NOT NULL, value INTEGER NOT NULL, changed_s REAL NOT NULL,
    PRIMARY KEY (name, label)) WITHOUT ROWID"""
_ADD = """INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT (name, label)
    DO UPDATE SET value = value + excluded.value, changed_s = excluded.changed_s"""

NAMES = frozenset(
    (
        "objects_received",
        "objects_duplicate",
        "objects_refused",
        "bytes_received",
        "associations_accepted",
        "associations_refused",
    )
)
"""What is counted; `label` tells statuses (`0xA700`) or causes (`caller`), never a person."""


class Counters:
    """Numbers by name and label in the spool's database; any process may add.

    Parameters
    ----------
    database
        Of the spool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.execute(_MAKE)

    def add(self, name: str, by: int = 1, *, label: str = "", now_s: float) -> None:
        """Count up.

        Raises
        ------
        ValueError
            The name is none of `NAMES`.
        """
        if name not in NAMES:
            raise ValueError(f"counter: seen {name!r}; expected one of {', '.join(sorted(NAMES))}")
        with self._database.transaction() as connection:
            connection.execute(_ADD, (name, label, by, now_s))

    def every(self) -> Mapping[str, Mapping[str, int]]:
        """All numbers: by name, then by label (empty where there is none)."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, label, value FROM counters").fetchall()
        found: dict[str, dict[str, int]] = {}
        for name, label, value in rows:
            found.setdefault(name, {})[label] = value
        return found
