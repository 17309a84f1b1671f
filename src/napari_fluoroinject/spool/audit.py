"""The audit trail: lines that are only ever added, each sealed by a hash over those before."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.audit_check import Checked, trail_files, verify
from napari_fluoroinject.spool.audit_entry import (
    BEGINNING,
    Entry,
    Fact,
    checked_facts,
    parsed,
    sealed,
)
from napari_fluoroinject.spool.disk import fsync, lock, unlock
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Checked", "Trail", "verify"]

log = logging.getLogger(__name__)

FILE_BYTES = 16 << 20
"""A file that has reached this is followed by another."""
_TAIL_BYTES = 1 << 16
"""Longer than any line."""
_PATIENCE_S = 30.0
_POLL_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Where the trail ends: a file, its size, and its last line; None before the first line."""

    path: Path
    size_bytes: int
    last: Entry


class Trail(Closing):
    """Adds to the trail in a folder; several threads and processes may do so at once.

    A file is named after the number of its first line. What a crash left half written at the end
    is moved aside into `torn-*.bin` and noted as `repaired`.

    Parameters
    ----------
    folder
        Made with mode 0700 if absent.
    file_bytes
        Size from which on a new file is begun.
    now_s
        The clock: seconds since the epoch.

    Raises
    ------
    StorageError
        The folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int = FILE_BYTES,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._file_bytes = file_bytes
        self._now_s = now_s
        self._turn = threading.Lock()
        self._sync = threading.Lock()
        self._end: _End | None = None
        self._synced = 0
        self._written = (0, folder)
        with _one_error(folder):
            make_private(folder)
            self._lock = _private_file(folder / "trail.lock")

    def close(self) -> None:
        """Bring every line to disk and let go of the folder."""
        with suppress(OSError):  # of a line that `note_soon` promised nothing about
            fsync(self._written[1])
        self._lock.close()

    def note(self, event: str, **facts: Fact) -> None:
        """Add a line; it is on disk when this returns.

        Parameters
        ----------
        event
            One of `audit_entry.EVENTS`.
        facts
            Named as in `audit_entry.FACTS`: UIDs, AE titles, addresses, hashes, statuses, counts;
            never a name, patient ID or date of birth. Those that are None are left out.

        Raises
        ------
        ValueError
            The event or a fact is not one of those that may be noted.
        StorageError
            The line cannot be kept.
        """
        mine = self._write(event, facts)
        with _one_error(self.folder), self._sync:
            if self._synced < mine:  # else another thread's fsync came after our line
                written, path = self._written
                fsync(path)
                self._synced = written

    def note_soon(self, event: str, **facts: Fact) -> None:
        """Add a line as `note` does; it is on disk with the next noted line, or at the end.

        A crash of this process loses none, a power cut may lose the last.

        Raises
        ------
        ValueError, StorageError
            As `note`.
        """
        self._write(event, facts)

    def _write(self, event: str, facts: Mapping[str, Fact]) -> int:
        """Number of the line, which the system has now."""
        told = checked_facts(event, facts)
        with _one_error(self.folder), self._turn, _alone(self._lock):
            end = self._append(event, told)
            # files before this one are on disk as a whole
            self._written = (end.last.number, end.path)
            return end.last.number

    def _append(self, event: str, facts: Mapping[str, Fact]) -> _End:
        end, self._end = self._current(), None  # after a failure the end is looked for again
        number = 1 if end is None else end.last.number + 1
        line = sealed(
            number=number,
            at=datetime.fromtimestamp(self._now_s(), UTC).isoformat(timespec="milliseconds"),
            event=event,
            facts=facts,
            before=BEGINNING if end is None else end.last.hash,
        )
        last = parsed(line[:-1])
        if end is None or end.size_bytes >= self._file_bytes:
            if end is not None:
                fsync(end.path)  # whoever syncs from now on syncs the new file
            path = self.folder / f"{number:012d}.jsonl"
            _add(path, line, at=0)
            fsync(self.folder)
            self._end = _End(path=path, size_bytes=len(line), last=last)
        else:
            _add(end.path, line, at=end.size_bytes)
            self._end = _End(path=end.path, size_bytes=end.size_bytes + len(line), last=last)
        return self._end

    def _current(self) -> _End | None:
        """The end as this process left it, or where another has brought it since."""
        end = self._end
        if end is not None:
            after = self.folder / f"{end.last.number + 1:012d}.jsonl"
            if end.path.stat().st_size == end.size_bytes and not after.exists():
                return end
        files = trail_files(self.folder)
        return self._settled(files[-1]) if files else None

    def _settled(self, path: Path) -> _End | None:
        """The end of the last file, after what is torn there was moved aside and told."""
        size, (tail, offset) = path.stat().st_size, _tail(path)
        last, kept = _last_line(tail)
        keep = offset + kept
        if keep == size and last is not None:
            return _End(path=path, size_bytes=size, last=last)
        torn = tail[kept:]
        name = f"torn-{hashlib.sha256(torn).hexdigest()[:16]}.bin"
        _keep_aside(self.folder / name, torn)
        if last is None:
            path.unlink()
        else:
            os.truncate(path, keep)
            fsync(path)
        fsync(self.folder)
        log.error("%s: a torn line of the audit trail was moved to %s", path, name)
        digest = hashlib.sha256(torn).hexdigest()
        return self._append("repaired", {"file": name, "sha256": digest, "size_bytes": len(torn)})


def _tail(path: Path) -> tuple[bytes, int]:
    """The end of a file and its offset; all of it where no line ends in its last part."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        offset = max(0, size - _TAIL_BYTES)
        file.seek(offset)
        content = file.read()
        if offset and content.count(b"\n") < 2:
            file.seek(0)
            return file.read(), 0
    return content, offset


def _last_line(tail: bytes) -> tuple[Entry | None, int]:
    """The last line that can be read, and where it ends; at most one whole line is passed over."""
    end = tail.rfind(b"\n") + 1
    for _ in range(2):
        if not end:
            break
        begin = tail.rfind(b"\n", 0, end - 1) + 1
        with suppress(ValueError):
            return parsed(tail[begin : end - 1]), end
        end = begin
    return None, 0


def _keep_aside(path: Path, torn: bytes) -> None:
    with _private_file(path) as file:
        file.write(torn)
        file.flush()
        os.fsync(file.fileno())


def _add(path: Path, line: bytes, *, at: int) -> None:
    """Add a line to a file of `at` bytes; where the disk takes only a part of it, none of it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            with suppress(OSError):
                os.ftruncate(descriptor, at)
            raise OSError(None, "the disk is full")
    finally:
        os.close(descriptor)


def _private_file(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


@contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    """Hold the lock against other processes."""
    give_up = time.monotonic() + _PATIENCE_S
    while not _held(file):
        if time.monotonic() >= give_up:
            raise TimeoutError(None, "another process holds it")
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        unlock(file)


def _held(file: IO[bytes]) -> bool:
    try:
        lock(file)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def _one_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: the audit trail cannot be kept: {error.strerror or error}; expected a "
            "folder that can be written to, with room on the disk"
        ) from error
