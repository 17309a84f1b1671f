"""Senders of live feeds in processes of their own, and the checksums of what they send."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.live.slot import Shot
    from tests.proofs.live_feed import Wish

ROOT = Path(__file__).resolve().parents[2]
_END_S = 30.0
_MOST_MADE_PX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A sender that runs: its address, and checksums of its pictures in order, over and over.

    `process` prints how many it sent. `stamped` = the first pixels of each picture tell when it
    was sent; they are no part of the checksum.
    """

    url: str
    checksums: list[int]
    process: subprocess.Popen[str]
    lines: list[str]
    stamped: bool = False

    def sent_at_s(self, shot: Shot) -> float | None:
        """When it was sent, in seconds since 1970."""
        if not self.stamped:
            return shot.wall_s
        from tests.proofs.video_source import stamp_of

        return stamp_of(shot.pixels)[1]

    def checksum(self, pixels: npt.NDArray[Any]) -> int:
        """Of a recorded picture."""
        return _without_stamp(pixels) if self.stamped else zlib.crc32(pixels.data)

    def sent(self) -> int | None:
        """How many pictures it says it sent; None where it was ended before."""
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return None
        for line in self.lines:
            if found := re.match(r"sent (\d+) (?:pictures|frames)", line):
                return int(found[1])
        return None


@contextmanager
def igtl(wish: Wish, folder: Path) -> Iterator[Sender]:
    """The OpenIGTLink server of the proofs, with a phantom over and over."""
    pictures = folder / "pictures"
    checksums = _written(wish, pictures)
    command = [
        *(sys.executable, "-m", "tests.proofs.igtl_source", str(pictures)),
        *("--rate", str(wish.hz), "--port", "0", "--bits", str(wish.bits)),
        *("--frames", str(wish.frames)),
    ]
    with _running(command, r"listening on port (\d+)") as (process, lines, port):
        yield Sender(
            url=f"igtl://127.0.0.1:{port}", checksums=checksums, process=process, lines=lines
        )


@contextmanager
def video(wish: Wish, _folder: Path) -> Iterator[Sender]:
    """The video sender of the proofs: a C-arm's monitor over TCP, lossless, at its rate."""
    from tests.peers import free_ports
    from tests.proofs import video_source

    (port,) = free_ports(1)
    words = [
        *("--to", f"tcp://127.0.0.1:{port}", "--size", str(wish.size), "--rate", str(wish.hz)),
        *("--seconds", str(wish.frames / wish.hz), "--scene", wish.key, "--stamp"),
    ]
    command = [sys.executable, "-u", "-m", "tests.proofs.video_source", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    stream, lines = process.stdout, list[str]()
    assert stream is not None
    reader = threading.Thread(target=lambda: lines.extend(stream), daemon=True)
    reader.start()
    before, sys.argv = sys.argv, ["video_source", *words]
    try:
        asked = video_source._asked()
        asked.stamp = False
        pictures = video_source._pictures(asked, wish.frames)
        checksums = [_without_stamp(one) for one in pictures]
        _wait_for(port, process)
        yield Sender(
            url=f"tcp://127.0.0.1:{port}",
            checksums=checksums,
            process=process,
            lines=lines,
            stamped=True,
        )
    finally:
        sys.argv = before
        process.terminate()
        process.wait(_END_S)
        reader.join(_END_S)


def _without_stamp(pixels: npt.NDArray[Any]) -> int:
    from tests.proofs.video_source import NUMBER_BITS, TIME_BITS

    own = pixels.copy()
    own[0, : TIME_BITS + NUMBER_BITS] = 0
    return zlib.crc32(own.data)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until it listens, without taking the one connection that it accepts."""
    wanted = f":{port:04X} "
    while process.poll() is None:
        listening = [
            line for line in Path("/proc/net/tcp").read_text().splitlines() if wanted in line
        ]
        if listening:
            return
        time.sleep(0.1)
    raise SystemExit("the sender did not start")


def _written(wish: Wish, folder: Path) -> list[int]:
    """Write a phantom's pictures as a recording that the sender takes; their checksums.

    Larger pictures than the simulator makes in a short time are the same, each pixel repeated.
    """
    from tests.proofs.igtl_source import _of_loop

    times = max(1, wish.size // _MOST_MADE_PX)
    settings = PhantomSettings(size=wish.size // times)
    loop = make_phantom(wish.key, settings=settings).loop
    checksums = []
    with Recorder(folder, reserve_bytes=0) as recorder:
        for index, one in enumerate(_of_loop(loop, wish.bits)):
            large = np.repeat(np.repeat(one, times, axis=0), times, axis=1)
            recorder.add(large, index=index, time_s=index / wish.hz)
            checksums.append(zlib.crc32(large.data))
    return checksums


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


SENDERS = {"igtl": igtl, "video": video}
"""By the name of the source."""
