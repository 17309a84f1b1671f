"""Refused objects, kept for a person to look at: their bytes, and why they were refused."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_fluoroinject.spool.disk import fsync, write_whole
from napari_fluoroinject.spool.private import make_inside, tighten_file

log = logging.getLogger(__name__)

FOLDER_NAME = "quarantine"
LIMIT_BYTES = 8 << 30
"""What is kept of refused objects; beyond it their bytes are not kept."""
LARGEST_COUNT = 10_000
"""How many refusals are noted, with or without their bytes."""
_UID, _AT, _KIND = "SOP Instance UID: ", "refused: ", "kind: "
_FROM = "from: "
_CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An object that was refused.

    Attributes
    ----------
    uid
        SOP Instance UID that it came under.
    reason
        In words.
    conflict
        Whether other content was kept under this UID: a person should look at it.
    at_s
        Seconds since the epoch.
    path
        Where its bytes are; None where they were not kept.
    sender
        Who sent it: AE title and address; empty where that was not noted.
    """

    uid: str
    reason: str
    conflict: bool
    at_s: float
    path: Path | None
    sender: str = ""


class Quarantine:
    """A folder of refused objects; the process that receives writes it, everyone may read it.

    Parameters
    ----------
    folder
        Made for its owner alone if absent.
    limit_bytes
        Largest sum of what is kept.

    Raises
    ------
    OSError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        make_inside(folder)
        for partial in folder.rglob(".*.partial"):  # half a reason, left by a crash
            partial.unlink()

    def keep(
        self, part: Path, *, uid: str, digest: str, reason: str, conflict: bool, sender: str = ""
    ) -> Path | None:
        """Keep refused bytes durably, the reason beside them; None where the bytes are not kept.

        The same bytes again take no more room.

        Raises
        ------
        OSError
            They cannot be kept.
        """
        path = self._path(uid=uid, digest=digest)
        with self._lock:
            if path.exists():
                fsync(path.parent)  # whoever put it there may have stopped before this line
                return path
            size_bytes, count = self._kept()
            note = path.with_suffix(".txt")
            if count < LARGEST_COUNT and not note.exists():
                _write_note(note, uid=uid, reason=reason, conflict=conflict, sender=sender)
            if size_bytes + part.stat().st_size > self._limit_bytes or not note.exists():
                log.warning("%s is full: a refused object is not kept", self.folder)
                return None
            tighten_file(part)
            fsync(part)
            os.link(part, path)
            fsync(path.parent)
        return path

    def holds(self, *, uid: str, digest: str) -> bool:
        """Whether these bytes are here already, refused under this UID."""
        return self._path(uid=uid, digest=digest).exists()

    def _path(self, *, uid: str, digest: str) -> Path:
        name = f"{hashlib.sha256(uid.encode()).hexdigest()}-{digest[:16]}"
        return self.folder / name[:2] / f"{name}.dcm"

    def _kept(self) -> tuple[int, int]:
        """Sum of what is kept, and how many refusals are noted.

        Counted every time: refusals are rare, and a person may have removed some.
        """
        sizes = [path.stat().st_size for path in self.folder.rglob("*.dcm")]
        return sum(sizes), sum(1 for _ in self.folder.rglob("*.txt"))


def refusals(root: Path) -> tuple[Refusal, ...]:
    """Every refusal that was noted in the spool at `root`, oldest first; needs no lock.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    notes = (root / FOLDER_NAME).rglob("*.txt")
    return tuple(sorted(map(_refusal, notes), key=lambda one: (one.at_s, one.uid)))


def _write_note(path: Path, *, uid: str, reason: str, conflict: bool, sender: str) -> None:
    make_inside(path.parent)
    now = datetime.fromtimestamp(time.time()).astimezone()
    lines = [
        _line(reason),
        f"{_UID}{_line(uid)}",
        f"{_AT}{now.isoformat(timespec='milliseconds')}",
    ]
    lines += [f"{_FROM}{_line(sender)}"] if sender else []
    lines += [f"{_KIND}{_CONFLICT}"] if conflict else []
    write_whole(path, "".join(f"{one}\n" for one in lines).encode())
    tighten_file(path)
    fsync(path)


def _line(text: str) -> str:
    """Text on one line: what a peer sent must not write lines of its own."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _seconds(at: str) -> float:
    """Seconds since the epoch; notes of older versions have these themselves."""
    if at.endswith(" s since 1970"):
        return float(at.split()[0])
    return datetime.fromisoformat(at).timestamp()


def _refusal(note: Path) -> Refusal:
    reason, *rest = note.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    told = {
        key: line.removeprefix(key)
        for key in (_UID, _AT, _KIND, _FROM)
        for line in rest
        if line.startswith(key)
    }
    path = note.with_suffix(".dcm")
    try:
        at_s = _seconds(told[_AT])
    except (KeyError, ValueError):  # a person has changed the note
        at_s = note.stat().st_mtime
    return Refusal(
        uid=told.get(_UID, ""),
        reason=reason,
        conflict=told.get(_KIND) == _CONFLICT,
        at_s=at_s,
        path=path if path.exists() else None,
        sender=told.get(_FROM, ""),
    )
