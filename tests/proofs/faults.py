"""The Nth call that fails: `python -m tests.proofs.faults [--most 60] [--kind receiver]`.

The kernel's calls of the real program are made to fail by strace: the first of a kind, the second,
and so on until none fails any more; each once alone, and once with all that follow. Promised: no
success without a whole object and its row, 0xA700 where an answer can be given, and everything
works as before when the fault is gone.
"""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs import carm
from tests.proofs.kept import Kept
from tests.proofs.objects import uid_of
from tests.proofs.power_loss import Promised, noted
from tests.proofs.programs import LISTEN, echoes, free_port, start, stop, until
from tests.proofs.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = (
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "openat",
    "link",
    "linkat",
    "mkdir",
    "ftruncate",
)
BROKEN = (*FULL, "read", "pread64", "unlink", "lseek", "newfstatat", "fcntl", "statfs")
FAULTS = {
    "ENOSPC": FULL,
    "EIO": BROKEN,
    "EMFILE": ("openat", "accept4"),
}
A700 = 0xA700
_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True, slots=True)
class Fault:
    """The call that fails, how, the how manieth, and whether all that follow fail too."""

    call: str
    error: str
    number: int
    follow: bool

    @property
    def expression(self) -> str:
        """For strace."""
        more = "+" if self.follow else ""
        return f"inject={self.call}:error={self.error}:when={self.number}{more}"


@dataclass(slots=True)
class Outcome:
    """What came of all faults."""

    tried: int = 0
    injected: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    example: dict[str, Fault] = field(default_factory=dict)

    def breach(self, what: str, fault: Fault) -> None:
        """Note a broken promise."""
        self.broken[what] += 1
        self.example.setdefault(what, fault)


def every_fault(most: int) -> Iterator[tuple[str, str, bool, range]]:
    """Kinds of faults, each with the numbers to try until none is met."""
    for error, names in FAULTS.items():
        for call in names:
            for follow in (False, True):
                yield call, error, follow, range(1, most + 1)


