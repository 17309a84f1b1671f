"""Speed of a batch: `python -m tests.proofs.batch_speed [--loops 200] [--size 512 --frames 60]`.

Synthetic loops of several procedures are written once, and analysed by `fluoroinject batch` with
one worker and then with two, into empty folders. Printed are loops per hour, core-seconds a loop
of all processes together, the most memory of each kind of process, the bytes of the results, and
what a million such loops come to. Both runs must leave the same bytes.

Throughput counts from the moment when the first loop can be given to a worker to the end of the
last one, as the batch itself tells it; the whole command, with its start, tables and page, stands
beside it. Run it on a machine that does nothing else; where others share the host of a virtual
machine, `--rounds 3` runs one and two workers in turn and counts all rounds together.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs.programs import below, processor_s
from tests.proofs.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCEDURES = ("esi_il_lumbar", "mbb_lumbar", "esi_tf_lumbar_subpedicular", "facet_ia_lumbar")
LEAST_RATIO = 1.8
ANALYSIS = "analysis"
MILLION = 1_000_000
_OWN = ".fluoroinject-batch"
_POLL_S = 1.0
"""Between two looks at the processes, which take from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run of the command told and took.

    `seconds` is the work on the loops, `whole_s` the command; `core_s` the processor time of each
    kind of process; `analysis_core_s` what the batch itself counts of the analyses; `peak_bytes`
    the most memory of each kind of process.
    """

    loops: int
    seconds: float
    whole_s: float
    core_s: dict[str, float]
    analysis_core_s: float
    peak_bytes: dict[str, int]

    @property
    def per_hour(self) -> float:
        """Loops per hour."""
        return 3600 * self.loops / self.seconds

    @property
    def others_core_s(self) -> float:
        """Core-seconds of all processes but the analyses."""
        return sum(spent for kind, spent in self.core_s.items() if kind != ANALYSIS)

    @property
    def each_core_s(self) -> float:
        """Core-seconds a loop: the analyses as they count themselves, the others as seen."""
        return (self.others_core_s + self.analysis_core_s) / self.loops


def make_loops(folder: Path, arguments: argparse.Namespace) -> Path:
    """Write the loops and a list of them, unless they are there; the list."""
    from napari_fluoroinject.dicom.cine_object import (
        PACKINGS,
        encode_cine,
        phantom_identity,
        write_cine,
    )
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom

    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in range(arguments.loops):
        key = PROCEDURES[seed % len(PROCEDURES)]
        name = f"{seed}_{key}_{arguments.size}_{arguments.frames}_{arguments.packing}.dcm"
        path = folder / name
        lines.append((name, key))
        if path.exists():
            continue
        settings = PhantomSettings(seed=seed, size=arguments.size, frames=arguments.frames)
        phantom = make_phantom(key, settings=settings)
        encoded = encode_cine(
            phantom.loop,
            kind="xa",
            identity=phantom_identity(key, seed),
            transfer_syntax=PACKINGS[arguments.packing],
        )
        partial = path.with_suffix(".partial")
        write_cine(encoded, partial)
        partial.replace(path)
    listed = folder / f"loops-{arguments.loops}.csv"
    with listed.open("w", newline="") as file:
        csv.writer(file).writerows([("source", "procedure"), *lines])
    return listed


def run(listed: Path, out: Path, workers: int) -> Ran:
    """Run the command into an empty folder.

    Raises
    ------
    SystemExit
        It fails.
    """
    command = [sys.executable, "-m", "napari_fluoroinject", "batch", str(listed)]
    command += ["--out", str(out), "--workers", str(workers), "--json"]
    begin = time.monotonic()
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with _watched(program.pid) as (peaks, spent):
        told, said = program.communicate()
    whole_s = time.monotonic() - begin
    if program.returncode:
        raise SystemExit(f"{' '.join(command)}: {said.decode()[-2000:]}{told.decode()[-2000:]}")
    outcome = json.loads(told)
    return Ran(
        loops=outcome["done"],
        seconds=outcome["seconds"],
        whole_s=whole_s,
        core_s=spent,
        analysis_core_s=outcome["cpu_seconds"],
        peak_bytes=peaks | {ANALYSIS: max(peaks.get(ANALYSIS, 0), outcome["peak_bytes"])},
    )


def hashes(out: Path) -> dict[str, str]:
    """SHA-256 of every file that a batch left, beside what it keeps for itself."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file() and _OWN not in path.parts
    }


