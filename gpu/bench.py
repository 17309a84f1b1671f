"""How fast the kernels are on this device, against what its memory and its bus can do.

    python gpu/bench.py [--size 1024] [--frames 100] [--loop-frames 300] [--repeats 3] [--cpu]
                        [--out DIR]

Measures the bandwidth of a copy within the device and of page-locked transfers both ways; the
maps of a whole loop of 16 bits (`curve_maps`) from page-locked memory; and every operation of
`kernel_cases.py` from page-locked frames. Writes one JSON document into gpu/results. Exit status:
0 measured, 2 no device that can be used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from kernel_cases import CASES, Inputs, make_inputs, subtraction_of

from napari_fluoroinject.compute import cuda
from napari_fluoroinject.compute.launched import LaunchedKernels
from napari_fluoroinject.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_RESULTS = Path(__file__).resolve().parent / "results"
_COPY_BYTES = 1 << 30
_COPIES = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the document and return the exit status."""
    wishes = _parser().parse_args(arguments)
    try:
        opened = cuda.device()
        cupy = cuda.load_cupy()
    except BackendUnavailableError as error:
        print(f"nothing measured: {error}", file=sys.stderr)
        return 2
    watch = Watch(cupy)
    functions = {name: watch.timed(name, run) for name, run in cuda.compile_kernels(cupy).items()}
    kernels = LaunchedKernels(cuda.CudaDevice(cupy, functions))
    document = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": opened.name,
        "versions": opened.version,
        "driver_cuda": cupy.cuda.runtime.driverGetVersion(),
        "frames": wishes.frames,
        "rows": wishes.size,
        "columns": wishes.size,
        "gb_per_s": bandwidths(cupy),
    }
    document["maps"] = maps(kernels, cupy, watch, wishes)
    inputs = page_locked_inputs(cupy, frames=wishes.frames, size=wishes.size)
    document["operations"] = operations(kernels, inputs, watch, wishes.repeats)
    document["cpu_ms"] = _on_cpu(inputs) if wishes.cpu else None
    _complete(document)
    print(json.dumps(document, indent=1))
    name = re.sub(r"[^a-z0-9]+", "-", opened.name.lower()).strip("-")
    wishes.out.mkdir(parents=True, exist_ok=True)
    path = wishes.out / f"{document['date'][:10]}-{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written: {path}", file=sys.stderr)
    return 0


