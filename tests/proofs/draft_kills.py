"""kill -9 in the middle of annotating: `python -m tests.proofs.draft_kills [--kills 50]`.

A process of its own moves a target and undoes now and then, as a person does, only faster; its
window's clock autosaves. It prints each state once it holds, with the time. It is killed at a
random moment, and what lies on disk is compared with what it had said.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from napari_fluoroinject.viewer.autosave import Drafts
from napari_fluoroinject.viewer.draft import draft_text

STUDY = "1.2.3"
MOST_LOST_S = 5.0
_START_S = 60.0
_LONGEST_S = 4.0
"""Of annotating before the kill; drafts are written every half second."""


def main() -> None:
    """Kill so often, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    chance = random.Random(words.seed)
    with tempfile.TemporaryDirectory() as folder:
        lost = sorted(one_kill(Path(folder) / str(k), chance) for k in range(words.kills))
    print(
        f"{words.kills} kills: lost at most {lost[-1]:.2f} s, median "
        f"{lost[len(lost) // 2]:.2f} s of work; 0 broken drafts"
    )
    raise SystemExit(lost[-1] > MOST_LOST_S)


def one_kill(folder: Path, chance: random.Random) -> float:
    """Annotate and kill once; returns how many seconds of work were lost.

    Raises
    ------
    AssertionError
        What lies on disk was never said.
    """
    folder.mkdir(parents=True)
    log = folder / "said.txt"
    with log.open("wb") as said, (folder / "errors.txt").open("wb") as errors:
        program = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.proofs.draft_kills",
                "--annotate",
                str(folder / "state"),
            ],
            cwd=Path(__file__).resolve().parents[2],
            stdout=said,
            stderr=errors,
            env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        )
        end = time.monotonic() + _START_S
        while not log.stat().st_size:
            assert program.poll() is None, (folder / "errors.txt").read_text()
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, _LONGEST_S))
        program.send_signal(signal.SIGKILL)
        killed = time.time()
        program.wait()
    lines = [
        line.split() for line in log.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]
    states = {digest: float(at) for at, digest in lines}
    found = Drafts(folder / "state" / "drafts").found(STUDY)
    if found is None:  # nothing was kept yet: all is lost
        return killed - min(states.values())
    digest = _digest(draft_text(found))
    if digest not in states:  # the last line may not have come out any more
        return 0.0
    later = sorted(at for at in states.values() if at > states[digest])
    return killed - later[0] if later else 0.0


def annotate(state: Path) -> None:
    """Annotate until somebody ends it; says each state once it is in the session."""
    os.environ["FLUOROINJECT_STATE"] = str(state)
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from tests.proofs.drafted import bench_of

    application = QApplication([])
    bench, close = bench_of(STUDY)
    session, number = bench.session, 0

    def step() -> None:
        nonlocal number
        number += 1
        if number % 7 == 0:
            session.undo()
        session.place_target((number % 60 + 0.25, number / 1000))
        digest = _digest(draft_text(session.draft))
        print(f"{time.time():.4f} {digest}", flush=True)

    timer = QTimer()
    timer.timeout.connect(step)
    timer.start(20)
    application.exec()
    close()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--annotate"]:
        annotate(Path(sys.argv[2]))
    else:
        main()