def machine() -> str:
    """What it ran on."""
    model = platform.machine()
    with suppress(OSError, IndexError):
        told = Path("/proc/cpuinfo").read_text().split("model name", 1)[1]
        model = told.split(":", 1)[1].split("\n", 1)[0].strip()
    with suppress(OSError):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        model += f", {memory:.0f} GiB"
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return f"{model}, {cores} processors, Python {platform.python_version()}, load {load:.1f}"


def show(table: Table, name: str, ran: Ran) -> None:
    """Put a run into the table."""
    table.figure(f"{name}: loops per hour", f"{ran.per_hour:.0f}")
    table.figure(f"{name}: seconds of work on the loops", f"{ran.seconds:.1f}")
    table.figure(f"{name}: seconds of the whole command", f"{ran.whole_s:.1f}")
    table.figure(f"{name}: core-seconds a loop, all processes", f"{ran.each_core_s:.2f}")
    each = ran.analysis_core_s / ran.loops
    table.figure(f"{name}: core-seconds a loop, analysis alone", f"{each:.2f}")
    for kind, spent in sorted(ran.core_s.items()):
        if kind != ANALYSIS:
            table.figure(f"{name}: core-seconds in all, {kind}", f"{spent:.1f}")
    for kind, peak in sorted(ran.peak_bytes.items()):
        table.figure(f"{name}: most MiB, {kind}", peak >> 20)


def growing_core_s(short: Ran, ran: Ran) -> float:
    """Core-seconds of each further loop: what two runs of different length differ by.

    Starting the programs counts once in a batch. The analyses are taken as they are: a process
    begins anew after a hundred loops.
    """
    more = ran.loops - short.loops
    others = max(ran.others_core_s - short.others_core_s, 0.0) / more if more > 0 else 0.0
    return ran.analysis_core_s / ran.loops + others


def project(
    table: Table, each_core_s: float, arguments: argparse.Namespace, sizes: tuple[int, int]
) -> None:
    """Say on paper what a million such loops come to; every number is measured or an argument."""
    source, results = sizes
    core_h = MILLION * each_core_s / 3600
    table.figure("a million: core-seconds of each further loop", f"{each_core_s:.2f}")
    link = arguments.link_gbit_s * 1e9 / 8 * 0.9
    table.figure("a million: core-hours", f"{core_h:.0f}")
    for cores in (16, 64, 256):
        table.figure(f"a million: days on {cores} cores", f"{core_h / cores / 24:.2g}")
    price = core_h * arguments.core_hour_price
    table.figure(f"a million: cost at {arguments.core_hour_price:g} a core-hour", f"{price:.0f}")
    table.figure("a million: TB read", f"{MILLION * source / 1e12:.1f}")
    table.figure("a million: TB of results", f"{MILLION * results / 1e12:.2f}")
    days = MILLION * source / link / 86400
    table.figure(f"a million: days over {arguments.link_gbit_s:g} Gbit/s", f"{days:.2g}")
    cores = link / (source / each_core_s)
    table.figure("cores that this link keeps busy", f"{cores:.0f}")


def main() -> None:
    """Write the loops, run the batches, print the table; status 1 where a promise is broken."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        loops = arguments.folder or Path(scratch) / "loops"
        listed = make_loops(loops, arguments)
        short = _warm_up(listed, Path(scratch) / "warm")
        title = f"{arguments.loops} loops of {arguments.size}^2 x {arguments.frames}, "
        table = Table(f"{title}{arguments.packing}, on {machine()}")
        rounds = [_round(listed, Path(scratch) / str(k)) for k in range(arguments.rounds)]
        first, second = rounds[-1].ran
        show(table, "1 worker", first)
        show(table, "2 workers", second)
        _compare(table, rounds, arguments)
        sizes = (_listed_bytes(listed) // first.loops, rounds[-1].results_bytes // first.loops)
        table.figure("MB a loop: source", f"{sizes[0] / 1e6:.2f}")
        table.figure("MB a loop: results", f"{sizes[1] / 1e6:.2f}")
        project(table, growing_core_s(short, second), arguments, sizes)
        table.show()
    raise SystemExit(not table.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One worker and two on the same loops, and what they left: SHA-256 of each file."""

    ran: tuple[Ran, Ran]
    left: tuple[dict[str, str], dict[str, str]]
    results_bytes: int


