"""Whether a feed that is the X-ray picture alone is found: the figure `feed_accuracy --direct`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.feed.area import EDGELESS
from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.phantom import PhantomSettings, build_scene, expose, scenes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.phantom import Scene

SOON = 21
"""Frames by which the area must be known: the first settles nothing, and 20 exposures."""
FRAMES = 26
_Feed = tuple[str, np.ndarray, IntensityScale]


def print_direct(seeds: Sequence[int], sizes: Sequence[int], doses_ngy: Sequence[float]) -> None:
    """Show every scene directly, collimated as its seed has it, and print what was not found."""
    told: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for seed in range(*seeds):
        for size in sizes:
            for key in scenes():
                settings = PhantomSettings(seed=seed, size=size, frames=FRAMES)
                scene = build_scene(key, settings=settings)
                for dose in doses_ngy:
                    for kind, stored, scale in _feeds(scene, dose):
                        line = told[size, kind]
                        _judge(line, stored, scale, scene)
    print("size, values: feeds, not found by frame 21, without an edge, less than 0.9 of the open")
    for (size, kind), (count, late, edgeless, wrong) in told.items():
        print(f"    {size:5} {kind:14} {count:5} {late:5} {edgeless:5} {wrong:5}")


def _judge(line: list[int], stored: np.ndarray, scale: IntensityScale, scene: Scene) -> None:
    watch = Watch(scale, (stored.shape[1], stored.shape[2]))
    for frame, time_s in zip(stored[:SOON], scene.truth.times_s, strict=False):
        watch.look(frame, float(time_s))
    line[0] += 1
    if watch.area is None:
        line[1] += 1
        return
    opened = np.asarray(scene.truth.open_field)
    line[2] += watch.area.form.startswith(EDGELESS)
    line[3] += (watch.area.in_frame(opened.shape) & opened).sum() < 0.9 * opened.sum()


def _feeds(scene: Scene, dose_ngy: float) -> Iterator[_Feed]:
    """The scene as linear values of 8, 12 and 16 bits, log of 12, and a display's of 8."""
    for kind in ("linear", "log", "display"):
        settings = replace(scene.settings, intensity=kind)
        loop = expose(replace(scene, settings=settings), dose_ngy=dose_ngy).loop
        stored = loop.frames.every()
        yield kind, stored, loop.intensity
        if kind == "linear":
            yield "linear 16 bits", (stored * 16).astype(np.uint16), _linear(16)
            yield "linear 8 bits", (stored >> 4).astype(np.uint8), _linear(8)


def _linear(bits: int) -> IntensityScale:
    ln = np.log(np.maximum(np.arange(2**bits), 0.5)).astype(np.float32)
    return IntensityScale(relationship="linear", ln_beam=ln)
