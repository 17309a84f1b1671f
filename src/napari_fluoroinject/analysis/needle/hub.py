"""Which end of a shaft widens into a hub, where that lies in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.gates import SHORTEST_PX
from napari_fluoroinject.analysis.needle.line import strip

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.curves import Curves
    from napari_fluoroinject.analysis.needle.follow import Track
    from napari_fluoroinject.analysis.needle.tip import End
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

BESIDE_PX = np.array([2.9, 3.5, 4.1])
"""Across the axis: beside the widest shaft and its blur, inside the metal of a hub."""
FLANK_PX = np.array([8.0, 10.0, 12.0])
"""Across the axis: beside the metal, and so near to it that bone is seldom another there."""
WINDOW_PX = 4
"""What is seen of a hub beyond the end of a shaft that points steeply at the beam."""
BEGINS_PX = (-10, -6, -2, 1)
"""Where a window may begin, outward of the end that was found: the shaft's filter may have
followed the hub's walls."""
WITHIN_PX, CLEAR_PX = 60, 16
"""The stretch of shaft that tells how dark its surroundings are, and how near to the end it may
come."""
LEAST, LEAD, SIGMAS = 0.35, 0.25, 3.0
"""How much darker than beside its shaft a hub is, over the shaft's opacity, by how much more than
what lies at the other end, and over the spread of that along the shaft. In synthetic loops 19 of
20 hubs that are seen exceed 0.39, half of them 0.73; 19 of 20 tips stay below 0.31."""
LEAST_OF_STUB = 0.5
"""Where the shaft is too short to be a needle without it: one tip in a hundred exceeds 0.55."""


def hub_end(
    registered: RegisteredLoop,
    track: Track,
    curves: Curves,
    ends: tuple[End, End],
    *,
    frames: tuple[int, ...],
    scale: float,
) -> int | None:
    """The end, 0 or 1, at which the picture darkens on both sides of the axis at once.

    A hub is several times as wide as its shaft and moves with it; bone that crosses the axis is
    seldom as dark as steel on both sides and brighter farther out. None where neither end or both
    look like one: plastic hubs, hubs outside the field, anatomy.

    Parameters
    ----------
    registered, track, curves, ends
        The loop, the axis in every frame, opacity along it, and both ends.
    frames
        Those that are looked at.
    scale
        Growth of the pixel parameters.
    """
    between = (curves.along_px > ends[0].along_px) & (curves.along_px < ends[1].along_px)
    shaft = curves.mean(frames, np.zeros(len(registered.ln)))[between]
    shaft = shaft[np.isfinite(shaft)]
    level = float(np.median(shaft)) if len(shaft) else 0.0
    if level <= 0:
        return None
    length = (ends[1].along_px - ends[0].along_px) / scale
    found = [
        _widening(_beside(registered, track, end, frames, scale) / level, length) for end in ends
    ]
    (first, spread), (last, other_spread) = found
    least = LEAST if length >= SHORTEST_PX else LEAST_OF_STUB
    if first > max(least, last + LEAD, SIGMAS * spread):
        return 0
    if last > max(least, first + LEAD, SIGMAS * other_spread):
        return 1
    return None


def _axis() -> DoubleArray:
    return np.arange(-WITHIN_PX, max(BEGINS_PX) + WINDOW_PX, dtype=np.float64)


def _beside(
    registered: RegisteredLoop, track: Track, end: End, frames: tuple[int, ...], scale: float
) -> DoubleArray:
    """How much darker it is close to the axis than farther out, on the fainter side; (along,)."""
    across = np.concatenate([BESIDE_PX, FLANK_PX])
    along = end.along_px + end.outward * scale * _axis()
    sides = []
    for side in (-1.0, 1.0):
        seen = [
            -strip(registered.ln[k], track.lines[k], along, side * scale * across) for k in frames
        ]
        values = np.array(seen, dtype=np.float64).mean(axis=0)
        near, far = values[:, : len(BESIDE_PX)], values[:, len(BESIDE_PX) :]
        sides.append(near.mean(axis=1) - far.mean(axis=1))
    darker: DoubleArray = np.fmin(*sides)
    return darker


def _widening(darker: DoubleArray, length: float) -> tuple[float, float]:
    """The darkest window at an end against the shaft's own surroundings, and their spread."""
    axis = _axis()
    along: BoolArray = (axis >= -length) & (axis < -min(CLEAR_PX, length / 3))
    known = darker[along & np.isfinite(darker)]
    if len(known) < WINDOW_PX:
        return -np.inf, np.inf
    usual = float(np.median(known))
    begins = np.searchsorted(axis, BEGINS_PX)
    windows = np.array([darker[begin : begin + WINDOW_PX].mean() for begin in begins])
    windows = windows[np.isfinite(windows)]
    if not len(windows):
        return -np.inf, np.inf
    means = np.convolve(known, np.full(WINDOW_PX, 1 / WINDOW_PX), mode="valid")
    return float(windows.max()) - usual, float(np.std(means))
