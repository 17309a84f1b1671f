"""A disk that may lose whatever was not brought to it: contents and names, in any order.

What POSIX promises and no more: fsync of a file keeps its bytes and its length, not its name;
fsync of a folder keeps the names that were made, changed or removed in it. All else may be there
or not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.proofs.calls import Call

_FOLDER = -1


@dataclass(slots=True)
class _File:
    """Bytes on the disk, and what was changed since: (when, offset, data), data None = cut off."""

    kept: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, int, bytes | None]] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Naming:
    """A change of names in one folder: what is there no longer, and what is."""

    when: int
    gone: tuple[str, ...] = ()
    made: tuple[tuple[str, int], ...] = ()


class Disk:
    """Follows calls below one folder, and tells what may be left after the power has gone.

    Parameters
    ----------
    root
        The folder; it is on the disk from the beginning.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._files: list[_File] = []
        self._names: dict[str, int] = {}
        self._kept_names: dict[str, int] = {}
        self._waiting: dict[str, list[_Naming]] = {}
        self._written_to: dict[str, int] = {}
        self._last_of: dict[str, int] = {}
        self._now = 0

    def follow(self, call: Call) -> None:
        """Take one call into account; calls elsewhere change nothing."""
        self._now += 1
        ours = call.path.removesuffix(" (deleted)")
        if ours.startswith(self.root + "/") or (ours == self.root and call.name == "sync"):
            getattr(self, f"_{call.name}")(call)

    def left(self, survives: Survival) -> dict[str, bytes | None]:
        """Files (and folders: None) that are left, below the root, as fate decides."""
        names = dict(self._kept_names)
        changes = [one for those in self._waiting.values() for one in those]
        for change in sorted(set(changes), key=lambda one: one.when):
            if survives.name():
                for gone in change.gone:
                    names.pop(gone, None)
                names.update(change.made)
        there = {
            path: None if number == _FOLDER else self._content(self._files[number], survives)
            for path, number in names.items()
        }
        # a name in a folder that is not there cannot be
        return {
            path.removeprefix(self.root + "/"): content
            for path, content in there.items()
            if all(
                str(above) in there
                for above in PurePosixPath(path).parents
                if str(above).startswith(self.root + "/")
            )
        }

    def _content(self, file: _File, survives: Survival) -> bytes:
        content = bytearray(file.kept)
        for _, offset, data in file.waiting:
            if data is None:
                if survives.write():
                    _resize(content, offset)
                continue
            for start, piece in survives.pieces(offset, data):
                if len(content) < start:
                    _resize(content, start)
                content[start : start + len(piece)] = piece
        return bytes(content)

    def _open(self, call: Call) -> None:
        flags = call.flags.split("|")
        if call.path not in self._names and "O_CREAT" in flags:
            self._files.append(_File())
            self._named(made=(call.path, len(self._files) - 1))
        elif "O_TRUNC" in flags:
            self._cut(self._file(call.path), 0)
        at_end = "O_APPEND" in flags
        self._written_to[call.path] = self._file(call.path).size if at_end else 0

    def _write(self, call: Call) -> None:
        file = self._file(call.path)
        offset = call.offset
        if offset is None:
            key = call.path.removesuffix(" (deleted)")
            offset = self._written_to.get(key, 0)
            self._written_to[key] = offset + len(call.data)
        file.waiting.append((self._now, offset, call.data))
        file.size = max(file.size, offset + len(call.data))

    def _truncate(self, call: Call) -> None:
        self._cut(self._file(call.path), call.size)

    def _cut(self, file: _File, size: int) -> None:
        file.waiting.append((self._now, size, None))
        file.size = size

    def _sync(self, call: Call) -> None:
        """Only what had been done when it was called is on disk when it returns."""
        path = call.path.removesuffix(" (deleted)")
        if path == self.root or self._names.get(path) == _FOLDER:
            for one in self._waiting.pop(path, []):
                if one.when <= call.begun:
                    for gone in one.gone:
                        self._kept_names.pop(gone, None)
                    self._kept_names.update(one.made)
                else:
                    self._waiting.setdefault(path, []).append(one)
            return
        file = self._file(path)
        done = [one for one in file.waiting if one[0] <= call.begun]
        file.waiting = [one for one in file.waiting if one[0] > call.begun]
        for _, offset, data in done:
            if data is None:
                _resize(file.kept, offset)
            else:
                if len(file.kept) < offset:
                    _resize(file.kept, offset)
                file.kept[offset : offset + len(data)] = data

    def _link(self, call: Call) -> None:
        self._named(made=(call.other, self._names[call.path]))

    def _unlink(self, call: Call) -> None:
        self._last_of[call.path] = self._names[call.path]
        self._named(gone=call.path)

    def _rename(self, call: Call) -> None:
        if self._names[call.path] == _FOLDER:
            raise NotImplementedError("a folder that is renamed")
        self._named(gone=call.path, made=(call.other, self._names[call.path]))

    def _mkdir(self, call: Call) -> None:
        self._named(made=(call.path, _FOLDER))

    def _named(self, *, gone: str | None = None, made: tuple[str, int] | None = None) -> None:
        if gone is not None:
            self._names.pop(gone)
        if made is not None:
            self._names[made[0]] = made[1]
        change = _Naming(
            when=self._now,
            gone=(gone,) if gone is not None else (),
            made=(made,) if made is not None else (),
        )
        for path in {str(PurePosixPath(one).parent) for one in (gone, made and made[0]) if one}:
            self._waiting.setdefault(path, []).append(change)

    def _file(self, path: str) -> _File:
        plain = path.removesuffix(" (deleted)")
        if path != plain and plain not in self._names:
            return self._files[self._last_of[plain]]
        return self._files[self._names[plain]]


@dataclass(frozen=True, slots=True)
class Survival:
    """How what was not brought to disk fares: all of names and writes, none, or a part."""

    named: Callable[[], bool]
    written: Callable[[], bool]
    sector: int | None = None

    def name(self) -> bool:
        """Whether one change of names survives."""
        return self.named()

    def write(self) -> bool:
        """Whether one write, or one sector of it, survives."""
        return self.written()

    def pieces(self, offset: int, data: bytes) -> list[tuple[int, bytes]]:
        """What survives of a write: (offset, bytes)."""
        if self.sector is None:
            return [(offset, data)] if self.write() else []
        pieces, start = [], offset
        while start < offset + len(data):
            end = min((start // self.sector + 1) * self.sector, offset + len(data))
            if self.write():
                pieces.append((start, data[start - offset : end - offset]))
            start = end
        return pieces


def fates(seed: int) -> dict[str, Survival]:
    """The ways in which a crash may end, by name."""
    choose = random.Random(seed)

    def perhaps() -> bool:
        return choose.random() < 0.5

    def always() -> bool:
        return True

    def never() -> bool:
        return False

    return {
        "nothing unsynced": Survival(never, never),
        "names alone": Survival(always, never),
        "contents alone": Survival(never, always),
        "everything": Survival(always, always),
        "some, torn at 512": Survival(perhaps, perhaps, 512),
        "some, torn at 4096": Survival(perhaps, perhaps, 4096),
    }


def build(left: dict[str, bytes | None], root: Path) -> None:
    """Make the files and folders that are left."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in sorted(left.items()):
        if content is None:
            (root / name).mkdir(parents=True, exist_ok=True)
        else:
            (root / name).write_bytes(content)


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
