"""Where the objects of a great many files lie, by study: on disk, so that memory stays small."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.gathered_file import opened
from napari_fluoroinject.spool.private import make_private, tighten_file

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = 2000
"""Files that are noted between two commits: what a killed program looks at once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One file that was looked at.

    Attributes
    ----------
    path
        Where it lies.
    kind
        `image` or `dose`; of what holds neither, what it is.
    study, sop
        Study and SOP Instance UID; empty where it is neither image nor dose report.
    line
        Which source named it; None where several did that ask for different things.
    named
        Whether it was named by itself, and not found in a folder.
    """

    path: Path
    kind: str
    study: str = ""
    sop: str = ""
    line: int | None = 0
    named: bool = False


class Gathering(Closing):
    """Files by study, kept for the next run: what did not change is not opened again.

    Used by one thread of one process at a time.

    Parameters
    ----------
    path
        The file, in a folder that is made private. One that is damaged, or of another version, is
        begun anew: everything in it can be found again.

    Raises
    ------
    StorageError
        It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = 0
        self._place = 0
        self._folders: tuple[bytes, int] | None = None
        try:
            make_private(path.parent)
            self._database = opened(path)
            tighten_file(path)
            with self._database:
                self._run = 1 + int(self._one("SELECT coalesce(max(run), 0) FROM files") or 0)
                self._database.execute("DELETE FROM lines")
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"{path} cannot be used: {error}; expected a private file"
            ) from error

    def close(self) -> None:
        """Bring what was noted to disk."""
        with suppress(sqlite3.Error):
            self._database.commit()
        self._database.close()

    def add_line(self, where: str, asked: str) -> int:
        """Keep what one source asks for, as text, and return its number.

        Parameters
        ----------
        where
            Names the source for a person.
        asked
            Two sources that ask for the same have the same text.
        """
        cursor = self._database.execute(
            "INSERT INTO lines (place, asked) VALUES (?, ?)", (where, asked)
        )
        self._commit_some()
        return int(cursor.lastrowid or 0)

    def line(self, number: int) -> tuple[str, str]:
        """Return where a source is named, and what it asks for."""
        row = self._database.execute(
            "SELECT place, asked FROM lines WHERE id = ?", (number,)
        ).fetchone()
        return str(row[0]), str(row[1])

    def known(
        self, path: Path, seen: os.stat_result, *, line: int, named: bool
    ) -> Gathered | None:
        """Return what was noted of a file that did not change since; None = it has to be opened.

        Parameters
        ----------
        path, seen
            The file, and what the system tells of it now.
        line, named
            As in `Gathered`, of this run.
        """
        row = self._database.execute(
            "SELECT f.id, f.kind, coalesce(s.uid, ''), coalesce(f.sop, ''), f.run, f.line, f.named"
            " FROM files f LEFT JOIN studies s ON s.id = f.study"
            " WHERE f.folder = ? AND f.name = ? AND f.size = ? AND f.changed_ns = ?",
            (*self._key(path), seen.st_size, seen.st_mtime_ns),
        ).fetchone()
        if row is None or (bool(row[6]) != named and row[4] != self._run):
            return None
        of: int | None = line
        if row[4] == self._run:
            of, named = self._either(row[5], bool(row[6]), line, named)
        self._place += 1
        self._database.execute(
            "UPDATE files SET run = ?, line = ?, named = ?, place = ? WHERE id = ?",
            (self._run, of, named, self._place, row[0]),
        )
        self._commit_some()
        return Gathered(path=path, kind=row[1], study=row[2], sop=row[3], line=of, named=named)

    def note(self, one: Gathered, seen: os.stat_result) -> None:
        """Keep what was found out about a file."""
        self._place += 1
        study = None
        if one.study:
            self._database.execute("INSERT OR IGNORE INTO studies (uid) VALUES (?)", (one.study,))
            study = self._one("SELECT id FROM studies WHERE uid = ?", one.study)
        self._database.execute(
            "INSERT OR REPLACE INTO files (folder, name, size, changed_ns, study, sop, kind, run,"
            " line, named, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(*self._key(one.path), seen.st_size, seen.st_mtime_ns, study, one.sop or None),
                *(one.kind, self._run, one.line, one.named, self._place),
            ),
        )
        self._commit_some()

    def studies(self) -> Iterator[str]:
        """Study Instance UIDs of this run's images, in the order in which they were first met."""
        last = 0
        while True:
            row = self._database.execute(
                "SELECT s.id, s.uid FROM studies s WHERE s.id > ? AND EXISTS (SELECT 1 FROM files"
                " f WHERE f.study = s.id AND f.run = ? AND f.kind = 'image') ORDER BY s.id",
                (last, self._run),
            ).fetchone()
            if row is None:
                return
            last = row[0]
            yield row[1]

    def count_studies(self) -> int:
        """Return how many studies `studies` gives."""
        return int(
            self._one(
                "SELECT count(DISTINCT study) FROM files WHERE run = ? AND kind = 'image'",
                self._run,
            )
        )

    def files(self, study: str) -> tuple[Gathered, ...]:
        """Return images and dose reports of a study, in the order in which they were met."""
        return self._files("s.uid = ?", study)

    def twins(self, sop: str) -> tuple[Gathered, ...]:
        """Return every file of this run that claims to be this object, the first one first."""
        return self._files("f.sop = ?", sop)

    def studies_of(self, line: int) -> int:
        """Return of how many studies the images are that one source holds."""
        return int(
            self._one(
                "SELECT count(DISTINCT study) FROM files WHERE line = ? AND run = ? AND"
                " kind = 'image'",
                line,
                self._run,
            )
        )

    def remember_fetched(self, study: str, wish: str, *, state: str, orders: str) -> None:
        """Keep what was planned of a study that an archive told of.

        Parameters
        ----------
        study
            Its UID.
        wish
            What was asked for: another wish does not replace it.
        state, orders
            What the archive told of the study, and what was planned of that, as texts.
        """
        self._database.execute(
            "INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?)", (study, wish, state, orders)
        )
        self._database.commit()

    def fetched(self, study: str, wish: str) -> tuple[str, str] | None:
        """Return the state and the orders of a study as they were kept; None = they were not."""
        row = self._database.execute(
            "SELECT state, orders FROM fetched WHERE study = ? AND wish = ?", (study, wish)
        ).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def _either(
        self, before: int | None, was_named: bool, line: int, named: bool
    ) -> tuple[int | None, bool]:
        """Whose wishes hold for a file that two sources name: who names itself, not its folder."""
        if was_named != named:
            return (before, True) if was_named else (line, True)
        same = before is not None and (
            before == line or self.line(before)[1] == self.line(line)[1]
        )
        return (before if same else None), named

    def _files(self, where: str, value: str) -> tuple[Gathered, ...]:
        rows = self._database.execute(
            "SELECT d.path, f.name, f.kind, s.uid, f.sop, f.line, f.named FROM files f"  # noqa: S608 - of two texts of ours
            " JOIN studies s ON s.id = f.study JOIN folders d ON d.id = f.folder"
            f" WHERE {where} AND f.run = ? ORDER BY f.place",
            (value, self._run),
        )
        return tuple(
            Gathered(
                path=Path(os.fsdecode(os.path.join(folder, name))),  # noqa: PTH118 - bytes
                kind=kind,
                study=study,
                sop=sop or "",
                line=line,
                named=bool(named),
            )
            for folder, name, kind, study, sop, line, named in rows
        )

    def _key(self, path: Path) -> tuple[int, bytes]:
        folder = os.fsencode(path.parent)
        if self._folders is None or self._folders[0] != folder:
            self._database.execute("INSERT OR IGNORE INTO folders (path) VALUES (?)", (folder,))
            number = self._one("SELECT id FROM folders WHERE path = ?", folder)
            self._folders = folder, int(number)
        return self._folders[1], os.fsencode(path.name)

    def _one(self, statement: str, *values: object) -> Any:
        row = self._database.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _commit_some(self) -> None:
        self._waiting += 1
        if self._waiting >= _AT_ONCE:
            self._database.commit()
            self._waiting = 0
