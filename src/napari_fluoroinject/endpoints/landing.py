"""Objects that come from a peer: checked as a whole, then named, never over another."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.scan import check_series, scan
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError
from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.spool.disk import fsync, lock
from napari_fluoroinject.spool.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_fluoroinject.model.cine import CineLoop

_PREAMBLE_BYTES = 128
_SCRATCH, _HELD = "fluoroinject-fetched-", "held"


def made(folder: Path) -> Path:
    """Return a folder, which is made if absent.

    Raises
    ------
    StorageError
        It cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return folder


def landed(folder: Path, uid: str) -> Path | None:
    """Return the file of an object that came before; None where there is none.

    Raises
    ------
    ConflictError
        Something else has its name.
    """
    path = folder / f"{uid}.dcm"
    if not path.exists():
        return None
    try:
        known = scan(path).sop_instance_uid == uid
    except (UnreadableObjectError, OSError):
        known = False
    if not known:
        raise ConflictError(
            f"{path} is there and is another file; expected that object: fetch into another folder"
        )
    return path


def land(part: Path, folder: Path, *, uid: str | None = None) -> Path:
    """Give a received file its name, `<SOP Instance UID>.dcm`, once it is known to be whole.

    Parameters
    ----------
    part
        The file, in `folder` or on its file system; it is gone afterwards, whatever comes.
    folder
        Where the object is to lie; it exists.
    uid
        The SOP Instance UID that was asked for; None where the peer chose.

    Raises
    ------
    UnreadableObjectError
        No whole DICOM object, another one than was asked for, or pixel data that cannot be what
        the object declares.
    ConflictError
        A file with other content has that name already.
    StorageError
        The folder cannot be written to.
    """
    try:
        structure = scan(part)
        check_series(structure)
        own = structure.sop_instance_uid
        if uid is not None and own != uid:
            raise UnreadableObjectError(uid, seen="another object", expected="the one asked for")
        if structure.fault:
            raise UnreadableObjectError(own, seen=structure.fault, expected="whole pixel data")
        _zero_preamble(part)
        return _link(part, folder / f"{own}.dcm")
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written to: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _zero_preamble(part: Path) -> None:
    """Nobody needs it, and it may be the start of a program (CVE-2019-11687)."""
    with part.open("r+b") as file:
        if any(file.read(_PREAMBLE_BYTES)):
            file.seek(0)
            file.write(bytes(_PREAMBLE_BYTES))


def _link(part: Path, path: Path) -> Path:
    fsync(part)
    try:
        os.link(part, path)  # a link never replaces
    except FileExistsError:
        if file_sha256(path) != file_sha256(part):
            raise ConflictError(
                f"{path} is there with other content; expected the same bytes: fetch into another "
                "folder"
            ) from None
    fsync(path.parent)
    return path


@contextmanager
def scratch(inside: Path | None = None) -> Iterator[Path]:
    """Give a folder that only its owner can read and that is gone afterwards.

    What a killed process left of such folders is removed first.

    Parameters
    ----------
    inside
        Where it is made, under a hidden name; None = the system's folder for temporary files.

    Raises
    ------
    StorageError
        There is no place for temporary files.
    """
    root, prefix = (Path(tempfile.gettempdir()), _SCRATCH)
    if inside is not None:
        root, prefix = inside, f".{_SCRATCH}"
    _sweep(root, prefix)
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise StorageError(f"{root}: no temporary folder: {error.strerror or error}") from error
    with folder as name, (Path(name) / _HELD).open("wb") as held:
        lock(held)
        yield Path(name)


def _sweep(root: Path, prefix: str) -> None:
    for left in root.glob(f"{prefix}*"):
        with suppress(OSError):  # of somebody else, held by a process that lives, or gone by now
            with (left / _HELD).open("r+b") as held:
                lock(held)
            shutil.rmtree(left)


def loop_in_memory(paths: Iterable[Path]) -> CineLoop:
    """Read a loop with all its frames, so that its files may go.

    Raises
    ------
    UnreadableObjectError
        The files are no loop.
    """
    loop = read_loop(*paths)
    stored = loop.frames.every()
    # what does not own its values is mapped from the file
    return replace(loop, frames=ArrayFrames(stored if stored.flags.owndata else stored.copy()))
