"""How fast the kernels are on this device, against what its memory and its bus can do.

    python gpu/bench.py [--size 1024] [--frames 100] [--repeats 3] [--cpu] [--out DIR]

Measures the bandwidth of a copy within the device and of page-locked transfers both ways, then
runs every operation of `kernel_cases.py` from page-locked frames. Writes one JSON document into
gpu/results. Exit status: 0 measured, 2 no device that can be used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from kernel_cases import CASES, Inputs, make_inputs

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


def page_locked_inputs(cupy: Any, *, frames: int, size: int) -> Inputs:
    """The inputs of the cases at full size, the large ones in page-locked memory."""
    random = np.random.default_rng(0)
    noise = cuda.page_locked(cupy, (frames, size, size), np.float32)
    for frame in noise:
        frame[...] = random.standard_normal(frame.shape, dtype=np.float32)
    inputs = make_inputs(0, noise)
    weight = cuda.page_locked(cupy, noise.shape, np.float32)
    weight[...] = inputs.weight
    return replace(inputs, weight=weight)


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


def _bytes(arrays: Sequence[Any]) -> int:
    # Numbers have a size too, and it does not count.
    return sum(one.nbytes for one in arrays if getattr(one, "ndim", 0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="rows and columns")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="time the compiled CPU kernels too")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
