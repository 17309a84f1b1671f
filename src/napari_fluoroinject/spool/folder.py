"""A folder of results: under its name it is complete or not there, whatever ends the program."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.disk import fsync, lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_NEW, _OLD, _LOCK = ".fluoroinject-new", ".fluoroinject-old", ".fluoroinject-lock"
"""Endings of the hidden names beside a folder while it is replaced; nobody else's are cleared."""
_PATIENCE_S = 60.0
"""Longest wait for another process that writes the same folder; it takes a second or two."""
_POLL_S = 0.05


@contextmanager
def replaced_folder(folder: Path, *, ours: Callable[[str], bool]) -> Iterator[Path]:
    """Give an empty folder to write to; when all went well, it takes the place of `folder`.

    Whoever looks at `folder` sees the old files, for an instant nothing, or the new ones, and
    never a mixture; between the two renames the old ones stand beside it under a hidden name,
    from where the next call takes them back. Another process waits for its turn. Leftovers of a
    program that was killed are cleared first.

    Parameters
    ----------
    folder
        Its parent is made if absent.
    ours
        Tells from a file's name whether it is a result, which goes with the old folder; all else
        (notes of a person) is taken along.

    Raises
    ------
    StorageError
        It cannot be written, or another process does not let go of it.
    """
    new = _beside(folder, _NEW)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _settle(folder, ours)
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                raise NotADirectoryError(None, "something of this name is there and no folder")
            try:
                new.mkdir()
                yield new
                _swap(new, folder)
            finally:
                _settle(folder, ours)
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}; expected a folder that "
            "can be written to, with room on the disk"
        ) from error


def recover_folders(parent: Path, *, ours: Callable[[str], bool]) -> None:
    """Clear what killed programs left in `parent`, and take back what they had put aside.

    A folder that another process is writing is left alone.
    """
    for path in sorted(parent.glob(".*")):
        if path.suffix in (_NEW, _OLD, _LOCK):
            folder = parent / path.name.removesuffix(path.suffix).removeprefix(".")
            with contextlib.suppress(OSError), _alone(folder, patience_s=0.0):
                _settle(folder, ours)


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{folder.name}{ending}")


def _swap(new: Path, folder: Path) -> None:
    """Bring the new files to disk before any name changes; then change the names."""
    for path in (*new.iterdir(), new):
        fsync(path)
    if folder.exists():
        folder.rename(_beside(folder, _OLD))
    new.rename(folder)
    fsync(folder.parent)


def _settle(folder: Path, ours: Callable[[str], bool]) -> None:
    """From any state between two steps: the last complete folder, and nothing beside it."""
    new, old = _beside(folder, _NEW), _beside(folder, _OLD)
    if old.exists():
        if not folder.exists():
            old.rename(folder)
        else:
            for path in old.iterdir():
                if not ours(path.name) and not (folder / path.name).exists():
                    path.rename(folder / path.name)
            shutil.rmtree(old)
    if new.exists():
        shutil.rmtree(new)


@contextmanager
def _alone(folder: Path, *, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Hold the lock beside a folder; it is gone when nobody holds it."""
    path = _beside(folder, _LOCK)
    give_up = time.monotonic() + patience_s
    while (held := _try_hold(path)) is None:
        if time.monotonic() >= give_up:
            raise TimeoutError(None, "another process is writing there")
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):  # Windows removes no open file: there it stays
            path.unlink(missing_ok=True)
        held.close()


def _try_hold(path: Path) -> IO[bytes] | None:
    """Lock the file of this name; None while another process holds it, or has just removed it."""
    file = path.open("a+b")
    try:
        lock(file)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise FileNotFoundError
    except (BlockingIOError, PermissionError, FileNotFoundError):
        file.close()
        return None
    except OSError as error:  # some network shares know no locks: results are worth more
        log.warning("%s cannot be locked: run one analysis at a time", path.parent)
        log.debug("no lock", exc_info=error)
    return file
