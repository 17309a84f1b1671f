"""The live view beside a producer in another process that is faster than any screen.

Run as `python -m tests.proofs.live_view` from the root of the repository, on a screen (xvfb-run).
Frames lie in a ring of shared memory, as a frame grabber's do; where the ring is full the producer
waits, and `made_per_s` tells. A frame's age is counted from the moment at which it was made, by
the clock that both processes share, to the moment at which the canvas was drawn with it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.live import warm_up
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.live.receiver import Receiver
from napari_fluoroinject.live.running import RunningMaps
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import Recorder, Recording, unknown_scale

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = struct.Struct("<Qd")  # number of the frame, when it was made
PICTURES = 4
RING = 32
"""Frames that may wait for the receiver."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What came of it."""

    binding: str
    made: int
    made_per_s: float
    recorded: int
    lost: int
    shown: int
    shown_per_s: float
    age_median_ms: float
    age_p99_ms: float
    age_largest_ms: float
    rss_start_mib: float
    rss_middle_mib: float
    rss_end_mib: float
    maps_frames: int
    maps_missed: int
    stale_words: str


def produce(where: socket.socket, ring: str, *, hz: float, size: int, seconds: float) -> None:
    """Stand for a frame grabber: frames at a fixed rate into a ring, a word for each."""
    memory = SharedMemory(ring)
    rows = np.ndarray((RING, size, size), np.uint16, memory.buf)
    rng = np.random.default_rng(0)
    ground = np.linspace(900, 3000, size * size).reshape(size, size)
    frames = [(ground + rng.normal(0, 40, ground.shape)).astype("<u2") for _ in range(PICTURES)]
    began = time.monotonic()
    for index in range(round(hz * seconds)):
        if index >= RING:
            where.recv(1)  # a place is free again
        time.sleep(max(0.0, began + index / hz - time.monotonic()))
        rows[index % RING] = frames[index % PICTURES]
        where.sendall(HEAD.pack(index, time.monotonic()))
    where.shutdown(socket.SHUT_WR)
    while where.recv(4096):
        pass
    del rows
    memory.close()


class Piped(Closing):
    """The producer's frames as a feed; `made_s` tells when each was made."""

    def __init__(self, where: socket.socket, size: int) -> None:
        self._where = where
        self.ring = SharedMemory(create=True, size=2 * RING * size**2)
        self._rows = np.ndarray((RING, size, size), np.uint16, self.ring.buf)
        self.made_s: dict[int, float] = {}

    def __iter__(self) -> Iterator[Frame]:
        first = None
        while head := self._where.recv(HEAD.size, socket.MSG_WAITALL):
            index, made_s = HEAD.unpack(head)
            first = made_s if first is None else first
            self.made_s[index] = made_s
            yield Frame(index=index, time_s=made_s - first, pixels=self._rows[index % RING])
            self._where.sendall(b".")
        self._where.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        try:
            self._where.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the producer was first

    def free(self) -> None:
        """Give the ring back, once nobody reads it any more."""
        del self._rows
        self.ring.close()
        self.ring.unlink()


