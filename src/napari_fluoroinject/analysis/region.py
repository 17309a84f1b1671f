"""The contrast region: what is connected to the needle's tip and certain enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, label

from napari_fluoroinject.analysis.corridor import needle_corridor, tip_in_reference
from napari_fluoroinject.analysis.pose import looked_up
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.ramp import RampFit
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

LEAST_T = 3.0
"""Evidence of the ramp that a pixel of the region needs: being connected says the rest."""
SEED_T = 8.0
SEED_OD = 0.08
FEWEST_SEEDS = 15
REACH_MM = 6.0
REACH_PX = 22.0
"""A component belongs to the injection if it comes this near to the tip."""
GAS_ALLOWANCE = 2.5
"""Negative excursions beyond this multiple of the ordinary raise what a seed needs."""
STILL_PX = 0.75
"""A needle that moves less against the anatomy casts the same shadow in all frames."""
_USUALLY = 0.75
_EIGHT = np.ones((3, 3), dtype=np.bool_)


def find_region(
    fit: RampFit,
    late_od: FloatArray,
    opacity: Opacity,
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    *,
    threshold: float,
) -> BoolArray:
    """Pixels of the reference pose that hold contrast in the last frames.

    Candidates exceed `threshold` with enough evidence; of their 8-connected components those with
    seeds that come near the tip count, and where none does, the one with most seeds.

    Parameters
    ----------
    fit
        The ramps.
    late_od
        (rows, columns), smoothed mean opacity of the last frames.
    opacity, registered, needle
        As measured before.
    threshold
        Opacity from which a pixel belongs to the region.
    """
    final = 0.5 * late_od + 0.5 * fit.at(float(fit.positions[-1]))
    candidates = (final > threshold) & (fit.t > LEAST_T) & opacity.valid
    negative = np.sqrt(opacity.residue) / GAS_ALLOWANCE
    seeds = candidates & (fit.t > SEED_T * np.maximum(negative, 1.0)) & (fit.plateau > SEED_OD)
    moving = _moving_corridor(registered, needle)
    candidates &= ~moving
    seeds &= ~moving
    parts, count = label(candidates, _EIGHT)
    strength = np.bincount(parts[seeds], minlength=count + 1)
    strength[0] = 0
    chosen = strength >= FEWEST_SEEDS
    if not chosen.any():
        return np.zeros_like(candidates)
    near = _near_tip(parts, registered, needle, count) & chosen
    if not near.any():
        near = np.zeros_like(chosen)
        near[int(strength.argmax())] = True
    return _bridged(near[parts], moving)


def region_in_frames(
    region: BoolArray, fit: RampFit, registered: RegisteredLoop, *, threshold: float
) -> BoolArray:
    """The region as far as contrast had come in each frame, in that frame's own geometry.

    Returns
    -------
    BoolArray
        (frames, rows, columns). It only grows, in the reference pose; frames that could not be
        registered are left empty.
    """
    reached = fit.crossing(threshold)
    reached = np.where(np.isnan(reached), fit.start + fit.rise, reached)
    reached = np.where(region, np.minimum(reached, np.float32(fit.positions[-1])), np.inf)
    motion = registered.motion
    by_frame = np.zeros((len(fit.positions), *region.shape), dtype=np.bool_)
    for frame in np.flatnonzero(motion.locked):
        down, right = np.round(motion.shift_px[frame]).astype(int)
        here = reached <= fit.positions[frame]
        by_frame[frame] = looked_up(here, -int(down), -int(right))
    return by_frame


def _near_tip(
    parts: npt.NDArray[np.int32], registered: RegisteredLoop, needle: Needle | NoNeedle, count: int
) -> BoolArray:
    """Which components come within reach of the tip, (components + 1,)."""
    near = np.zeros(count + 1, dtype=np.bool_)
    if isinstance(needle, NoNeedle):
        return near
    tip = tip_in_reference(registered, needle)
    mm_per_px = registered.loop.mm_per_px
    reach = REACH_PX if mm_per_px is None else REACH_MM / mm_per_px
    row = np.arange(parts.shape[0])[:, None] - tip[0]
    column = np.arange(parts.shape[1])[None, :] - tip[1]
    near[np.unique(parts[row**2 + column**2 <= reach**2])] = True
    near[0] = False
    return near


def _moving_corridor(registered: RegisteredLoop, needle: Needle | NoNeedle) -> BoolArray:
    """Where a needle that moves against the anatomy leaves shadows; empty if it stands still."""
    if isinstance(needle, NoNeedle):
        return np.zeros(registered.field.shape, dtype=np.bool_)
    injection, motion = registered.injection, registered.motion
    after = range(injection.onset_frame or 0, len(registered.ln))
    frames = [*injection.mask_frames, *after]
    tips = (needle.tip_by_frame_px - motion.shift_px)[frames]
    before = np.nanmedian(tips[: len(injection.mask_frames)], axis=0)
    away = np.hypot(*(tips - before).T)
    if not np.nanquantile(away, _USUALLY) > STILL_PX:
        return np.zeros(registered.field.shape, dtype=np.bool_)
    return needle_corridor(registered, needle, frames=tuple(frames))


def _bridged(region: BoolArray, moving: BoolArray) -> BoolArray:
    """The region, with the corridor filled where contrast lies on both sides of it."""
    if not moving.any() or not region.any():
        return region
    half_width = float(distance_transform_edt(moving).max()) + 1.0
    # A closing by a disc, by distances: grow by the radius, shrink by the same.
    reach = int(half_width) + 2
    grown = distance_transform_edt(~np.pad(region, reach)) <= half_width
    closed = (distance_transform_edt(grown) > half_width)[reach:-reach, reach:-reach]
    return np.asarray(region | (moving & closed))
