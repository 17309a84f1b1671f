"""Whether a loop has to be done again: the state of its files, its request and its results."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.batch.journal import Ended, FileState
from napari_fluoroinject.spool.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.batch.order import LoopOrder

_MOST_REMEMBERED = 4096
"""Hashes of files: those of a study are asked for once for each of its loops."""


def inputs_of(order: LoopOrder) -> tuple[FileState, ...]:
    """Return the state of all files of an order, as they are now.

    Raises
    ------
    OSError
        One cannot be read.
    """
    own = [_state(path, beside=False) for path in order.paths]
    return (*own, *sorted((_state(path, beside=True) for path in order.beside), key=_place))


def request_digest(asked: dict[str, Any]) -> str:
    """Return a hash of what is asked for, and of what the files that it names say.

    Parameters
    ----------
    asked
        As an order has it.
    """
    return _request_digest(json.dumps(asked, sort_keys=True, default=str))


def results_of(folder: Path) -> tuple[str, str] | None:
    """Return the hash of a folder's summary, and one of names and sizes of all its results.

    None where a result is missing that the summary names, or there is no summary.
    """
    from napari_fluoroinject.results import is_result

    with suppress(OSError, ValueError, KeyError, TypeError):
        text = (folder / "summary.json").read_bytes()
        sizes = {one.name: one.stat().st_size for one in folder.iterdir() if is_result(one.name)}
        named = {one["file"] for one in json.loads(text)["outputs"]}
        if not sizes.keys() >= named | {"overview.png"}:
            return None
        listed = "".join(f"{name}\t{size}\n" for name, size in sorted(sizes.items()))
        return hashlib.sha256(text).hexdigest(), hashlib.sha256(listed.encode()).hexdigest()
    return None


def is_current(order: LoopOrder, ended: Ended, *, out: Path, version: str) -> bool:
    """Whether nothing has changed since a loop ended: request, program, files, results.

    Files of the same size and time are the same; of others the content decides. Of a loop that
    took its worker with it no files are known: it counts as it was.

    Parameters
    ----------
    order, ended
        What is to be done, and how it ended before.
    out
        Folder of the results.
    version
        Of the program.
    """
    if (ended.request, ended.version) != (request_digest(order.asked), version):
        return False
    known = order.origin is not None and order.origin == ended.origin
    if ended.inputs and not known:
        with suppress(OSError):
            if not _same_inputs(order, ended.inputs):
                return False
    if ended.state != "done":
        return True
    return results_of(out / ended.key) == (ended.summary_sha256, ended.results_sha256)


def content_of(order: LoopOrder) -> tuple[str, ...]:
    """Return the hashes of an order's own files.

    Raises
    ------
    OSError
        One cannot be read.
    """
    return tuple(sorted(_state(path, beside=False).sha256 for path in order.paths))


def same_loop(content: tuple[str, ...], ended: Ended) -> bool:
    """Whether files hold, byte for byte, the loop that ended.

    Parameters
    ----------
    content
        Of the files, as `content_of` gives it.
    ended
        How the work on the loop ended.
    """
    return content == tuple(sorted(one.sha256 for one in ended.inputs if not one.beside))


def _same_inputs(order: LoopOrder, before: Iterable[FileState]) -> bool:
    known = {(one.size_bytes, one.mtime_ns, one.beside): one.sha256 for one in before}
    wanted = sorted((one.beside, one.sha256) for one in before)
    now = []
    for paths, beside in ((order.paths, False), (order.beside, True)):
        for path in paths:
            stat = path.stat()
            place = (stat.st_size, stat.st_mtime_ns, beside)
            sha256 = known[place] if place in known else _state(path, beside=beside).sha256
            now.append((beside, sha256))
    return sorted(now) == wanted


def _place(one: FileState) -> tuple[str, int]:
    return one.sha256, one.mtime_ns


def _state(path: Path, *, beside: bool) -> FileState:
    stat = path.stat()
    return FileState(
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        sha256=_sha256(path, stat.st_size, stat.st_mtime_ns),
        beside=beside,
    )


@lru_cache(maxsize=_MOST_REMEMBERED)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    return file_sha256(path)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _request_digest(text: str) -> str:
    digest = hashlib.sha256(text.encode())
    asked = json.loads(text)
    for name in ("annotation_file", "codes_file"):
        if name in asked:
            digest.update(Path(asked[name]).read_bytes())
    if "site_procedures" in asked:
        for path in sorted(Path(asked["site_procedures"]).glob("*.toml")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
