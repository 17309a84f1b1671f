"""What became of each loop of a batch, one durable line each: whatever ends the program, it holds.

A line is a checksum and JSON. It names no path, no patient and no file: a loop by its UID, its
files by their hashes. The last line on a loop counts.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import zlib
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_fluoroinject.batch.order import JOB_FOLDER
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.disk import fsync, lock
from napari_fluoroinject.spool.places import Places
from napari_fluoroinject.spool.private import make_private, tighten_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

State = Literal["done", "failed", "set_aside", "again"]
"""Results are there; none can be made; tried too often; the process was lost and it goes again."""
ENDS = ("done", "failed", "set_aside")
NAME = "journal"
_PLACES = "journal.sqlite"
"""Where the last line on each loop begins, as long as a batch runs."""
_SCHEMA = "fluoroinject-batch/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as it was read; `beside` where it is not of the loop itself but of its study."""

    size_bytes: int
    mtime_ns: int
    sha256: str
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One line of the journal: how the work on a loop ended.

    Attributes
    ----------
    key
        Of its order: its SOP Instance UID.
    state, reason
        How it ended, and why there are no results; None where there are.
    fault
        What failed, as an analysis tells it; None where nothing did.
    study_uid, procedure
        As ordered.
    inputs, request, version
        What was read; a hash of what was asked; the version of the program.
    origin
        As ordered.
    tries
        How often it was begun, this time among them.
    seconds, cpu_seconds, peak_bytes
        What the last time took, and the most memory that it had; None = not known.
    summary_sha256, results_sha256
        Hash of `summary.json`; hash of names and sizes of all results.
    """

    key: str
    state: State
    reason: str | None = None
    fault: str | None = None
    study_uid: str | None = None
    procedure: str | None = None
    inputs: tuple[FileState, ...] = ()
    request: str = ""
    version: str = ""
    origin: str | None = None
    tries: int = 1
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    summary_sha256: str | None = None
    results_sha256: str | None = None

    @property
    def loop_uid(self) -> str:
        """SOP Instance UID of the loop, of its first frame."""
        return self.key

    @property
    def folder(self) -> str | None:
        """Folder of its results, relative to the batch's; None where there are none."""
        return self.key if self.state == "done" else None


class Journal:
    """The journal of a folder of results, which one batch at a time holds.

    Parameters
    ----------
    out
        Folder of the results; it is made if absent.

    Raises
    ------
    StorageError
        Another batch holds it, it is of another schema, or it cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / JOB_FOLDER / NAME
        self.damaged = 0
        """Lines that could not be read and are left out, and that no run has told of before."""
        self._turn = threading.Lock()
        self._tries: dict[str, int] = {}
        with ExitStack() as opened:
            try:
                out.mkdir(parents=True, exist_ok=True)
                make_private(self.path.parent)
                self._file = opened.enter_context(self.path.open("a+b", buffering=0))
                tighten_file(self.path)
                self._hold()
                self._at = opened.enter_context(Places(self.path.with_name(_PLACES)))
                self._lines = opened.enter_context(self.path.open("rb"))
                self._read()
            except OSError as error:
                raise _unwritable(self.path, error) from error
            self._opened = opened.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: str) -> bool:
        return self._at.get(key) is not None

    def close(self) -> None:
        """Let go of it."""
        self._opened.close()

    def last(self, key: str) -> Ended | None:
        """Return how the loop ended; None where it did not.

        Parameters
        ----------
        key
            Of its order.
        """
        with self._turn:
            at = self._at.get(key)
            return None if at is None else self._ended_at(at)

    def tries(self, key: str) -> int:
        """How often the process that worked on it was lost since it last ended."""
        return self._tries.get(key, 0)

    def ended(self) -> Iterator[Ended]:
        """All loops that ended, in the order of their keys."""
        for at in self._at.numbers():
            with self._turn:
                one = self._ended_at(at)
            if one is not None:
                yield one

    def note(self, ended: Ended) -> None:
        """Add a line; it is on disk when this returns.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        line = _line(asdict(ended))
        with self._turn:
            try:
                at = self._file.seek(0, os.SEEK_END)
                self._write(line)
            except OSError as error:
                raise _unwritable(self.path, error) from error
            self._take(ended, at)

    def _ended_at(self, at: int) -> Ended | None:
        self._lines.seek(at)
        return _ended(self._lines.readline())

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        os.fsync(self._file.fileno())

    def _hold(self) -> None:
        try:
            lock(self._file)
        except (BlockingIOError, PermissionError) as error:
            raise StorageError(
                f"{self.path.parent.parent}: another batch is writing there; expected one at a "
                "time: wait for its end, or name another folder"
            ) from error
        except OSError as error:
            log.warning("%s cannot be locked: run one batch at a time", self.path.parent)
            log.debug("no lock", exc_info=error)

    def _read(self) -> None:
        if self.path.stat().st_size == 0:
            self._write(_line({"schema": _SCHEMA}))
            fsync(self.path.parent)
        at, line, known = 0, b"\n", 0
        for line in self._lines:
            ended = _ended(line)
            if ended is not None:
                self._take(ended, at)
            elif told := _told(line):
                self._check_schema(told)
                known = max(known, int(told.get("damaged", 0)))
            elif line != b"\n":
                self.damaged += 1
            at += len(line)
        if not line.endswith(b"\n"):  # torn: what comes next begins a line of its own
            self._write(b"\n")
        self.damaged -= known
        if self.damaged > 0:
            log.warning("%d damaged lines of the journal are left out", self.damaged)
            self._write(_line({"schema": _SCHEMA, "damaged": known + self.damaged}))
        self.damaged = max(0, self.damaged)

    def _check_schema(self, told: dict[str, Any]) -> None:
        if told.get("schema") != _SCHEMA:
            raise StorageError(
                f"{self.path}: seen a journal of schema {told.get('schema')!r}; expected "
                f"{_SCHEMA}: go on with the version of this program that began the batch"
            )

    def _take(self, ended: Ended, at: int) -> None:
        if ended.state in ENDS:
            self._at.put(ended.key, at)
            self._tries.pop(ended.key, None)
        else:
            self._tries[ended.key] = ended.tries


def _line(told: dict[str, Any]) -> bytes:
    text = json.dumps(told, sort_keys=True, allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _told(line: bytes) -> dict[str, Any] | None:
    """Content of a line; None where it is torn or damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    with suppress(ValueError):
        if int(checksum, 16) == zlib.crc32(text):  # one that lacks but its end of line is whole
            told = json.loads(text)
            return told if isinstance(told, dict) else None
    return None


def _ended(line: bytes) -> Ended | None:
    told = _told(line)
    if told is None or "key" not in told:
        return None
    with suppress(KeyError, TypeError):
        return Ended(**told | {"inputs": tuple(FileState(**one) for one in told["inputs"])})
    return None


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: the journal cannot be written ({error.strerror or error}); expected a folder "
        "that can be written to, with room on the disk"
    )
