"""How a patient moves during a loop: bone, soft tissue, gas, each in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.settings import MotionScript

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Movement:
    """How the layers are displaced in every frame, (frames, 2) pixels (row, column).

    `rot_deg` (frames,) turns the bone layer. Bone is zero on average over the mask frames: its
    undisplaced pose is the reference pose. `skin_px` is what soft tissue and the needle's hub
    follow; `sway_px` the hub's own wiggle on top of it.
    """

    script: MotionScript
    bone_px: DoubleArray
    rot_deg: DoubleArray
    skin_px: DoubleArray
    gas_px: DoubleArray
    sway_px: DoubleArray

    def __post_init__(self) -> None:
        for name in ("bone_px", "rot_deg", "skin_px", "gas_px", "sway_px"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


BREATHING_MM = (0.9, 0.25)
"""Amplitude of breathing in bone, cranio-caudal and across (assumed)."""
_PERIOD_S = 4.0
_TWITCH_MM = (0.9, -0.6)
_TWITCH_DEG = 0.25
_GAS_MM = 5.0
_GAS_DRIFT_MM_S = 0.4
_GAS_DRIFT_END_MM = 4.0
# How scripts are drawn: a quiet patient is the exception.
_SCRIPT_SHARE = (0.15, 0.45, 0.40)


def draw_movement(
    script: MotionScript | None,
    times_s: DoubleArray,
    mask_frames: Sequence[int],
    *,
    mm_per_px: float,
    random: np.random.Generator,
) -> Movement:
    """Draw a motion script for frames at `times_s`; None draws which one, too."""
    drawn = str(random.choice(get_args(MotionScript), p=_SCRIPT_SHARE))
    chosen: MotionScript = script or drawn  # type: ignore[assignment]  # drawn from MotionScript itself
    phase, period = random.uniform(0, 2 * np.pi), _PERIOD_S * random.uniform(0.75, 1.4)
    depth = random.uniform(0.5, 1.25) if chosen != "still" else random.uniform(0.0, 0.06)
    breath = _breath(times_s, phase, period)
    bone = depth * breath[:, None] * np.array(BREATHING_MM) * [1.0, random.choice([-1.0, 1.0])]
    bone += _tremor(len(times_s), random, 0.02)
    jolt = _jolt(times_s, random) if chosen == "twitch" else np.zeros(len(times_s))
    sign = random.choice([-1.0, 1.0], size=2)
    bone = bone + jolt[:, None] * np.array(_TWITCH_MM) * sign * random.uniform(0.6, 1.3)
    rot = jolt * _TWITCH_DEG * random.choice([-1.0, 1.0]) * random.uniform(0.4, 1.3)
    mask = list(mask_frames)
    bone = (bone - bone[mask].mean(axis=0)) / mm_per_px
    gas = _gas(times_s, breath * depth, random) / mm_per_px
    return Movement(
        script=chosen,
        bone_px=bone,
        rot_deg=np.round(rot - rot[mask].mean(), 6),
        skin_px=bone * random.uniform(0.35, 0.92),
        gas_px=gas - gas[mask].mean(axis=0),
        sway_px=_sway(times_s, random) / mm_per_px,
    )


def _breath(times_s: DoubleArray, phase: float, period: float) -> DoubleArray:
    """Breathing between -1 and 1: expiration lasts longer than inspiration."""
    turn = 2 * np.pi * times_s / period + phase
    result: DoubleArray = np.sin(turn + 0.35 * np.sin(turn))
    return result


def _jolt(times_s: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """A twitch: 0.1 s up, then back within some tenths of a second to a lasting rest of it."""
    start = times_s[-1] * random.uniform(0.2, 0.85)
    fall, rest = random.uniform(0.15, 0.5), random.uniform(0.0, 0.5)
    after = np.maximum(times_s - start, 0)
    rise = np.clip(after / 0.1, 0, 1)
    result: DoubleArray = rise * (rest + (1 - rest) * np.exp(-np.maximum(after - 0.1, 0) / fall))
    return np.where(times_s > start, result, 0.0)


def _gas(times_s: DoubleArray, breath: DoubleArray, random: np.random.Generator) -> DoubleArray:
    heading = random.uniform(0, 2 * np.pi)
    speed = _GAS_DRIFT_MM_S * random.uniform(0.3, 1.5)
    # Gas wanders off, but not out of the loop: however long it runs, the drift ends.
    way = _GAS_DRIFT_END_MM * np.tanh(speed * times_s / _GAS_DRIFT_END_MM)
    drift = np.array([np.sin(heading), np.cos(heading)])
    lag = np.interp(times_s - random.uniform(0.0, 0.6), times_s, breath)
    swing = _GAS_MM * random.uniform(0.4, 1.1) * np.array([1.0, random.uniform(-0.4, 0.4)])
    slow = (
        _GAS_MM * 0.08 * np.sin(2 * np.pi * times_s / random.uniform(2, 6) + random.uniform(0, 6))
    )
    result: DoubleArray = lag[:, None] * swing + way[:, None] * drift + slow[:, None]
    return result


def _sway(times_s: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """A hand on the syringe: a tenth of a millimetre, more while injecting."""
    size = random.uniform(0.0, 0.25)
    rate = random.uniform(0.6, 2.0, size=2)
    phase = random.uniform(0, 2 * np.pi, size=2)
    result: DoubleArray = size * np.sin(2 * np.pi * rate * times_s[:, None] + phase)
    return result


def _tremor(frames: int, random: np.random.Generator, size_mm: float) -> DoubleArray:
    steps = random.standard_normal((frames + 8, 2))
    smooth = np.stack(
        [np.convolve(steps[:, i], np.hanning(9), "same")[4:-4] for i in range(2)], axis=1
    )
    result: DoubleArray = size_mm * smooth / 2
    return result
