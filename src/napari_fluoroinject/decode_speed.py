"""What decoding costs: processor and wall time of a frame in every lossless transfer syntax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.ahead import frames_ahead
from napari_fluoroinject.dicom.cine_object import encode_cine, phantom_identity, write_cine
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.cine import CineLoop, Frames

THREADS = (1, 2)
"""How many threads are compared."""
FRAMES = 16
"""Enough for a mean of milliseconds: JPEG 2000 takes seconds for them."""
_SCENE = "esi_il_lumbar"
_FIELD_MM = 512 * 0.41
"""As in `speed`: side of the detector's field, whatever its matrix."""
_REPEATS = 3
_SYNTAXES = {
    "raw": "1.2.840.10008.1.2.1",
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "HTJ2K": "1.2.840.10008.1.2.4.201",
}
"""Transfer syntaxes without loss (PS3.6 annex A), by the names that are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeCost:
    """What a frame of one transfer syntax costs.

    `ratio` is how many times smaller the coded frames are. `cpu_ms` and `wall_ms` hold a value
    for each of `THREADS`.
    """

    name: str
    ratio: float
    cpu_ms: tuple[float, ...]
    wall_ms: tuple[float, ...]


def few_frames(size: int, *, frames: int = FRAMES, seed: int = 77) -> CineLoop:
    """A phantom's loop of size x size pixels over the usual field, with its noise."""
    settings = PhantomSettings(
        seed=seed, size=size, frames=frames, detector_mm_per_px=_FIELD_MM / size
    )
    return make_phantom(_SCENE, settings=settings).loop


def measure_decoding(loop: CineLoop) -> tuple[DecodeCost, ...]:
    """Write a loop in every transfer syntax, read each back frame by frame, the best of several.

    The files stand in a temporary folder, and reading them from the system's cache is counted.
    """
    with TemporaryDirectory() as folder:
        return tuple(
            _cost(loop, name, syntax, Path(folder) / f"{syntax}.dcm")
            for name, syntax in _SYNTAXES.items()
        )


def printed(costs: Sequence[DecodeCost]) -> str:
    """The table in Markdown, a column for each number of threads."""
    columns = [
        f"{kind} ms a frame, {n} thread{'s' * (n > 1)}"
        for kind in ("CPU", "wall")
        for n in THREADS
    ]
    lines = [
        "| transfer syntax | ratio | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for cost in costs:
        times = " | ".join(f"{value:.2f}" for value in (*cost.cpu_ms, *cost.wall_ms))
        lines.append(f"| {cost.name} | {cost.ratio:.2f} | {times} |")
    return "\n".join(lines)


def _cost(loop: CineLoop, name: str, syntax: str, path: Path) -> DecodeCost:
    encoded = encode_cine(
        loop, kind="xa", identity=phantom_identity(_SCENE, 0), transfer_syntax=syntax
    )
    write_cine(encoded, path)
    frames = read_loop(path).frames
    times = [_fastest(frames, threads) for threads in THREADS]
    return DecodeCost(
        name=name,
        ratio=loop.frames.every().nbytes / path.stat().st_size,
        cpu_ms=tuple(cpu for cpu, _ in times),
        wall_ms=tuple(wall for _, wall in times),
    )


def _fastest(frames: Frames, threads: int) -> tuple[float, float]:
    """Least processor and wall time of a frame, ms: what else runs only adds to them."""
    cpu, wall = [], []
    for _ in range(_REPEATS):
        cpu_begin, begin = process_time(), perf_counter()
        for _ in frames_ahead(frames, threads=threads):
            pass
        cpu.append(process_time() - cpu_begin)
        wall.append(perf_counter() - begin)
    return 1e3 * min(cpu) / frames.shape[0], 1e3 * min(wall) / frames.shape[0]
