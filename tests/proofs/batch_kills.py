"""kill -9 in a batch at random moments: `python -m tests.proofs.batch_kills [--kills 50]`.

Each round is a batch of small phantom loops into an empty folder: in turn on a cluster of its own
(scheduler and workers as programs of their own), and on local workers. Killed are Dask workers,
the processes that analyse in them, the scheduler, and the client with all that is its own; then
the same command is given again, until the batch is complete. All bytes of the results are then
held against those of a batch that nobody disturbed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs.programs import below, free_port, kill, start, until
from tests.proofs.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2
PROCEDURE = "mbb_lumbar"
_OWN = ".fluoroinject-batch"
_ANALYSIS = "napari_fluoroinject.confined.worker"
_EARLIEST_S, _LATEST_S = 0.5, 6.0
_AT_ONCE = 10
"""Kills of one round at most, so that there is a cluster in every other ten."""
_WHILE_AT_WORK = 0.75
"""Share of the runs that are left alone until their workers are there."""
_MOST_RUNS = 400


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A scheduler and its workers, each a program; what was killed is started again."""

    folder: Path
    port: int = 0
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return f"tcp://127.0.0.1:{self.port}"

    def stand(self) -> None:
        """Start what does not run."""
        scheduler = self.programs.get("scheduler")
        if scheduler is None or scheduler.poll() is not None:
            self.end()
            self.port = free_port()
            words = ["scheduler", "--host", "127.0.0.1", "--port", str(self.port)]
            self._start("scheduler", [*words, "--dashboard-address", "127.0.0.1:0"])
        for number in range(WORKERS):
            name = f"worker {number}"
            if name not in self.programs or self.programs[name].poll() is not None:
                words = ["worker", self.address, "--nthreads", "1", "--host", "127.0.0.1"]
                self._start(name, [*words, "--local-directory", str(self.folder / "dask")])

    def end(self) -> None:
        """End all."""
        for program in self.programs.values():
            kill(program)
        self.programs.clear()

    def _start(self, name: str, words: list[str]) -> None:
        self.programs[name] = start(["-m", "dask", *words], self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.txt"


@dataclass(slots=True, kw_only=True)
class Kills:
    """How often what was killed, out of how many."""

    most: int
    choose: random.Random
    of: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How many are left."""
        return self.most - self.of.total()


def make_loops(folder: Path, count: int, size: int) -> None:
    """Write so many small loops, each of a study of its own."""
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    for seed in range(count):
        settings = PhantomSettings(size=size, frames=12, seed=seed)
        make_phantom_files(PROCEDURE, settings, out=folder / f"loop{seed}")


def command(loops: Path, out: Path, *more: str) -> list[str]:
    """The batch as a person gives it."""
    words = ["-m", "napari_fluoroinject", "batch", str(loops), "--procedure", PROCEDURE]
    return [*words, "--out", str(out), "--json", *more]


def digests(out: Path) -> dict[str, str]:
    """Hash of every file of a batch, but of what it keeps for itself."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.relative_to(out).parts[0] != _OWN
    }


def disturbed(loops: Path, out: Path, kills: Kills, *, cluster: Cluster | None) -> Counter[str]:
    """Run a batch to its end, killing while there are kills left; what the runs came to."""
    ends: Counter[str] = Counter()
    last = max(0, kills.left - _AT_ONCE)
    said = out.with_suffix(".txt")
    for _ in range(_MOST_RUNS):
        where = ("--workers", str(WORKERS))
        if cluster is not None:
            cluster.stand()
            where = ("--scheduler", cluster.address)
        # what random kills set aside is no poison: whoever looks into it gives it another chance
        more = ("--retry",) if ends["with loops set aside"] else ()
        before = _ready(said)
        client = start(command(loops, out, *where, *more), said)
        if kills.choose.random() < _WHILE_AT_WORK:
            while _ready(said) == before and client.poll() is None:
                time.sleep(0.2)
        while client.poll() is None and kills.left > last:
            time.sleep(kills.choose.uniform(_EARLIEST_S, _LATEST_S))
            _kill_one(client, kills, cluster)
        status = client.wait()
        kill(client)
        ends[_named(status, out)] += 1
        if status == 0:
            return ends
    raise AssertionError("the batch does not end")


def _ready(said: Path) -> int:
    """How many runs have had their workers ready so far."""
    return said.read_text().count("Dask's page") if said.exists() else 0


def _named(status: int, out: Path) -> str:
    if status == 1 and '"set_aside"' in out.with_suffix(".txt").read_text()[-20_000:]:
        return "with loops set aside"
    return {0: "complete", -9: "killed", 1: "failed"}.get(status, f"status {status}")


