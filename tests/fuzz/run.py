"""Fuzz for as long as is asked: `python -m tests.fuzz.run --minutes N [--target scan|read|...]`.

Seeds are made by the product and by the tests' own code. What is learnt stays in the corpus folder
(outside the repository) and is used again; inputs that break a promise are kept in `found`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.seeds import write_loop, write_seeds

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("scan", "read", "results", "settings")
LONGEST_BYTES = 65_536
_HANGS_S = 60
"""Of the wall; the promise of 2 s is measured on the processor, which others may be using too."""
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", re.MULTILINE)
_COVERED = re.compile(r" cov: (\d+) ")
_UNCAUGHT = "=== Uncaught Python exception"
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What fuzzing one target came to."""

    target: str
    seconds: float = 0.0
    runs: int = 0
    covered: int = 0
    faults: dict[str, Path] = field(default_factory=dict)


def fuzz(target: str, seconds: float, corpus: Path) -> Outcome:
    """Fuzz one target; after an input that breaks a promise it goes on with the others."""
    folder, loop = corpus / target, corpus / "loop.dcm"
    found = corpus / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    if not loop.exists():
        write_loop(loop)
    write_seeds(target, folder)
    outcome, began = Outcome(target=target), time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 1:
        done = _libfuzzer(target, int(left), loop, folder, found)
        counts = [int(one or other) for one, other in _RUNS.findall(done.stderr)]
        outcome.runs += max(counts, default=0)
        outcome.covered = max([outcome.covered, *map(int, _COVERED.findall(done.stderr))])
        if done.returncode == 0:
            break
        _keep(outcome, done.stderr, found)
        if not counts:  # it does not even start
            break
    outcome.seconds = time.monotonic() - began
    return outcome


def _libfuzzer(
    target: str, seconds: int, loop: Path, folder: Path, found: Path
) -> subprocess.CompletedProcess[str]:
    options = {
        "max_total_time": seconds,
        "artifact_prefix": f"{found}/",
        "print_final_stats": 1,
        "max_len": LONGEST_BYTES,
        "timeout": _HANGS_S,
        "rss_limit_mb": 2048,
        "verbosity": 1,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", target, str(loop), str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _keep(outcome: Outcome, told: str, found: Path) -> None:
    """Name a fault by its last words and where it was raised; the first input of each is kept."""
    lines = told.splitlines()
    said = [lines[n + 1] for n, line in enumerate(lines[:-1]) if _UNCAUGHT in line]
    said += [line for line in lines if line.startswith("SUMMARY")]
    frames = [one for one in _FRAME.finditer(told) if not one[1].startswith("<")]
    ours = [one for one in frames if "/tests/fuzz/" not in one[1]]
    where = f"{Path(ours[-1][1]).name}:{ours[-1][2]} {ours[-1][3]}" if ours else "-"
    path = max(found.iterdir(), key=lambda one: one.stat().st_mtime, default=found)
    what = (said or lines[-1:] or ["nothing said"])[0].strip()[:120]
    outcome.faults.setdefault(f"{what} ({where})", path)


def main() -> int:
    """Fuzz, and say what came of it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--corpus", type=Path, default=Path.home() / ".cache/fluoroinject-fuzz")
    asked = parser.parse_args()
    print(f"{'target':10} {'minutes':>8} {'inputs':>10} {'covered':>8} {'faults':>7}")
    broken = 0
    for target in asked.target or TARGETS:
        one = fuzz(target, asked.minutes * 60, asked.corpus)
        print(
            f"{target:10} {one.seconds / 60:8.1f} {one.runs:10} {one.covered:8} "
            f"{len(one.faults):7}",
            flush=True,
        )
        for what, path in one.faults.items():
            print(f"  {what}\n    {path}")
        broken += len(one.faults) + (one.runs == 0)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
