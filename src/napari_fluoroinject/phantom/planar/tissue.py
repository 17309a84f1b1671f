"""Soft tissue as random fields with muscle and skin edges, and gas that wanders through it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom.planar.canvas import Canvas, smooth_step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gas:
    """A bubble: two level fields on a window that starts at `corner_px`, mixed as it churns.

    `phase` (frames,) turns one field into the other; `drift_px` (frames, 2) carries both.
    """

    corner_px: tuple[int, int]
    fields: tuple[FloatArray, FloatArray]
    envelope: FloatArray
    depth_g_cm2: float
    edge: float
    phase: DoubleArray
    drift_px: DoubleArray


def draw_soft(canvas: Canvas, typical_g_cm2: float, random: np.random.Generator) -> FloatArray:
    """Soft tissue along the beam, g/cm2 over the canvas."""
    rows, columns = canvas.axes_mm()
    soft = typical_g_cm2 * (1 - random.uniform(0.0, 0.2) * (columns / 90.0) ** 2)
    soft = soft + 0.02 * random.standard_normal() * rows
    for length_mm, size in ((40.0, 0.9), (11.0, 0.35), (3.0, 0.1)):
        soft = soft + np.float32(size) * canvas.field(length_mm, random)
    edge = 2.5 * canvas.field(14.0, random)
    for side in (-1.0, 1.0):  # psoas: wider caudally, its edge lined by fat
        inner = random.uniform(26.0, 38.0) + random.uniform(0.1, 0.35) * (rows + 70.0)
        beyond = side * columns - inner + edge
        soft = soft - random.uniform(0.3, 1.3) * smooth_step(beyond, random.uniform(0.8, 3.0))
    if random.uniform() < 0.4:
        soft = soft - _flank(rows, columns, edge, random)
    return np.maximum(np.asarray(soft, np.float32), np.float32(4.0))


def _flank(
    rows: FloatArray, columns: FloatArray, edge: FloatArray, random: np.random.Generator
) -> FloatArray:
    """What is missing beyond the skin's edge: tissue thins like the side of a barrel."""
    heading = radians(random.uniform(-35.0, 35.0))
    side, away = random.choice([-1.0, 1.0]), random.uniform(46.0, 68.0)
    beyond = side * columns * cos(heading) + rows * sin(heading) - away + 0.4 * edge
    missing = random.uniform(0.6, 1.1) * np.sqrt(np.maximum(beyond, 0))
    fold = 0.5 * smooth_step(beyond + random.uniform(3.0, 9.0), 0.6)
    result: FloatArray = np.minimum(missing, 5.5) + fold
    return result


def draw_gas(
    canvas: Canvas, *, paths_px: DoubleArray, phases: DoubleArray, random: np.random.Generator
) -> tuple[Gas, ...]:
    """One bubble per path (bubbles, frames, 2); phases (bubbles, frames)."""
    bubbles = []
    for path, phase in zip(paths_px, phases, strict=True):
        radius = float(random.uniform(7.0, 19.0)) / canvas.mm_per_px
        half = int(1.5 * radius)
        lattice = Canvas(
            size=2 * half, margin_px=0, mm_per_px=canvas.mm_per_px, target_px=(half, half)
        )
        length = 0.3 * radius * canvas.mm_per_px
        at = (np.arange(2 * half) - half) / radius
        squeeze = random.uniform(0.65, 1.5)
        corner = random.uniform(-0.1, 1.1, 2) * canvas.size - half
        bubbles.append(
            Gas(
                corner_px=(int(corner[0]), int(corner[1])),
                fields=(lattice.field(length, random), lattice.field(length, random)),
                envelope=np.asarray(
                    0.55 - (at[:, None] * squeeze) ** 2 - (at[None, :] / squeeze) ** 2, np.float32
                ),
                depth_g_cm2=float(random.uniform(0.8, 2.4)),
                edge=float(random.uniform(0.12, 0.35)),
                phase=phase,
                drift_px=path,
            )
        )
    return tuple(bubbles)


def carve_gas(soft: FloatArray, bubble: Gas, frame: int) -> None:
    """Take one bubble out of the soft tissue of one frame, in place."""
    turn = bubble.phase[frame]
    level = bubble.envelope + np.float32(0.3) * (
        np.float32(cos(turn)) * bubble.fields[0] + np.float32(sin(turn)) * bubble.fields[1]
    )
    start = np.array(bubble.corner_px) + bubble.drift_px[frame]
    whole = np.floor(start).astype(int)
    level = ndimage.shift(level, start - whole, order=1, mode="nearest")
    cavity = np.float32(bubble.depth_g_cm2) * smooth_step(level, bubble.edge)
    # Nothing is left at the window's border: the envelope is far below zero there.
    rows, columns = (
        slice(max(corner, 0), min(corner + cavity.shape[0], soft.shape[0])) for corner in whole
    )
    if rows.start < rows.stop and columns.start < columns.stop:
        soft[rows, columns] -= cavity[
            rows.start - whole[0] : rows.stop - whole[0],
            columns.start - whole[1] : columns.stop - whole[1],
        ]
