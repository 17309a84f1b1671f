"""Run-off: contrast carried away along a vessel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.phantom.splat import Splat, splat

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.beam import Beam
    from napari_fluoroinject.phantom.injection import Injection
    from napari_fluoroinject.phantom.scenery import RunOffKind

_STEP_MM = 0.35
_SPECKS = 12
_THINNEST_MM = 0.5
_SINK_MM = 22.0
_FLASH_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vessel:
    """A vessel and its branches as one list of short pieces.

    `points_mm` (pieces, 3) centres; `diameter_mm`, `travel_mm` (pieces,) the way from the entry.
    `trunk` is how many pieces, from the first, form the main vessel. Contrast enters at `start_s`,
    for `lasts_s`, at `speed_mm_s` and `iodine_mg_ml`, pulsating by `pulse` at 1.2 Hz; what is left
    behind fades at `fade_per_s`, a share `stays` of it lastingly.
    """

    points_mm: DoubleArray
    diameter_mm: DoubleArray
    travel_mm: DoubleArray
    trunk: int
    start_s: float
    lasts_s: float
    speed_mm_s: float
    iodine_mg_ml: float
    pulse: float
    stays: float
    fade_per_s: float

    def mass_mg(self, times_s: DoubleArray) -> FloatArray:
        """Iodine in every piece at every time, (times, pieces) float32."""
        delay = self.travel_mm / self.speed_mm_s
        since = times_s[:, None] - self.start_s - delay[None, :]
        # Dispersion: the front gets less steep the farther it travelled.
        rise = 0.08 + 0.12 * delay
        inflow = np.clip(since / (2 * rise), 0, 1)
        inflow = inflow * inflow * (3 - 2 * inflow)
        over = np.maximum(since - self.lasts_s, 0)
        clearing = (1 - self.stays) * np.exp(-((over / (0.12 + 0.3 * delay)) ** 2))
        clearing = clearing + self.stays * np.exp(-over * self.fade_per_s)
        beat = 1 + self.pulse * np.sin(2 * np.pi * 1.2 * (times_s[:, None] - delay[None, :]))
        volume_ml = np.pi / 4 * self.diameter_mm**2 * _STEP_MM / 1000
        return (self.iodine_mg_ml * volume_ml * inflow * clearing * beat).astype(np.float32)

    def splat(self, beam: Beam, *, margin_px: int) -> Splat:
        """How the pieces fall on the detector."""
        along = np.gradient(self.points_mm, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        one = np.cross(along, beam.depth_axis)
        one /= np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
        two = np.cross(along, one)
        number = np.arange(_SPECKS) + 0.5
        radius, turn = np.sqrt(number / _SPECKS), number * 2.399963
        half = self.diameter_mm[:, None, None] / 2
        offset = (radius * np.cos(turn))[None, :, None] * one[:, None] + (radius * np.sin(turn))[
            None, :, None
        ] * two[:, None]
        samples = self.points_mm[:, None, :] + half * offset
        return splat(samples, np.full(samples.shape[:2], 1 / _SPECKS), beam, margin_px=margin_px)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """Where a vessel starts (3,), its heading (3,), and the ventral depth `x_mm` it sinks to."""

    start_mm: DoubleArray
    heading: DoubleArray
    x_mm: float


def draw_vessel(
    course: Course,
    injection: Injection,
    *,
    kind: RunOffKind,
    latest_s: float,
    random: np.random.Generator,
) -> Vessel:
    """Draw a vessel with 0 to 3 branches.

    Transient run-off lasts about a second, a flash half of that in a vessel half as wide;
    persistent run-off lasts as long as the injection, and then fades.
    """
    persistent = kind == "persistent"
    length, diameter = float(random.uniform(45, 110)), float(random.uniform(0.75, 2.0))
    trunk = _wander(course, length, random)
    widths = np.linspace(diameter, diameter * 0.75, len(trunk))
    branches = [_branch(course, trunk, widths, random) for _ in range(int(random.integers(0, 4)))]
    lasts = float(np.clip(random.normal(1.0, 0.3), 0.5, 1.6))
    if kind == "flash":
        lasts = min(lasts, _FLASH_S)
        widths = np.maximum(widths / 2, _THINNEST_MM)
    start = float(random.choice([0.0, random.uniform(0.1, 0.9)], p=[0.3, 0.7]))
    stays = (0.6, 1.0) if persistent else (0.0, 0.06)
    travel = np.arange(len(trunk)) * _STEP_MM
    return Vessel(
        points_mm=read_only(np.concatenate([trunk, *(b[0] for b in branches)]), np.float64),
        diameter_mm=read_only(np.concatenate([widths, *(b[1] for b in branches)]), np.float64),
        travel_mm=read_only(np.concatenate([travel, *(b[2] for b in branches)]), np.float64),
        trunk=len(trunk),
        start_s=min(injection.onset_s + start, latest_s),
        lasts_s=max(injection.end_s - injection.onset_s, 1.0) if persistent else lasts,
        speed_mm_s=float(random.uniform(35, 100)),
        iodine_mg_ml=injection.iodine_mg_ml * float(random.uniform(0.22, 0.45)),
        pulse=float(random.choice([0.0, random.uniform(0.1, 0.35)])),
        stays=float(random.uniform(*stays)),
        fade_per_s=float(random.uniform(0.02, 0.2)),
    )


def _branch(
    course: Course, trunk: DoubleArray, widths: DoubleArray, random: np.random.Generator
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """A branch that forks off the trunk: points, diameters, travel from the entry."""
    fork = int(random.integers(len(trunk) // 6, len(trunk) * 3 // 4))
    heading = trunk[fork + 1] - trunk[fork - 1]
    turn = random.choice([-1.0, 1.0]) * random.uniform(0.4, 1.2)
    c, s = np.cos(turn), np.sin(turn)
    heading = np.array(
        [heading[0], c * heading[1] - s * heading[2], s * heading[1] + c * heading[2]]
    )
    depth = course.x_mm + float(random.normal(0, 10))
    own = Course(start_mm=trunk[fork], heading=heading, x_mm=depth)
    points = _wander(own, float(random.uniform(15, 45)), random)
    width = max(_THINNEST_MM, widths[fork] * random.uniform(0.5, 0.85))
    travel = (fork + np.arange(len(points))) * _STEP_MM
    return points, np.full(len(points), width), np.asarray(travel)


def _wander(course: Course, length_mm: float, random: np.random.Generator) -> DoubleArray:
    """A smooth, winding course (n, 3) of equal steps that keeps roughly to its heading."""
    count = int(length_mm / _STEP_MM)
    sway = gaussian_filter1d(random.standard_normal(count + 200), 22)[100:-100]
    wave = gaussian_filter1d(random.standard_normal(count + 200), 9)[100:-100]
    angle = np.arctan2(course.heading[2], course.heading[1])
    angle = angle + 5.5 * (sway - sway[0]) + 1.6 * (wave - wave[0])
    sunk = 1 - np.exp(-np.arange(count) * _STEP_MM / _SINK_MM)
    depth = course.start_mm[0] + (course.x_mm - course.start_mm[0]) * sunk
    plane = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * _STEP_MM
    return np.column_stack(
        [depth, course.start_mm[1] + plane[:, 0], course.start_mm[2] + plane[:, 1]]
    )
