"""kill -9 at random moments: `python -m tests.proofs.kills [--kills 200] [--role receiver]`.

Three senders, each a process of its own, push distinct objects without a pause and push again what
was not acknowledged. What is promised is checked after every kill and once more at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.kept import Kept
from tests.proofs.programs import LISTEN, echoes, free_port, kill, start, stop, until
from tests.proofs.table import Table

SENDERS = 3
ACKNOWLEDGED_PER_KILL = 10
RECOVERY_S = 2.0


@dataclass(slots=True, kw_only=True)
class Senders:
    """C-arms that push to one port."""

    port: int
    folder: Path
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start them; each has its own numbers."""
        for first in range(SENDERS):
            log = self.folder / f"sent{first}.txt"
            numbers = [str(self.port), str(first), str(SENDERS), str(log)]
            # 98 kB, 295 kB and 885 kB
            frames = ["--frames", str(12 * 3**first)]
            self.programs.append(
                start(["-m", "tests.proofs.carm", *numbers, *frames], self.folder / "carm.txt")
            )

    def stop(self) -> None:
        """End them."""
        for program in self.programs:
            stop(program)

    def statuses(self) -> dict[str, list[str]]:
        """Statuses that every object was answered with, by its UID."""
        answers: dict[str, list[str]] = {}
        for log in self.folder.glob("sent*.txt"):
            for line in log.read_text().splitlines():
                uid, status = line.split()
                answers.setdefault(uid, []).append(status)
        return answers

    def acknowledged(self) -> set[str]:
        """UIDs of what was answered with success."""
        return {uid for uid, statuses in self.statuses().items() if "0000" in statuses}


def frames_of(number: int) -> int:
    """How many frames the object with this number has, by its sender."""
    return 12 * 3 ** (number % SENDERS)


def kill_receiver(kills: int, folder: Path, command: Sequence[str]) -> Table:
    """Kill the receiver so many times while it receives."""
    choose, port = random.Random(kills), free_port()
    senders, kept = Senders(port=port, folder=folder), Kept(folder / "spool", frames_of)
    said = folder / "receiver.txt"
    arguments = [word.format(spool=folder / "spool", port=port) for word in command]
    recoveries, began = [], time.monotonic()
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
    table.at_most("restart to echo, longest s", round(recoveries[-1], 2), RECOVERY_S)
    table.none("exit status at the end", abs(status))
    table.none("tracebacks", said.read_text().count("Traceback"))
    return table


COMMANDS = {"receiver": LISTEN}


def main() -> int:
    """Kill, and print what came of it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--role", choices=("receiver",), action="append")
    asked = parser.parse_args()
    good = True
    for _role in asked.role or ("receiver",):
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            os.environ["TMPDIR"] = folder
            table = kill_receiver(asked.kills, Path(folder), COMMANDS["receiver"])
            table.show()
            good = good and table.kept
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
