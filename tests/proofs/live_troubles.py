"""Feeds that go wrong, by a real sender and the real command: what is said, when, what is kept.

    python -m tests.proofs.live_troubles [--only NAME] [--disk SMALL-FOLDER]

Each trouble is made by an OpenIGTLink sender in a process of its own, while `fluoroinject live`
records what it sends. The sender notes the checksum of each picture that it sent whole. Told are
the words that the command said of it, after how many seconds, and whether every picture that was
sent whole lies on the disk, in order, with its checksum. A full disk is a limit on the size of a
file of the command, which ends after some seconds, or with `--disk` a small disk of its own, on
which room is made: pictures that it could not keep must be counted by the command itself.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.endpoints.igtl_pack import pack_picture
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_HZ = 30.0
_SIZE, _OTHER_SIZE = 512, 640
_MADE, _SCENES = 48, 8
_START_S = 120.0
_LIMIT_BYTES = 60 << 20
"""Of a file, where the disk is full: some fifty pictures."""
EXPECTED = {
    "stops": "no picture for 2 s",
    "restarts": "it is called again",
    "size": "from here on",
    "brightness": "rightness",
    "garbage": "called anew",
    "damaged": "called anew",
    "cut": "called again",
    "disk": "cannot be written",
}
"""Words that must be said of each trouble."""


@dataclass(slots=True)
class Line:
    """The sender's end: a port that is listened on, and the receiver that called."""

    port: int
    listening: socket.socket | None = None
    peer: socket.socket | None = None
    number: int = 0
    size: int = _SIZE
    level: float = 1.0
    sent: list[int] = field(default_factory=list)

    def listen(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listening.getsockname()[1]

    def accept(self) -> None:
        self.peer, _ = self.listening.accept()

    def pictures(self, seconds: float) -> None:
        """Send at the rate for so long."""
        began_s = time.perf_counter()
        for count in range(round(seconds * _HZ)):
            time.sleep(max(0.0, began_s + count / _HZ - time.perf_counter()))
            pixels = _picture(self.number, self.size, self.level)
            self.peer.sendall(self._message(pixels))
            self.sent.append(zlib.crc32(pixels.data))

    def half(self) -> bytes:
        """A message that breaks off."""
        message = self._message(_picture(self.number, self.size, self.level))
        return message[: len(message) // 2]

    def damaged(self) -> bytes:
        """A message of which one byte is another."""
        message = bytearray(self._message(_picture(self.number, self.size, self.level)))
        message[len(message) // 2] ^= 0xFF
        return bytes(message)

    def again(self) -> None:
        """Wait until the receiver has hung up and calls anew."""
        with suppress(ConnectionResetError):
            while self.peer.recv(1 << 16):
                pass
        self.peer.close()
        self.accept()

    def end(self) -> None:
        self.peer.close()

    def _message(self, pixels: npt.NDArray[np.uint16]) -> bytes:
        self.number += 1
        packed = pack_picture("Troubled", pixels, time.time(), number=self.number, version=2)
        return b"".join(packed.parts)


def _picture(number: int, size: int, level: float) -> npt.NDArray[np.uint16]:
    """A picture before contrast; noise by its number, so that no two are the same."""
    noise = np.random.default_rng(number).normal(0, 5, (size, size))
    return (level * _scene(size)[number % _SCENES] + noise).clip(0, 65535).astype(np.uint16)


@cache
def _scene(size: int) -> npt.NDArray[np.uint16]:
    settings = PhantomSettings(size=size, frames=_MADE)
    return make_phantom("mbb_lumbar", settings=settings).loop.frames.every()[:_SCENES]


def _stops(line: Line) -> None:
    time.sleep(4.0)


def _restarts(line: Line) -> None:
    line.end()
    line.listening.close()
    time.sleep(3.0)
    line.listen()
    line.accept()


def _size(line: Line) -> None:
    line.size = _OTHER_SIZE


def _brightness(line: Line) -> None:
    line.level = 1.4


def _garbage(line: Line) -> None:
    line.peer.sendall(np.random.default_rng(1).bytes(4096))
    line.again()


def _damaged(line: Line) -> None:
    line.peer.sendall(line.damaged())
    line.again()


def _cut(line: Line) -> None:
    line.peer.sendall(line.half())
    line.end()
    line.accept()


def _disk(line: Line) -> None:
    line.pictures(6.0)


TROUBLES: dict[str, Callable[[Line], None]] = {
    "stops": _stops,
    "restarts": _restarts,
    "size": _size,
    "brightness": _brightness,
    "garbage": _garbage,
    "damaged": _damaged,
    "cut": _cut,
    "disk": _disk,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table: `after_s` from the trouble until it was said; None = it was not."""

    name: str
    said: str
    after_s: float | None
    sent: int
    on_disk: int
    wrong: int
    counted: int

    @property
    def good(self) -> bool:
        kept = self.on_disk + self.counted == self.sent and not self.wrong
        return kept and self.after_s is not None and (self.name == "disk" or not self.counted)


def main() -> int:
    words = _words()
    if words.send:
        return _send(words.send)
    rows = []
    print(f"{'trouble':11} {'said after':>10} {'sent':>5} {'on disk':>8} {'wrong':>6}  said")
    for name in words.only or TROUBLES:
        with tempfile.TemporaryDirectory(prefix="live-troubles-") as folder:
            rows.append(prove(name, Path(folder), disk=words.disk))
        row = rows[-1]
        after = "never" if row.after_s is None else f"{row.after_s:.1f} s"
        told = f" ({row.counted} counted as lost)" if row.counted else ""
        print(
            f"{name:11} {after:>10} {row.sent:5d} {row.on_disk:8d} {row.wrong:6d}  "
            f"{row.said}{told}{'' if row.good else '  BROKEN'}",
            flush=True,
        )
    return 0 if all(row.good for row in rows) else 1


def prove(name: str, folder: Path, *, disk: Path | None = None) -> Row:
    """Make one trouble, and compare what was kept with what was sent."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.proofs.live_troubles", "--send", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    port = json.loads(sender.stdout.readline())["port"]
    record = disk if disk is not None and name == "disk" else folder
    (folder / "fluoroinject.toml").write_text("[live]\nreserve_mb = 1\n")
    command = [
        *(sys.executable, "-m", "napari_fluoroinject", "live", f"igtl://127.0.0.1:{port}"),
        *("--record", str(record / "rec"), "--json", "--on", "cpu"),
        *("--config", str(folder / "fluoroinject.toml")),
    ]
    limited = name == "disk" and disk is None
    with (folder / "stderr").open("wb") as errors:
        live = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=_limit if limited else None,  # noqa: PLW1509 - no thread runs here yet
        )
    told: list[tuple[float, dict]] = []
    reader = threading.Thread(target=_read, args=(live, told), daemon=True)
    reader.start()
    _until(lambda: told and told[-1][1]["maps"]["device"])
    print("go", file=sender.stdin, flush=True)
    trouble_s = json.loads(sender.stdout.readline())["trouble_s"]
    if limited:
        time.sleep(4.0)
        resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    elif name == "disk":
        time.sleep(4.0)
        (disk / "ballast").unlink()
    ledger = json.loads(sender.stdout.readline())["sent"]
    _until(lambda: told[-1][1]["frames"] >= len(ledger))
    live.send_signal(signal.SIGTERM)
    live.wait(_START_S)
    reader.join(_START_S)
    sender.communicate()
    return _row(name, ledger, told, (record / "rec", trouble_s))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT_BYTES, resource.RLIM_INFINITY))


def _read(live: subprocess.Popen[str], told: list[tuple[float, dict]]) -> None:
    told.extend((time.time(), json.loads(line)) for line in live.stdout)


def _until(condition: Callable[[], object]) -> None:
    give_up_s = time.monotonic() + _START_S
    while not condition():
        if time.monotonic() > give_up_s:
            raise SystemExit("it did not come to pass")
        time.sleep(0.05)


def _row(
    name: str, ledger: list[int], told: list[tuple[float, dict]], where: tuple[Path, float]
) -> Row:
    record, trouble_s = where
    said, after_s, before = "", None, 0
    for at_s, status in told:
        words = [*status["said"], status["recording_error"] or ""]
        match = [one for one in words if EXPECTED[name] in one]
        if at_s >= trouble_s and len(match) > before and after_s is None:
            said, after_s = match[-1], at_s - trouble_s
        before = len(match) if at_s < trouble_s else before
    (folder,) = record.iterdir()
    kept = [
        zlib.crc32(np.ascontiguousarray(one["pixels"]).data)
        for segment in Recording.open(folder).segments
        for one in segment.records
    ]
    rest = iter(ledger)
    wrong = sum(one not in rest for one in kept)  # each after the one before it
    return Row(
        name=name,
        said=said[:90],
        after_s=after_s,
        sent=len(ledger),
        on_disk=len(kept),
        wrong=wrong,
        counted=told[-1][1]["unrecorded"],
    )


def _send(name: str) -> int:
    """The sender: sends, makes the trouble, goes on, and tells what it sent whole."""
    line = Line(port=0)
    line.listen()
    _picture(0, _OTHER_SIZE, 1.0)  # made before anybody waits for it
    _picture(0, _SIZE, 1.0)
    print(json.dumps({"port": line.port}), flush=True)
    line.accept()
    sys.stdin.readline()
    line.pictures(2.0)
    print(json.dumps({"trouble_s": time.time()}), flush=True)
    TROUBLES[name](line)
    line.pictures(3.0)
    print(json.dumps({"sent": line.sent}), flush=True)
    sys.stdin.read()  # the receiver is ended first
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(TROUBLES), action="append", help="not all")
    parser.add_argument("--disk", type=Path, help="a small disk with a file `ballast` on it")
    parser.add_argument("--send", choices=tuple(TROUBLES), help="be the sender of this one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
