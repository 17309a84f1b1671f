"""How a loop is taken: C-arm, spectrum, frame times, blades, scatter, exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.phantom.beam import Stand
from napari_fluoroinject.phantom.shutter import draw_shutter
from napari_fluoroinject.phantom.spectra import SPECTRA, Spectrum

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import SceneSpec
    from napari_fluoroinject.phantom.settings import PhantomSettings

# Shares of the steady dose that the generator gives from the first pulse on, read from the headers
# of real fluoroscopy and cine loops; the display gain hides them but for a brighter first
# fluoroscopy frame.
FLUORO_START_UP = (0.21, 0.93, 1.23, 0.83, 0.92, 0.99)
CINE_START_UP = (0.66, 0.86, 0.93, 0.97, 0.99)
FLUORO_FIRST_BRIGHTNESS = 1.095
FLUORO_RECURSIVE_WEIGHT = 0.37
_LATE_S = 1.0
"""So long before the first frame contrast was there in a loop that begins too late."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The loop's timetable: times, mask frames, onset, the needle's advance (frames,)."""

    times_s: DoubleArray
    mask_frames: tuple[int, ...]
    onset_s: float
    advance_mm: DoubleArray
    rest_frame: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acquisition:
    """How a loop was taken, but for the dose.

    `blades` is the transmission of the shutter (rows, columns). `off_target` (2,) standard
    deviations by which the isocentre misses the target; `start_up`, `ripple` and `brightness` are
    (frames,); `control` the strength of exposure control.
    """

    stand: Stand
    spectrum: Spectrum
    scatter_to_primary: float
    blades: FloatArray
    off_target: DoubleArray
    plan: Plan
    start_up: DoubleArray
    ripple: DoubleArray
    brightness: DoubleArray
    control: float
    recursive_weight: float

    def regulated(self, load: DoubleArray) -> Acquisition:
        """The same with exposure control reacting to the mean signal `load` (frames,)."""
        level, regulation = 1.0, []
        for share, ripple in zip(load, self.ripple, strict=True):
            regulation.append(level * ripple)
            level *= (1.0 / (level * share)) ** self.control
        return replace(self, ripple=read_only(np.array(regulation), np.float64), control=0.0)

    def exposure(self) -> DoubleArray:
        """Share of the steady dose that each frame got, (frames,)."""
        return self.start_up * self.ripple


def draw_acquisition(
    settings: PhantomSettings,
    spec: SceneSpec,
    view: str,
    side: int,
    random: np.random.Generator,
) -> Acquisition:
    """Draw how a loop is taken; `side` is +1 for a needle on the left."""
    angles = spec.views[view]
    oblique, tilt = random.uniform(*angles[0]), random.uniform(*angles[1])
    lateral = abs(oblique) > 60
    stand = _stand(settings, oblique * side, tilt, random)
    if spec.supine:
        stand = replace(stand, supine=True)
    # kVp follows thickness, as automatic exposure does; scatter follows both, loosely.
    name = "D" if lateral else str(random.choice(["A", "C"], p=[0.65, 0.35]))
    typical = {"A": 0.52, "C": 0.64, "D": 0.8}[name]
    ratio = float(np.clip(typical + 0.14 * random.standard_normal(), 0.3, 1.0))
    plan = _plan(settings, random)
    if spec.twins[settings.twin].late_mask:
        plan = _without_mask(plan)
    frames = len(plan.times_s)
    fluoro = bool(random.uniform() < 0.55)
    filtered = fluoro and bool(random.uniform() < 0.6)
    weight = FLUORO_RECURSIVE_WEIGHT if filtered else 0.0
    start_up, brightness = _start_up(frames, fluoro)
    return Acquisition(
        stand=stand,
        spectrum=SPECTRA[name],
        scatter_to_primary=ratio
        if settings.scatter_to_primary is None
        else settings.scatter_to_primary,
        blades=draw_shutter(settings.shutter, settings.size, random),
        off_target=read_only(np.clip(random.standard_normal(2), -2, 2), np.float64),
        plan=plan,
        start_up=start_up,
        ripple=read_only(1 + 0.01 * random.standard_normal(frames), np.float64),
        brightness=brightness,
        control=float(random.choice([0.0, random.uniform(0.05, 0.4)])),
        recursive_weight=weight
        if settings.recursive_weight is None
        else settings.recursive_weight,
    )


def _stand(
    settings: PhantomSettings, oblique_deg: float, tilt_deg: float, random: np.random.Generator
) -> Stand:
    sid, sod = (
        (1000.0, 700.0)
        if random.uniform() < 0.5
        else (random.uniform(930, 1060), random.uniform(650, 740))
    )
    return Stand(
        sid_mm=float(sid),
        sod_mm=float(sod),
        pitch_mm=settings.detector_mm_per_px,
        size=settings.size,
        oblique_deg=float(oblique_deg),
        tilt_deg=float(tilt_deg),
    )


def _plan(settings: PhantomSettings, random: np.random.Generator) -> Plan:
    frames, step = settings.frames, 1 / settings.frame_rate_hz
    share, advance_share = random.uniform(0.17, 0.32), random.uniform(0.05, 0.11)
    early, way = random.uniform(0.05, 0.95), random.uniform(3.0, 9.0)
    drawn = bool(random.uniform() < 0.35)
    dropped = random.permutation(np.arange(3, frames))[: settings.dropped_frames]
    moves = drawn if settings.needle_moves is None else settings.needle_moves
    rest = max(3, round(frames * advance_share)) if moves else 0
    onset = max(rest + 5, round(frames * share), 7)
    onset = min(onset, frames - 3)
    steps = np.ones(frames)
    steps[dropped] = 2.0
    steps[0] = 0.0
    times = np.cumsum(steps) * step
    advance = np.zeros(frames)
    if moves:
        advance[:rest] = way * (1 - np.linspace(0, 1, rest + 1)[:-1] ** 1.3)
    return Plan(
        times_s=read_only(times, np.float64),
        mask_frames=tuple(range(min(max(2, rest), onset - 3), max(onset - 2, 1))),
        onset_s=float(times[onset] - early * step),
        advance_mm=read_only(advance, np.float64),
        rest_frame=rest,
    )


def _without_mask(plan: Plan) -> Plan:
    """The same run begun when contrast is already there: no frame is without it."""
    rest = replace(plan, advance_mm=np.zeros(len(plan.times_s)), rest_frame=0)
    return replace(rest, onset_s=float(plan.times_s[0]) - _LATE_S, mask_frames=(0,))


def _start_up(frames: int, fluoro: bool) -> tuple[DoubleArray, DoubleArray]:
    start_up, brightness = np.ones(frames), np.ones(frames)
    shares = FLUORO_START_UP if fluoro else CINE_START_UP
    start_up[: len(shares)] = shares[:frames]
    if fluoro:
        brightness[0] = FLUORO_FIRST_BRIGHTNESS
    return read_only(start_up, np.float64), read_only(brightness, np.float64)
