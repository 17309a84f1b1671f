"""How a needle lies in space, and against a planned axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, sqrt
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.two_views.bound import radius_mm

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.two_views.triangulate import Located
    from napari_fluoroinject.model.arrays import DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From one point to another in space.

    `length_mm` with one standard deviation; `bound_mm` the radius of the sphere that holds the
    true end, seen from the start, in 95 % of the cases; `direction` a unit vector in the patient's
    frame (see `CArmPose`); `bound_deg` the half-angle of the cone about it that holds the true
    direction in 95 % of the cases.
    """

    length_mm: float
    length_sigma_mm: float
    bound_mm: float
    direction: tuple[float, float, float]
    bound_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Angle:
    """An angle of 0 to 180 degrees with one standard deviation."""

    value_deg: float
    sigma_deg: float


def way(located: Located, start: str, end: str) -> Way | None:
    """The way between two located points, from hub to tip for example.

    None where one of them was not found or both are one point.
    """
    if not {start, end} <= set(located.points):
        return None
    vector, covariance = located.between(start, end)
    length = float(np.linalg.norm(vector))
    if length == 0:
        return None
    unit = vector / length
    across = _across(unit)
    x, y, z = map(float, unit)
    return Way(
        length_mm=length,
        length_sigma_mm=sqrt(float(unit @ covariance @ unit)),
        bound_mm=radius_mm(covariance),
        direction=(x, y, z),
        bound_deg=degrees(radius_mm(across @ covariance @ across.T) / length),
    )


def angle_between(
    located: Located, needle: tuple[str, str], planned: tuple[str, str]
) -> Angle | None:
    """Angle between the ways along a needle and along a planned axis, both located together.

    What the poses have in common cancels out. None where a point was not found or a way has no
    length. Near 0 degrees the angle is what is left of two errors and reads too large: its
    standard deviation says by how much.
    """
    names = list(located.points)
    if way(located, *needle) is None or way(located, *planned) is None:
        return None
    slopes, units = [], []
    for start, end in (needle, planned):
        vector, _ = located.between(start, end)
        length = float(np.linalg.norm(vector))
        units.append(vector / length)
        slope = np.zeros((3, 3 * len(names)))
        turn = (np.eye(3) - np.outer(units[-1], units[-1])) / length
        for name, sign in ((start, -1.0), (end, 1.0)):
            at = 3 * names.index(name)
            slope[:, at : at + 3] += sign * turn
        slopes.append(slope)
    apart = slopes[0] - slopes[1]
    spread = apart @ located.covariance @ apart.T
    value = _angle(units[0], units[1])
    # along the arc between the two; where that is shorter than its error, along the worst way
    worst = sqrt(float(np.linalg.eigvalsh(spread)[-1]))
    sigma = worst if value < worst else _along_arc(units, slopes, located.covariance)
    return Angle(value_deg=degrees(value), sigma_deg=degrees(sigma))


def _along_arc(
    units: list[DoubleArray], slopes: list[DoubleArray], covariance: DoubleArray
) -> float:
    """Standard deviation of the angle between two unit vectors that are not parallel."""
    cosine = float(units[0] @ units[1])
    sine = float(np.linalg.norm(np.cross(units[0], units[1])))
    if sine == 0:
        return sqrt(float(np.linalg.eigvalsh(slopes[0] @ covariance @ slopes[0].T)[-1]))
    toward = (units[1] - cosine * units[0]) / sine
    back = (units[0] - cosine * units[1]) / sine
    slope = -(toward @ slopes[0] + back @ slopes[1])
    return sqrt(float(slope @ covariance @ slope))


def _angle(one: DoubleArray, other: DoubleArray) -> float:
    return atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other))


def _across(unit: DoubleArray) -> DoubleArray:
    """Two unit vectors across a third, (2, 3)."""
    _, _, rows = np.linalg.svd(unit[np.newaxis])
    across: DoubleArray = rows[1:]
    return across
