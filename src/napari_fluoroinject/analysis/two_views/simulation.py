"""Whether bounds hold: two views simulated with errors of their poses, again and again.

Poses are stated without error and are wrong by Gaussian errors about each axis, points are marked
with Gaussian errors: what is simulated is what `PoseSigma` states. Nothing here was seen in a
patient; a real C-arm errs in other ways, too (sag, distances, a detector that is not square on).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.two_views.projection import axes, project
from napari_fluoroinject.analysis.two_views.projection import separation_deg as apart
from napari_fluoroinject.analysis.two_views.triangulate import (
    LARGEST_GAP_MM,
    LEAST_SEPARATION_DEG,
    Sight,
    Triangulated,
    triangulate,
)
from napari_fluoroinject.model.pose import CArmPose, PoseSigma

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

SEPARATIONS_DEG = (20.0, 30.0, 45.0, 60.0, 90.0)
"""Angles between the views of the table."""
POSE_SIGMAS = tuple(
    PoseSigma(angle_deg=size, isocentre_mm=size, roll_deg=0.0) for size in (0.0, 0.5, 1.0, 2.0)
)
"""Errors of the poses in the table: as many degrees as millimetres; pictures do not turn."""
MARKED_PX = 2.0
"""Standard deviation per axis to which a tip is marked, in the table."""
_SID_MM, _SOD_MM, _PITCH_MM, _MIDDLE_PX = 1000.0, 700.0, 0.30, (511.5, 511.5)
_REACH_MM = 40.0
"""Points lie so far from the isocentre along each axis, at most."""
_TILTED_DEG = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Errors of simulated points: how far off they were, and how often the bound held.

    `given` of the `pairs` were not refused for rays that miss each other by more than 3 mm. Mean,
    95th percentile and the mean bound are in mm, over all pairs; coverage is the share of cases
    within the bound, of all pairs and of those that were given.
    """

    pairs: int
    given: int
    mean_mm: float
    p95_mm: float
    gap_mm: float
    bound_mm: float
    coverage: float
    coverage_given: float


def simulated_errors(
    sigma: PoseSigma,
    *,
    separation_deg: float | None = None,
    pairs: int = 1000,
    seed: int = 0,
    sigma_px: float = MARKED_PX,
) -> Errors:
    """Triangulate a point of every simulated pair of views.

    Distances, detector pixel, range of points and localisation are those of the table of
    `error_table`. Without a separation each pair has its own, even between 30 and 90 degrees,
    and each view its own tilt.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[float, float, float]] = []
    while len(rows) < pairs:
        row = _one(sigma, separation_deg, sigma_px, random)
        # once in 16,000 a gap is four standard deviations and the stated errors count as refuted
        rows += [] if row is None else [row]
    missed, bound, gap = np.array(rows).T
    given = gap <= LARGEST_GAP_MM
    held = missed <= bound
    return Errors(
        pairs=pairs,
        given=int(given.sum()),
        mean_mm=float(missed.mean()),
        p95_mm=float(np.quantile(missed, 0.95)),
        gap_mm=float(gap.mean()),
        bound_mm=float(bound.mean()),
        coverage=float(held.mean()),
        coverage_given=float(held[given].mean()) if given.any() else float("nan"),
    )


def error_table(*, pairs: int = 1500, seed: int = 0) -> dict[tuple[float, float], Errors]:
    """Errors by separation in degrees and by pose error (degrees, and as many mm)."""
    return {
        (separation, sigma.angle_deg): simulated_errors(
            sigma, separation_deg=separation, pairs=pairs, seed=seed
        )
        for separation in SEPARATIONS_DEG
        for sigma in POSE_SIGMAS
    }


def wrong_by(pose: CArmPose, sigma: PoseSigma, random: np.random.Generator) -> DoubleArray:
    """Draw by how much the true pose differs from the stated one, (6,), see `projection`."""
    turn = (np.radians(sigma.turns_deg) * random.standard_normal(3)) @ axes(pose)
    return np.concatenate([turn, sigma.isocentre_mm * random.standard_normal(3)])


def pose_at(primary_deg: float, secondary_deg: float = 0.0) -> CArmPose:
    """The C-arm of the table at two angles."""
    return CArmPose(
        source_to_detector_mm=_SID_MM,
        source_to_isocentre_mm=_SOD_MM,
        primary_deg=primary_deg,
        secondary_deg=secondary_deg,
        detector_mm_per_px=_PITCH_MM,
        principal_px=_MIDDLE_PX,
    )


def views_apart(separation_deg: float | None, random: np.random.Generator) -> tuple[CArmPose, ...]:
    """Draw two views: so far apart, or 30 to 90 degrees and each with a tilt of its own."""
    if separation_deg is not None:
        start = random.uniform(-90, 90)
        return pose_at(start), pose_at(start + separation_deg)
    while True:
        start = random.uniform(-90, 90)
        tilts = random.uniform(-_TILTED_DEG, _TILTED_DEG, 2)
        views = (
            pose_at(start, float(tilts[0])),
            pose_at(start + random.uniform(LEAST_SEPARATION_DEG, 90), float(tilts[1])),
        )
        if apart(*views) >= LEAST_SEPARATION_DEG:
            return views


def _one(
    sigma: PoseSigma,
    separation_deg: float | None,
    sigma_px: float,
    random: np.random.Generator,
) -> tuple[float, float, float] | None:
    """One pair: by how much its point was missed, its bound, its gap; None where refused."""
    truth = random.uniform(-_REACH_MM, _REACH_MM, 3)
    sights = []
    for pose in views_apart(separation_deg, random):
        seen = project(pose, truth, error=wrong_by(pose, sigma, random))
        row, column = map(float, seen + sigma_px * random.standard_normal(2))
        sights.append(Sight(pose=pose, point_px=(row, column), sigma_px=sigma_px))
    found = triangulate(*sights, sigma=sigma, least_separation_deg=0, largest_gap_mm=float("inf"))
    if not isinstance(found, Triangulated):
        return None
    missed = float(np.linalg.norm(np.subtract(found.point_mm, truth)))
    return missed, found.bound_mm, found.ray_gap_mm