def _kill_one(client: subprocess.Popen[bytes], kills: Kills, cluster: Cluster | None) -> None:
    if client.poll() is not None:
        return
    what = kills.choose.choice(("Dask worker", "analysis", "client", "scheduler"))
    if what == "scheduler" and cluster is None:
        what = "Dask worker"
    if what == "client":
        kills.of[what] += 1
        _kill_alone(client.pid)
        client.wait()
    elif what == "scheduler" and cluster is not None:
        kills.of[what] += 1
        kill(cluster.programs["scheduler"])
    else:
        found = list(_victims(client, cluster, analysis=what == "analysis"))
        if found:
            kills.of[what] += 1
            _kill_alone(kills.choose.choice(found))
    if cluster is not None and what == "Dask worker":
        cluster_stands(cluster)


def cluster_stands(cluster: Cluster) -> None:
    """Start workers again whose program was killed, as a site's supervisor does."""
    if cluster.programs["scheduler"].poll() is None:
        cluster.stand()


def _victims(
    client: subprocess.Popen[bytes], cluster: Cluster | None, *, analysis: bool
) -> Iterator[int]:
    tops = [client]
    if cluster is not None:
        tops = [one for name, one in cluster.programs.items() if name.startswith("worker")]
    for top in tops:
        if cluster is not None and not analysis:
            yield top.pid
        for pid, words in below(top.pid):
            dask = any("spawn_main" in word for word in words)
            if _ANALYSIS in words if analysis else dask:
                yield pid


def _kill_alone(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def lines(out: Path) -> list[dict[str, object]]:
    """What the journal tells of loops."""
    told = [json.loads(line.split(b" ", 1)[1]) for line in whole_lines(out)]
    return [one for one in told if "key" in one]


def whole_lines(out: Path) -> list[bytes]:
    """Lines of the journal that are not torn."""
    text = (out / _OWN / "journal").read_bytes()
    return [line for line in text.splitlines() if line.endswith(b"}")]


def prove(kills: Kills, *, loops: int, size: int, folder: Path) -> Table:
    """Run rounds until there were so many kills; the figures."""
    make_loops(folder / "in", loops, size)
    subprocess.run(
        [sys.executable, *command(folder / "in", folder / "quiet", "--workers", str(WORKERS))],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    expected = digests(folder / "quiet")
    began, ends, rounds = time.monotonic(), Counter[str](), 0
    other, missing, surplus, twice, states = [], [], [], [], Counter[str]()
    while kills.left > 0:
        out = folder / f"round{rounds}"
        cluster = None if rounds % 2 else Cluster(folder=folder)
        try:
            ends += disturbed(folder / "in", out, kills, cluster=cluster)
        finally:
            if cluster is not None:
                cluster.end()
        until(lambda: not list(_left_alive(folder)), within_s=30)
        found = digests(out)
        missing += expected.keys() - found.keys()
        surplus += found.keys() - expected.keys()
        other += [name for name, told in found.items() if expected.get(name, told) != told]
        done = Counter(one["key"] for one in lines(out) if one["state"] == "done")
        twice += [key for key, count in done.items() if count > 1]
        states.update(str(one["state"]) for one in lines(out))
        rounds += 1
        print(f"round {rounds}: {kills.of.total()} kills", file=sys.stderr, flush=True)
    table = Table(f"batch: {kills.of.total()} x kill -9, {rounds} batches of {loops} loops")
    table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
    for name, count in sorted(kills.of.items()):
        table.figure(f"kills of {name}", count)
    for name, count in sorted(ends.items()):
        table.figure(f"runs {name}", count)
    table.figure("times a loop lost its process", states["again"])
    table.figure("loops set aside, then done", states["set_aside"])
    table.figure("files of a batch", len(expected))
    table.at_least("loops done", states["done"], loops * rounds)
    table.none("files of other bytes", other)
    table.none("files missing", missing)
    table.none("files too many", surplus)
    table.none("loops done twice", twice)
    return table


def _left_alive(folder: Path) -> Iterator[int]:
    """Processes that still work for the proof."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                yield int(path.parent.name)


def main() -> None:
    """Prove, print, and leave with status 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--loops", type=int, default=24, help="of one batch")
    parser.add_argument("--size", type=int, default=64, help="rows and columns of a loop")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kills = Kills(most=given.kills, choose=random.Random(given.seed))
    with tempfile.TemporaryDirectory(prefix="batch-kills-") as made:
        table = prove(kills, loops=given.loops, size=given.size, folder=Path(made))
    table.show()
    sys.exit(not table.kept)


if __name__ == "__main__":
    main()