def bandwidths(cupy: Any) -> dict[str, float]:
    """GB/s, the best of several: a copy within the device (read and written), and the bus."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    count = min(_COPY_BYTES, free // 4)
    one, other = cupy.empty((count,), np.uint8), cupy.empty((count,), np.uint8)
    host = cuda.page_locked(cupy, (count,), np.uint8)
    host[...] = 1
    stream = cupy.cuda.Stream(non_blocking=True)
    copies: dict[str, tuple[int, Callable[[], Any]]] = {
        "copy": (2, lambda: one.data.copy_from_device_async(other.data, count, stream)),
        "to_device": (1, lambda: one.set(host, stream=stream)),
        "to_host": (1, lambda: one.get(stream=stream, out=host, blocking=False)),
    }
    found = {}
    for name, (passes, copy) in copies.items():
        ms = [_between(cupy, stream, copy) for _ in range(_COPIES)]
        found[name] = passes * count / min(ms) / 1e6
    return found


def maps(
    kernels: LaunchedKernels, cupy: Any, watch: Watch, wishes: argparse.Namespace
) -> dict[str, Any]:
    """The maps of a whole loop, from page-locked memory: the fastest of several runs.

    `needed_bytes` is what any implementation must read and write once: the loop and the maps.
    """
    stored = cuda.page_locked(cupy, (wishes.loop_frames, wishes.size, wishes.size), np.uint16)
    _fill(stored)
    inputs = make_inputs(0, np.zeros((len(stored), 1, 1), np.float32))
    subtraction = subtraction_of(stored[0])
    runs = []
    for _ in range(1 + wishes.repeats):
        clock = Clock(kernels)
        watch.clear()
        clock.curve_maps(stored, inputs.exposures, subtraction)
        runs.append((clock, watch.read()))
    clock, launched = min(runs[1:], key=lambda run: run[0].wall_s)
    return {
        "shape": stored.shape,
        "needed_bytes": clock.bytes_in + clock.bytes_out,
        "bytes_in": clock.bytes_in,
        "wall_ms": 1e3 * clock.wall_s,
        "kernels_ms": sum(kernel["ms"] for kernel in launched),
        "kernels": launched,
    }


def page_locked_inputs(cupy: Any, *, frames: int, size: int) -> Inputs:
    """The inputs of the cases at full size, the large ones in page-locked memory."""
    random = np.random.default_rng(0)
    noise = cuda.page_locked(cupy, (frames, size, size), np.float32)
    for frame in noise:
        frame[...] = random.standard_normal(frame.shape, dtype=np.float32)
    inputs = make_inputs(0, noise)
    weight = cuda.page_locked(cupy, noise.shape, np.float32)
    weight[...] = inputs.weight
    loop = cuda.page_locked(cupy, noise.shape, np.uint16)
    loop[...] = inputs.loop
    return replace(inputs, weight=weight, loop=loop)


def operations(
    kernels: LaunchedKernels, inputs: Inputs, watch: Watch, repeats: int
) -> list[dict[str, Any]]:
    """The fastest of several runs of every case, after one that warms up."""
    rows = []
    for case in CASES:
        runs = []
        for _ in range(1 + repeats):
            clock = Clock(kernels)
            watch.clear()
            case.run(clock, inputs)  # type: ignore[arg-type]  # a clock passes everything on
            runs.append((clock, watch.read()))
        clock, kernels_ms = min(runs[1:], key=lambda run: run[0].wall_s)
        rows.append(
            {
                "operation": case.name,
                "calls": clock.calls,
                "wall_ms": 1e3 * clock.wall_s,
                "bytes_in": clock.bytes_in,
                "bytes_out": clock.bytes_out,
                "kernels": kernels_ms,
            }
        )
    return rows


@dataclass(slots=True)
class Clock:
    """Passes calls on to a backend, and keeps their wall time and the bytes in and out."""

    kernels: Any
    wall_s: float = 0.0
    calls: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        run = getattr(self.kernels, name)

        def timed(*given: Any) -> Any:
            start = time.perf_counter()
            made = run(*given)
            self.wall_s += time.perf_counter() - start
            self.calls += 1
            self.bytes_in += _bytes(given)
            self.bytes_out += _bytes(made if isinstance(made, tuple) else (made,))
            return made

        return timed

    def follow_curves(self, *given: Any) -> _Followed:
        """A follower every call of which is timed."""
        follower = self.kernels.follow_curves(*given)
        return _Followed(follower, self)


class _Followed:
    """Passes calls on to a follower, and adds them to a clock."""

    def __init__(self, follower: Any, clock: Clock) -> None:
        self._timed = Clock(follower)
        self._clock = clock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        run = getattr(self._timed, name)

        def timed(*given: Any) -> Any:
            made = run(*given)
            for total in ("wall_s", "calls", "bytes_in", "bytes_out"):
                setattr(
                    self._clock, total, getattr(self._clock, total) + getattr(self._timed, total)
                )
                setattr(self._timed, total, 0)
            return made

        return timed


@dataclass(slots=True)
class Watch:
    """Times every launch on the device and counts the bytes of the arrays that it is handed."""

    cupy: Any
    launches: list[tuple[str, Any, Any, int]] = field(default_factory=list)

    def timed(self, name: str, run: Callable[..., None]) -> Callable[..., None]:
        """A kernel that is timed."""

        def launch(grid: Any, block: Any, given: Any) -> None:
            start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
            start.record()
            run(grid, block, given)
            end.record()
            self.launches.append((name, start, end, _bytes(given)))

        return launch

    def clear(self) -> None:
        """Forget."""
        self.launches.clear()

    def read(self) -> list[dict[str, Any]]:
        """Milliseconds and bytes of each kernel since `clear`."""
        sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
        for name, start, end, size in self.launches:
            end.synchronize()
            one = sums[name]
            one[0] += 1
            one[1] += self.cupy.cuda.get_elapsed_time(start, end)
            one[2] += size
        return [
            {"kernel": name, "launches": count, "ms": ms, "bytes": size}
            for name, (count, ms, size) in sums.items()
        ]


def _complete(document: dict[str, Any]) -> None:
    """Add the ratios: of the copy's bandwidth, and of the time that the bus alone would take."""
    rate = document["gb_per_s"]
    one = document["maps"]
    one["of_copy"] = one["needed_bytes"] / one["kernels_ms"] / 1e6 / rate["copy"]
    one["wall_of_transfer"] = one["wall_ms"] / (one["bytes_in"] / rate["to_device"] / 1e6)
    for row in document["operations"]:
        bus_ms = (
            row["bytes_in"] / rate["to_device"] / 1e6 + row["bytes_out"] / rate["to_host"] / 1e6
        )
        row["wall_of_bus"] = row["wall_ms"] / bus_ms
        for kernel in row["kernels"]:
            kernel["of_copy"] = kernel["bytes"] / kernel["ms"] / 1e6 / rate["copy"]


def _on_cpu(inputs: Inputs) -> dict[str, float]:
    from napari_fluoroinject.compute import cpu

    found = {}
    for case in CASES:
        clocks = [Clock(cpu), Clock(cpu)]
        for clock in clocks:
            case.run(clock, inputs)  # type: ignore[arg-type]  # as above
        found[case.name] = 1e3 * clocks[1].wall_s
    return found


def _between(cupy: Any, stream: Any, work: Callable[[], Any]) -> float:
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record(stream)
    work()
    end.record(stream)
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end))


def _bytes(given: Sequence[Any]) -> int:
    total = 0
    for one in given:
        if is_dataclass(one):
            total += _bytes([getattr(one, part.name) for part in fields(one)])
        elif getattr(one, "ndim", 0):  # numbers have a size too, and it does not count
            total += one.nbytes
    return total


def _fill(stored: np.ndarray) -> None:
    """A smooth picture with noise, and contrast that spreads over a quarter of it."""
    random = np.random.default_rng(0)
    count, rows, columns = stored.shape
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    still = 600 + 200 * np.sin(7 * x) * np.cos(5 * y)
    far = np.hypot(x - 0.5, y - 0.5)
    for k, frame in enumerate(stored):
        contrast = 0.3 * (far < 0.3 * k / count)
        noise = random.standard_normal(frame.shape, dtype=np.float32)
        frame[...] = np.clip(still * np.exp(-contrast) + 10 * noise, 1, 1000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="rows and columns")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--loop-frames", type=int, default=300, help="of the loop that is mapped")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="time the compiled CPU kernels too")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