@contextmanager
def failing(pid: int, fault: Fault, trace: Path) -> Iterator[None]:
    """Let a call of a running program fail; counted anew in each of its threads."""
    trace.unlink(missing_ok=True)
    arguments = ["-f", "-y", "-p", str(pid), "-o", str(trace), "-e", f"trace={fault.call}"]
    program = subprocess.Popen(
        ["strace", *arguments, "-e", fault.expression],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert program.stderr is not None
    program.stderr.readline()  # "Process N attached": from here on calls fail
    try:
        yield
    finally:
        program.send_signal(signal.SIGTERM)
        program.stderr.read()
        program.stderr.close()
        program.wait(30)


def push(port: int, number: int, folder: Path) -> int | None:
    """Send one object in an association of its own; its status, None without an answer."""
    from pynetdicom import AE, _config

    _config.STORE_SEND_CHUNKED_DATASET = True
    path = folder / "object.dcm"
    path.write_bytes(carm.content(number))
    ae = AE("CARM")
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = 20
    ae.add_requested_context(carm.XA, carm.EXPLICIT)
    association = ae.associate("127.0.0.1", port, ae_title="FLUOROINJECT")
    if not association.is_established:
        return None
    try:
        answer = association.send_c_store(path)
    except (RuntimeError, OSError):
        return None
    finally:
        if association.is_established:
            association.release()
    return int(answer.Status) if "Status" in answer else None


def fail_receiver(folder: Path, most: int) -> Outcome:
    """Let every call of the receiver fail while it takes an object."""
    port, outcome, kept = free_port(), Outcome(), Kept(folder / "spool")
    words = [word.format(spool=folder / "spool", port=port) for word in LISTEN]
    said = folder / "receiver.txt"
    program, number = start(words, said), 0
    until(lambda: echoes(port))
    for call, error, follow, numbers in every_fault(most):
        for nth in numbers:
            number += 1
            fault = Fault(call, error, nth, follow)
            trace = folder / "trace.txt"
            with failing(program.pid, fault, trace):
                status = push(port, number, folder)
            met = [line for line in trace.read_text().splitlines() if "(INJECTED)" in line]
            _judge_receiver(outcome, fault, status, met, kept)
            again = None
            for _ in range(3):  # a caller that was turned away calls again
                again = again if again == 0 else push(port, number, folder)
            if again != 0:
                outcome.breach(f"afterwards: {_word(again)}", fault)
            if program.poll() is not None:
                outcome.breach("the program ended", fault)
                program = start(words, said)
                until(lambda: echoes(port))
            if not met:
                break
    stop(program)
    kept.look()
    outcome.broken["half visible"] = len(kept.half)
    lost = kept.lost([uid_of(one) for one in range(1, number + 1)])
    outcome.broken["lost at the end"] = len(lost)
    outcome.broken["tracebacks"] = said.read_text().count("Traceback")
    return outcome


def _judge_receiver(
    outcome: Outcome, fault: Fault, status: int | None, met: list[str], kept: Kept
) -> None:
    number = outcome.tried + 1
    outcome.tried += 1
    if not met:
        if status != 0:
            outcome.breach(f"no fault, and {_word(status)}", fault)
        return
    outcome.injected += 1
    outcome.statuses[_word(status)] += 1
    kept.look()
    if status == 0:
        if kept.lost([uid_of(number)]):
            outcome.breach("success without a whole object", fault)
        if not kept.has_row(uid_of(number)):
            outcome.breach("success without a row", fault)
        # SQLite syncs the name of its log once more for each connection, and asks no answer
        if fault.call in _SYNCS and not all(f"<{kept.root}>)" in line for line in met):
            outcome.breach(f"success though {fault.call} failed", fault)
    elif status is not None and status != A700:
        outcome.breach(f"answered {_word(status)}", fault)


def _word(status: int | None) -> str:
    return "no answer" if status is None else f"0x{status:04X}"


def fail_state(folder: Path, most: int) -> Outcome:
    """Let every call of a program on index, jobs, queue and trail fail; open what it leaves."""
    outcome = Outcome()
    for call, error, follow, numbers in every_fault(most):
        if call in ("accept4", "mmap", "read", "lseek", "newfstatat"):
            continue  # of Python itself while it starts
        for nth in numbers:
            fault = Fault(call, error, nth, follow)
            root = folder / f"{outcome.tried}"
            root.mkdir()
            met = _ledger(fault, root)
            outcome.tried += 1
            outcome.injected += bool(met)
            marks = root / "marks.txt"
            lines = marks.read_text().splitlines() if marks.exists() else []
            promised = Promised(marks=[line.split() for line in lines])
            for what in noted(root / "spool", promised):
                outcome.breach(what, fault)
            if not met:
                break
    return outcome


def _ledger(fault: Fault, root: Path) -> int:
    """Work under a fault, on files of the spool alone; how often it was met."""
    spool, trace = root / "spool", root / "trace.txt"
    names = ["", "/state.sqlite", "/state.sqlite-wal", "/state.sqlite-journal", "/audit"]
    names += ["/audit/000000000001.jsonl", "/audit/trail.lock"]
    only = [word for name in names for word in ("-P", f"{spool}{name}")]
    words = ["-m", "tests.proofs.ledger", str(spool), str(root / "marks.txt"), "4"]
    subprocess.run(
        [
            *("strace", "-f", "-o", str(trace), *only, "-e", f"trace={fault.call}"),
            *("-e", fault.expression, sys.executable, *words),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return trace.read_text().count("(INJECTED)")


def main() -> int:
    """Let calls fail, and print what came of it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=60, help="calls of a kind that fail in turn")
    parser.add_argument("--kind", choices=("receiver", "state"), action="append")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    good = True
    for kind in asked.kind or ("receiver", "state"):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            fail = fail_receiver if kind == "receiver" else fail_state
            outcome = fail(Path(folder).resolve(), asked.most)
        table = Table(f"{kind}: every Nth call fails")
        table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
        table.figure("runs", outcome.tried)
        table.at_least("runs in which a call failed", outcome.injected, 1)
        for status, times in outcome.statuses.most_common():
            table.figure(f"  answered {status}", times)
        table.none("broken promises", sum(outcome.broken.values()))
        for what, times in outcome.broken.items():
            if times:
                table.none(f"  {what}, first {outcome.example.get(what)}", times)
        table.show()
        good = good and table.kept
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
