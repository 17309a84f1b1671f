"""A durable store of received bytes: never half, never overwritten, never named by a peer."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.disk import fsync, lock
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

log = logging.getLogger(__name__)

RESERVE_BYTES = 64 << 20
"""Admission stops while less is free: the host goes on working, the sender keeps its copy."""
QUARANTINE_BYTES = 8 << 30
"""What is kept of refused objects for inspection; beyond it their bytes are not kept."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Bytes that are safe on disk; `new` is False when the same content was there already."""

    path: Path
    sha256: str
    new: bool


def file_sha256(path: Path, *, start: int = 0) -> str:
    """SHA-256 of a file's bytes from offset `start` on."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


class Spool:
    """Folders of one receiver: `incoming` (parts), `objects` (acknowledged), `quarantine`.

    A process holds its spool alone; what an earlier process left in `incoming` was never
    acknowledged and is removed when the spool is opened.

    Parameters
    ----------
    root
        Folder of the spool; made with mode 0700 if absent.
    digest
        What counts as content when the same UID comes twice (the whole file by default).
    reserve_bytes
        Free space below which nothing is admitted.

    Raises
    ------
    StorageError
        If the folders cannot be made, or another process receives into them.
    """

    def __init__(
        self,
        root: Path,
        *,
        digest: Callable[[Path], str] = file_sha256,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self._objects = root / "objects"
        self._quarantine = root / "quarantine"
        self._digest = digest
        self._reserve_bytes = reserve_bytes
        self._durable_folders: set[Path] = set()
        try:
            for folder in (root, self.incoming, self._objects, self._quarantine):
                make_private(folder)
            self._held = _hold(root / "receiver.lock")
            for part in self.incoming.iterdir():
                part.unlink()
        except OSError as error:
            raise StorageError(f"{root}: cannot be used as a spool: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folders; what was admitted stays."""
        self._held.close()

    def objects(self) -> tuple[Path, ...]:
        """Every admitted object, in a fixed order."""
        return tuple(sorted(self._objects.rglob("*.dcm")))

    def path_of(self, uid: str) -> Path:
        """Where the object with this UID is kept.

        Raises
        ------
        StorageError
            If it is not.
        """
        path = self._path(uid)
        if not path.is_file():
            raise StorageError(f"{self.root} does not keep {uid}; expected an admitted object")
        return path

    def quarantined(self) -> tuple[Path, ...]:
        """Every refused object that was kept, in a fixed order."""
        return tuple(sorted(self._quarantine.rglob("*.dcm")))

    def admit(self, part: Path, *, uid: str) -> Admission:
        """Keep a complete file so that it survives a crash right after this returns.

        Order: bytes to disk, link under sha256(uid) (a link never overwrites), folder to disk.

        Parameters
        ----------
        part
            A file in `incoming`; it stays there, and its owner removes it.
        uid
            SOP Instance UID; never part of a path itself.

        Raises
        ------
        ConflictError
            If other content is kept under this UID; the new bytes go to quarantine.
        StorageError
            If the bytes cannot be kept durably (no space, no permission).
        """
        try:
            self._require_space()
            sha256 = self._digest(part)
            path = self._path(uid)
            new = self._link(part, path)
            same = new or self._digest(path) == sha256
        except OSError as error:
            raise StorageError(
                f"an object could not be kept in {self.root}: {error.strerror}"
            ) from error
        if not same:
            self.quarantine(part, uid=uid, reason="the same SOP Instance UID with other content")
            raise ConflictError(
                f"{uid} is already kept with other content; expected the same bytes or a new UID: "
                "the new object is in quarantine, the old one untouched"
            )
        return Admission(path=path, sha256=sha256, new=new)

    def quarantine(self, part: Path, *, uid: str, reason: str) -> Path | None:
        """Keep refused bytes with the reason beside them; None when the quarantine is full.

        Raises
        ------
        StorageError
            If the bytes cannot be kept.
        """
        try:
            if _size(self._quarantine) + part.stat().st_size > QUARANTINE_BYTES:
                log.warning("quarantine %s is full: a refused object is not kept", self.root)
                return None
            name = f"{_name(uid)}-{self._digest(part)[:16]}"
            path = self._quarantine / name[:2] / f"{name}.dcm"
            if self._link(part, path):
                path.with_suffix(".txt").write_text(reason + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"a refused object could not be kept in {self.root}: {error.strerror}"
            ) from error
        return path

    def _path(self, uid: str) -> Path:
        return self._objects / _name(uid)[:2] / f"{_name(uid)}.dcm"

    def _require_space(self) -> None:
        free = shutil.disk_usage(self.incoming).free
        if free < self._reserve_bytes:
            raise StorageError(
                f"{free} bytes are free in {self.root}; expected {self._reserve_bytes} at least: "
                "make room, and the sender will find it on its next try"
            )

    def _link(self, part: Path, path: Path) -> bool:
        """Give `part` its final name durably; False where that name is taken."""
        folder = path.parent
        if folder not in self._durable_folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            fsync(folder.parent)
            self._durable_folders.add(folder)
        fsync(part)
        try:
            os.link(part, path)
        except FileExistsError:
            new = False
        else:
            new = True
        # also for a name that was taken: whoever took it may not have come as far as this line
        fsync(folder)
        return new


def _name(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _hold(path: Path) -> IO[bytes]:
    """Lock a file until the process ends or the file is closed, whichever comes first."""
    file = path.open("a+b")
    try:
        lock(file)
    except OSError as error:
        file.close()
        raise StorageError(
            f"{path.parent}: another receiver uses this spool; stop it, or choose another folder"
        ) from error
    return file