def rss_mib() -> float:
    """Resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(*, hz: float, size: int, seconds: float, maps: bool = True) -> Figures:
    """Show and record a producer for some seconds."""
    from napari.qt import get_qapp
    from qtpy import API_NAME

    from napari_fluoroinject.viewer.live.screen import LiveScreen

    get_qapp()
    if maps:  # loaded once a program, at its first feed
        ground = np.random.default_rng(0).integers(900, 1100, (size, size), np.uint16)
        warm_up(ground, unknown_scale("uint16"), on=choose("cpu"))
    folder = Path(tempfile.mkdtemp(prefix="live-view-"))
    ours, theirs = socket.socketpair()
    screen = LiveScreen()
    screen.show()
    spin(1.0)
    feed = Piped(ours, size)
    running = RunningMaps(intensity=unknown_scale("uint16"), on="cpu") if maps else None
    receiver = Receiver(
        feed,
        recorder=Recorder(folder / "recording"),
        others=() if running is None else (running,),
        clock=time.monotonic,
    )
    ages_s = noted_ages(screen, feed)
    context = multiprocessing.get_context("spawn")
    producer = context.Process(
        target=produce,
        args=(theirs, feed.ring.name),
        kwargs={"hz": hz, "size": size, "seconds": seconds},
    )
    if running is not None:
        running.start()
    screen.view.watch(receiver, running)
    producer.start()
    theirs.close()
    receiver.start()
    until(lambda: receiver.told.frames > 0)
    spin(min(2.0, seconds / 4))
    rss = [rss_mib()]
    began = time.monotonic()
    spin(max(0.0, seconds / 2 - min(2.0, seconds / 4)))
    rss.append(rss_mib())
    until(lambda: receiver.told.ended)
    took_s = feed.made_s[max(feed.made_s)] - feed.made_s[0]
    rss.append(rss_mib())
    producer.join()
    made, told = len(feed.made_s), receiver.told
    spin(0.2)
    words = screen._head.text()
    receiver.close()
    ours.close()
    feed.free()
    recorded = Recording.open(folder / "recording")
    kept = [int(one["index"]) for part in recorded.segments for one in part.records]
    figures = Figures(
        binding=API_NAME,
        made=made,
        made_per_s=round((made - 1) / took_s, 1),
        recorded=told.recorded,
        lost=len(set(range(made)) - set(kept)),
        shown=len(ages_s),
        shown_per_s=round(len(ages_s) / max(took_s, time.monotonic() - began), 1),
        age_median_ms=round(1e3 * float(np.median(ages_s)), 1),
        age_p99_ms=round(1e3 * float(np.percentile(ages_s, 99)), 1),
        age_largest_ms=round(1e3 * max(ages_s), 1),
        rss_start_mib=round(rss[0]),
        rss_middle_mib=round(rss[1]),
        rss_end_mib=round(rss[2]),
        maps_frames=0 if running is None else running.told.frames,
        maps_missed=0 if running is None else running.missed,
        stale_words=words,
    )
    if running is not None:
        running.close()
    screen.release()
    spin(0.1)
    del recorded
    shutil.rmtree(folder)
    return figures


def noted_ages(screen: object, feed: Piped) -> list[float]:
    """Ages by the producer's clock, filled whenever a new frame was drawn."""
    ages_s: list[float] = []
    view = screen.view  # type: ignore[attr-defined]  # LiveScreen is imported late: it needs Qt
    drawn = view.drawn

    def noted() -> None:
        shot = view._undrawn
        drawn()
        if shot is not None:
            ages_s.append(time.monotonic() - feed.made_s[shot.index])

    screen._disconnect()
    screen._disconnect = screen._canvas.on_drawn(noted)
    return ages_s


def spin(seconds: float) -> None:
    """Let the event loop run."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    loop, timer = QEventLoop(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setSingleShot(True)
    timer.timeout.connect(loop.quit)
    timer.start(max(1, round(1e3 * seconds)))
    loop.exec()


def until(condition, *, within_s: float = 120.0) -> None:
    """Let the event loop run until something holds."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("it did not come to pass")
        spin(0.02)


def main() -> None:
    """Print the figures; exits with 1 where a frame was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hz", type=float, default=120.0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--binding", choices=("pyqt6", "pyside6"), default=None)
    parser.add_argument("--no-maps", action="store_true")
    asked = parser.parse_args()
    if asked.binding:
        os.environ["QT_API"] = asked.binding
    figures = measure(hz=asked.hz, size=asked.size, seconds=asked.seconds, maps=not asked.no_maps)
    print(json.dumps(asdict(figures), indent=1, ensure_ascii=False))
    sys.exit(1 if figures.lost or figures.recorded != figures.made else 0)


if __name__ == "__main__":
    main()
