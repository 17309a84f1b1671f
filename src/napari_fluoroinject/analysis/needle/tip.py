"""The end of a shaft to a fraction of a pixel: a step fitted to its opacity along the axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

INSIDE_PX, OUTSIDE_PX = 35.0, 16.0
SEARCH_PX = 12.0
SEARCH_STEP_PX = 0.1
BLUR_PX = 0.9
"""Blur of a sharp end by focus and detector."""
LEAST_SAMPLES = 12
CORRELATION_PX = 3.0
"""Length over which neighbouring samples of the curve repeat each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An end of a shaft: position along the axis, the side it points to, and 1 sigma.

    `outward` is +1 where the shaft ends towards larger positions, -1 towards smaller.
    """

    along_px: float
    outward: int
    uncertainty_px: float = float("inf")


def fit_end(along: DoubleArray, curve: DoubleArray, near: End, *, scale: float) -> End:
    """Fit level x Phi((x0 - x) / blur) + constant to the curve around an end.

    Constant levels inside and outside: a slope inside adds variance. The whole search range is
    scanned because the misfit has several valleys where the end lies on a bone edge.

    Parameters
    ----------
    along, curve
        (samples,) positions and opacity along the axis; NaN outside the field.
    near
        Where the end is roughly.
    scale
        Growth of the pixel parameters.
    """
    x = (along - near.along_px) * near.outward
    used = (x >= -INSIDE_PX * scale) & (x <= OUTSIDE_PX * scale) & np.isfinite(curve)
    x, y = x[used], curve[used]
    if len(x) < LEAST_SAMPLES:
        return near
    tried = np.arange(-SEARCH_PX * scale, SEARCH_PX * scale, SEARCH_STEP_PX)
    tried = tried[(tried > x.min() + 2) & (tried < x.max() - 1)]
    if not len(tried):
        return near
    cost = step_misfit(x, y, tried, scale=scale)
    best = int(np.argmin(cost))
    likelihood = np.exp(-0.5 * (cost - cost[best]) / noise_variance(cost, len(x)))
    likelihood /= likelihood.sum()
    return End(
        along_px=near.along_px + near.outward * float(tried[best]),
        outward=near.outward,
        uncertainty_px=float(np.sqrt(likelihood @ (tried - tried[best]) ** 2)),
    )


def step_misfit(
    x: DoubleArray, y: DoubleArray, tried: DoubleArray, *, scale: float
) -> DoubleArray:
    """Sum of squares left by the best step down at each tried position, (n,)."""
    steps = scipy.special.ndtr((tried[:, None] - x[None, :]) / (BLUR_PX * scale))
    steps -= steps.mean(axis=1, keepdims=True)
    centred = y - y.mean()
    power = np.maximum((steps**2).sum(axis=1), 1e-9)
    height = np.maximum(steps @ centred / power, 0.0)
    misfit: DoubleArray = centred @ centred - height**2 * power
    return misfit


def noise_variance(cost: DoubleArray, samples: int) -> float:
    """Variance that one independent sample would have, from what the best step leaves."""
    return max(float(cost.min()) / max(samples - 3, 1) * CORRELATION_PX, 1e-12)
