"""Every file of a source, one after another, however many there are; results are left out."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

RESULTS = "folder of results"
"""What a folder is called that is left out because an analysis wrote it."""
_SUMMARY = "summary.json"


def walk(
    source: Path, *, out: Path, skipped: Counter[str]
) -> Iterator[tuple[Path, bool] | UnreadableObjectError]:
    """Yield files below a source, and whether it is that file itself.

    They come as `analyze` looks at them: name by name, folders among the files. Hidden names and
    links to folders are left alone. Only one folder is in memory at a time, and those above it.

    Parameters
    ----------
    source
        A file, or a folder.
    out
        Where this batch writes: never a source, wherever it lies.
    skipped
        Counts the folders that hold results.

    Yields
    ------
    Files; an error for each folder that cannot be read, and the rest is found.
    """
    if not source.is_dir():
        yield source, True
        return
    own = out.resolve()
    for found in _below(source, own, skipped):
        yield found if isinstance(found, UnreadableObjectError) else (found, False)


def is_result_folder(folder: Path) -> bool:
    """Whether an analysis wrote this folder: its summary names the loop that the folder names.

    Parameters
    ----------
    folder
        Any folder.
    """
    try:
        told = json.loads((folder / _SUMMARY).read_bytes())
        return bool(told["source"]["sop_instance_uid"] == folder.name)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _below(
    folder: Path, own: Path, skipped: Counter[str]
) -> Iterator[Path | UnreadableObjectError]:
    try:
        with os.scandir(folder) as found:
            names = sorted((one.name, one.is_dir(follow_symlinks=False)) for one in found)
    except OSError as error:
        yield UnreadableObjectError(
            str(folder), seen=error.strerror or "an error", expected="a folder that can be read"
        )
        return
    if any(name == _SUMMARY for name, _ in names) and is_result_folder(folder):
        skipped[RESULTS] += 1
        return
    for name, is_folder in names:
        path = folder / name
        if name.startswith("."):
            continue
        if not is_folder:
            if path.is_file():
                yield path
        elif path.resolve() != own:
            yield from _below(path, own, skipped)
