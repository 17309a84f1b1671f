"""What keeping bytes asks of the system: bring them to disk, link them, hold a file alone."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def fsync(path: Path) -> None:
    """Bring a file or folder to disk; Windows cannot open folders, and journals them itself."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(file: IO[bytes]) -> None:
    """Lock a file until the process ends or the file is closed, whichever comes first.

    Raises
    ------
    BlockingIOError, PermissionError
        Another process holds it (POSIX, Windows).
    OSError
        The file system knows no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def unlock(file: IO[bytes]) -> None:
    """Let go of a file that `lock` holds."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


def sweep(folder: Path) -> None:
    """Remove all that is in a folder.

    Raises
    ------
    OSError
        Something cannot be removed.
    """
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def require_links(folder: Path) -> None:
    """Try a hard link in an empty folder of ours, which is empty afterwards.

    Raises
    ------
    OSError
        Its file system knows none.
    """
    probe, link = folder / "probe", folder / "probe-link"
    try:
        probe.touch(mode=0o600)
        os.link(probe, link)
    finally:
        link.unlink(missing_ok=True)
        probe.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a whole file or none: a reader never sees half of it.

    Parameters
    ----------
    path, content
        Where to, and what.
    mode
        Who may read it, from the first byte on; None = as the process has it.

    Raises
    ------
    OSError
        It cannot be written; nothing is left of it, and the error names the file.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        if mode is not None:
            partial.touch(mode=mode)
            partial.chmod(mode)  # where one was left by a run that was killed
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        error.filename = str(path)
        raise
