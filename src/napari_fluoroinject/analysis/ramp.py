"""The curve of every pixel as a ramp that may wash out: when contrast came, how much stayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.chunks import picked
from napari_fluoroinject.analysis.noise import effective_frames
from napari_fluoroinject.compute.ramps import RampFamily, lattice
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend

RISES = (2.0, 4.0, 7.0, 14.0, 28.0)
"""Durations of the rise that are tried, in frame intervals."""
DECAYS = (np.inf, 100.0, 40.0, 16.0, 6.0)
"""Time constants of the wash-out after the rise that are tried, in frame intervals."""
START_STEP = 0.5
START_SHARE = 0.1
"""Starts lie this share of the rise apart, but not closer than `START_STEP`."""
BASELINE_FRAMES = 10.0
EARLIEST = 2.0
"""Ramps may start this long before onset: the onset is found from the whole field."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RampFit:
    """The best ramp of every pixel; positions count frame intervals from the first frame.

    Attributes
    ----------
    start, rise, decay, plateau
        (rows, columns) float32. Opacity is 0 until `start`, `plateau` at `start + rise`, then
        falls with the time constant `decay`.
    t
        (rows, columns) float32, root of explained over residual times the independent frames.
    positions
        (frames,) float64, where each frame stands.
    """

    start: FloatArray
    rise: FloatArray
    decay: FloatArray
    plateau: FloatArray
    t: FloatArray
    positions: DoubleArray

    def at(self, position: float | FloatArray) -> FloatArray:
        """Fitted opacity of every pixel at one position or each at its own, (rows, columns)."""
        up = np.clip((position - self.start) / self.rise, 0.0, 1.0)
        down = np.exp(-np.maximum(position - self.start - self.rise, 0.0) / self.decay)
        return np.asarray(self.plateau * up * down, dtype=np.float32)

    def highest(self) -> FloatArray:
        """Highest fitted opacity until the last frame, (rows, columns)."""
        return self.at(np.minimum(self.start + self.rise, np.float32(self.positions[-1])))

    def reaching(self, share: float) -> FloatArray:
        """Position at which `share` of the highest opacity is first there, (rows, columns)."""
        rising = np.minimum(self.rise, np.float32(self.positions[-1]) - self.start)
        return np.asarray(self.start + np.float32(share) * rising)

    def crossing(self, threshold: float) -> FloatArray:
        """Position at which the ramp rises through `threshold`, NaN where it never does."""
        reached = self.plateau > threshold
        share = threshold / np.where(reached, self.plateau, 1.0)
        return np.where(reached, self.start + self.rise * share, np.nan).astype(np.float32)


def fit_ramps(
    smoothed: FloatArray, registered: RegisteredLoop, *, lag1_time: float = 0.0, on: Backend
) -> RampFit:
    """Fit a ramp to the opacity of every pixel, by least squares over a grid of shapes.

    All locked frames from the first mask frame on count. The mask frames' own noise stands in
    every frame as a constant, so a baseline is fitted too, held near 0 as if by `BASELINE_FRAMES`
    more frames.

    Parameters
    ----------
    smoothed
        (frames, rows, columns) float32, opacity after the spatial blur.
    registered
        Its injection has an onset.
    lag1_time
        Correlation of neighbouring frames: correlated frames are less evidence.
    on
        The compute backend.
    """
    everywhere = slice(0, smoothed.shape[1]), slice(0, smoothed.shape[2])
    return fit_ramps_by_parts(
        [(everywhere, smoothed)], smoothed.shape[1:], registered, lag1_time=lag1_time, on=on
    )


def fit_ramps_by_parts(
    parts: Iterable[tuple[tuple[slice, slice], FloatArray]],
    shape: tuple[int, ...],
    registered: RegisteredLoop,
    *,
    lag1_time: float = 0.0,
    on: Backend,
) -> RampFit:
    """`fit_ramps` of one rectangle of the picture after the other.

    Parameters
    ----------
    parts
        (rows, columns) of each, and its `smoothed`. What is in none has a plateau of 0.
    shape
        (rows, columns) of the picture.
    registered, lag1_time, on
        See `fit_ramps`.
    """
    positions = frame_positions(registered)
    onset = registered.injection.onset_frame or 0
    used = registered.motion.locked.copy()
    used[: min(registered.quiet_frames)] = False
    family = _family(float(positions[onset]) - EARLIEST, positions[used])
    best = np.zeros(shape, dtype=np.int32)
    plateau, ratio = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for here, smoothed in parts:
        frames = picked(smoothed, used)
        best[here], plateau[here], explained = on.kernels.best_ramp(frames, family)
        ratio[here] = explained / np.maximum(_energy(frames) - explained, 1e-12)
    ramp, decay = np.divmod(best, len(family.decay))
    return RampFit(
        start=family.start[ramp].astype(np.float32),
        rise=family.rise[ramp].astype(np.float32),
        decay=family.decay[decay].astype(np.float32),
        plateau=plateau,
        t=np.sqrt(ratio * np.float32(effective_frames(int(used.sum()), lag1_time))),
        positions=positions,
    )


def frame_positions(registered: RegisteredLoop) -> DoubleArray:
    """Where frames stand in time, in median frame intervals; their numbers without times."""
    times_s = registered.loop.times_s
    interval_s = frame_interval_s(times_s)
    if times_s is None or interval_s is None:
        return np.arange(len(registered.ln), dtype=np.float64)
    return np.asarray((times_s - times_s[0]) / interval_s)


def frame_interval_s(times_s: DoubleArray | None) -> float | None:
    """Median time between frames, None where times are unknown or stand still."""
    if times_s is None or len(times_s) < 2:
        return None
    interval_s = float(np.median(np.diff(times_s)))
    return interval_s if interval_s > 0 else None


def _family(earliest: float, positions: DoubleArray) -> RampFamily:
    """Every ramp that is tried."""
    steps = [max(START_STEP, START_SHARE * rise) for rise in RISES]
    start, rise = lattice(earliest, float(positions[-1]), RISES, steps)
    # In a pause a ramp that is over before the next frame is like any other such.
    ahead = np.append(positions, np.inf)[np.searchsorted(positions, start)] - start
    seen = ahead <= rise + START_STEP
    return RampFamily(
        positions=positions,
        start=start[seen],
        rise=rise[seen],
        decay=np.array(DECAYS),
        held_frames=BASELINE_FRAMES,
    )


def _energy(frames: FloatArray) -> FloatArray:
    """Sum of squares of each pixel once the held constant has had its share, (rows, columns)."""
    total = frames.sum(axis=0)
    held = np.square(total) / np.float32(len(frames) + BASELINE_FRAMES)
    return np.asarray(np.einsum("nrc,nrc->rc", frames, frames) - held)
