"""kill -9 at random moments: `python -m tests.proofs.kills [--kills 200] [--role receiver]`.

Three senders, each a process of its own, push distinct objects without a pause and push again what
was not acknowledged. Killed is `fluoroinject listen`; the sender of results; or, in a service that
analyses and returns, its workers and now and then the processes above them. What is promised is
checked after every kill of the receiver, and of all at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs import returned
from tests.proofs.kept import Kept
from tests.proofs.objects import content, from_file, phantom
from tests.proofs.programs import (
    LISTEN,
    below,
    echoes,
    free_port,
    kill,
    processor_s,
    start,
    stop,
    until,
)
from tests.proofs.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

SENDERS = 3
ACKNOWLEDGED_PER_KILL = 10
RECOVERY_S = 2.0
_SENDER = "napari_fluoroinject.service.sender"
_WORKER, _SERVICE = "napari_fluoroinject.confined.worker", "napari_fluoroinject.service.run"


@dataclass(slots=True, kw_only=True)
class Senders:
    """C-arms that push to one port."""

    port: int
    folder: Path
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *options: str, sizes: bool = True) -> None:
        """Start them; each has its own numbers, and its own size: 98, 295 and 885 kB."""
        for first in range(SENDERS):
            numbers = [str(self.port), str(first), str(SENDERS), str(self.folder / f"sent{first}")]
            frames = ["--frames", str(frames_of(first))] if sizes else []
            words = ["-m", "tests.proofs.carm", *numbers, *frames, *options]
            self.programs.append(start(words, self.folder / "carm.txt"))

    def stop(self) -> None:
        """End them."""
        for program in self.programs:
            stop(program)

    def statuses(self) -> dict[str, list[str]]:
        """Statuses that every object was answered with, by its UID."""
        answers: dict[str, list[str]] = {}
        for number in range(SENDERS):
            log = self.folder / f"sent{number}"
            for line in log.read_text().splitlines() if log.exists() else ():
                uid, status = line.split()
                answers.setdefault(uid, []).append(status)
        return answers

    def acknowledged(self) -> set[str]:
        """UIDs of what was answered with success."""
        return {uid for uid, statuses in self.statuses().items() if "0000" in statuses}


def frames_of(number: int) -> int:
    """How many frames the object with this number has, by its sender."""
    return 12 * 3 ** (number % SENDERS)


def sized(number: int) -> bytes:
    """The file that the C-arm with this number sends."""
    return content(number, frames=frames_of(number))


def kill_receiver(kills: int, folder: Path, *, timed: bool) -> Table:
    """Kill the receiver so many times while it receives."""
    choose, port, spool = random.Random(kills), free_port(), folder / "spool"
    senders, kept, said = Senders(port=port, folder=folder), Kept(spool, sized), folder / "said"
    arguments = [word.format(spool=spool, port=port) for word in LISTEN]
    recoveries, worked, began = [], [], time.monotonic()
    program = start(arguments, said)
    until(lambda: echoes(port))
    senders.start()
    done = 0
    while done < kills or len(senders.acknowledged()) < ACKNOWLEDGED_PER_KILL * kills:
        time.sleep(choose.uniform(0.05, 0.8))
        kill(program)
        done += 1
        kept.look()
        again = time.monotonic()
        program = start(arguments, said)
        until(lambda: echoes(port))
        recoveries.append(time.monotonic() - again)
        worked.append(processor_s(program.pid))
    senders.stop()
    status = stop(program)
    table = Table(f"receiver: {done} x kill -9, {SENDERS} senders")
    table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
    table.at_least("acknowledged", len(senders.acknowledged()), ACKNOWLEDGED_PER_KILL * kills)
    kept.judge(table, senders.acknowledged())
    refused = {uid for uid, answers in senders.statuses().items() if set(answers) - {"0000"}}
    table.none("objects that were refused once", refused)
    recoveries.sort()
    table.figure("restart to echo, median s", f"{recoveries[len(recoveries) // 2]:.2f}")
    table.figure("processor time of it, median s", f"{sorted(worked)[len(worked) // 2]:.2f}")
    longest = round(recoveries[-1], 2)
    if timed:
        table.at_most("restart to echo, longest s", longest, RECOVERY_S)
    else:
        table.figure("restart to echo, longest s", longest)
    table.none("exit status at the end", abs(status))
    table.none("tracebacks", said.read_text().count("Traceback"))
    return table


def kill_sender(kills: int, folder: Path) -> Table:
    """Kill the process that returns results, while a receiver takes in the loops they are of."""
    from napari_fluoroinject.service.process import is_running

    choose, began = random.Random(kills), time.monotonic()
    port, spool = free_port(), folder / "spool"
    archive = returned.Archive.start(folder)
    senders, said = Senders(port=port, folder=folder), folder / "said"
    listening = start([word.format(spool=spool, port=port) for word in LISTEN], said)
    until(lambda: echoes(port))
    senders.start("--count", str(2 * ACKNOWLEDGED_PER_KILL * kills // SENDERS))
    feeder = returned.Feeder(spool, archive.url)
    feeder.start()
    begin = partial(returned.start_sender, spool, archive.url, said)
    sender, done = begin(), 0
    while done < kills:
        until(lambda: is_running(spool, "sender"))  # before that it has nothing to lose
        time.sleep(choose.uniform(0.0, 1.5))
        kill(sender)
        done += 1
        sender = begin()
    senders.stop()
    feeder.stop()
    until(lambda: returned.settled(spool), within_s=900)
    stop(sender)
    stop(listening)
    table = Table(f"sender of results: {done} x kill -9, {SENDERS} C-arms")
    table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
    Kept(spool, sized).judge(table, senders.acknowledged())
    table.figure("acknowledged", len(senders.acknowledged()))
    table.at_least("results queued", len(feeder.queued), 2 * kills)
    archive.judge(table, spool)
    table.none("tracebacks", said.read_text().count("Traceback"))
    return table


def kill_worker(kills: int, folder: Path) -> Table:
    """Kill workers, and now and then service and sender, while loops come and results go."""
    choose, began = random.Random(kills), time.monotonic()
    port, spool = free_port(), folder / "spool"
    archive, like = returned.Archive.start(folder), folder / "like.dcm"
    phantom(like)
    senders, said = Senders(port=port, folder=folder), folder / "said"
    words = [word.format(spool=spool, port=port) for word in LISTEN]
    listening = start([*words, "--analyze", "generic", "--return", archive.url], said)
    until(lambda: echoes(port))
    loops = max(3, kills // 3)
    senders.start("--like", str(like), "--count", str(loops // SENDERS), sizes=False)
    done: dict[str, int] = {_WORKER: 0, _SENDER: 0, _SERVICE: 0}
    while done[_WORKER] < kills and not _over(senders, spool, loops):
        time.sleep(choose.uniform(0.0, 2.5))
        name = choose.choices((_WORKER, _SENDER, _SERVICE), (18, 1, 1))[0]
        done[name] += _kill_below(listening.pid, name)
    senders.stop()
    until(lambda: returned.analysed(spool) and returned.settled(spool), within_s=1800)
    stop(listening)
    table = Table(f"worker: {done[_WORKER]} x kill -9, {SENDERS} C-arms")
    table.figure("minutes", f"{(time.monotonic() - began) / 60:.1f}")
    table.at_least("kills of workers", done[_WORKER], min(kills, 3))
    table.figure("kills of service and sender", done[_SERVICE] + done[_SENDER])
    Kept(spool, partial(from_file, like)).judge(table, senders.acknowledged())
    table.at_least("acknowledged", len(senders.acknowledged()), loops // SENDERS * SENDERS)
    returned.judge_jobs(table, spool)
    archive.judge(table, spool)
    table.none("tracebacks", said.read_text().count("Traceback"))
    return table


def _over(senders: Senders, spool: Path, loops: int) -> bool:
    """Whether every loop has come and been analysed: there is nothing left to kill."""
    everything = len(senders.acknowledged()) >= loops // SENDERS * SENDERS
    return everything and returned.analysed(spool)


def _kill_below(pid: int, module: str) -> int:
    """Kill a module's process below another; how many there were."""
    found = [one for one, words in below(pid) if module in words]
    for one in found[:1]:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    return len(found[:1])


ROLES: dict[str, Callable[[int, Path], Table]] = {
    "receiver": partial(kill_receiver, timed=True),
    "receiver, untimed": partial(kill_receiver, timed=False),
    "sender": kill_sender,
    "worker": kill_worker,
}


def main() -> int:
    """Kill, and print what came of it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--role", choices=("receiver", "sender", "worker"), action="append")
    parser.add_argument("--untimed", action="store_true", help="promise nothing about times")
    asked = parser.parse_args()
    roles, good = asked.role or ["receiver", "sender", "worker"], True
    if asked.untimed:
        roles = [f"{one}, untimed" if one == "receiver" else one for one in roles]
    for role in roles:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            table = ROLES[role](asked.kills, Path(folder).resolve())
            table.show()
            good = good and table.kept
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