def _round(listed: Path, out: Path) -> _Round:
    one, two = out / "one", out / "two"
    ran = run(listed, one, 1), run(listed, two, 2)
    told = _Round(ran=ran, left=(hashes(one), hashes(two)), results_bytes=_kept_bytes(one))
    shutil.rmtree(out)
    return told


def _compare(table: Table, rounds: list[_Round], arguments: argparse.Namespace) -> None:
    """Two workers against one, over all rounds; all must have left the same bytes."""
    ratios = [two.per_hour / one.per_hour for one, two in (each.ran for each in rounds)]
    if len(rounds) > 1:
        table.figure("throughput, each round", " ".join(f"{ratio:.2f}" for ratio in ratios))
    one_s, two_s = (sum(each.ran[k].seconds for each in rounds) for k in (0, 1))
    done = [sum(each.ran[k].loops for each in rounds) for k in (0, 1)]
    ratio = (done[1] / two_s) / (done[0] / one_s)
    if arguments.untimed:
        table.figure("throughput of 2 workers against 1", f"{ratio:.2f}")
    else:
        table.at_least("throughput of 2 workers against 1", round(ratio, 3), LEAST_RATIO)
    table.none("loops without results", 2 * len(rounds) * arguments.loops - sum(done))
    left = [one for each in rounds for one in each.left]
    table.figure("files of results", len(left[0]))
    differ = {key for key in set().union(*left) if len({one.get(key) for one in left}) > 1}
    table.none("files that differ", differ)


def _warm_up(listed: Path, out: Path) -> Ran:
    """Let the kernels be compiled, which is kept on disk, before anything is timed.

    It takes two workers, as the run that is projected from it.
    """
    short = listed.with_name("warm-up.csv")
    lines = listed.read_text().splitlines(keepends=True)
    short.write_text("".join(lines[: 1 + len(PROCEDURES)]))
    ran = run(short, out, 2)
    shutil.rmtree(out)
    return ran


@contextmanager
def _watched(pid: int) -> Iterator[tuple[dict[str, int], dict[str, float]]]:
    """Most resident memory in bytes, and processor time, of each kind of process below one.

    The second is filled in at the end; of each process up to the last look.
    """
    peaks: dict[str, int] = defaultdict(int)
    spent: dict[tuple[str, int], float] = {}
    together: dict[str, float] = defaultdict(float)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_POLL_S):
            for one, words in [(pid, []), *below(pid)]:
                kind = _kind(words)
                with suppress(OSError, IndexError, ValueError):
                    status = Path(f"/proc/{one}/status").read_text()
                    peak = int(status.split("VmHWM:", 1)[1].split(None, 1)[0]) << 10
                    peaks[kind] = max(peaks[kind], peak)
                    spent[kind, one] = processor_s(one)

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield peaks, together
    finally:
        ended.set()
        watching.join()
        for (kind, _), one in spent.items():
            together[kind] += one


def _kind(words: list[str]) -> str:
    if not words:
        return "client with scheduler"
    return ANALYSIS if "confined" in " ".join(words) else "Dask workers"


def _listed_bytes(listed: Path) -> int:
    with listed.open(newline="") as file:
        return sum((listed.parent / one["source"]).stat().st_size for one in csv.DictReader(file))


def _kept_bytes(out: Path) -> int:
    files = (path for path in out.rglob("*") if path.is_file() and _OWN not in path.parts)
    return sum(path.stat().st_size for path in files)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--loops", type=int, default=200)
    parser.add_argument("--size", type=int, default=512, help="rows and columns")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--packing", choices=("uncompressed", "jpeg_ls"), default="jpeg_ls")
    parser.add_argument("--folder", type=Path, help="keep the loops here, and take those there")
    parser.add_argument("--scratch", type=Path, help="results are written and removed below it")
    parser.add_argument("--rounds", type=int, default=1, help="one and two workers, so often")
    parser.add_argument("--untimed", action="store_true", help="promise nothing of the ratio")
    parser.add_argument("--core-hour-price", type=float, default=0.05, help="of the projection")
    parser.add_argument("--link-gbit-s", type=float, default=10.0, help="of the projection")
    return parser.parse_args()


if __name__ == "__main__":
    main()
