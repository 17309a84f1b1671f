"""From points of the patient to pixels of a view, back to rays, and what errors of a pose do."""

from __future__ import annotations

from math import acos, cos, degrees, radians, sin, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.pose import CArmPose

# The error of a pose is (6,): a rotation vector in radians about axes through the isocentre, then
# the isocentre's shift in mm, both along the axes of the patient's frame (see CArmPose).


def axes(pose: CArmPose) -> DoubleArray:
    """Unit vectors along the columns, along the rows and from source to detector, (3, 3).

    The first is the way in which the column number rises, the second that of the row number.
    """
    p, s = radians(pose.primary_deg), radians(pose.secondary_deg)
    if pose.zero == "dorsal":
        p = np.pi - p
    return np.array(
        [
            [cos(p), sin(p), 0.0],
            [sin(p) * sin(s), -cos(p) * sin(s), -cos(s)],
            [sin(p) * cos(s), -cos(p) * cos(s), sin(s)],
        ]
    )


def project(
    pose: CArmPose, points_mm: npt.ArrayLike, *, error: npt.ArrayLike | None = None
) -> DoubleArray:
    """Pixels (row, column) of points (..., 3), shape (..., 2).

    `error` (6,) is by how much the true pose differs from the stated one.
    """
    place = _seen(pose, np.asarray(points_mm, np.float64), error)
    scale = pose.source_to_detector_mm / pose.detector_mm_per_px
    depth = pose.source_to_isocentre_mm + place[..., 2]
    seen: DoubleArray = scale * place[..., 1::-1] / depth[..., np.newaxis]
    seen += np.array(pose.principal_px)
    return seen


def ray(
    pose: CArmPose, point_px: Point, *, error: npt.ArrayLike | None = None
) -> tuple[DoubleArray, DoubleArray]:
    """The source, and the unit vector from there to a pixel: two (3,)."""
    row, column = np.subtract(point_px, pose.principal_px) * pose.detector_mm_per_px
    local = np.array([column, row, pose.source_to_detector_mm])
    own = axes(pose)
    source = -pose.source_to_isocentre_mm * own[2]
    way = local @ own
    way /= np.linalg.norm(way)
    if error is None or not np.any(error):
        return source, way
    turn, shift = _turn(error), np.asarray(error, np.float64)[3:]
    return turn @ source + shift, turn @ way


def jacobians(
    pose: CArmPose, points_mm: DoubleArray, *, error: npt.ArrayLike | None = None
) -> tuple[DoubleArray, DoubleArray]:
    """How pixels (row, column) of points (n, 3) change with the point and with the pose's error.

    Returns
    -------
    By the point, (n, 2, 3), in pixels per mm; by the error, (n, 2, 6), in pixels per radian and
    mm. Near an error of some degrees the latter is that of a further small turn.
    """
    own = axes(pose)
    place = _seen(pose, points_mm, error)
    depth = pose.source_to_isocentre_mm + place[:, 2]
    by_place = np.zeros((len(points_mm), 2, 3))
    by_place[:, 0, 1] = by_place[:, 1, 0] = 1.0
    by_place[:, :, 2] = -place[:, 1::-1] / depth[:, np.newaxis]
    by_place *= (pose.source_to_detector_mm / pose.detector_mm_per_px / depth)[:, None, None]
    turn = np.eye(3) if error is None else _turn(error)
    by_point = by_place @ own @ turn.T
    # turning the C-arm by w is turning the patient by -w: z - w x z, which is z + [z]x w
    by_turn = by_place @ own @ _crossing(place @ own)
    return by_point, np.concatenate([by_turn, -by_point], axis=2)


def separation_deg(first: CArmPose, second: CArmPose) -> float:
    """Angle between the central rays as lines, 0 to 90: opposite views show the same."""
    along = abs(float(axes(first)[2] @ axes(second)[2]))
    return degrees(acos(min(along, 1.0)))


def _seen(pose: CArmPose, points_mm: DoubleArray, error: npt.ArrayLike | None) -> DoubleArray:
    """Points in the C-arm's own axes, from its isocentre."""
    if error is not None and np.any(error):
        points_mm = (points_mm - np.asarray(error, np.float64)[3:]) @ _turn(error)
    seen: DoubleArray = points_mm @ axes(pose).T
    return seen


def _turn(error: npt.ArrayLike) -> DoubleArray:
    """The rotation by a vector (Rodrigues), (3, 3)."""
    x, y, z = np.asarray(error, np.float64)[:3].tolist()
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = sqrt(x * x + y * y + z * z)
    # sin(a) / a and (1 - cos(a)) / a^2, which numpy's sinc writes with a factor of pi
    first, second = np.sinc(angle / np.pi), np.sinc(angle / 2 / np.pi) ** 2 / 2
    turn: DoubleArray = np.eye(3) + first * across + second * (across @ across)
    return turn


def _crossing(vectors: DoubleArray) -> DoubleArray:
    """Matrices (n, 3, 3) that take w to the cross product of each vector (n, 3) with w."""
    crossing = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    crossing[:, 0, 1], crossing[:, 0, 2] = -z, y
    crossing[:, 1, 0], crossing[:, 1, 2] = z, -x
    crossing[:, 2, 0], crossing[:, 2, 1] = -y, x
    return crossing
