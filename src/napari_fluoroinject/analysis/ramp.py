"""The curve of every pixel as a ramp that may wash out: when contrast came, how much stayed."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.noise import effective_frames
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
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
    positions = frame_positions(registered)
    onset = registered.injection.onset_frame or 0
    used = registered.motion.locked.copy()
    used[: min(registered.injection.mask_frames)] = False
    shapes = _shapes(float(positions[onset]) - EARLIEST, float(positions[-1]))
    curves = _curves(shapes, positions[used])
    seen = np.square(curves).sum(axis=1) > 0
    shapes = shapes[seen]
    candidates = np.ascontiguousarray(_without_baseline(curves[seen].T).T)
    frames = _without_baseline(smoothed[used])
    best, plateau, explained = on.kernels.best_curve(frames, candidates)
    residual = np.maximum(np.einsum("nrc,nrc->rc", frames, frames) - explained, 1e-12)
    start, rise, decay = (shapes[:, column][best].astype(np.float32) for column in range(3))
    return RampFit(
        start=start,
        rise=rise,
        decay=decay,
        plateau=plateau,
        t=np.sqrt(explained / residual * effective_frames(len(frames), lag1_time)),
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


def _shapes(earliest: float, latest: float) -> DoubleArray:
    """(start, rise, decay) of every ramp that is tried, (shapes, 3)."""
    shapes = [
        (start, rise, decay)
        for rise in RISES
        for start in np.arange(earliest, latest, max(START_STEP, START_SHARE * rise))
        for decay in DECAYS
    ]
    return np.array(shapes)


def _curves(shapes: DoubleArray, positions: DoubleArray) -> DoubleArray:
    start, rise, decay = (shapes[:, column, None] for column in range(3))
    up = np.clip((positions - start) / rise, 0.0, 1.0)
    down = np.exp(-np.maximum(positions - start - rise, 0.0) / decay)
    return np.asarray(up * down)


def _without_baseline(curves: DoubleArray | FloatArray) -> FloatArray:
    """Curves (frames, ...) whose plain least squares is that with a baseline held near 0.

    With b ~ N(0, s^2 / m) the baseline drops out of the likelihood of n frames and leaves the
    weight matrix 1 - J / (n + m), J all ones; this multiplies by its root.
    """
    count = len(curves)
    share = (1.0 - sqrt(BASELINE_FRAMES / (count + BASELINE_FRAMES))) / count
    total = curves.sum(axis=0, dtype=np.float64)
    held: FloatArray = (curves - share * total).astype(np.float32)
    return held
