"""A durable store of received bytes: never half, never overwritten, never named by a peer."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.disk import fsync, lock, require_links, sweep
from napari_fluoroinject.spool.private import make_inside, make_private, tighten_file
from napari_fluoroinject.spool.quarantine import (
    FOLDER_NAME,
    LIMIT_BYTES,
    Quarantine,
    Refusal,
    refusals,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

RESERVE_BYTES = 64 << 20
"""Admission stops while less is free: the host goes on working, the sender keeps its copy."""
CONFLICT = "the same SOP Instance UID with other content"
_BLOCK_BYTES = 1 << 20
_LOCK_NAME = "receiver.lock"
_PREAMBLE_BYTES, _PREFIX = 128, b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Bytes that are safe on disk.

    Attributes
    ----------
    path
        Where they are.
    sha256
        Of their content, as the spool tells it; of what was kept before when it counts as the
        same.
    size_bytes
        Of the file that is kept.
    new
        False when the same content was there already.
    """

    path: Path
    sha256: str
    size_bytes: int
    new: bool


def file_sha256(path: Path, *, start: int = 0, before: bytes = b"") -> str:
    """SHA-256 of a file's bytes from offset `start` on, with other bytes before them."""
    digest = hashlib.sha256(before)
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def kept_path(root: Path, uid: str) -> Path:
    """Where the spool at `root` keeps the object with this UID, whether it is there or not."""
    return root / "objects" / _name(uid)[:2] / f"{_name(uid)}.dcm"


