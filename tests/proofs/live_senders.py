"""Senders of live feeds in processes of their own, and the checksums of what they send."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proofs.live_feed import Wish

ROOT = Path(__file__).resolve().parents[2]
_END_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A sender that runs: its address, checksums of its pictures in order, over and over.

    `process` prints how many it sent.
    """

    url: str
    checksums: list[int]
    process: subprocess.Popen[str]
    lines: list[str]

    def sent(self) -> int | None:
        """How many pictures it says it sent; None where it was ended before."""
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return None
        for line in self.lines:
            if found := re.match(r"sent (\d+) pictures", line):
                return int(found[1])
        return None


@contextmanager
def igtl(wish: Wish, _folder: Path) -> Iterator[Sender]:
    """The OpenIGTLink server of the proofs, with a phantom over and over."""
    command = [
        *(sys.executable, "-m", "tests.proofs.igtl_source", f"phantom:{wish.key}"),
        *("--size", str(wish.size), "--rate", str(wish.hz), "--port", "0"),
        *("--bits", str(wish.bits), "--frames", str(wish.frames)),
    ]
    checksums = _of_phantom(wish)
    with _running(command, r"listening on port (\d+)") as (process, lines, port):
        yield Sender(
            url=f"igtl://127.0.0.1:{port}", checksums=checksums, process=process, lines=lines
        )


def _of_phantom(wish: Wish) -> list[int]:
    from tests.proofs.igtl_source import _of_loop

    loop = make_phantom(wish.key, settings=PhantomSettings(size=wish.size)).loop
    return [zlib.crc32(one.data) for one in _of_loop(loop, wish.bits)]


@contextmanager
def _running(
    command: list[str], ready: str
) -> Iterator[tuple[subprocess.Popen[str], list[str], str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    found = None
    lines: list[str] = []
    for line in process.stdout:
        found = re.search(ready, line)
        if found:
            break
    if found is None:
        raise SystemExit("the sender did not start")
    stream = process.stdout

    def read() -> None:
        lines.extend(stream)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, lines, found[1]
    finally:
        process.terminate()
        process.wait(_END_S)
        reader.join(_END_S)


SENDERS = {"igtl": igtl}
"""By the name of the source."""
