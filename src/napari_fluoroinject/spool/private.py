"""Folders and files that their owner alone can read, whatever the umask says."""

from __future__ import annotations

import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.spool.disk import fsync

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600


def make_private(folder: Path) -> None:
    """Make a folder for its owner alone, or tighten one that is there; its name is on disk then.

    Raises
    ------
    OSError
        It cannot be made, is no folder, or belongs to somebody else.
    """
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    # what is synced in a folder is lost with it where its own name was not
    for one in new or [folder]:
        with suppress(PermissionError):  # a parent that only others may read: they made the folder
            fsync(one.parent)
    _tighten(folder, _FOLDER)


def make_inside(folder: Path) -> None:
    """Make a folder inside a private one; a link, which may lead anywhere, is refused.

    Raises
    ------
    OSError
        As `make_private`.
    """
    if folder.is_symlink():
        raise NotADirectoryError(None, "a link where a folder was expected", str(folder))
    make_private(folder)


def tighten_file(path: Path) -> None:
    """Take from everyone but its owner what they may do with a file.

    Raises
    ------
    OSError
        It belongs to somebody else.
    """
    _tighten(path, _FILE)


def _tighten(path: Path, mode: int) -> None:
    # Windows has no such modes; folders there inherit the rights of their parent
    if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
