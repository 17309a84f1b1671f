"""How a loop of the second family is taken: geometry, blades, timetable, exposure."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING, get_args

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.phantom.planar.canvas import smooth_step, smooth_walk
from napari_fluoroinject.phantom.settings import Shutter

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.settings import PhantomSettings

_RECURSIVE_WEIGHT = 0.35
_SHUTTER_SHARE = (0.5, 0.25, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acquisition:
    """How a loop was taken, but for the dose.

    `blades` is the transmission of the shutter (rows, columns). Per frame: `times_s`; `start_up`,
    the share of the steady dose that the generator gave and the display's gain undid;
    `regulation`, what exposure control did and nothing undid; `brightness`, what the gain left
    over; `short_of_mm`, how far the needle still has to go.
    """

    sid_mm: float
    sod_mm: float
    pitch_mm: float
    target_px: tuple[float, float]
    blades: FloatArray
    kvp: float
    scatter_to_primary: float
    times_s: DoubleArray
    mask_frames: tuple[int, ...]
    onset_s: float
    rest_frame: int
    short_of_mm: DoubleArray
    start_up: DoubleArray
    regulation: DoubleArray
    brightness: DoubleArray
    recursive_weight: float

    @property
    def mm_per_px(self) -> float:
        """Millimetres per pixel in the plane of the target."""
        return self.pitch_mm * self.sod_mm / self.sid_mm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Timetable:
    times_s: DoubleArray
    mask_frames: tuple[int, ...]
    onset_s: float
    rest_frame: int
    short_of_mm: DoubleArray


def draw_acquisition(
    settings: PhantomSettings, thickness_cm: float, random: np.random.Generator
) -> Acquisition:
    """Draw how a loop is taken through so much tissue."""
    frames, step_s = settings.frames, 1 / settings.frame_rate_hz
    plan = _timetable(settings, random)
    kvp = float(
        np.clip(75.0 + 2.2 * (thickness_cm - 19.0) + 3.0 * random.standard_normal(), 75, 95)
    )
    ratio = 0.2 + 0.019 * thickness_cm + 0.11 * random.standard_normal()
    filtered = bool(random.uniform() < 1 / 3)
    weight = _RECURSIVE_WEIGHT if filtered else 0.0
    wander = 0.012 * smooth_walk(frames, 2.0, step_s=step_s, random=random)
    regulation = 1 + wander + 0.006 * random.standard_normal(frames)
    slow_start = random.choice([0.0, 0.5, 0.75])
    brightness = np.ones(frames)
    if random.uniform() < 1 / 3:
        brightness[0] += random.uniform(0.05, 0.15)
    off = random.uniform(-0.04, 0.04, 2) * min(settings.size, 512)
    middle = (settings.size - 1) / 2
    return Acquisition(
        sid_mm=float(random.uniform(900, 1150)),
        sod_mm=float(random.uniform(640, 760)),
        pitch_mm=settings.detector_mm_per_px,
        target_px=(middle + float(off[0]), middle + float(off[1])),
        blades=_blades(settings.shutter, settings.size, random),
        kvp=kvp,
        scatter_to_primary=float(np.clip(ratio, 0.3, 1.0))
        if settings.scatter_to_primary is None
        else settings.scatter_to_primary,
        times_s=plan.times_s,
        mask_frames=plan.mask_frames,
        onset_s=plan.onset_s,
        rest_frame=plan.rest_frame,
        short_of_mm=plan.short_of_mm,
        start_up=read_only(1 - slow_start * np.exp(-np.arange(frames) / 1.2), np.float64),
        regulation=read_only(regulation, np.float64),
        brightness=read_only(brightness, np.float64),
        recursive_weight=weight
        if settings.recursive_weight is None
        else settings.recursive_weight,
    )


def _timetable(settings: PhantomSettings, random: np.random.Generator) -> _Timetable:
    """Times, onset, and a needle that comes in two pushes or stands."""
    frames, step = settings.frames, 1 / settings.frame_rate_hz
    share, early, way = (
        random.uniform(0.2, 0.34),
        random.uniform(0.05, 0.95),
        random.uniform(4, 11),
    )
    drawn, split = bool(random.uniform() < 0.4), random.uniform(0.3, 0.7)
    dropped = random.permutation(np.arange(3, frames))[: settings.dropped_frames]
    moves = drawn if settings.needle_moves is None else settings.needle_moves
    rest = max(4, round(frames * random.uniform(0.08, 0.13))) if moves else 0
    onset = min(max(rest + 6, round(frames * share), 7), frames - 3)
    gaps = np.ones(frames)
    gaps[dropped] = 2.0
    gaps[0] = 0.0
    times = np.cumsum(gaps) * step
    short = np.zeros(frames)
    if moves:
        done = np.interp(np.arange(rest) / rest, [0, 0.35, 0.65, 1], [0, split, split, 1])
        short[:rest] = way * (1 - done)
    return _Timetable(
        times_s=read_only(times, np.float64),
        mask_frames=tuple(range(min(max(2, rest), onset - 3), max(onset - 2, 1))),
        onset_s=float(times[onset] - early * step),
        rest_frame=rest,
        short_of_mm=read_only(short, np.float64),
    )


def _blades(shutter: Shutter | None, size: int, random: np.random.Generator) -> FloatArray:
    """Transmission (size, size): blades that stand a little askew, an iris, or nothing."""
    drawn = str(random.choice(get_args(Shutter), p=_SHUTTER_SHARE))
    turn, leak, soft = radians(random.uniform(-1.5, 1.5)), random.uniform(0.004, 0.02), 1.2
    half, radius = random.uniform(0.36, 0.56, 2) * size, random.uniform(0.41, 0.55) * size
    centre = (size - 1) / 2 + random.uniform(-0.02, 0.02, 2) * size
    shape = shutter or drawn
    if shape == "none":
        return np.ones((size, size), np.float32)
    at = np.arange(size)
    y, x = at[:, None] - centre[0], at[None, :] - centre[1]
    if shape == "circular":
        inside = radius - np.hypot(y, x)
    else:
        across, along = x * cos(turn) - y * sin(turn), x * sin(turn) + y * cos(turn)
        inside = np.minimum(half[1] - np.abs(across), half[0] - np.abs(along))
    return np.asarray(leak + (1 - leak) * smooth_step(inside, soft), np.float32)