class Spool(Closing):
    """Folders of one receiver: `incoming` (parts), `objects` (acknowledged), `quarantine`.

    A process holds its spool alone; what an earlier process left in `incoming` was never
    acknowledged and is removed when the spool is opened. Folders and files are for their owner
    alone, whatever the umask says.

    Parameters
    ----------
    root
        Folder of the spool; made with mode 0700 if absent.
    digest
        What counts as content when the same UID comes twice (the whole file by default).
    same
        Tells whether two files (kept, new) of other digests hold the same content all the same,
        encoded in another way; False whenever it cannot tell. None: they never do. Not asked
        where the new bytes are in quarantine already.
    reserve_bytes
        Free space below which nothing is kept.
    quarantine_bytes
        Largest sum of what is kept of refused objects.

    Raises
    ------
    StorageError
        If the folders cannot be made or are not ours, their file system has no hard links, or
        another process receives into them.
    """

    def __init__(
        self,
        root: Path,
        *,
        digest: Callable[[Path], str] = file_sha256,
        same: Callable[[Path, Path], bool] | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        quarantine_bytes: int = LIMIT_BYTES,
    ) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self._objects = root / "objects"
        self._digest = digest
        self._same = same
        self._reserve_bytes = reserve_bytes
        self._durable_folders: set[Path] = set()
        try:
            make_private(root)
            for folder in (self.incoming, self._objects, *self._objects.glob("*")):
                make_inside(folder)
            self._quarantine = Quarantine(root / FOLDER_NAME, limit_bytes=quarantine_bytes)
            self._held = _hold(root / _LOCK_NAME)
        except OSError as error:
            raise _unusable(root, error) from error
        try:
            sweep(self.incoming)
            require_links(self.incoming)
        except OSError as error:
            self.close()
            raise _unusable(root, error) from error
        self._tell_shortage()

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
        """Every refused object that was kept, in a fixed order; `refusals` tells more."""
        return tuple(sorted(self._quarantine.folder.rglob("*.dcm")))

    def refusals(self) -> tuple[Refusal, ...]:
        """Every refusal that was noted, oldest first."""
        return refusals(self.root)

    def admit(
        self,
        part: Path,
        *,
        uid: str,
        noted: str | None = None,
        sender: str = "",
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Admission:
        """Keep a complete file so that it survives a crash right after this returns.

        Order: bytes to disk, link under sha256(uid) (a link never overwrites), folder to disk.
        A preamble before the DICM prefix becomes zeros: it may hold a program (CVE-2019-11687).

        Parameters
        ----------
        part
            A file in `incoming`; its owner removes it and never writes it again, for it and the
            kept object are one file with two names.
        uid
            SOP Instance UID; never part of a path itself.
        noted
            Digest that was noted for this UID before: it tells other content where the file that
            it was noted of is gone (`Index.sha256_of`). None = it is new.
        sender
            Who sent it, for the note beside it where it is refused.
        aside
            Entered while `same` compares, which may take long; may raise StorageError.

        Raises
        ------
        ConflictError
            If other content is kept under this UID; the new bytes go to quarantine.
        StorageError
            If the bytes cannot be kept durably (no space, no permission).
        """
        try:
            self._require_ours()
            self._require_space()
            tighten_file(part)
            _clear_preamble(part)
            sha256 = self._digest(part)
            path = self._path(uid)
            if noted not in (None, sha256) and not path.exists():
                self._refuse(part, uid=uid, sender=sender)
            new = self._link(part, path)
            kept = sha256 if new else self._digest(path)
            if kept != sha256 and not self._is_same(path, part, uid=uid, aside=aside):
                self._refuse(part, uid=uid, sender=sender)
            size_bytes = path.stat().st_size
        except OSError as error:
            raise self._not_kept("an object", error) from error
        return Admission(path=path, sha256=kept, size_bytes=size_bytes, new=new)

    def quarantine(self, part: Path, *, uid: str, reason: str, sender: str = "") -> Path | None:
        """Keep refused bytes, reason and sender beside them; None when there is no room for them.

        Raises
        ------
        StorageError
            If the bytes cannot be kept.
        """
        return self._put_aside(part, uid=uid, reason=reason, sender=sender)

    def _refuse(self, part: Path, *, uid: str, sender: str) -> NoReturn:
        log.error("%s came again with other content: refused, see the quarantine", uid)
        self._put_aside(part, uid=uid, reason=CONFLICT, sender=sender)
        raise ConflictError(
            f"{uid} is already known with other content; expected the same bytes or a new UID: "
            "the new object is in quarantine, the old one untouched"
        )

    def _is_same(
        self,
        kept: Path,
        new: Path,
        *,
        uid: str,
        aside: Callable[[], AbstractContextManager[None]],
    ) -> bool:
        if self._same is None or self._quarantine.holds(uid=uid, digest=self._digest(new)):
            return False
        with aside():
            return self._same(kept, new)

    def _put_aside(self, part: Path, *, uid: str, reason: str, sender: str) -> Path | None:
        try:
            if shutil.disk_usage(self.incoming).free < self._reserve_bytes:
                log.warning("%s is short of space: a refused object is not kept", self.root)
                return None
            _clear_preamble(part)
            return self._quarantine.keep(
                part,
                uid=uid,
                digest=self._digest(part),
                reason=reason,
                conflict=reason is CONFLICT,
                sender=sender,
            )
        except OSError as error:
            raise self._not_kept("a refused object", error) from error

    def _not_kept(self, what: str, error: OSError) -> StorageError:
        return StorageError(f"{what} could not be kept in {self.root}: {error.strerror or error}")

    def _path(self, uid: str) -> Path:
        return kept_path(self.root, uid)

    def _require_ours(self) -> None:
        """Our lock is on a file that is still there: else the folder may be another's by now."""
        ours = os.fstat(self._held.fileno())
        try:
            there = (self.root / _LOCK_NAME).stat()
        except OSError:
            there = None
        if there is None or not os.path.samestat(ours, there):
            raise StorageError(
                f"{self.root} was removed or replaced while it was received into; expected the "
                "folder that was opened: start the receiver again"
            )

    def _tell_shortage(self) -> None:
        """Say at the start that nothing will be kept, before the first sender learns of it."""
        with suppress(OSError):
            free = shutil.disk_usage(self.incoming).free
            if free < self._reserve_bytes:
                log.warning(
                    "%s: %d MB are free, and %d MB are kept in reserve: every object is refused "
                    "until there is room",
                    *(self.root, free >> 20, self._reserve_bytes >> 20),
                )

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
        if folder not in self._durable_folders or not folder.exists():
            make_inside(folder)
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


def _clear_preamble(part: Path) -> None:
    with part.open("r+b") as file:
        head = file.read(_PREAMBLE_BYTES + len(_PREFIX))
        if head.endswith(_PREFIX) and any(head[:_PREAMBLE_BYTES]):
            file.seek(0)
            file.write(bytes(_PREAMBLE_BYTES))


def _unusable(root: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{root}: cannot be used as a spool: {error.strerror or error}; expected a folder of the "
        "user who runs this, on a file system that knows hard links"
    )


def _hold(path: Path) -> IO[bytes]:
    """Lock a file until the process ends or the file is closed, whichever comes first."""
    file = path.open("a+b")
    try:
        tighten_file(path)
        lock(file)
    except OSError as error:
        file.close()
        raise StorageError(
            f"{path.parent}: another receiver uses this spool; stop it, or choose another folder"
        ) from error
    return file
