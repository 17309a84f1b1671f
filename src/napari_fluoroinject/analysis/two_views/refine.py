"""How two views stand to each other, refined by points that both show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from napari_fluoroinject.analysis.two_views.triangulate import (
    LEAST_SEPARATION_DEG,
    ROUNDING_DEG,
    ViewPair,
    ray_gap,
    signed_gap_mm,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.two_views.triangulate import CommonPoint
    from napari_fluoroinject.model.arrays import DoubleArray

FEWEST_POINTS = 5
"""Points that fix how one view stands to another, but for the distance between them: each adds
one equation, for three turns and the direction of a shift (Hartley and Zisserman, 11.7)."""
_IMPROBABLE = 1e-3
"""Marks that the stated errors would disperse so far less often than this refute those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A pair whose poses were refined.

    `gap_before_mm` and `gap_after_mm` are the root mean square by which the rays to the common
    points miss each other.
    """

    pair: ViewPair
    gap_before_mm: float
    gap_after_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRefinement:
    """Why the poses stay as they were stated."""

    reason: str


def refine(pair: ViewPair, marks: Sequence[CommonPoint]) -> Refined | NoRefinement:
    """Refine the poses so that the rays to common points meet.

    A bundle adjustment (Hartley and Zisserman, 18.1) on six errors of each pose, with their
    present covariance as prior. The places of the points drop out: of four coordinates in two
    views, three go into the point and one is left, the gap of the rays over what localisation
    explains of it.

    Rays that meet tell tilt, turn and shift of one view across the plane of both beams. They tell
    little of the angle between the views, since the beams are nearly parallel (two such views
    leave depth unknown but for a factor: Koenderink and van Doorn, J Opt Soc Am A 8:377, 1991),
    and nothing of what both poses have in common. That stays as uncertain as it was stated:
    expect gaps to close and lengths to become somewhat surer, not places.

    Points to be located afterwards must not be among `marks`: they would
    count twice.

    Parameters
    ----------
    pair
        With the covariance of the stated poses.
    marks
        At least five points, spread over the field.
    """
    if len(marks) < FEWEST_POINTS:
        return NoRefinement(
            reason=f"{len(marks)} common points are marked; a refinement takes {FEWEST_POINTS} "
            "or more"
        )
    if pair.separation_deg < LEAST_SEPARATION_DEG - ROUNDING_DEG:
        return NoRefinement(reason=f"the views are only {pair.separation_deg:.0f} degrees apart")
    # the errors are root @ z with z standard Gaussian: no error stated is no freedom
    values, vectors = np.linalg.eigh(pair.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    exact = replace(pair, covariance=np.zeros((12, 12)))
    sigma = np.array([ray_gap(exact, mark)[1] for mark in marks])

    def residuals(z: DoubleArray) -> DoubleArray:
        moved = replace(exact, errors=pair.errors + root @ z)
        return np.concatenate([_gaps(moved, marks) / sigma, z])

    solved = optimize.least_squares(residuals, np.zeros(12))
    left = np.array(solved.fun[: len(marks)])
    if stats.chi2.sf(float(solved.fun @ solved.fun), len(marks)) < _IMPROBABLE:
        worst = marks[int(np.argmax(np.abs(left)))].name
        return NoRefinement(
            reason="the common points disagree by more than the stated errors explain, "
            f"{worst} most: a point is marked wrongly, or patient or table moved"
        )
    covariance = root @ np.linalg.inv(solved.jac.T @ solved.jac) @ root.T
    return Refined(
        pair=replace(pair, errors=pair.errors + root @ solved.x, covariance=covariance),
        gap_before_mm=_rms(_gaps(pair, marks)),
        gap_after_mm=_rms(left * sigma),
    )


def _gaps(pair: ViewPair, marks: Sequence[CommonPoint]) -> DoubleArray:
    return np.array([signed_gap_mm(pair, mark) for mark in marks])


def _rms(values: DoubleArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
