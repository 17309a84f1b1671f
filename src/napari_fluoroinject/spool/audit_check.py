"""Reads an audit trail back, and tells whether it is as it was written."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.audit_entry import BEGINNING, Entry, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_FIRST = re.compile(rb'\{"n":(\d{1,15}),')
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


def entries(folder: Path, *, after: int = 0) -> Iterator[Entry]:
    """Every line of a trail, oldest first, without a half one at the very end.

    Parameters
    ----------
    folder
        Of the trail.
    after
        Number of the line behind which to begin; what comes before is not looked at.

    Raises
    ------
    StorageError
        The trail is broken, or cannot be read.
    """
    for where, entry in _walk(folder, after=after):
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


def _walk(folder: Path, *, after: int = 0) -> Iterator[tuple[str, Entry | str | int]]:
    """(place, line) in order; last of all a fault in words, or bytes of a half line."""
    files = trail_files(folder)
    # a file bears the number of its first line; those that end before are passed over
    begun = [path for path in files if after and int(path.stem) <= after][-1:]
    number, before = after, None if begun else BEGINNING
    for path in [*begun, *(one for one in files if int(one.stem) > after)]:
        empty = True
        for where, line in _lines(path, after=after if path in begun else 0):
            if not line.endswith(b"\n") and path == files[-1]:
                yield where, len(line)
                return
            entry = _fitting(line, number=number + 1, before=before)
            if empty and path not in begun and not isinstance(entry, str):
                entry = entry if entry.number == int(path.stem) else "the file was renamed"
            yield where, entry
            if isinstance(entry, str):
                return
            number, before, empty = entry.number, entry.hash, False
        if empty and path not in begun:
            yield path.name, "the file is empty"
            return


def _lines(path: Path, *, after: int) -> Iterator[tuple[str, bytes]]:
    """Each line behind line `after` of the trail (0 = all), with its place."""
    try:
        with path.open("rb") as file:
            passed = after + 1 - int(path.stem) if after else 0
            if after:
                file.seek(_offset(file, after))
            for count, line in enumerate(file, passed + 1):
                yield f"{path.name} line {count}", line
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error


def _offset(file: IO[bytes], after: int) -> int:
    """Where the line behind line `after` begins, found by halving: numbers only rise."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        _seek_line(file, middle)
        line = file.readline()
        low, high = (low, middle) if not line or _number(line) > after else (middle + 1, high)
    return _seek_line(file, low)


def _seek_line(file: IO[bytes], offset: int) -> int:
    """Go to the first line that begins at an offset or behind it."""
    file.seek(max(0, offset - 1))
    if offset:
        file.readline()
    return file.tell()


def _number(line: bytes) -> int:
    """The number that a line bears; one that cannot be read is looked at by the caller."""
    found = _FIRST.match(line)
    return int(found[1]) if found else sys.maxsize


def _fitting(line: bytes, *, number: int, before: str | None) -> Entry | str:
    """The line where it follows on the one before (None = not known), else what is wrong."""
    try:
        entry = parsed(line.removesuffix(b"\n"))
    except ValueError as error:
        return str(error)
    if entry.number != number or before not in (entry.before, None):
        return f"it is line {entry.number}, and does not follow on line {number - 1}"
    return entry
