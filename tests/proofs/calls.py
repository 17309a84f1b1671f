"""The file system calls of a program, as strace saw them, in the order of their effects."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CALLS = (
    "openat,lseek,write,pwrite64,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,sendto,copy_file_range,sendfile"
)
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_DONE = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?.*")
_BEGUN = re.compile(r"(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_BYTE = re.compile(r"\\x([0-9a-f]{2})")
_ARGUMENT = re.compile(r'"([^"]*)"|(-?\w+)<([^>]*)>|([^,"]+)')
_NOT_FILES = ("socket:", "pipe:", "anon_inode:", "TCP:", "UNIX", "/dev/", "/proc/")


@dataclass(slots=True)
class Call:
    """One call that succeeded.

    Attributes
    ----------
    name
        Of the call, without `at` and numbers: `write` has an `offset` or None.
    path, other
        What it was about; `other` is the new name of a link or a rename.
    data
        Bytes that were written or sent.
    offset, size
        Of a write at a place; of a truncation.
    flags
        Of an open.
    begun
        How many calls of the list had taken effect when it was called.
    """

    name: str
    path: str = ""
    other: str = ""
    data: bytes = b""
    offset: int | None = None
    size: int = 0
    flags: str = ""
    begun: int = 0


def command(trace: Path) -> list[str]:
    """Return strace with the options under which `read` understands it."""
    return [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "4194304",
        "-e",
        f"trace={_CALLS}",
        "-o",
        str(trace),
    ]


def record(arguments: Sequence[str], trace: Path) -> subprocess.Popen[bytes]:
    """Start a Python module under strace."""
    from tests.proofs.programs import ROOT

    return subprocess.Popen([*command(trace), sys.executable, *arguments], cwd=ROOT)


def read(trace: Path) -> list[Call]:  # noqa: C901 - what strace writes has cases
    """Every call that changed something, sent something or brought something to disk."""
    calls: list[Call] = []
    open_calls: dict[str, tuple[str, str, int, Call | None]] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            pid, text = _LINE.fullmatch(line.rstrip("\n")).groups()
            if begun := _BEGUN.fullmatch(text):
                # bytes may be seen by others from here on, whatever the call comes back with
                early = _call(begun[1], begun[2], "") if begun[1] in _EARLY else None
                if early is not None:
                    calls.append(early)
                open_calls[pid] = (begun[1], begun[2], len(calls), early)
                continue
            at, early = len(calls), None
            if resumed := _RESUMED.fullmatch(text):
                name, arguments, at, early = open_calls.pop(pid)
                text = f"{name}({arguments}{resumed[2]}"
            done = _DONE.fullmatch(text)
            if done is None:
                continue
            if early is not None:
                # what was not written after all
                early.data = early.data[: max(0, int(done[3]))]
            elif done[1] == "lseek":
                if int(done[3]) >= 0:
                    calls.append(_place(list(_arguments(done[2])), int(done[3])))
            elif int(done[3]) >= 0 and (made := _call(done[1], done[2], done[4] or "")):
                made.begun = at
                if made.data:
                    made.data = made.data[: int(done[3])]
                calls.append(made)
    return calls


_EARLY = ("write", "pwrite64", "sendto")


def _call(name: str, arguments: str, opened: str) -> Call | None:
    values = list(_arguments(arguments))
    if name == "openat":
        flags = str(values[2])
        if not {"O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR"} & set(flags.split("|")):
            return None
        return Call("open", path=_text(opened), flags=flags)
    make = _MAKERS.get(name.removesuffix("2").removesuffix("at"))
    made = make(values) if make else None
    if made is None and make is None:
        raise NotImplementedError(f"{name}: the model of the disk does not know this call")
    return None if made is None or made.path.startswith(_NOT_FILES) else made


def _place(values: list[object], result: int) -> Call:
    return Call("seek", path=str(values[0]), size=result)


def _arguments(text: str) -> Iterator[object]:
    """Values of arguments: bytes of strings, paths of descriptors, the rest as text."""
    at = 0
    while at < len(text):
        found = _ARGUMENT.match(text, at)
        if found is None:
            at += 1
            continue
        at = found.end()
        if found[1] is not None:
            yield bytes.fromhex(found[1].replace("\\x", ""))
        elif found[2] is not None:
            yield _Descriptor(_text(found[3]))
        elif found[4].strip():
            yield found[4].strip()


class _Descriptor(str):
    """The path of an open file or folder."""

    __slots__ = ()


def _text(escaped: str) -> str:
    return _BYTE.sub(lambda found: chr(int(found[1], 16)), escaped)


def _paths(values: list[object]) -> list[str]:
    """Paths among the arguments, with what they are relative to."""
    paths, folder = [], ""
    for value in values:
        if isinstance(value, _Descriptor):
            folder = value
        elif isinstance(value, bytes):
            paths.append(str(Path(folder) / value.decode()))
    return paths


def _written(values: list[object]) -> Call | None:
    place = int(str(values[3])) if len(values) > 3 else None
    if not isinstance(values[0], _Descriptor) or not isinstance(values[1], bytes):
        return None
    return Call("write", path=str(values[0]), data=values[1], offset=place)


def _sent(values: list[object]) -> Call | None:
    return Call("send", data=values[1]) if isinstance(values[1], bytes) else None


def _two(name: str) -> object:
    def made(values: list[object]) -> Call:
        first, second = _paths(values)
        return Call(name, path=first, other=second)

    return made


_MAKERS = {
    "write": _written,
    "pwrite64": _written,
    "sendto": _sent,
    "fsync": lambda values: Call("sync", path=str(values[0])),
    "fdatasync": lambda values: Call("sync", path=str(values[0])),
    "ftruncate": lambda values: Call("truncate", path=str(values[0]), size=int(values[1])),
    "rename": _two("rename"),
    "link": _two("link"),
    "unlink": lambda values: Call("unlink", path=_paths(values)[0]),
    "rmdir": lambda values: Call("unlink", path=_paths(values)[0]),
    "mkdir": lambda values: Call("mkdir", path=_paths(values)[0]),
}
