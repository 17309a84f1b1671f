"""Reads an audit trail back, and tells whether it is as it was written."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.audit_entry import BEGINNING, Entry, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_NAME = re.compile(r"\d{12}\.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a trail.

    Attributes
    ----------
    lines
        How many hold together, from the first on.
    last_hash
        Of the last of these: written down elsewhere, it shows later that none of them is gone.
    broken_at
        File and line of the first that does not fit, and why; None = all do.
    torn_bytes
        Of a half line at the very end, as a crash (or a line being written now) leaves it.
    repairs
        How many times torn lines were moved aside and noted.
    """

    lines: int
    last_hash: str
    broken_at: str | None
    torn_bytes: int = 0
    repairs: int = 0


def trail_files(folder: Path) -> tuple[Path, ...]:
    """The files of a trail in their order; none where there is no trail."""
    return tuple(sorted(path for path in folder.glob("*.jsonl") if _NAME.fullmatch(path.name)))


def entries(folder: Path) -> Iterator[Entry]:
    """Every line of a trail, oldest first, without a half one at the very end.

    Raises
    ------
    StorageError
        The trail is broken, or cannot be read.
    """
    for where, entry in _walk(folder):
        if isinstance(entry, Entry):
            yield entry
        elif isinstance(entry, str):
            raise StorageError(f"{folder}: the audit trail is broken at {where}: {entry}")


def recent(folder: Path, *, most_bytes: int = 1 << 18) -> tuple[Entry, ...]:
    """The last lines of a trail, oldest first; those that cannot be read are left to `verify`.

    Raises
    ------
    StorageError
        The files cannot be read.
    """
    found: list[Entry] = []
    left = most_bytes
    for path in reversed(trail_files(folder)):
        if left <= 0:
            break
        try:
            with path.open("rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - left)
                file.seek(start)
                content = file.read()
        except OSError as error:
            raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
        left -= len(content)
        found[:0] = _readable(content)
    return tuple(found)


def _readable(content: bytes) -> Iterator[Entry]:
    for line in content.splitlines():
        with suppress(ValueError):
            yield parsed(line)


def verify(folder: Path, *, reached: str | None = None) -> Checked:
    """Check every line, hash and link of the trail in a folder.

    What was cut off at its very end shows only against a hash written down elsewhere.

    Parameters
    ----------
    folder
        Of the trail.
    reached
        Hash of a line that must be there.

    Raises
    ------
    StorageError
        The files cannot be read.
    """
    lines, last_hash, torn, repairs, found = 0, BEGINNING, 0, 0, reached is None
    broken: str | None = None
    for where, entry in _walk(folder):
        if isinstance(entry, int):
            torn = entry
        elif isinstance(entry, str):
            broken = f"{where}: {entry}"
        else:
            lines, last_hash = lines + 1, entry.hash
            repairs += entry.event == "repaired"
            found = found or entry.hash == reached
    if broken is None and not found:
        broken = f"the end: the line {reached} that was reached before is gone"
    return Checked(
        lines=lines, last_hash=last_hash, broken_at=broken, torn_bytes=torn, repairs=repairs
    )


def _walk(folder: Path) -> Iterator[tuple[str, Entry | str | int]]:
    """(place, line) from the first on; last of all a fault in words, or bytes of a half line."""
    number, before = 0, BEGINNING
    files = trail_files(folder)
    for path in files:
        first = True
        for where, line in _lines(path):
            if not line.endswith(b"\n") and path == files[-1]:
                yield where, len(line)
                return
            entry = _fitting(line, number=number + 1, before=before)
            if not isinstance(entry, str) and first and path.name != f"{entry.number:012d}.jsonl":
                entry = "the file was renamed"
            yield where, entry
            if isinstance(entry, str):
                return
            number, before, first = entry.number, entry.hash, False
        if first:
            yield path.name, "the file is empty"
            return


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield f"{path.name} line {number}", line
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error


def _fitting(line: bytes, *, number: int, before: str) -> Entry | str:
    """The line where it follows on the one before, else what is wrong."""
    try:
        entry = parsed(line.removesuffix(b"\n"))
    except ValueError as error:
        return str(error)
    if entry.number != number or entry.before != before:
        return f"it is line {entry.number}, and does not follow on line {number - 1}"
    return entry
