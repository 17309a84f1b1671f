"""What an analysis costs, stage by stage, in processor time and memory."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_fluoroinject.analysis.live import LiveMaps, direct_maps, warm_up
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.compute import reference
from napari_fluoroinject.compute.curves import Exposures, Subtraction
from napari_fluoroinject.compute.ramps import RampFamily, lattice
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.procedures import get

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.compute.backend import Backend, Kernels
    from napari_fluoroinject.model.arrays import DoubleArray, StoredArray
    from napari_fluoroinject.model.cine import CineLoop

Made = TypeVar("Made")
SCENE = "esi_il_lumbar"
FIELD_MM = 512 * 0.41
"""Side of the detector's field, whatever its matrix."""
_REFERENCE_SIZE, _REFERENCE_FRAMES = 96, 60
_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: processor seconds, and nanoseconds per pixel of the loop and frame."""

    name: str
    cpu_s: float
    ns_per_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnly:
    """Processor seconds of touching every stored value once, by NumPy.

    Its sum widens every value to 64 bits and takes several times as long as its maximum, which
    is about as fast as memory can be read.
    """

    sum_s: float
    max_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the analysis of one loop cost.

    `read` is the cost of touching every stored value once; `peak_mib` what the
    process held at most above what it held before (the loop was there), None where the system
    does not tell. `reference_ratio` (operation, ratio): how much longer the definition in plain
    NumPy takes than the backend, on a small stack.
    """

    frames: int
    rows: int
    columns: int
    stages: tuple[Stage, ...]
    read: ReadOnly
    peak_mib: float | None
    reference_ratio: tuple[tuple[str, float], ...]

    @property
    def cpu_s(self) -> float:
        """Of all stages."""
        return sum(stage.cpu_s for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsCost:
    """What the direct maps of one loop cost: `Kernels.curve_maps`, and frame by frame.

    Attributes
    ----------
    fused_s, fused_mib
        Processor time of all maps in one pass over all frames, and the arrays that it made, the
        maps themselves among them.
    reference_ratio
        How much longer the definition in plain NumPy takes, on a small stack.
    read
        Cost of touching every stored value once.
    whole_s, whole_mib
        Processor time of `direct_maps`, every frame placed, then all maps in one pass, and the
        most memory that it took; None where the system does not tell.
    live_s, live_p99_ms
        Processor time of `LiveMaps` over the loop, and that of 99 in 100 frames at most, decoding
        included.
    """

    fused_s: float
    fused_mib: float
    reference_ratio: float
    read: ReadOnly
    whole_s: float
    whole_mib: float | None
    live_s: float
    live_p99_ms: float


def synthetic_loop(size: int, frames: int, *, seed: int = 77) -> CineLoop:
    """A phantom's loop of size x size pixels over the usual field."""
    settings = PhantomSettings(
        seed=seed, size=size, frames=frames, detector_mm_per_px=FIELD_MM / size
    )
    return make_phantom(SCENE, settings=settings).loop


def measure_cost(loop: CineLoop, *, on: Backend) -> Cost:
    """Analyse a loop and say what each stage cost; kernels are compiled and warm beforehand."""
    _warm_up(on)
    _forget_the_most_held()
    before = _held_mib("VmRSS")
    marks: list[tuple[str, float]] = []
    analyze_loop(
        loop,
        get(SCENE),
        Annotation(),
        on=on,
        progress=lambda name, _: marks.append((name, process_time())),
    )
    marks.append(("done", process_time()))
    after = _held_mib("VmHWM")
    frames, rows, columns = loop.shape
    pixels = frames * rows * columns
    stages = tuple(
        Stage(name=name, cpu_s=end - begin, ns_per_px=1e9 * (end - begin) / pixels)
        for (name, begin), (_, end) in pairwise(marks)
        if name != "done"
    )
    return Cost(
        frames=frames,
        rows=rows,
        columns=columns,
        stages=stages,
        read=_read_only(loop.frames.every()),
        peak_mib=None if before is None or after is None else after - before,
        reference_ratio=tuple(_ratios(on.kernels)),
    )


def measure_maps(loop: CineLoop, *, on: Backend) -> MapsCost:
    """Make the direct maps of a loop in each of the ways there are; kernels are warm before."""
    warm_up(loop.frames.frame(0), loop.intensity, on=on)
    whole_s, whole_mib, found = _measured(lambda: direct_maps(loop, on=on))
    if found is None:
        raise AnalysisError(f"{loop.shape[0]} frames; expected some after those of the mask")
    every = loop.frames.every()
    exposures = _spread_over(found.exposures, len(every))

    def fused() -> object:
        return on.kernels.curve_maps(every, exposures, found.subtraction)

    live_s = _live_s(loop, on)
    return MapsCost(
        fused_s=_fastest(fused),
        fused_mib=_allocated_mib(fused),
        reference_ratio=_curve_ratio(on.kernels),
        read=_read_only(every),
        whole_s=whole_s,
        whole_mib=whole_mib,
        live_s=float(live_s.sum()),
        live_p99_ms=1e3 * float(np.percentile(live_s, 99)),
    )


def _read_only(stored: StoredArray) -> ReadOnly:
    return ReadOnly(sum_s=_fastest(stored.sum), max_s=_fastest(stored.max))


def _live_s(loop: CineLoop, on: Backend) -> DoubleArray:
    """Processor seconds of each frame."""
    live = LiveMaps(loop.intensity, loop.shape[1:], on=on, header_field=loop.open_field)
    marks = [process_time()]
    for frame in range(loop.shape[0]):
        live.add(loop.frames.frame(frame), frame / 15)
        marks.append(process_time())
    return np.diff(marks)


def _measured(work: Callable[[], Made]) -> tuple[float, float | None, Made]:
    """Processor time, memory at the most, and what was made."""
    _forget_the_most_held()
    before, begin = _held_mib("VmRSS"), process_time()
    made = work()
    took, after = process_time() - begin, _held_mib("VmHWM")
    return took, None if before is None or after is None else after - before, made


def _allocated_mib(work: Callable[[], object]) -> float:
    """Arrays that were held at the most: what a process holds hides what it reuses."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def _spread_over(exposures: Exposures, frames: int) -> Exposures:
    """Exposures for all frames of a loop: those before the first known one are like it."""
    missing = frames - len(exposures.times_s)
    return Exposures(
        times_s=np.arange(frames) / 15,
        shift_px=np.pad(exposures.shift_px, ((missing, 0), (0, 0)), mode="edge"),
        offset=np.pad(exposures.offset, (missing, 0), mode="edge"),
    )


def _curve_ratio(kernels: Kernels) -> float:
    random = np.random.default_rng(1)
    shape = (_REFERENCE_FRAMES, _REFERENCE_SIZE, 2 * _REFERENCE_SIZE)
    stored = random.integers(600, 1500, shape).astype(np.uint16)
    given = (
        Exposures(
            times_s=np.arange(_REFERENCE_FRAMES) / 15,
            shift_px=random.uniform(-2, 2, (_REFERENCE_FRAMES, 2)),
            offset=np.zeros(_REFERENCE_FRAMES),
        ),
        Subtraction(
            ln_beam=np.log(np.arange(4096) + 1.0).astype(np.float32),
            first_stored=0,
            mask=np.full(shape[1:], np.log(1000.0), np.float32),
            threshold=0.4,
        ),
    )
    kernels.curve_maps(stored, *given)
    return _fastest(lambda: reference.curve_maps(stored, *given)) / _fastest(
        lambda: kernels.curve_maps(stored, *given)
    )


def _warm_up(on: Backend) -> None:
    analyze_loop(synthetic_loop(160, 40), get(SCENE), Annotation(), on=on)


def _ratios(kernels: Kernels) -> list[tuple[str, float]]:
    """How much longer the reference takes for the operations that the analysis spends most on."""
    random = np.random.default_rng(0)
    shape = (_REFERENCE_FRAMES, _REFERENCE_SIZE, _REFERENCE_SIZE)
    frames = random.standard_normal(shape).astype(np.float32)
    pose = random.uniform(-2.0, 2.0, (_REFERENCE_FRAMES, 3)) * (1.0, 1.0, 0.002)
    weight = np.ones(shape[1:], dtype=np.float32)
    start, rise = lattice(10.0, float(_REFERENCE_FRAMES), (2.0, 7.0, 28.0), (0.5, 0.7, 2.8))
    family = RampFamily(
        positions=np.arange(float(_REFERENCE_FRAMES)),
        start=start,
        rise=rise,
        decay=np.array([np.inf, 100.0, 40.0, 16.0, 6.0]),
        held_frames=10.0,
    )
    operations: dict[str, Callable[[Kernels], object]] = {
        "warp": lambda one: one.warp(frames, pose),
        "smooth": lambda one: one.smooth(frames, weight, 1.3),
        "best_ramp": lambda one: one.best_ramp(frames, family),
    }
    return [
        (name, _fastest(lambda: run(reference)) / _fastest(lambda: run(kernels)))  # noqa: B023 - called before the loop goes on
        for name, run in operations.items()
    ]


def _fastest(work: Callable[[], object]) -> float:
    """Least processor time of a few runs, s: what else runs on the machine only adds to it."""
    times = []
    for _ in range(_REPEATS):
        begin = process_time()
        work()
        times.append(process_time() - begin)
    return max(min(times), 1e-6)


def _held_mib(field: str) -> float | None:
    """`VmRSS`, what this process holds, or `VmHWM`, the most that it held; None but on Linux."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)


def _forget_the_most_held() -> None:
    """Let `VmHWM` begin again (proc(5), clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
