"""How far a needle slides along its own axis against bone, in every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.needle.curves import MARGIN_PX
from napari_fluoroinject.analysis.needle.tip import (
    CORRELATION_PX,
    INSIDE_PX,
    LEAST_SAMPLES,
    OUTSIDE_PX,
    End,
    noise_variance,
    step_misfit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.needle.curves import Curves
    from napari_fluoroinject.model.arrays import DoubleArray

REACH_PX, STEP_PX = 5.0, 0.25
GAIN_SIGMA = 0.5
"""A needle held by skin lags or leads bone by such a share of its motion."""
OWN_SIGMA_PX = 0.5
OWN_FRAMES = 6.0
"""What is left of its own motion, and over how many frames it keeps."""
FLOOR_PX = 0.3
LEAD_PX = 1.0
"""How far ahead of its resting place noise may put an advancing tip."""
SPEED_PX = 6.0
"""A usual advance per frame: 25 mm/s at 15 frames per second."""
OUTLIER = 4.0


def estimate_slide(
    curves: Curves, end: End, weight: DoubleArray, bone_px: DoubleArray, *, scale: float
) -> DoubleArray:
    """Most likely sliding of an end along the axis, (frames,), by Gaussian-process regression.

    Single frames see an end only roughly; sliding is therefore taken as a share of bone's motion
    along the axis, which the tissue about the end does not make in full, plus a small smooth
    motion of its own (Rasmussen and Williams 2006, section 2.2). The two ends slide differently:
    one lies near bone, the other in the skin, and a needle that tilts looks longer or shorter.

    Parameters
    ----------
    curves
        Opacity along the axis.
    end
        Where it is at rest.
    weight
        (frames,) what each frame is worth; 0 leaves it out.
    bone_px
        (frames,) motion of bone along the axis.
    scale
        Growth of the pixel parameters.
    """
    tried = np.arange(-REACH_PX, REACH_PX + STEP_PX / 2, STEP_PX) * scale
    cost = weight[:, None] * _end_cost(curves, end, tried, scale)
    likelihood = np.exp(-0.5 * (cost - cost.min(axis=1, keepdims=True)))
    likelihood /= likelihood.sum(axis=1, keepdims=True)
    seen = likelihood @ tried
    variance = (likelihood * (tried[None, :] - seen[:, None]) ** 2).sum(axis=1) + FLOOR_PX**2
    frame = np.arange(len(seen))
    near = np.exp(-0.5 * ((frame[:, None] - frame[None, :]) / OWN_FRAMES) ** 2)
    prior = GAIN_SIGMA**2 * np.outer(bone_px, bone_px) + OWN_SIGMA_PX**2 * near
    slide: DoubleArray = prior @ np.linalg.solve(prior + np.diag(variance), seen)
    return slide


def trace_advance(
    curves: Curves,
    tip: End,
    slide_px: DoubleArray,
    *,
    rest: int,
    still: Sequence[int],
    scale: float,
) -> DoubleArray:
    """Sliding with the frames before `rest` filled in, in which the tip was still on its way.

    Each frame's curve is that at rest up to where the tip is and nothing beyond; the most likely
    course is found by dynamic programming (Viterbi), a tip that advances not going back.

    Parameters
    ----------
    curves
        Opacity along the axis.
    tip
        The tip at rest.
    slide_px
        (frames,) sliding as far as it is known.
    rest
        First frame of rest.
    still
        Frames of rest without contrast.
    scale
        Growth of the pixel parameters.
    """
    if rest == 0:
        return slide_px
    x = (curves.along_px - tip.along_px) * tip.outward
    used = np.flatnonzero((x >= -MARGIN_PX * scale) & (x <= LEAD_PX * scale))
    used = used[np.argsort(x[used])]
    final = np.nan_to_num(curves.mean(still, slide_px))[used]
    deep = float(np.median(final[: len(final) // 3]))
    there = np.flatnonzero(final >= 0.5 * deep)
    if deep <= 0 or not len(there):
        return slide_px
    cost = _course_cost(np.nan_to_num(curves.values[:rest, used]), final)
    # The point is thin: a curve that is cut off stands for a tip some way beyond the cut.
    place = _viterbi(cost, x[used] - x[used][there[-1]], speed_px=SPEED_PX * scale)
    traced = slide_px.copy()
    traced[:rest] = tip.outward * place
    return traced


def _course_cost(frames: DoubleArray, final: DoubleArray) -> DoubleArray:
    """Misfit of every frame with the tip at every sample, (frames, samples), in its noise."""
    behind, beyond = (frames - final) ** 2, frames**2
    deep = len(final) // 3
    noise = CORRELATION_PX * np.maximum(np.median(behind[:, :deep], axis=1) / 0.455, 1e-9)
    limit = OUTLIER**2
    behind = np.minimum(behind / noise[:, None], limit)
    beyond = np.minimum(beyond / noise[:, None], limit)
    upto = np.cumsum(behind, axis=1)
    total: DoubleArray = upto + beyond.sum(axis=1, keepdims=True) - np.cumsum(beyond, axis=1)
    return total


def _viterbi(cost: DoubleArray, place: DoubleArray, *, speed_px: float) -> DoubleArray:
    """Places (frames,) of least total cost, ending near 0, of a tip going forward steadily."""
    step = place[:, None] - place[None, :]
    change = np.where(step >= -1.0, 0.5 * (step / speed_px) ** 2, np.inf)
    total, came = cost[0], []
    for now in cost[1:]:
        ways = total[None, :] + change
        came.append(np.argmin(ways, axis=1))
        total = now + ways.min(axis=1)
    state = int(np.argmin(total + 0.5 * (np.minimum(place, 0.0) / speed_px) ** 2))
    states = [state]
    for back in reversed(came):
        state = int(back[state])
        states.append(state)
    course: DoubleArray = place[states[::-1]]
    return course


def _end_cost(curves: Curves, end: End, tried: DoubleArray, scale: float) -> DoubleArray:
    x = (curves.along_px - end.along_px) * end.outward
    used = (x >= -INSIDE_PX * scale) & (x <= OUTSIDE_PX * scale)
    cost = np.zeros((len(curves.values), len(tried)))
    for k, values in enumerate(curves.values[:, used]):
        known = np.isfinite(values)
        if known.sum() >= LEAST_SAMPLES:
            misfit = step_misfit(x[used][known], values[known], end.outward * tried, scale=scale)
            cost[k] = misfit / noise_variance(misfit, int(known.sum()))
    return cost
