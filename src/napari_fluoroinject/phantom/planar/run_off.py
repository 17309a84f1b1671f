"""Vascular run-off: winding tubes that a dye front runs along, in puffs or to stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, spatial

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.planar.canvas import Canvas

_STEP_MM = 0.1
_SHOWN = 0.1
"""Run-off shows in frames in which it holds this share of its greatest mass."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunOff:
    """Vessels on the canvas: lumen along the beam (mm) and way from the inlet (mm) per pixel.

    `inflow` is the concentration at the inlet, mgI/mL, at `clock_s`; the front moves on at
    `speed_mm_s` and spreads as it goes.
    """

    lumen_mm: FloatArray
    way_mm: FloatArray
    trunk_px: DoubleArray
    clock_s: DoubleArray
    inflow: DoubleArray
    speed_mm_s: float

    def iodine(self, time_s: float) -> FloatArray | None:
        """Iodine on the canvas, mg/cm2; None while there is none."""
        if time_s <= self.clock_s[0]:
            return None
        entered = np.float32(time_s) - self.way_mm * np.float32(1 / self.speed_mm_s)
        strength = np.interp(entered, self.clock_s, self.inflow).astype(np.float32)
        result: FloatArray = self.lumen_mm * strength * np.float32(0.1)
        return result

    def frames(self, times_s: DoubleArray) -> tuple[int, int] | None:
        """First and last frame in which it shows."""
        pictures = (self.iodine(float(time)) for time in times_s)
        mass = np.array([0.0 if p is None else float(p.sum(dtype=np.float64)) for p in pictures])
        shown = np.flatnonzero(mass > _SHOWN * max(mass.max(), 1e-9))
        return (int(shown[0]), int(shown[-1])) if len(shown) else None


def draw_run_off(
    canvas: Canvas,
    *,
    remote: bool,
    persistent: bool | None,
    onset_s: tuple[float, float],
    iodine_mg_ml: float,
    random: np.random.Generator,
) -> RunOff:
    """Vessels from the target or, remote, away from it; `onset_s`: injection's start, loop's end.

    None draws whether it persists.
    """
    drawn = bool(random.uniform() < 0.5)
    away, heading = random.uniform(14.0, 30.0), random.uniform(0, 2 * np.pi)
    start = np.zeros(2)
    if remote:
        limit = 0.3 * canvas.size * canvas.mm_per_px
        start = min(away, limit) * np.array([np.cos(heading), np.sin(heading)])
    branches = _branches(start, random)
    lumen, way = _painted(canvas, branches)
    delay = random.uniform(0.0, 0.22) * max(onset_s[1] - onset_s[0], 0.0)
    clock, inflow = _inflow(
        onset_s[0] + delay, stays=drawn if persistent is None else persistent, random=random
    )
    trunk = branches[0][0][:: round(1 / _STEP_MM)] / canvas.mm_per_px + np.array(canvas.target_px)
    return RunOff(
        lumen_mm=lumen,
        way_mm=way,
        trunk_px=trunk,
        clock_s=clock,
        inflow=inflow * iodine_mg_ml * random.uniform(0.2, 0.5),
        speed_mm_s=float(random.uniform(35.0, 95.0)),
    )


def _branches(
    start: DoubleArray, random: np.random.Generator
) -> list[tuple[DoubleArray, float, float]]:
    """A trunk and up to three branches: course (points, 2) mm, way at its start, diameter mm."""
    heading = random.choice([-1, 1]) * np.pi / 2 + random.uniform(-1.3, 1.3)
    trunk = _course(start, heading, random.uniform(35.0, 75.0), random)
    diameter = float(random.uniform(0.7, 2.0))
    branches = [(trunk, 0.0, diameter)]
    for _ in range(int(random.integers(0, 4))):
        at = int(random.uniform(0.15, 0.8) * len(trunk))
        ahead = trunk[min(at + 5, len(trunk) - 1)] - trunk[at - 5]
        turn = np.arctan2(ahead[1], ahead[0]) + random.choice([-1, 1]) * random.uniform(0.5, 1.2)
        course = _course(trunk[at], turn, random.uniform(12.0, 35.0), random)
        branches.append((course, at * _STEP_MM, diameter * random.uniform(0.45, 0.8)))
    return branches


def _course(
    start: DoubleArray, heading: float, length_mm: float, random: np.random.Generator
) -> DoubleArray:
    """A winding line whose direction wanders, a point every `_STEP_MM`."""
    points = int(length_mm / _STEP_MM)
    wander = ndimage.gaussian_filter1d(random.standard_normal(points), 45.0, mode="reflect")
    direction = heading + 0.7 * wander / max(wander.std(), 1e-6)
    steps = _STEP_MM * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    result: DoubleArray = start + np.cumsum(steps, axis=0) - steps[0]
    return result


def _painted(
    canvas: Canvas, branches: list[tuple[DoubleArray, float, float]]
) -> tuple[FloatArray, FloatArray]:
    """Lumen and way of each pixel: the nearest point of the widest vessel there counts."""
    lumen = np.zeros((canvas.cells, canvas.cells), np.float32)
    way = np.zeros_like(lumen)
    rows, columns = canvas.axes_mm()
    fine = (np.arange(3) - 1) / 3 * canvas.mm_per_px
    for course, before, diameter in branches:
        tree = spatial.KDTree(course)
        low, high = course.min(axis=0) - diameter, course.max(axis=0) + diameter
        middle, reach = (low + high) / 2, (high - low) / 2
        window = canvas.window((middle[0], middle[1]), (reach[0], reach[1]))
        y, x = np.broadcast_arrays(rows[window[0]], columns[:, window[1]])
        chord, nearest = np.zeros(y.shape), np.zeros(y.shape, int)
        for down in fine:
            for right in fine:
                away, nearest = tree.query(
                    np.stack([y + down, x + right], axis=-1), distance_upper_bound=diameter
                )
                chord += 2 * np.sqrt(np.maximum((diameter / 2) ** 2 - away**2, 0)) / 9
        wider = chord > lumen[window]
        lumen[window][wider] = chord[wider]
        way[window][wider] = before + _STEP_MM * nearest[wider]
    return lumen, way


def _inflow(
    start_s: float, *, stays: bool, random: np.random.Generator
) -> tuple[DoubleArray, DoubleArray]:
    """Relative concentration at the inlet over a fine clock, smooth at its edges."""
    since = np.arange(0, 90.0, 0.02)
    if stays:
        rate, fade = random.uniform(0.1, 0.5), random.uniform(15.0, 60.0)
        inflow = (1 - np.exp(-since / rate)) * np.exp(-since / fade)
    else:
        inflow = np.zeros_like(since)
        start = 0.0
        for _ in range(int(random.integers(1, 4))):
            length = random.uniform(0.3, 0.9)
            inflow += random.uniform(0.6, 1.0) * ((since >= start) & (since < start + length))
            start += length + random.uniform(0.3, 0.9)
    smooth = ndimage.gaussian_filter1d(inflow, random.uniform(2.0, 6.0), mode="constant")
    smooth[0] = 0.0
    return start_s + since, smooth
