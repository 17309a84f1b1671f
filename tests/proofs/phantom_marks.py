"""A synthetic loop with uneven frame times, and where a person would click in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Point = tuple[float, float]
SCENE, TWIN = "esi_tf_lumbar_subpedicular", "vascular"
LEAST_WITH_TWIN_PX = 256
"""A smaller crop may hold too little of the vessel to be warned of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """Pixels (row, column) of the first frame: hub and tip of the needle, and the target."""

    needle_px: tuple[Point, Point]
    target_px: Point


def made(folder: Path, *, size: int, frames: int, seed: int = 0) -> tuple[Path, Clicks]:
    """Make the loop; frames are missing from it, so that its times are uneven."""
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(
        seed=seed,
        twin=TWIN if size >= LEAST_WITH_TWIN_PX else "none",
        view="AP",
        size=size,
        frames=frames,
        frame_rate_hz=8.0,
        dose_ngy=100.0,
        motion="breathing",
        dropped_frames=3,
    )
    loop, truth, _, annotation = make_phantom_files(SCENE, settings, out=folder)
    told: Any = json.loads(truth.read_text())
    marked: Any = json.loads(annotation.read_text())
    target = tuple(marked["target_px"])
    return loop, Clicks(needle_px=_needle(told, size), target_px=target)


def _needle(told: Any, size: int) -> tuple[Point, Point]:
    """Hub, or where the shaft comes into the picture, and tip; both a little inside."""
    (row, column), (to_row, to_column) = told["hub_px"][0], told["tip_px"][0]
    low, high = 3.0, size - 4.0
    part = 0.0
    for start, end in ((row, to_row), (column, to_column)):
        for border, outside in ((low, start < low), (high, start > high)):
            if outside:
                part = max(part, (border - start) / (end - start))
    hub = (row + part * (to_row - row), column + part * (to_column - column))
    return hub, (to_row, to_column)
