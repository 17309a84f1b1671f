"""Intended spread: cells fill in the order of their distance from the tip, of random speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom.planar.canvas import Canvas, smooth_step

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.planar.bones import Column

_COARSE = 2
"""Cells of the distance lattice are this many pixels wide."""
_SHUT = 1e-3
_WASH_OUT_S = 45.0
_FAR_BEHIND = np.float32(300.0)
"""Nothing reaches a cell that so many times the volume lies before; no float overflows."""
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
_REACH_MM = (90.0, 46.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plunger:
    """What has been injected by when: mm3 at `times_s` of a fine clock, from onset to end."""

    onset_s: float
    end_s: float
    times_s: DoubleArray
    volume_mm3: DoubleArray
    iodine_mg_ml: float

    def injected_mm3(self, times_s: DoubleArray) -> DoubleArray:
        """The volume injected by these times."""
        result: DoubleArray = np.interp(times_s, self.times_s, self.volume_mm3)
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """A compartment that fills, on a window of the canvas.

    `gap_mm` is its thickness along the beam; a cell is half full when `reached_mm3` have been
    injected, the more gradually the smaller `steepness` (Hill's law).
    """

    window: tuple[slice, slice]
    gap_mm: FloatArray
    reached_mm3: FloatArray
    steepness: float
    plunger: Plunger

    def iodine(self, time_s: float) -> FloatArray | None:
        """Iodine on the window, mg/cm2; None before the onset."""
        volume = float(self.plunger.injected_mm3(np.array([time_s]))[0])
        if volume <= 0:
            return None
        behind = np.minimum(self.reached_mm3 * np.float32(1 / volume), _FAR_BEHIND)
        ratio = behind ** np.float32(self.steepness)
        left = np.exp(-max(time_s - self.plunger.end_s, 0.0) / _WASH_OUT_S)
        scale = np.float32(left * self.plunger.iodine_mg_ml / 10)
        result: FloatArray = scale * self.gap_mm / (1 + ratio)
        return result


def draw_plunger(
    volume_ml: tuple[float, float],
    rate_ml_s: tuple[float, float],
    *,
    onset_s: float,
    random: np.random.Generator,
) -> Plunger:
    """Draw volume, rate, strength and the pushes in which a hand gives them."""
    volume, rate = (1000 * float(random.uniform(*ends)) for ends in (volume_ml, rate_ml_s))
    since = np.arange(0, 3 * volume / rate + 1.0, 0.01)
    force = 1 - np.exp(-since / random.uniform(0.05, 0.4))
    if random.uniform() < 0.4:  # a pause after the first push, to look
        pause = random.uniform(0.5, 1.5)
        force = force * ((since < pause) | (since > pause + random.uniform(0.2, 0.8)))
    given = np.minimum(np.cumsum(force) * rate * 0.01, volume)
    given[0] = 0.0
    end = float(since[np.searchsorted(given, 0.999 * volume)])
    return Plunger(
        onset_s=onset_s,
        end_s=onset_s + end,
        times_s=onset_s + since,
        volume_mm3=given,
        iodine_mg_ml=float(random.choice([180.0, 240.0, 300.0])) * float(random.uniform(0.7, 1)),
    )


def draw_spread(
    key: str, canvas: Canvas, column: Column, plunger: Plunger, random: np.random.Generator
) -> Spread:
    """The compartment of a scene, filled from the target."""
    window = canvas.window((0.0, 0.0), _REACH_MM)
    gap, speed = _COMPARTMENTS[key](canvas, column, random)
    gap, speed = gap[window], speed[window]
    rows, columns = canvas.axes_mm()
    start = (
        int(np.abs(rows[window[0]]).argmin()) // _COARSE,
        int(np.abs(columns[:, window[1]]).argmin()) // _COARSE,
    )
    steepness = float(random.uniform(7.0, 14.0))
    cell_mm3 = (_COARSE * canvas.mm_per_px) ** 2
    coarse_gap, coarse_speed = gap[::_COARSE, ::_COARSE], speed[::_COARSE, ::_COARSE]
    reached = _fill_order(coarse_gap * np.float32(cell_mm3), coarse_speed, start)
    # Hill's law holds more than a sharp front of the same middle; this evens it out.
    reached *= np.pi / steepness / np.sin(np.pi / steepness)
    at = np.meshgrid(*(np.arange(n) / _COARSE for n in gap.shape), indexing="ij")
    fine = ndimage.map_coordinates(np.log(reached), at, order=1, mode="nearest", output=np.float32)
    return Spread(
        window=window,
        gap_mm=gap,
        reached_mm3=np.exp(fine),
        steepness=steepness,
        plunger=plunger,
    )


def _fill_order(volume: FloatArray, speed: FloatArray, start: tuple[int, int]) -> FloatArray:
    """Volume that lies nearer to the start than each cell does, by travel time; mm3."""
    number = np.arange(speed.size).reshape(speed.shape)
    slowness = 1 / np.maximum(speed, np.float32(_SHUT))
    ends, costs = [], []
    for down, right in _STEPS:
        a = (
            slice(0, speed.shape[0] - down),
            slice(max(-right, 0), speed.shape[1] - max(right, 0)),
        )
        b = (slice(down, None), slice(max(right, 0), speed.shape[1] - max(-right, 0)))
        ends.append((number[a].ravel(), number[b].ravel()))
        costs.append(float(np.hypot(down, right)) * 0.5 * (slowness[a] + slowness[b]).ravel())
    pairs = np.concatenate([np.stack(end) for end in ends], axis=1)
    graph = sparse.coo_array((np.concatenate(costs), pairs), shape=(speed.size, speed.size))
    travel = csgraph.dijkstra(
        graph.tocsr(), directed=False, indices=number[start[0], start[1]]
    ).reshape(speed.shape)
    travel = ndimage.gaussian_filter(travel, 0.7, mode="nearest")
    order = np.argsort(travel, axis=None, kind="stable")
    nearer = np.empty(speed.size)
    nearer[order] = np.cumsum(volume.ravel()[order], dtype=np.float64)
    return np.maximum(nearer, 0.5).reshape(speed.shape).astype(np.float32)


def _sheet(
    canvas: Canvas, column: Column, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A dorsal epidural film: fat pads, a median fold, holes, egress along the roots."""
    rows, columns = canvas.axes_mm()
    across = columns - (column.midline_mm(rows) - column.midline_mm(0.0)).astype(np.float32)
    across = across - np.float32(column.place(0, *_CANAL)[1]) + 1.0 * canvas.field(7.0, random)
    half = random.uniform(9.5, 13.0) * (
        1 + 0.18 * np.cos(2 * np.pi * rows / column.pitch_mm + 1.0)
    )
    shape = np.sqrt(np.maximum(1 - (across / half) ** 4, 0))
    pads = 1 + random.uniform(0.1, 0.5) * np.cos(
        2 * np.pi * rows / column.pitch_mm + random.uniform(0, 6)
    )
    grain = np.exp(0.28 * canvas.field(1.6, random) + 0.2 * canvas.field(6.0, random))
    holes = smooth_step(random.uniform(1.3, 1.9) - canvas.field(1.8, random), 0.15)
    gap = random.uniform(0.9, 1.9) * shape * pads * grain * (0.12 + 0.88 * holes)
    lean = np.where(across > 0, *random.permutation([1.0, random.uniform(0.25, 1.0)]))
    fold = 1 - random.uniform(0.2, 0.8) * np.exp(-0.5 * (across / 1.2) ** 2)
    speed = lean * fold * np.exp(0.7 * canvas.field(5.0, random)) * (gap > 0.1)
    for side in (-1, 1):
        root, ease = _tube_gap(canvas, _root(column, 0, side, random), random)
        gap, speed = np.maximum(gap, root), np.maximum(speed, 0.6 * ease)
    return np.asarray(gap, np.float32), np.asarray(speed, np.float32)


def _sleeves(
    canvas: Canvas, column: Column, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Sleeves about the root at the target and its neighbour, joined by a thin medial film."""
    rows, columns = canvas.axes_mm()
    canal = column.place(0, 4.0, 0.0, 6.0)
    level = 1 - ((rows - canal[0]) / random.uniform(24.0, 42.0)) ** 2
    level = level - ((columns - canal[1]) / random.uniform(6.0, 9.0)) ** 2
    level = level + 0.25 * canvas.field(5.0, random)
    film = random.uniform(0.5, 1.1) * np.sqrt(np.maximum(level, 0))
    gap = film * np.exp(0.3 * canvas.field(1.8, random))
    speed = random.uniform(0.3, 0.9) * np.exp(0.6 * canvas.field(5.0, random)) * (film > 0.1)
    for step in (0, int(random.choice([-1, 1]))):
        root, ease = _tube_gap(canvas, _root(column, step, column.side, random), random)
        gap, speed = np.maximum(gap, root), np.maximum(speed, ease)
    # What leaves the needle always finds the sleeve: its tip lies beside or within.
    near = np.exp(-0.5 * (rows**2 + columns**2) / 2.0**2)
    return np.asarray(gap + 0.8 * near, np.float32), np.asarray(speed + near, np.float32)


def _film(
    canvas: Canvas, column: Column, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A small pool between muscle and bone, blunt where the bone's edge stops it."""
    rows, columns = canvas.axes_mm()
    radius, turn = random.uniform(11.0, 17.0), random.uniform(0, np.pi)
    squeeze = random.uniform(1.0, 1.7)
    u = (rows * np.cos(turn) + columns * np.sin(turn)) / radius
    v = (columns * np.cos(turn) - rows * np.sin(turn)) / radius * squeeze
    level = 1 - u * u - v * v + 0.3 * canvas.field(4.0, random)
    wall = smooth_step(column.side * columns + random.uniform(2.5, 6.0) + 0.5 * rows, 0.8)
    gap = random.uniform(0.9, 1.7) * np.sqrt(np.maximum(level, 0)) * wall
    gap = gap * np.exp(0.2 * canvas.field(2.0, random))
    near = np.exp(-0.5 * (rows**2 + columns**2) / 1.5**2)
    speed = np.exp(0.5 * canvas.field(3.0, random)) * (gap > 0.1)
    return np.asarray(gap + 0.4 * near, np.float32), np.asarray(speed + near, np.float32)


_CANAL = (17.0, 0.0, 14.0)
_COMPARTMENTS = {"midline_sheet": _sheet, "oblique_sleeves": _sleeves, "film_on_bone": _film}


def _root(column: Column, level: int, side: int, random: np.random.Generator) -> DoubleArray:
    """The course of a nerve root, (points, 2) mm: out of the canal, below the pedicle, away."""
    nodes = ((-4.0, 7.0, 6.0), (2.0, 11.0, 5.0), (7.0, 18.0, 4.0), (15.0, 25.0, 0.0))
    last = (26.0 + random.uniform(-4, 6), 31.0 + random.uniform(-4, 4), -6.0)
    placed = np.array(
        [column.place(level, r, side * abs(c), d) for r, c, d in (*nodes, last)], np.float64
    )
    at = np.linspace(0, len(placed) - 1, 120)
    course = np.stack([np.interp(at, np.arange(len(placed)), p) for p in placed.T], axis=1)
    result: DoubleArray = ndimage.gaussian_filter1d(course, 8.0, axis=0, mode="nearest")
    return result


def _tube_gap(
    canvas: Canvas, course_mm: DoubleArray, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A sleeve about a root: two lines with a paler middle; its gap, mm, and ease of flow."""
    outer, inner = random.uniform(1.9, 2.9), random.uniform(0.5, 0.8)
    away = _distance_mm(canvas, course_mm) + 0.3 * canvas.field(3.0, random)
    ring = np.sqrt(np.maximum(outer**2 - away**2, 0))
    ring = ring - 0.8 * np.sqrt(np.maximum((inner * outer) ** 2 - away**2, 0))
    taper = canvas.field(4.0, random)
    gap = ring * random.uniform(0.7, 1.2) * np.exp(0.25 * taper)
    speed = 1.2 * np.exp(0.4 * taper) * (away < outer)
    return np.asarray(gap, np.float32), np.asarray(speed, np.float32)


def _distance_mm(canvas: Canvas, course_mm: DoubleArray) -> FloatArray:
    """Distance from a course, mm over the canvas; exact to a tenth of a pixel."""
    marked = np.ones((canvas.cells, canvas.cells), np.bool_)
    dense = np.stack(
        [np.interp(np.linspace(0, 1, 2000), np.linspace(0, 1, len(p)), p) for p in course_mm.T]
    )
    at = dense / canvas.mm_per_px + np.array(canvas.target_px)[:, None] + canvas.margin_px
    cells = np.rint(at).astype(int)
    inside = np.all((cells >= 0) & (cells < canvas.cells), axis=0)
    if not inside.any():
        return np.full(marked.shape, 1e3, np.float32)
    marked[cells[0, inside], cells[1, inside]] = False
    away = ndimage.distance_transform_edt(marked)
    smooth: FloatArray = ndimage.gaussian_filter(away, 1.0).astype(np.float32)
    return smooth * np.float32(canvas.mm_per_px)
