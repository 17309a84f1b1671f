"""How old frames are when they are in the maps, from processor time: other load does not count.

    python -m tests.proofs.live_queue --bits 8 --frames 1200

Follows a phantom with `LiveRun` as `RunningMaps` does and measures the processor time of each
frame's thread and of what is done beside. From these it works out when each frame would be in the
maps with one core for the frames and one for what is beside, frames coming at `--hz`. Sender,
recording and turns of Python's lock are not in it: ages are lower bounds.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

from napari_fluoroinject.analysis.live_looks import Beside
from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.analysis.live_warm import warm_up_run
from napari_fluoroinject.cli.process import keep_loaded, settle, share_arenas
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.live.pictures import map_picture
from napari_fluoroinject.live.running import PICTURE_EVERY_S
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.recording import unknown_scale
from tests.proofs.igtl_source import _of_loop

_SETTLED, _BEGIN_EVERY = 400, 360
"""Frames without contrast, and from then on from one begin to the next."""


class Core(Executor):
    """Works at once, and says that it is done when another core would be."""

    def __init__(self) -> None:
        self.now_s = self.free_s = self.took_s = 0.0

    def submit(self, work, /, *args, **wishes):
        began, done = time.thread_time(), Future()
        try:
            done.set_result(work(*args, **wishes))
        except Exception as error:
            done.set_exception(error)
        took_s = time.thread_time() - began
        self.took_s += took_s
        self.free_s = max(self.now_s, self.free_s) + took_s
        due_s = self.free_s
        done.done = lambda: self.now_s >= due_s
        return done


def main() -> None:
    """Print the ages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8)
    parser.add_argument("--frames", type=int, default=1200)
    parser.add_argument("--hz", type=float, default=30.0)
    parser.add_argument("--times", type=int, default=2, help="of 512 pixels along a side")
    asked = parser.parse_args()
    settle()
    share_arenas()
    loop = make_phantom("mbb_lumbar", settings=PhantomSettings(size=512)).loop
    times = asked.times
    frames = [
        np.repeat(np.repeat(one, times, axis=0), times, axis=1)
        for one in _of_loop(loop, asked.bits)
    ]
    print(json.dumps(_ages(frames, asked), indent=2))


def _ages(frames: list[Any], asked: argparse.Namespace) -> dict[str, Any]:
    on, scale, beside = choose("cpu"), unknown_scale(frames[0].dtype), Core()
    warm_up_run(scale, frames[0].dtype, on=on)
    keep_loaded()
    run = LiveRun(scale, frames[0].shape, on=on, beside=Beside(masks=beside, looks=beside))
    free_s = drawn_s = 0.0
    told: list[tuple[float, int, str]] = []
    for number in range(asked.frames):
        came_s = number / asked.hz
        beside.now_s, beside.took_s = max(came_s, free_s), 0.0
        began = time.thread_time()
        if number > _SETTLED and number % _BEGIN_EVERY == 0:
            run.begin()
        status = run.add(frames[number % len(frames)], came_s, index=number)
        free_s = beside.now_s + time.thread_time() - began - beside.took_s
        told.append((1e3 * (free_s - came_s), number, status.phase))
        if free_s - drawn_s >= PICTURE_EVERY_S:
            began = time.thread_time()
            if (snapshot := run.snapshot()) is not None:
                map_picture(snapshot, "arrival")
            drawn_s, free_s = free_s, free_s + time.thread_time() - began
    phases = {phase: [age for age, _, own in told if own == phase] for _, _, phase in told}
    return {
        "age_ms": _figures([age for age, _, _ in told]),
        "of_each_phase": {phase: _figures(ages) for phase, ages in phases.items()},
        "oldest": [f"{age:.0f} ms: {number} {phase}" for age, number, phase in sorted(told)[-8:]],
    }


def _figures(ages: list[float]) -> dict[str, float]:
    p50, p99, most = np.percentile(ages, (50, 99, 100))
    return {"frames": len(ages), "p50": round(p50, 1), "p99": round(p99, 1), "max": round(most, 1)}


if __name__ == "__main__":
    main()
