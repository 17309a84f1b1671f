"""Loss of power at every point: `python -m tests.proofs.power_loss [--objects 40] [--every 1]`.

A program runs under strace. Its file system calls are then followed by a model of a disk that
keeps only what was synced, and after every call that changes something the trees that may be left
are made and opened by the product. Six fates at each point: nothing unsynced is left, only names,
only contents, everything, and twice a random part in any order, with writes torn at 512 and 4096
bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs import calls, returned
from tests.proofs.disk import Disk, build, fates
from tests.proofs.kept import Kept
from tests.proofs.objects import content, from_file, phantom
from tests.proofs.programs import LISTEN, echoes, free_port, start, stop, until
from tests.proofs.table import Table

if TYPE_CHECKING:
    from tests.proofs.calls import Call

FRAMES = 8
_UID_TAG, _STATUS_SUCCESS = b"\x00\x00\x00\x10", b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00"
_CHANGES = frozenset(("open", "write", "sync", "truncate", "link", "unlink", "rename", "mkdir"))
_MARKS = "marks.txt"


@dataclass(slots=True)
class Promised:
    """What was said to others up to a point: it must be there whatever happens."""

    acknowledged: set[str] = field(default_factory=set)
    marks: list[list[str]] = field(default_factory=list)


Check = Callable[[Path, Promised], list[str]]
_PUSHED = partial(content, frames=FRAMES)


def record_receiver(folder: Path, objects: int, command: Sequence[str]) -> Path:
    """Let the receiver take objects from two senders at once; where its calls are written."""
    port, trace = free_port(), folder / "trace.txt"
    words = [word.format(spool=folder / "disk" / "spool", port=port) for word in command]
    program = calls.record(words, trace)
    until(lambda: echoes(port), within_s=120)
    senders = [
        start(
            [
                *("-m", "tests.proofs.carm", str(port), str(first), "2"),
                *(str(folder / f"sent{first}.txt"), "--count", str(objects // 2)),
                *("--frames", str(FRAMES)),
            ],
            folder / "carm.txt",
        )
        for first in range(2)
    ]
    for sender in senders:
        sender.wait(600)
    _end(program)
    return trace


def record_ledger(folder: Path, objects: int) -> Path:
    """Let a program work on index, jobs, queue and audit trail; where its calls are written."""
    trace = folder / "trace.txt"
    words = ["-m", "tests.proofs.ledger", str(folder / "disk" / "spool")]
    program = calls.record([*words, str(folder / _MARKS), str(objects)], trace)
    if program.wait(600):
        raise RuntimeError(f"the program ended with {program.returncode}")
    return trace


def record_service(folder: Path) -> Path:
    """Let a service receive, analyse and return two loops; where its calls are written."""
    port, trace, spool = free_port(), folder / "trace.txt", folder / "disk" / "spool"
    archive, like = returned.Archive.start(folder), folder / "like.dcm"
    phantom(like)
    words = [word.format(spool=spool, port=port) for word in LISTEN]
    words += ["--analyze", "generic", "--return", archive.url]
    program = calls.record(words, trace)
    until(lambda: echoes(port), within_s=120)
    options = ["--count", "2", "--like", str(like)]
    pushed = ["-m", "tests.proofs.carm", str(port), "0", "1", str(folder / "sent0"), *options]
    start(pushed, folder / "carm.txt").wait(600)
    until(lambda: returned.analysed(spool) and returned.settled(spool), within_s=600)
    _end(program)
    stop(archive.program)
    return trace


def _end(program: object) -> None:
    """strace passes no signal on: it is for the program that it runs."""
    import signal
    import subprocess

    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(program.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    import os

    for child in children:
        os.kill(int(child), signal.SIGTERM)
    program.wait(120)


def lose_power(trace: Path, folder: Path, check: Check, *, every: int = 1, title: str) -> Table:
    """Cut the power after each change, in every way, and check what the product makes of it."""
    disk, promised = Disk(str(folder / "disk")), Promised()
    points = states = 0
    broken: Counter[str] = Counter()
    began, changes = time.monotonic(), 0
    scratch = Path(tempfile.mkdtemp(prefix="power-", dir="/dev/shm"))
    for number, call in enumerate(calls.read(trace)):
        _hear(call, promised)
        disk.follow(call)
        ours = call.path.startswith(disk.root) and call.name in _CHANGES
        changes += ours
        if not ours or changes % every:
            continue
        points += 1
        for name, fate in fates(number).items():
            root = scratch / "disk"
            build(disk.left(fate), root)
            for fault in check(root / "spool", promised):
                broken[f"{fault} ({name})"] += 1
            states += 1
            shutil.rmtree(root)
    shutil.rmtree(scratch)
    table = Table(f"{title}: loss of power")
    table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
    table.figure("calls that change something", changes)
    table.at_least("points at which the power went", points, 1)
    table.figure("states of the disk", states)
    told = len(promised.acknowledged) + len(promised.marks)
    table.at_least("promises given meanwhile", told, 1)
    table.none("states with a broken promise", sum(broken.values()))
    for fault, times in broken.most_common(12):
        table.none(f"  {fault}", times)
    return table


def _hear(call: Call, promised: Promised) -> None:
    """Acknowledgements on the network, and marks of the program itself."""
    if call.name == "send" and _STATUS_SUCCESS in call.data and _UID_TAG in call.data:
        at = call.data.index(_UID_TAG)
        length = int.from_bytes(call.data[at + 4 : at + 8], "little")
        uid = call.data[at + 8 : at + 8 + length].rstrip(b"\0").decode()
        promised.acknowledged.add(uid)
    elif call.name == "write" and call.path.endswith(f"/{_MARKS}"):
        promised.marks.append(call.data.decode().split())


def received(
    root: Path,
    promised: Promised,
    *,
    file_of: Callable[[int], bytes] = _PUSHED,
) -> list[str]:
    """What is wrong with a spool after a receiver lost its power."""
    from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
    from napari_fluoroinject.errors import FluoroinjectError
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.index import Index
    from napari_fluoroinject.spool.store import Spool

    faults = []
    kept = Kept(root, file_of)
    try:
        with Spool(root, digest=dataset_sha256), Database(root) as database:
            rows = {one.sop_instance_uid for one in Index(database).every()}
    except FluoroinjectError as error:
        return [f"the spool does not open: {error}"]
    if promised.acknowledged - rows:
        faults.append("an acknowledged object has no row")
    if kept.lost(rows):
        faults.append("a row without its object")
    kept.look()
    if kept.half:
        faults.append("an object is half visible")
    if kept.lost(promised.acknowledged):
        faults.append("an acknowledged object is lost")
    if list((root / "incoming").iterdir()):
        faults.append("leftovers in incoming")
    return faults


def served(root: Path, promised: Promised, *, like: Path) -> list[str]:
    """What is wrong with a spool after a whole service lost its power."""
    from napari_fluoroinject.errors import FluoroinjectError
    from napari_fluoroinject.spool.audit import Trail, verify
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    faults = received(root, promised, file_of=partial(from_file, like))
    try:
        with Database(root) as database, Trail(root / "audit") as trail:
            entries, jobs = Queue(database).every(), Jobs(database).every()
            trail.note("started")
        if verify(root / "audit").broken_at is not None:
            faults.append("the audit trail is broken")
    except FluoroinjectError as error:
        return [*faults, f"the state does not open: {error}"]
    planned = {one.sop_instance_uid for one in jobs}
    if promised.acknowledged - planned:
        faults.append("an acknowledged loop has no job")
    sources = {one.source_uid for one in entries}
    if {one.sop_instance_uid for one in jobs if one.state == "done"} - sources:
        faults.append("an analysis is done and its results are not queued")
    for entry in entries:
        if not entry.path.is_file():
            faults.append("a queued result is not there")
        elif hashlib.sha256(entry.path.read_bytes()).hexdigest() != entry.sha256:
            faults.append("a queued result is not whole")
    return faults


def noted(root: Path, promised: Promised) -> list[str]:
    """What is wrong with the state of a spool after its program lost its power."""
    from napari_fluoroinject.errors import FluoroinjectError
    from napari_fluoroinject.spool.audit import Trail, verify
    from napari_fluoroinject.spool.database import Database

    root.mkdir(exist_ok=True)
    try:
        with Trail(root / "audit") as trail:
            trail.note("started")
        told = "\n".join(path.read_text() for path in (root / "audit").glob("*.jsonl"))
        checked = verify(root / "audit")
    except (FluoroinjectError, ValueError) as error:
        return [f"the audit trail does not open: {type(error).__name__}"]
    faults = [] if checked.broken_at is None else ["the audit trail is broken"]
    try:
        with Database(root) as database:
            faults.extend(_forgotten(database, promised, told))
    except FluoroinjectError as error:
        faults.append(f"the database does not open: {error}")
    return faults


def _forgotten(database: object, promised: Promised, told: str) -> list[str]:
    from napari_fluoroinject.spool.index import Index
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    jobs, queue = Jobs(database), Queue(database)
    jobs.recover()
    queue.recover()
    rows = {one.sop_instance_uid for one in Index(database).every()}
    states = {one.sop_instance_uid: one.state for one in jobs.every()}
    entries = {one.sop_instance_uid: one for one in queue.every()}
    faults = []
    for what, uid, *more in promised.marks:
        entry = entries.get(uid)
        state = None if entry is None else entry.state
        asked = None if entry is None else entry.transaction_uid
        kept = {
            "received": uid in rows and uid in states,
            "noted": f'"{uid}"' in told,
            "done": states.get(uid) == "done" and all(one in entries for one in more),
            "sent": state in ("sent", "committed"),
            "asked": more == [asked],
            "committed": state == "committed",
        }
        if not kept[what]:
            faults.append(f"{what} is forgotten")
    return faults


_CARELESS = (
    "import sys\n"
    "from napari_fluoroinject.spool import store\n"
    "store.fsync = lambda path: None\n"
    "from napari_fluoroinject.cli import main\n"
    "sys.argv[0] = 'fluoroinject'\n"
    "main()\n"
)
"""The receiver without the syncs of its spool: the proof must find that out."""
_COMMANDS = {"receiver": LISTEN, "careless": ("-c", _CARELESS, *LISTEN[2:])}


def prove(kind: str, objects: int, every: int) -> Table:
    """Record one kind of program and cut its power."""
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        folder = Path(name).resolve()
        (folder / "disk").mkdir()
        if kind in _COMMANDS:
            trace = record_receiver(folder, objects, _COMMANDS[kind])
            return lose_power(trace, folder, received, every=every, title=kind)
        if kind == "service":
            check = partial(served, like=folder / "like.dcm")
            return lose_power(record_service(folder), folder, check, every=every, title=kind)
        trace = record_ledger(folder, objects)
        return lose_power(trace, folder, noted, every=every, title="index, jobs, queue, audit")


def main() -> int:
    """Prove, and print the figures; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--every", type=int, default=1, help="cut at every so many changes")
    kinds = ("receiver", "state", "service", "careless")
    parser.add_argument("--kind", choices=kinds, action="append")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    good = True
    for kind in asked.kind or ("receiver", "state"):
        table = prove(kind, asked.objects, asked.every)
        table.show()
        good = good and table.kept
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
