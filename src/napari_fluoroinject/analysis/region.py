"""The contrast region: what is connected to the needle's tip and certain enough."""

from __future__ import annotations

from dataclasses import dataclass
from math import e
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, label, minimum_filter

from napari_fluoroinject.analysis.detection import evidence_alone, evidence_of_brightening
from napari_fluoroinject.analysis.neighbours import median_of_neighbours
from napari_fluoroinject.analysis.places import Places, in_px
from napari_fluoroinject.analysis.pose import mask_in_frame
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.detection import Limits
    from napari_fluoroinject.analysis.ramp import RampFit
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend

FEWEST_SEEDS = 15
"""Pixels with evidence of their own that make a part: more than one place of the noise has."""
GAP_MM = 3.0
GAP_PX = 10.0
"""Parts that are no further apart are one film that bone or noise has cut."""
NEIGHBOURS_PX = 5
"""Side of the square whose median time of filling is a pixel's."""
GAS_SHARE = 0.5
"""What moves (gas) brightens on one side as it darkens on the other; contrast only darkens. A part
beside which this share of it brightens is gas."""
NEIGHBOURHOOD_PX = 1.5
"""Sigma over which opacity and evidence are averaged in the rim of a film, which is wider. Of
1, 1.5 and 2 the last two did alike, and a thin film widens less by 1.5."""
AVERAGED_SHARE = 0.9
"""Averaged over neighbours, noise reaches this share of the evidence that it reaches in as many
pixels by themselves."""
PAIR_MM = 2.2
PAIR_PX = 8.0
"""What a needle darkens where it went it brightens where it was, no further away than this."""
PAIR_LIMITS = 2.0
"""Brightening counts from this multiple of the region's limit: noise alone reaches one."""
GROWTH_PX = 5.0
"""So far the rim reaches that only the mean of neighbours tells: with no bound it led to gas."""
RIM_PX = 3.0
"""So near to contrast that is beyond doubt a pixel belongs to it though the needle moved there."""
_EIGHT = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """Evidence that a pixel needs by itself.

    `judged` (rows, columns) is where contrast can be judged, `alone_t` (rows, columns) float32 the
    evidence of the ramp from which a pixel needs no neighbour.
    """

    judged: BoolArray
    alone_t: FloatArray


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What tells contrast in a pixel, each (rows, columns) float32.

    Attributes
    ----------
    late_od
        Smoothed mean opacity of the last frames.
    final_od, t
        Opacity at the end, half of it the ramp's, and the evidence of the ramp.
    near_final_od, near_highest_od, near_t
        The same and the highest opacity, averaged over neighbours.
    """

    late_od: FloatArray
    final_od: FloatArray
    t: FloatArray
    near_final_od: FloatArray
    near_highest_od: FloatArray
    near_t: FloatArray


def course_of(late_od: FloatArray, fit: RampFit, judged: BoolArray, *, on: Backend) -> Course:
    """Gather what tells contrast in every pixel.

    Parameters
    ----------
    late_od
        (rows, columns), smoothed mean opacity of the last frames.
    fit
        The ramps.
    judged
        (rows, columns), where contrast can be judged: no other pixel counts as a neighbour.
    on
        The compute backend.
    """
    final_od = 0.5 * (late_od + fit.at(float(fit.positions[-1])))
    near = on.kernels.smooth(
        np.stack([final_od, np.maximum(final_od, fit.highest()), fit.t]).astype(np.float32),
        judged.astype(np.float32),
        NEIGHBOURHOOD_PX,
    )
    return Course(
        late_od=late_od,
        final_od=final_od,
        t=fit.t,
        near_final_od=near[0],
        near_highest_od=near[1],
        near_t=near[2],
    )


def find_region(
    course: Course,
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
    gas. At last comes the rim that exceeds both on average with its neighbours. What a needle that
    moved has left is no candidate, but for the innermost rim.

    Parameters
    ----------
    course, places, need
        What tells contrast, where it is known to be, and the evidence that is needed.
    limits
        Opacities from which contrast counts.
    mm_per_px
        None = unknown.
    """
    left = _left_by_needle(course, places, limits, mm_per_px=mm_per_px)
    candidates = (course.final_od > limits.least_od) & (course.t > limits.joining_t)
    candidates &= need.judged & ~left
    seeds = candidates & (course.t > need.alone_t)
    # On a path that raised the alarm to be above the threshold is enough.
    seeds |= candidates & places.run_off
    parts = _large_parts(candidates, seeds)
    bright = np.where(need.judged & (course.late_od < -limits.region_od), -course.late_od, 0.0)
    count = int(parts.max()) + 1
    dark, answer = _mass(parts, course.final_od, count), _mass(_nearest(parts), bright, count)
    calm = answer < GAS_SHARE * dark
    injection = _parts_at(places.tip | places.run_off, parts, count)
    if not injection.any():
        injection = _parts_at(places.seen, parts, count)
    if not injection.any():
        injection = calm & (dark == np.where(calm, dark, 0.0).max())
    members = injection | calm
    groups = _grouped(members[parts], gap_px=in_px(GAP_MM, GAP_PX, mm_per_px))
    own_groups = groups[injection[parts]]
    region = np.isin(groups, own_groups[own_groups > 0])
    joins = _joins(course, course.near_final_od, limits) & need.judged
    reach = np.where(left, RIM_PX, GROWTH_PX)
    return _bridged(region | (joins & (_away(region) <= reach)), places.moving)


