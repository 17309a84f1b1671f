"""How the second family's patients move: rests between breaths, jerks that ring, slow settling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.planar.canvas import smooth_walk
from napari_fluoroinject.phantom.settings import MotionScript

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHARE = (0.15, 0.45, 0.40)
_ROTATING = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Movement:
    """Displacements of every frame, pixels (row, column), zero on average over the mask frames.

    `bone_px`, `soft_px` and `hub_px` are (frames, 2), `rot_deg` (frames,) turns bone about the
    picture's centre; `gas_px` is (bubbles, frames, 2) and `churn` (bubbles, frames) radians.
    """

    script: MotionScript
    bone_px: DoubleArray
    rot_deg: DoubleArray
    soft_px: DoubleArray
    hub_px: DoubleArray
    gas_px: DoubleArray
    churn: DoubleArray

    def __post_init__(self) -> None:
        for name in ("bone_px", "rot_deg", "soft_px", "hub_px", "gas_px", "churn"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


def draw_movement(
    script: MotionScript | None,
    times_s: DoubleArray,
    mask_frames: Sequence[int],
    *,
    mm_per_px: float,
    random: np.random.Generator,
) -> Movement:
    """Draw how layers move in frames at `times_s`; None draws the script, too."""
    drawn: MotionScript = str(random.choice(get_args(MotionScript), p=_SHARE))  # type: ignore[assignment]  # drawn from MotionScript itself
    chosen = script or drawn
    frames, mask = len(times_s), list(mask_frames)
    step_s = float(np.median(np.diff(times_s)))
    calm = 0.05 if chosen == "still" else 1.0
    breath = calm * random.uniform(0.6, 1.7) * _breath(times_s, random)
    jerk = _jerk(times_s, random) if chosen == "twitch" else np.zeros((frames, 2))
    heading = np.array([1.0, random.uniform(-0.45, 0.45)]) * random.choice([-1.0, 1.0])
    bone = breath[:, None] * heading + jerk
    bone += calm * 0.35 * (times_s / max(times_s[-1], 1.0))[:, None] * random.standard_normal(2)
    bone += 0.04 * _walks(2, frames, 0.5, step_s, random).T
    rot = np.zeros(frames)
    if random.uniform() < _ROTATING:
        rot = 0.16 * calm * _walks(1, frames, 2.0, step_s, random)[0] + 0.12 * jerk[:, 1]
    lag = np.interp(times_s - random.uniform(0.0, 0.25), times_s, breath)
    soft = random.uniform(0.3, 0.85) * bone + 0.3 * lag[:, None] * [1.0, 0.0]
    hub = soft + 0.12 * random.uniform(0, 1) * _walks(2, frames, 0.4, step_s, random).T
    bubbles = int(random.integers(2, 9))
    gas = 1.3 * _walks(2 * bubbles, frames, 3.0, step_s, random).reshape(bubbles, 2, frames)
    gas = gas.transpose(0, 2, 1) + random.uniform(0.5, 4.0, (bubbles, 1, 1)) * lag[:, None] * [
        1.0,
        0.2,
    ]
    return Movement(
        script=chosen,
        bone_px=(bone - bone[mask].mean(axis=0)) / mm_per_px,
        rot_deg=np.round(rot - rot[mask].mean(), 6),
        soft_px=(soft - soft[mask].mean(axis=0)) / mm_per_px,
        hub_px=(hub - hub[mask].mean(axis=0)) / mm_per_px,
        gas_px=(gas - gas[:, mask].mean(axis=1, keepdims=True)) / mm_per_px,
        churn=random.uniform(0, 6, (bubbles, 1))
        + 0.6 * _walks(bubbles, frames, 4.0, step_s, random),
    )


def _walks(
    count: int, frames: int, seconds: float, step_s: float, random: np.random.Generator
) -> DoubleArray:
    return np.stack(
        [smooth_walk(frames, seconds, step_s=step_s, random=random) for _ in range(count)]
    )


def _breath(times_s: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """Breathing, mm for unit depth: it rests at expiration (Lujan 1999: 1 - cos^2n)."""
    period, phase = random.uniform(2.4, 5.2), random.uniform(0, np.pi)
    power = int(random.integers(1, 4))
    wander = 0.25 * np.sin(2 * np.pi * times_s / random.uniform(7.0, 13.0))
    result: DoubleArray = 1 - np.cos(np.pi * times_s / period + phase + wander) ** (2 * power)
    return result


def _jerk(times_s: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """One or two jerks (frames, 2) mm: a damped swing about a new place."""
    result = np.zeros((len(times_s), 2))
    for _ in range(int(random.integers(1, 3))):
        since = np.maximum(times_s - times_s[-1] * random.uniform(0.15, 0.9), 0)
        rate, damping = random.uniform(1.2, 3.0), random.uniform(0.15, 0.4)
        rest = random.uniform(-0.5, 0.5)
        swing = np.exp(-since / damping) * np.sin(2 * np.pi * rate * since)
        swing += rest * (1 - np.exp(-since / 0.12))
        result += swing[:, None] * random.standard_normal(2) * [0.9, 0.6]
    return result
