"""Ten minutes of a live feed from another process: frames lost, age of maps, memory, CPU.

    python -m tests.proofs.live_feed --source igtl --minutes 10 --size 1024 --hz 30

Starts the sender in a process of its own, runs the station without a screen, and compares every
recorded frame with what was sent. Ages are from the sender's stamp, by the wall clock of this
machine, until a frame is in the maps (or was looked at, where no maps are made yet).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.cli.process import keep_loaded, settle, share_arenas
from napari_fluoroinject.live.connect import connect_feed
from napari_fluoroinject.live.station import Station, StationSettings
from napari_fluoroinject.recording import Recording
from tests.proofs.live_senders import SENDERS, Sender

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.live_run import RunStatus
    from napari_fluoroinject.live.slot import Shot

ROOT = Path(__file__).resolve().parents[2]
_EVERY_S = 2.0
_END_S = 60.0
_SETTLED_S = 10.0
"""Ages are told of all frames, and of those after so long."""
_WORST = 20
"""Frames that are told of one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is tried."""

    source: str = "igtl"
    key: str = "mbb_lumbar"
    minutes: float = 10.0
    size: int = 1024
    hz: float = 30.0
    bits: int = 8
    begin_every_s: float = 30.0
    wait_first_s: float = 60.0
    folder: Path | None = None

    @property
    def frames(self) -> int:
        return round(self.minutes * 60 * self.hz)


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen while it ran."""

    sending: Sender
    settled_s: float = float("inf")
    ages_s: list[float] = field(default_factory=list)
    settled_ages_s: list[float] = field(default_factory=list)
    map_ages_s: list[float] = field(default_factory=list)
    waiting_ages_s: list[float] = field(default_factory=list)
    each: list[tuple[float, int, str, str]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def mapped(self, shot: Shot, status: RunStatus) -> None:
        sent_s = self.sending.sent_at_s(shot)
        if sent_s is None:
            return
        age_s = time.time() - sent_s
        if time.perf_counter() >= self.settled_s:
            self.settled_ages_s.append(age_s)
        self.ages_s.append(age_s)
        if status.phase == "following":
            self.map_ages_s.append(age_s)
        if status.phase == "waiting":
            self.waiting_ages_s.append(age_s)
        what = "; ".join(("mask renewed",) * status.mask_renewed + status.remarks)
        self.each.append((age_s, shot.index, status.phase, what))

    def worst(self) -> list[str]:
        """The frames that were oldest when they were in the maps, the worst first."""
        oldest = sorted(self.each, reverse=True)[:_WORST]
        return [
            f"{1e3 * age_s:.0f} ms: {index} {phase} {what}" for age_s, index, phase, what in oldest
        ]


def main() -> int:
    wish = _words()
    settle()
    share_arenas()
    with tempfile.TemporaryDirectory(dir=wish.folder, prefix="live-feed-") as folder:
        figures = run(wish, Path(folder))
    print(json.dumps(figures, indent=2))
    good = figures["lost"] == 0 and figures["wrong"] == 0
    return 0 if good else 1


def run(wish: Wish, folder: Path) -> dict[str, Any]:
    """Run one feed to its end; the figures."""
    with SENDERS[wish.source](wish, folder) as sending:
        seen = Seen(sending=sending)
        station = Station(
            connect_feed(sending.url),
            StationSettings(recordings=folder / "recordings", rest=False),
            mapped=seen.mapped,
        )
        if station.folder is None:
            raise SystemExit(station.refused)
        _wait_ready(station)
        before, began_s = os.times(), time.perf_counter()
        seen.settled_s = began_s + _SETTLED_S
        station.start()
        _await(station, wish, seen, began_s)
        took_s = time.perf_counter() - began_s
        station.close()
        after = os.times()
        sent = sending.sent()
    cpu_s = (after.user - before.user) + (after.system - before.system)
    return _figures(station, seen, sent) | {
        "seconds": round(took_s, 1),
        "cpu_share_of_one_core": round(cpu_s / took_s, 3),
        "cores": os.cpu_count(),
    }


def _wait_ready(station: Station) -> None:
    """The kernels are compiled by the maps' own thread, before the first frame is asked for."""
    station.maps.start = lambda: None  # type: ignore[method-assign] # it has been started here
    type(station.maps).start(station.maps)
    while not station.maps.told.device and station.maps.told.state != "stopped":
        time.sleep(0.1)
    keep_loaded()


def _await(station: Station, wish: Wish, seen: Seen, began_s: float) -> None:
    begun_s = wish.wait_first_s - wish.begin_every_s
    give_up_s = began_s + wish.minutes * 60 * 1.5 + _END_S
    while time.perf_counter() < give_up_s:
        told = station.receiver.told
        seen.at_s.append(time.perf_counter() - began_s)
        seen.rss_mb.append(_rss_mb())
        if told.ended or told.frames >= wish.frames:
            return
        if seen.at_s[-1] - begun_s >= wish.begin_every_s:
            begun_s = seen.at_s[-1]
            station.begin()
        time.sleep(_EVERY_S)


def _figures(station: Station, seen: Seen, sent: int | None) -> dict[str, Any]:
    told = station.told
    on_disk, wrong = _compared(station.folder, seen.sending)
    sent = told.received.frames if sent is None else sent
    in_maps, lost = told.maps.frames, told.maps.lost
    late = [one for one in seen.at_s if one > seen.at_s[-1] / 2]
    tail = seen.rss_mb[-len(late) :]
    slope = float(np.polyfit(late, tail, 1)[0]) * 60 if len(late) > 2 else float("nan")
    return {
        "frames_sent": sent,
        "frames_received": told.received.frames,
        "frames_on_disk": on_disk,
        "lost": sent - on_disk,
        "wrong": wrong,
        "looked_at_by_the_maps": len(seen.ages_s),
        "while_maps_were_made": len(seen.map_ages_s),
        "missed_by_the_maps": told.missed,
        "in_the_maps_of_the_last_run": in_maps,
        "not_placed": lost,
        "age_ms": _ages(seen.ages_s),
        "age_after_10_s_ms": _ages(seen.settled_ages_s),
        "age_while_waiting_ms": _ages(seen.waiting_ages_s),
        "age_while_following_ms": _ages(seen.map_ages_s),
        "worst": seen.worst(),
        "rss_mb": {"first": round(seen.rss_mb[0]), "last": round(seen.rss_mb[-1])},
        "rss_slope_mb_per_min": round(slope, 2),
        "runs": told.runs,
        "said": list(told.said[-5:]),
    }


def _compared(folder: Path | None, sending: Sender) -> tuple[int, int]:
    """Frames on disk, and those among them that are not what was sent."""
    if folder is None:
        return 0, 0
    recording = Recording.open(folder)
    wrong = number = 0
    for segment in recording.segments:
        for record in segment.records:
            crc = sending.checksum(np.ascontiguousarray(record["pixels"]))
            wrong += crc != sending.checksums[number % len(sending.checksums)]
            number += 1
    return number, wrong


def _ages(ages_s: list[float]) -> dict[str, float]:
    if not ages_s:
        return {}
    ms = 1e3 * np.array(ages_s)
    told = {f"p{p}": round(float(np.percentile(ms, p)), 1) for p in (50, 99)}
    return told | {"max": round(float(ms.max()), 1)}


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _words() -> Wish:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=("igtl", "video"), default="igtl")
    parser.add_argument("--key", default="mbb_lumbar", help="procedure of the phantom")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--hz", type=float, default=30.0)
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8)
    parser.add_argument(
        "--begin-every-s", type=float, default=30.0, help="contrast is said to begin so often"
    )
    parser.add_argument(
        "--wait-first-s", type=float, default=60.0, help="and first after so many seconds"
    )
    parser.add_argument(
        "--folder", type=Path, help="on the disk that is tried; else a scratch one"
    )
    return Wish(**vars(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