def find_washed_out(
    course: Course,
    region: BoolArray,
    places: Places,
    need: Need,
    *,
    limits: Limits,
    mm_per_px: float | None,
) -> BoolArray:
    """Pixels of the reference pose that held contrast, but hold it no longer at the end.

    They are as certain as those of the region, and lie at it, at the tip or along a run-off.

    Parameters
    ----------
    course, places, need, limits, mm_per_px
        See `find_region`.
    region
        (rows, columns), what holds contrast at the end.
    """
    gone = _joins(course, course.near_highest_od, limits) & ~_joins(
        course, course.near_final_od, limits
    )
    gone &= need.judged & ~region
    gone &= ~_left_by_needle(course, places, limits, mm_per_px=mm_per_px)
    # Gas passes, too: here a pixel needs sure ones close by, not only somewhere in its part.
    seeds = gone & (course.t > need.alone_t)
    parts = _large_parts(gone & (_away(seeds) <= RIM_PX), seeds)
    at = _parts_at((_away(region) <= RIM_PX) | places.tip | places.run_off, parts, parts.max() + 1)
    return np.asarray(at[parts])


def region_in_frames(
    region: BoolArray,
    washed_out: BoolArray,
    fit: RampFit,
    registered: RegisteredLoop,
    *,
    threshold: float,
) -> BoolArray:
    """Where contrast was in each frame, in that frame's own geometry.

    Parameters
    ----------
    region, washed_out
        (rows, columns), what holds contrast at the end, and what held it before only.
    fit, registered
        The ramps, and the loop.
    threshold
        Opacity from which contrast counts.

    Returns
    -------
    BoolArray
        (frames, rows, columns). Frames that could not be registered are left empty.
    """
    ever, positions = region | washed_out, fit.positions.astype(np.float32)
    reached = fit.crossing(threshold)
    reached = np.where(np.isnan(reached), fit.start + fit.rise, reached)
    # Neighbours are filled one after the other: without them a region has holes while it grows.
    reached = median_of_neighbours(np.where(ever, reached, np.nan), NEIGHBOURS_PX)
    reached = np.where(ever, np.minimum(reached, positions[-1]), np.inf)
    left = median_of_neighbours(
        np.where(washed_out, _falling(fit, threshold), np.nan), NEIGHBOURS_PX
    )
    left = np.where(washed_out, np.minimum(left, positions[-1]), np.inf)
    motion = registered.motion
    by_frame = np.zeros((len(positions), *region.shape), dtype=np.bool_)
    for frame in np.flatnonzero(motion.locked):
        here = (reached <= positions[frame]) & (positions[frame] < left)
        by_frame[frame] = mask_in_frame(here, motion, int(frame))
    by_frame.flags.writeable = False  # so that it is handed over, not copied
    return by_frame


def _left_by_needle(
    course: Course, places: Places, limits: Limits, *, mm_per_px: float | None
) -> BoolArray:
    """Beside the needle, what brightens close by at least as much as it darkens itself.

    Contrast along the shaft only darkens; a hub or a shaft that moved does both.
    """
    side = 2 * round(in_px(PAIR_MM, PAIR_PX, mm_per_px)) + 1
    brightening = -minimum_filter(course.late_od, side)
    enough = np.maximum(course.near_final_od, PAIR_LIMITS * limits.region_od)
    return np.asarray(places.hub & (brightening > enough))


def _joins(course: Course, near_od: FloatArray, limits: Limits) -> BoolArray:
    """Whether a pixel exceeds with its neighbours the least opacity and evidence."""
    return (near_od > limits.least_od) & (course.near_t > AVERAGED_SHARE * limits.joining_t)


def _away(region: BoolArray) -> DoubleArray:
    """Distance of every pixel from a region, infinite where it is empty."""
    if not region.any():
        return np.full(region.shape, np.inf)
    return np.asarray(distance_transform_edt(~region))


def _falling(fit: RampFit, threshold: float) -> FloatArray:
    """Position at which the ramp falls through `threshold`, infinite where it never does."""
    above = (fit.plateau > threshold) & (threshold > 0.0)
    share = np.where(above, fit.plateau / max(threshold, 1e-9), e)
    return np.where(above, fit.start + fit.rise + fit.decay * np.log(share), np.inf)


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
