"""Where points lie that two views show, with what the stated errors leave open."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.two_views.bound import radius_mm
from napari_fluoroinject.analysis.two_views.projection import (
    axes,
    jacobians,
    project,
    ray,
    separation_deg,
)
from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.pose import CArmPose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.pose import PoseSigma

LEAST_SEPARATION_DEG = 30.0
"""Views nearer to each other give no point in space: at 1 degree and 1 mm of pose error one in
twenty would be 10 mm off at 20 degrees (simulated, see `simulation`)."""
ROUNDING_DEG = 1e-6
"""Of angles that are computed: 30 degrees are enough."""
LARGEST_GAP_MM = 3.0
"""Rays that miss each other by more are not of one point, or the poses are wrong."""
_UNEXPLAINED = 4.0
"""Rays that miss each other by so many times what the stated errors explain refute those."""
_STEPS, _STILL_MM = 10, 1e-7
_DERIVATIVE_PX = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewPair:
    """Two views, by how much their true poses differ from the stated ones, and how surely.

    `errors` (12,) that of the first, then of the second, in radians and mm (see `projection`);
    `covariance` (12, 12). Whoever knows nothing but the stated poses takes `stated_pair`.
    """

    first: CArmPose
    second: CArmPose
    errors: DoubleArray
    covariance: DoubleArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", read_only(self.errors, np.float64))
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))

    @property
    def separation_deg(self) -> float:
        """Angle between the central rays as lines, 0 to 90."""
        return separation_deg(self.first, self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A point as one view shows it: pose, (row, column), one standard deviation per axis."""

    pose: CArmPose
    point_px: Point
    sigma_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonPoint:
    """The same point of the patient as both views show it.

    `sigma_px` is one standard deviation per axis in the first view and in the second, above 0.
    """

    name: str
    first_px: Point
    second_px: Point
    sigma_px: tuple[float, float]

    def __post_init__(self) -> None:
        if not all(isfinite(sigma) and sigma > 0 for sigma in self.sigma_px):
            raise ValueError(f"{self.name}: known to {self.sigma_px} px; expected more than 0")

    @property
    def measured_px(self) -> DoubleArray:
        """Row and column in the first view, then in the second, (4,)."""
        return np.array([*self.first_px, *self.second_px], np.float64)

    @property
    def noise_px2(self) -> DoubleArray:
        """Variance of what was measured, (4,)."""
        return np.repeat(np.square(self.sigma_px), 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Triangulated:
    """A point in the patient's frame (see `CArmPose`).

    Attributes
    ----------
    point_mm
        Left, dorsal and to the head of the isocentre as the views state it.
    covariance
        (3, 3) in mm2, from localisation, angle and isocentre errors of both views.
    bound_mm
        Radius of the sphere about the point that holds the true one in 95 % of the cases, if the
        stated errors are the true ones.
    ray_gap_mm, ray_gap_sigma_mm
        By how much the two rays miss each other, and one standard deviation of what the stated
        errors explain of it. The gap is independent of the error of the point: a small one does
        not make it more certain.
    separation_deg
        Angle between the views.
    """

    point_mm: tuple[float, float, float]
    covariance: DoubleArray
    bound_mm: float
    ray_gap_mm: float
    ray_gap_sigma_mm: float
    separation_deg: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTriangulation:
    """Why there is no point in space."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Located:
    """Points found together: they share the errors of the poses.

    `points` and `refused` by name, in the order given; `covariance` (3n, 3n) of those found, in
    mm2: what the poses have in common cancels out between two of them.
    """

    points: dict[str, Triangulated]
    refused: dict[str, NoTriangulation]
    covariance: DoubleArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))

    def between(self, start: str, end: str) -> tuple[DoubleArray, DoubleArray]:
        """The way from one point to another (3,) in mm, and its covariance (3, 3) in mm2.

        Raises
        ------
        KeyError
            One of them was not found.
        """
        names = list(self.points)
        way = np.subtract(self.points[end].point_mm, self.points[start].point_mm)
        pick = np.zeros((3, 3 * len(names)))
        for name, sign in ((start, -1.0), (end, 1.0)):
            at = 3 * names.index(name)
            pick[:, at : at + 3] += sign * np.eye(3)
        return way, pick @ self.covariance @ pick.T


def stated_pair(first: CArmPose, second: CArmPose, *, sigma: PoseSigma) -> ViewPair:
    """Two views of which nothing is known but the stated poses and how wrong these may be."""
    covariance = np.zeros((12, 12))
    for k, pose in ((0, first), (6, second)):
        own = axes(pose)
        covariance[k : k + 3, k : k + 3] = own.T @ np.diag(np.radians(sigma.turns_deg) ** 2) @ own
        covariance[k + 3 : k + 6, k + 3 : k + 6] = sigma.isocentre_mm**2 * np.eye(3)
    return ViewPair(first=first, second=second, errors=np.zeros(12), covariance=covariance)


def triangulate(
    first: Sight,
    second: Sight,
    *,
    sigma: PoseSigma,
    least_separation_deg: float = LEAST_SEPARATION_DEG,
    largest_gap_mm: float = LARGEST_GAP_MM,
) -> Triangulated | NoTriangulation:
    """Find the point that two views show.

    Least squares on the four coordinates, each weighted by what localisation and pose errors leave
    open; the covariance follows from the same linear terms (Hartley and Zisserman, Multiple View
    Geometry, 2nd ed., 5.2 and 12).

    Parameters
    ----------
    first, second
        What the views show; that the patient did not move between them is for the caller to know,
        see `pairing`.
    sigma
        Errors of each stated pose.
    least_separation_deg, largest_gap_mm
        There is no point in space below the one and above the other.

    Raises
    ------
    ValueError
        A localisation error that is not above 0.
    """
    mark = CommonPoint(
        name="point",
        first_px=first.point_px,
        second_px=second.point_px,
        sigma_px=(first.sigma_px, second.sigma_px),
    )
    found = locate(
        stated_pair(first.pose, second.pose, sigma=sigma),
        [mark],
        least_separation_deg=least_separation_deg,
        largest_gap_mm=largest_gap_mm,
    )
    if isinstance(found, NoTriangulation):
        return found
    return found.points.get(mark.name) or found.refused[mark.name]


def locate(
    pair: ViewPair,
    marks: Sequence[CommonPoint],
    *,
    least_separation_deg: float = LEAST_SEPARATION_DEG,
    largest_gap_mm: float = LARGEST_GAP_MM,
) -> Located | NoTriangulation:
    """Find the points that two views show, together, since they share the errors of the poses.

    Names are taken to differ. A point whose rays miss each other is refused by itself; for the
    rest see `triangulate`.
    """
    separation = pair.separation_deg
    if separation < least_separation_deg - ROUNDING_DEG:
        return NoTriangulation(
            reason=f"the views are {separation:.0f} degrees apart; a point in space takes "
            f"{least_separation_deg:.0f} or more"
        )
    refused, kept, gaps = {}, [], []
    for mark in marks:
        gap, sigma = ray_gap(pair, mark)
        reason = _gap_speaks_against(abs(gap), sigma, largest_gap_mm)
        if reason:
            refused[mark.name] = NoTriangulation(reason=f"{mark.name}: {reason}")
        else:
            kept.append(mark)
            gaps.append((abs(gap), sigma))
    points, covariance = _adjusted(pair, kept)
    found = {}
    for k, (mark, (gap, sigma)) in enumerate(zip(kept, gaps, strict=True)):
        own = covariance[3 * k : 3 * k + 3, 3 * k : 3 * k + 3]
        x, y, z = map(float, points[k])
        found[mark.name] = Triangulated(
            point_mm=(x, y, z),
            covariance=own.copy(),
            bound_mm=radius_mm(own),
            ray_gap_mm=gap,
            ray_gap_sigma_mm=sigma,
            separation_deg=separation,
        )
    return Located(points=found, refused=refused, covariance=covariance)


def signed_gap_mm(pair: ViewPair, mark: CommonPoint) -> float:
    """By how much the rays to a point miss each other, with the side on which they do."""
    return _gap(pair, mark.measured_px)


def ray_gap(pair: ViewPair, mark: CommonPoint) -> tuple[float, float]:
    """The signed gap of the rays to a point, and what the pair's errors explain of it, in mm."""
    gap, measured = signed_gap_mm(pair, mark), mark.measured_px
    slope = np.empty(4)
    for k, step in enumerate(_DERIVATIVE_PX * np.eye(4)):
        slope[k] = (_gap(pair, measured + step) - gap) / _DERIVATIVE_PX
    by_error = _linear(pair, _halfway(pair, measured)[np.newaxis])[1][0]
    spread = by_error @ pair.covariance @ by_error.T + np.diag(mark.noise_px2)
    return gap, float(np.sqrt(slope @ spread @ slope))


def _gap_speaks_against(gap_mm: float, sigma_mm: float, largest_mm: float) -> str:
    if gap_mm > largest_mm:
        return f"the rays miss each other by {gap_mm:.1f} mm; expected {largest_mm:g} at most"
    if gap_mm > _UNEXPLAINED * sigma_mm:
        return (
            f"the rays miss each other by {gap_mm:.2g} mm, of which the stated errors explain "
            f"{sigma_mm:.2g} (one standard deviation): not one point, or errors stated too small"
        )
    return ""


def _adjusted(pair: ViewPair, marks: Sequence[CommonPoint]) -> tuple[DoubleArray, DoubleArray]:
    """Points (n, 3) by weighted least squares, and their joint covariance (3n, 3n)."""
    count = len(marks)
    if not count:
        return np.zeros((0, 3)), np.zeros((0, 0))
    measured = np.array([mark.measured_px for mark in marks])
    noise = np.diag(np.concatenate([mark.noise_px2 for mark in marks]))
    points: DoubleArray = np.array([_halfway(pair, one) for one in measured])
    covariance: DoubleArray = np.zeros((3 * count, 3 * count))
    for _ in range(_STEPS):
        by_point, by_error = _linear(pair, points)
        flat = by_error.reshape(4 * count, 12)
        weight = np.linalg.inv(flat @ pair.covariance @ flat.T + noise)
        slope = np.zeros((4 * count, 3 * count))
        for k in range(count):
            slope[4 * k : 4 * k + 4, 3 * k : 3 * k + 3] = by_point[k]
        covariance = np.asarray(np.linalg.inv(slope.T @ weight @ slope), np.float64)
        left = (measured - _expected(pair, points)).ravel()
        step = (covariance @ (slope.T @ (weight @ left))).reshape(count, 3)
        points = points + step
        if np.abs(step).max() < _STILL_MM:
            break
    return points, covariance


def _linear(pair: ViewPair, points: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """How the four coordinates of points (n, 3) change: (n, 4, 3) by mm, (n, 4, 12) by error."""
    first = jacobians(pair.first, points, error=pair.errors[:6])
    second = jacobians(pair.second, points, error=pair.errors[6:])
    by_error = np.zeros((len(points), 4, 12))
    by_error[:, :2, :6], by_error[:, 2:, 6:] = first[1], second[1]
    return np.concatenate([first[0], second[0]], axis=1), by_error


def _expected(pair: ViewPair, points: DoubleArray) -> DoubleArray:
    return np.concatenate(
        [
            project(pair.first, points, error=pair.errors[:6]),
            project(pair.second, points, error=pair.errors[6:]),
        ],
        axis=1,
    )


def _gap(pair: ViewPair, measured: DoubleArray) -> float:
    (start, way), (other, along) = _rays(pair, measured)
    across = np.cross(way, along)
    return float(across @ (other - start) / np.linalg.norm(across))


def _halfway(pair: ViewPair, measured: DoubleArray) -> DoubleArray:
    """The point halfway between the two rays where they are nearest to each other."""
    (start, way), (other, along) = _rays(pair, measured)
    apart, cosine = other - start, float(way @ along)
    reach = (apart @ way - cosine * (apart @ along)) / (1 - cosine**2)
    back = (cosine * (apart @ way) - apart @ along) / (1 - cosine**2)
    middle: DoubleArray = (start + reach * way + other + back * along) / 2
    return middle


def _rays(
    pair: ViewPair, measured: DoubleArray
) -> tuple[tuple[DoubleArray, DoubleArray], tuple[DoubleArray, DoubleArray]]:
    first = (float(measured[0]), float(measured[1]))
    second = (float(measured[2]), float(measured[3]))
    return (
        ray(pair.first, first, error=pair.errors[:6]),
        ray(pair.second, second, error=pair.errors[6:]),
    )
