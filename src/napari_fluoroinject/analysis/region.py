"""The contrast region: what is connected to the needle's tip and certain enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, label

from napari_fluoroinject.analysis.corridor import needle_corridor, path_band, tip_in_reference
from napari_fluoroinject.analysis.detection import evidence_alone, evidence_of_brightening
from napari_fluoroinject.analysis.neighbours import median_of_neighbours
from napari_fluoroinject.analysis.pose import mask_in_frame
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.detection import Limits
    from napari_fluoroinject.analysis.ramp import RampFit
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.spread import RunOff

FEWEST_SEEDS = 15
"""Pixels with evidence of their own that make a part: more than one place of the noise has."""
REACH_MM = 6.0
REACH_PX = 22.0
"""A part belongs to the injection if it comes this near to the tip."""
GAP_MM = 3.0
GAP_PX = 10.0
"""Parts that are no further apart are one film that bone or noise has cut."""
NEIGHBOURS_PX = 5
"""Side of the square whose median time of filling is a pixel's."""
GAS_SHARE = 0.5
"""What moves (gas) brightens on one side as it darkens on the other; contrast only darkens. A part
beside which this share of it brightens is gas."""
RUN_OFF_MM = 1.5
RUN_OFF_PX = 5.0
"""Half the width of the band along a run-off: half a vessel and the error of its path."""
STILL_PX = 0.75
"""A needle that moves less against the anatomy casts the same shadow in all frames."""
_USUALLY = 0.75
_EIGHT = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where contrast is known to be or cannot be judged, (rows, columns) each.

    Attributes
    ----------
    tip
        Within reach of the needle's tip; empty where there is no needle.
    seen
        Within reach of where the onset showed most clearly; empty where that is not known.
    run_off
        Along a run-off that raised the alarm.
    moving
        Where a needle that moves against the anatomy leaves shadows.
    needle
        The needle's corridor.
    """

    tip: BoolArray
    seen: BoolArray
    run_off: BoolArray
    moving: BoolArray
    needle: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """Evidence that a pixel needs by itself.

    `judged` (rows, columns) is where contrast can be judged, `alone_t` (rows, columns) float32 the
    evidence of the ramp from which a pixel needs no neighbour.
    """

    judged: BoolArray
    alone_t: FloatArray


def find_places(
    registered: RegisteredLoop, needle: Needle | NoNeedle, run_off: RunOff | None
) -> Places:
    """Say where the region is anchored, and where it cannot be seen."""
    shape = registered.field.shape
    mm_per_px = registered.loop.mm_per_px
    return Places(
        tip=_within_reach(
            None if isinstance(needle, NoNeedle) else tip_in_reference(registered, needle),
            registered,
        ),
        seen=_within_reach(registered.injection.seen_at_px, registered),
        run_off=(
            path_band(run_off.path_px, shape, half_width_px=_px(RUN_OFF_MM, RUN_OFF_PX, mm_per_px))
            if run_off is not None and run_off.alarmed
            else np.zeros(shape, dtype=np.bool_)
        ),
        moving=_moving_corridor(registered, needle),
        needle=needle_corridor(registered, needle),
    )


def needed_evidence(
    samples: FloatArray,
    opacity: Opacity,
    registered: RegisteredLoop,
    places: Places,
    *,
    on: Backend,
) -> Need:
    """Say what evidence contrast needs: less where it is expected than elsewhere.

    At the tip, where the onset was seen and along a run-off it must exceed what noise does, and
    elsewhere also what the anatomy does.

    Parameters
    ----------
    samples
        See `samples_of`.
    opacity, registered, places
        As measured before, and where contrast is expected.
    on
        The compute backend.
    """
    judged = opacity.valid & ~places.moving
    alone_t = evidence_alone(opacity, registered)
    brightening_t = evidence_of_brightening(
        samples, opacity, registered, judged & ~places.needle, on=on
    )
    expected = places.tip | places.seen | places.run_off
    return Need(
        judged=judged,
        alone_t=np.where(expected, alone_t, np.maximum(alone_t, np.float32(brightening_t))),
    )


def find_region(
    late_od: FloatArray,
    fit: RampFit,
    places: Places,
    need: Need,
    *,
    limits: Limits,
    mm_per_px: float | None,
) -> BoolArray:
    """Pixels of the reference pose that hold contrast in the last frames.

    Candidates exceed the least opacity with the evidence that joining needs. Their 8-connected
    parts with enough seeds, which need no neighbour, are contrast or gas. The injection is the
    parts at the tip or along a run-off; where there are none, those where the onset was seen, else
    the part that darkens most. Parts that lie close to the injection belong to it, unless they are
    gas.

    Parameters
    ----------
    late_od
        (rows, columns), smoothed mean opacity of the last frames.
    fit, places, need
        The ramps, where contrast is known to be, and the evidence that is needed.
    limits
        Opacities from which contrast counts.
    mm_per_px
        None = unknown.
    """
    final_od = 0.5 * (late_od + fit.at(float(fit.positions[-1])))
    candidates = (final_od > limits.least_od) & (fit.t > limits.joining_t) & need.judged
    seeds = candidates & (fit.t > need.alone_t)
    # On a path that raised the alarm to be above the threshold is enough.
    seeds |= candidates & places.run_off
    parts = _large_parts(candidates, seeds)
    bright = np.where(need.judged & (late_od < -limits.region_od), -late_od, 0.0)
    count = int(parts.max()) + 1
    dark, answer = _mass(parts, final_od, count), _mass(_nearest(parts), bright, count)
    calm = answer < GAS_SHARE * dark
    injection = _parts_at(places.tip | places.run_off, parts, count)
    if not injection.any():
        injection = _parts_at(places.seen, parts, count)
    if not injection.any():
        injection = calm & (dark == np.where(calm, dark, 0.0).max())
    members = injection | calm
    groups = _grouped(members[parts], gap_px=_px(GAP_MM, GAP_PX, mm_per_px))
    own = groups[injection[parts]]
    return _bridged(np.isin(groups, own[own > 0]), places.moving)


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
    # Neighbours are filled one after the other: without them a region has holes while it grows.
    reached = median_of_neighbours(np.where(region, reached, np.nan), NEIGHBOURS_PX)
    reached = np.where(region, np.minimum(reached, np.float32(fit.positions[-1])), np.inf)
    motion = registered.motion
    by_frame = np.zeros((len(fit.positions), *region.shape), dtype=np.bool_)
    for frame in np.flatnonzero(motion.locked):
        here = reached <= fit.positions[frame]
        by_frame[frame] = mask_in_frame(here, motion, int(frame))
    return by_frame


def _within_reach(point: Point | DoubleArray | None, registered: RegisteredLoop) -> BoolArray:
    shape = registered.field.shape
    if point is None:
        return np.zeros(shape, dtype=np.bool_)
    reach = _px(REACH_MM, REACH_PX, registered.loop.mm_per_px)
    row = np.arange(shape[0])[:, None] - point[0]
    column = np.arange(shape[1])[None, :] - point[1]
    return np.asarray(row**2 + column**2 <= reach**2)


def _parts_at(place: BoolArray, parts: npt.NDArray[np.int32], count: int) -> BoolArray:
    """Which of `count` parts come by the place; none is part 0."""
    present = np.zeros(count, dtype=np.bool_)
    present[parts[place]] = True
    present[0] = False
    return present


def _large_parts(candidates: BoolArray, seeds: BoolArray) -> npt.NDArray[np.int32]:
    """Number the 8-connected parts that hold enough seeds; 0 = none of them."""
    parts, count = label(candidates, _EIGHT)
    large = np.bincount(parts[seeds], minlength=count + 1) >= FEWEST_SEEDS
    large[0] = False
    return np.where(large[parts], parts, 0).astype(np.int32)


def _nearest(parts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """For every pixel outside all parts the part that is nearest, 0 inside them."""
    row, column = distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    return np.where(parts == 0, parts[row, column], 0).astype(np.int32)


def _mass(parts: npt.NDArray[np.int32], od: FloatArray, count: int) -> DoubleArray:
    """Sum over each of `count` parts, by its number; 0 for what is in none."""
    mass: DoubleArray = np.bincount(parts.ravel(), od.ravel(), count).astype(np.float64)
    mass[0] = 0.0
    return mass


def _grouped(sure: BoolArray, *, gap_px: float) -> npt.NDArray[np.int32]:
    """Number the groups of `sure` pixels no further apart than `gap_px`; 0 = none."""
    if not sure.any():
        return np.zeros(sure.shape, dtype=np.int32)
    groups, _ = label(distance_transform_edt(~sure) <= 0.5 * gap_px, _EIGHT)
    return np.where(sure, groups, 0).astype(np.int32)


def _moving_corridor(registered: RegisteredLoop, needle: Needle | NoNeedle) -> BoolArray:
    """Where a needle that moves against the anatomy leaves shadows; empty if it stands still."""
    if isinstance(needle, NoNeedle):
        return np.zeros(registered.field.shape, dtype=np.bool_)
    injection, motion = registered.injection, registered.motion
    after = range(injection.onset_frame or 0, len(registered.ln))
    frames = [*registered.quiet_frames, *after]
    tips = motion.all_in_reference_pose(needle.tip_by_frame_px)[frames]
    before = np.nanmedian(tips[: len(registered.quiet_frames)], axis=0)
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


def _px(mm: float, px: float, mm_per_px: float | None) -> float:
    """A length in pixels: `mm` where there are millimetres, else `px`."""
    return px if mm_per_px is None else mm / mm_per_px
