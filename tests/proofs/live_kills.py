"""kill -9 of `fluoroinject live`: what it told as recorded is there, and each run is handed over.

    python -m tests.proofs.live_kills [--kills 24]

A sender of short runs, `fluoroinject listen` in a process of its own, and the real command, which
is killed in turn while it records, just after a run has ended (it is then read, encoded and
queued), and as soon as a run is queued for its hand-over. After each kill `recordings` must find
every frame that had been told as recorded. At the end `live` is left alone once; then each run
that ended lies at the receiver once and is listed as handed over, or is listed as not.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import dcmread

from napari_fluoroinject.endpoints.igtl_server import IgtlServer
from napari_fluoroinject.live.desk import Papers, write_run
from napari_fluoroinject.live.runs import UNFINISHED
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import Recording
from tests.peers import free_ports
from tests.proofs.listening import listening
from tests.proofs.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proofs.listening import Listening

_HZ, _SIZE, _FRAMES, _PAUSE_S = 30.0, 192, 40, 1.0
_PATIENCE_S = 240.0
_POLL_S = 0.001
MOMENTS = ("recording", "saving", "handing over")
_LATEST_S = {"recording": 2.0, "saving": 0.6, "handing over": 0.15}
"""A kill comes at random so much after its moment, at most."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of the kills: of each, frames that were told and found."""

    of: Counter[str] = field(default_factory=Counter)
    told: int = 0
    found: int = 0
    fewer: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="live-kills-") as folder:
        table = prove(given.kills, random.Random(given.seed), Path(folder))
    table.show()
    return 0 if table.kept else 1


def prove(kills: int, choose: random.Random, folder: Path) -> Table:
    """Kill so often; what was lost."""
    seen, record = Seen(), folder / "rec"
    lines = "[live]\nreserve_mb = 1\nlongest_hold_s = 0.5\n"
    (folder / "fluoroinject.toml").write_text(lines)
    (port,) = free_ports(1)
    with _sending() as feed, listening(folder / "theatre", "--port", str(port)) as theatre:
        words = _command(feed, port, folder)
        for number in range(kills):
            _kill(words, MOMENTS[number % len(MOMENTS)], choose, (folder, record), seen)
            print(f"{number + 1} kills", file=sys.stderr, flush=True)
        _left_alone(words, folder)
        return _table(seen, kills, _listed(record), theatre)


def _command(feed: int, port: int, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "napari_fluoroinject", "live", f"igtl://127.0.0.1:{feed}"),
        *("--record", str(folder / "rec"), "--research", "--json", "--on", "cpu"),
        *("--hand-to", f"pacs://FLUOROINJECT:FLUOROINJECT@127.0.0.1:{port}"),
        *("--config", str(folder / "fluoroinject.toml")),
    ]


@contextmanager
def _sending() -> Iterator[int]:
    """Runs of 1.3 s with pauses between, for whoever is connected; yields the port."""
    settings = PhantomSettings(size=_SIZE, frames=_FRAMES)
    pictures = list(make_phantom("mbb_lumbar", settings=settings).loop.frames.every())
    over = threading.Event()

    def send() -> None:
        while not over.wait(_PAUSE_S):
            for picture in pictures:
                server.put("Killed", picture, time.time())
                if over.wait(1 / _HZ):
                    return

    with IgtlServer() as server:
        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield server.port
        finally:
            over.set()
            thread.join()


def _kill(
    words: list[str],
    moment: str,
    choose: random.Random,
    where: tuple[Path, Path],
    seen: Seen,
) -> None:
    folder, record = where
    before = set(record.iterdir()) if record.exists() else set()
    status = folder / "status.jsonl"
    with status.open("wb") as told, (folder / "errors.txt").open("ab") as errors:
        live = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=told, stderr=errors)
    queued = {one.name for one in (record / "outgoing").glob("*.json")}
    _until(lambda: _come(moment, status, record, before, queued), live)
    time.sleep(choose.uniform(0, _LATEST_S[moment]))
    live.kill()
    live.wait()
    seen.of[moment] += 1
    said = _last(status)["recorded"]
    seen.told += said
    (own,) = set(record.iterdir()) - before - {record / "outgoing"}
    (entry,) = _listed(own, seen.broken)
    seen.found += entry["frames"]
    index = [int(one) for part in Recording.open(own).segments for one in part.records["index"]]
    if entry["frames"] < said or index != list(range(len(index))):
        seen.fewer.append(f"{own.name}: {said} told, {entry['frames']} listed")


