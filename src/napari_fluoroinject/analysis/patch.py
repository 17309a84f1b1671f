"""How opaque one place of a subtracted loop is in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.spread import patch_area_px
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, UNDEFINED

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.subtracted import SubtractedLoop

LEAST_KNOWN = 0.5
"""Share of a patch that must be defined in a frame for the frame to have a value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatchCurve:
    """The mean natural-log difference over a patch, by frame.

    `opacity` is (frames,) float64, rising with contrast, NaN where the patch cannot be judged: no
    mask belongs to the frame, the registration lost it, or too little of the patch is defined.
    It is not corrected for scatter. `across_px` is the diameter of the patch.
    """

    opacity: DoubleArray
    across_px: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "opacity", read_only(self.opacity, np.float64))


def patch_curve(made: SubtractedLoop, point_px: Point) -> PatchCurve:
    """Measure the round patch about a point of the subtracted picture.

    Its area is that of which detection limits speak: 3 mm across, or as many pixels as that
    usually is where there are no millimetres.
    """
    area_px = patch_area_px(made.loop.mm_per_px, binned=made.loop.binned)
    across_px = 2 * sqrt(area_px / pi)
    rows, columns, inside = _window(point_px, across_px / 2, made.stored.shape[1:])
    stored = made.stored[:, rows, columns][:, inside]
    known = stored != UNDEFINED
    total = np.where(known, stored.astype(np.float64) - MIDDLE, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    judged = made.subtracted & (count >= max(LEAST_KNOWN * area_px, 1.0))
    if made.motion is not None:
        judged = judged & made.motion.locked
    opacity = np.full(len(stored), np.nan)
    opacity[judged] = -STEP_LN * total[judged] / count[judged]
    return PatchCurve(opacity=opacity, across_px=across_px)


def _window(
    point_px: Point, radius_px: float, shape: tuple[int, int]
) -> tuple[slice, slice, BoolArray]:
    """Rows and columns about a point, and which of their pixels lie in the circle."""
    sides = []
    for place, size in zip(point_px, shape, strict=True):
        first = min(max(int(np.ceil(place - radius_px)), 0), size)
        sides.append(slice(first, min(max(int(place + radius_px) + 1, first), size)))
    row = np.arange(sides[0].start, sides[0].stop) - point_px[0]
    column = np.arange(sides[1].start, sides[1].stop) - point_px[1]
    return sides[0], sides[1], np.hypot(row[:, None], column[None, :]) <= radius_px
