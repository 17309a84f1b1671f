"""What a spool keeps, looked at from outside: is it whole, is it all, is there anything else."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.proofs.objects import content, dataset_digest, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from tests.proofs.table import Table


class Kept:
    """Looks at the folders of a spool as any program may, and remembers what was wrong.

    Parameters
    ----------
    root
        Of the spool.
    file_of
        Gives the file of the object with a number, as it was sent.
    """

    def __init__(self, root: Path, file_of: Callable[[int], bytes] = content) -> None:
        self.root = root
        self.half: set[str] = set()
        self._file_of = file_of
        self._expected: dict[int, str] = {}
        self._whole: set[Path] = set()

    def look(self) -> None:
        """Check that every object that is visible, and was not before, is whole."""
        for path in self.visible():
            if path not in self._whole:
                if self._is_whole(path):
                    self._whole.add(path)
                else:
                    self.half.add(path.name)

    def visible(self) -> list[Path]:
        """Every object under its final name."""
        return sorted((self.root / "objects").rglob("*.dcm"))

    def lost(self, uids: Collection[str]) -> set[str]:
        """Those that are not there, whole."""
        there = {path.stem for path in self.visible() if self._is_whole(path)}
        return {uid for uid in uids if hashlib.sha256(uid.encode()).hexdigest() not in there}

    def has_row(self, uid: str) -> bool:
        """Whether the index has an object."""
        return uid in self.rows()

    def rows(self) -> set[str]:
        """UIDs of objects that the index has."""
        file = self.root / "state.sqlite"
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT sop_instance_uid FROM object").fetchall()
        return {uid for (uid,) in found}

    def judge(self, table: Table, acknowledged: Collection[str]) -> None:
        """Add what is there at the end; the spool's process must have been stopped."""
        self._whole.clear()
        self.look()
        table.none("acknowledged and lost", self.lost(acknowledged))
        table.none("half visible", self.half)
        rows = self.rows()
        table.none("acknowledged without row", set(acknowledged) - rows)
        names = {hashlib.sha256(uid.encode()).hexdigest() for uid in rows}
        visible = {path.stem for path in self.visible()}
        table.none("rows without object", names - visible)
        table.none("objects without row", visible - names)
        table.figure("visible", len(self.visible()))
        table.none("leftovers in incoming", list((self.root / "incoming").iterdir()))
        table.none("in quarantine", list((self.root / "quarantine").rglob("*.dcm")))

    def _is_whole(self, path: Path) -> bool:
        file = path.read_bytes()
        uid = _uid(file)
        if uid is None or hashlib.sha256(uid.encode()).hexdigest() != path.stem:
            return False
        number = number_of(uid)
        if number not in self._expected:
            self._expected[number] = dataset_digest(self._file_of(number))
        return dataset_digest(file) == self._expected[number]


def _uid(file: bytes) -> str | None:
    """SOP Instance UID of a data set in explicit VR, as the C-arms of proofs send."""
    at = file.find(b"\x08\x00\x18\x00UI")
    if at < 0:
        return None
    length = int.from_bytes(file[at + 6 : at + 8], "little")
    return file[at + 8 : at + 8 + length].rstrip(b"\0").decode("ascii", "replace")