def _come(moment: str, status: Path, record: Path, before: set[Path], queued: set[str]) -> bool:
    """Whether the moment after which it is to be killed has come."""
    if moment == "recording":
        return _last(status).get("recorded", 0) > 0
    if moment == "saving":
        own = set(record.iterdir()) - before if record.exists() else set()
        return any(_ended(one / "remarks.jsonl") for one in own)
    return any(one.name not in queued for one in (record / "outgoing").glob("*.json"))


def _ended(remarks: Path) -> bool:
    return remarks.exists() and b'"run_end"' in remarks.read_bytes()


def _last(status: Path) -> dict:
    """The last whole line of a status."""
    lines = status.read_bytes().rpartition(b"\n")[0].splitlines()
    return json.loads(lines[-1]) if lines else {}


def _left_alone(words: list[str], folder: Path) -> None:
    """Let it run until nothing waits, and end it."""
    status = folder / "status.jsonl"
    with status.open("wb") as told, (folder / "errors.txt").open("ab") as errors:
        live = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=told, stderr=errors)
    _until(lambda: _last(status).get("runs_handed_over"), live)
    live.send_signal(signal.SIGTERM)
    if live.wait(_PATIENCE_S):
        raise SystemExit((folder / "errors.txt").read_text())


def _listed(folder: Path, broken: list[str] | None = None) -> list[dict]:
    """What `recordings` tells."""
    words = (sys.executable, "-m", "napari_fluoroinject", "recordings", str(folder), "--json")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and broken is not None:
        broken.append(f"{folder.name}: {done.stderr}")
    return json.loads(done.stdout)


def _table(seen: Seen, kills: int, listed: list[dict], theatre: Listening) -> Table:
    there = Counter(
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        for path in (theatre.spool / "objects").rglob("*.dcm")
    )
    ended = [
        (entry["recording"], run["run"], run["kept"])
        for entry in listed
        for run in entry["runs"]
        if run["ended_by"] != UNFINISHED
    ]
    uids = {
        str(write_run(Path(one), number, Papers(research=True)).dataset.SOPInstanceUID): kept
        for one, number, kept in ended
    }
    table = Table(f"live: {kills} x kill -9")
    for moment in MOMENTS:
        table.figure(f"kills while {moment}", seen.of[moment])
    table.figure("frames told as recorded", seen.told)
    table.at_least("frames that `recordings` found", seen.found, seen.told)
    table.none("recordings with fewer, or a gap", seen.fewer)
    table.none("recordings that are listed as failed", seen.broken)
    table.figure("runs that ended", len(ended))
    table.figure("runs at the receiver", len(there))
    table.figure("runs listed as only in their recording", _kept(uids, "recording"))
    table.none("runs listed as waiting", _kept(uids, "waiting"))
    table.none("runs handed over twice", [uid for uid, count in there.items() if count > 1])
    handed = {uid for uid, kept in uids.items() if kept == "handed"}
    table.none("runs listed as handed over that are not there", handed - there.keys())
    table.none("runs there that are not listed as handed over", there.keys() - handed)
    for one in (*seen.fewer, *seen.broken):
        print(one)
    return table


def _kept(uids: dict[str, str], where: str) -> int:
    return sum(kept == where for kept in uids.values())


def _until(condition: Callable[[], object], live: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        with suppress(OSError):  # what is looked at comes and goes
            if condition():
                return
        if live.poll() is not None or time.monotonic() > give_up_s:
            raise SystemExit("it did not come to pass")
        time.sleep(_POLL_S)


if __name__ == "__main__":
    sys.exit(main())
