"""Lines, areas and spaces of the sacrum that targets, limits and patterns are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.scenery import Landmark
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.spaces import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine

FAR_MM = 8.0
_BORDER_HALF_MM = 24.0
_LOWEST_SHARE = 1.2
"""Where the round end of the joint's caudal limb lies, as a share of its middle line."""
_CLEAR_MM = 3.0
_FIBRES_RAD = np.radians(28.0)
"""How far from caudal to lateral the fibres of gluteus run (assumed)."""
_SEGMENTS = ("S1", "S2", "S3", "S4")


def end_plates(spine: Spine, views: Sequence[str]) -> Landmark:
    """The upper end plates of L5 and S1 and the upper borders of S2 and S3."""
    l5 = spine.vertebra("L5")
    points = [spine.world("L5", (0.0, 0.0, (l5.height_front + l5.height_back) / 4))]
    for name in ("S1", "S2", "S3"):
        one = spine.sacrum.segments[name]
        points.append(spine.sacrum.world(name, (one.depth / 2, 0.0, one.height / 2)))
    return Landmark(points_mm=np.array(points), views=tuple(views), level="L5")


def midline(spine: Spine, views: Sequence[str]) -> Landmark:
    """The midline at the dorsal walls of the bodies of L5 to S4."""
    points = [spine.world("L5", (spine.vertebra("L5").wall, 0.0, 0.0))]
    points += [spine.sacrum.world(name, (0.0, 0.0, 0.0)) for name in _SEGMENTS]
    return common.line(points, views)


def s3_upper_border(spine: Spine, views: Sequence[str]) -> Landmark:
    """The height at which the canal passes the upper border of S3, level in every view."""
    middle = spine.sacrum.upper_border("S3", 0.5)
    ends = [
        middle + np.array([sign * 0.7 * _BORDER_HALF_MM, sign * _BORDER_HALF_MM, 0.0])
        for sign in (-1.0, 1.0)
    ]
    return common.line(ends, views, beyond=(0.0, 0.0, FAR_MM))


def canal_wall(spine: Spine, views: Sequence[str]) -> Landmark:
    """The ventral wall of the sacral canal, S1 to S3; its far side is ventral."""
    points = spine.sacrum.place(spine.sacrum.canal_wall())[:4]
    return common.line(points, views, beyond=(FAR_MM, 0.0, 0.0))


def pedicle_line(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """The medial borders of the pedicles of L5 and S1; the far side is medial."""
    l5, s1 = spine.vertebra("L5"), spine.sacrum.segments["S1"]
    upper = spine.world("L5", (l5.wall, side * l5.pedicle_inner, l5.pedicle_z))
    places = [(0.0, side * s1.canal_half, z) for z in (0.3 * s1.height, -0.3 * s1.height)]
    points = [upper, *(spine.sacrum.world("S1", own) for own in places)]
    return common.line(points, views, beyond=(0.0, -side * FAR_MM, 0.0))


def foramen_area(
    spine: Spine, numbers: Sequence[int], side: int, views: Sequence[str], *, deep_mm: float = 0.0
) -> Landmark:
    """Dorsal foramina of a side: their rims, and these `deep_mm` farther ventrally."""
    depths = (0.0, deep_mm) if deep_mm else (0.0,)
    rims = [
        spine.sacrum.foramen_rim(number, side, deep_mm=deep)
        for number in numbers
        for deep in depths
    ]
    return common.area(np.concatenate(rims), views)


def sacral_bone(spine: Spine, views: Sequence[str]) -> Landmark:
    """The bodies of S2 to S5, ventral of the canal."""
    points: list[DoubleArray] = []
    for name in ("S2", "S3", "S4", "S5"):
        one = spine.sacrum.segments[name]
        points += [
            spine.sacrum.world(name, (x, 0.0, z))
            for x in (0.5, one.depth)
            for z in (0.48 * one.height, -0.48 * one.height)
        ]
    return common.area(np.array(points), views)


def behind_sacrum(spine: Spine) -> Space:
    """Soft tissue behind the lower sacrum; its plane is along the bone and across."""
    sacrum = spine.sacrum
    half = np.array([22.0, 16.0, 8.0])
    way = sacrum.dorsal_way("S4")
    up = sacrum.way("S4", (0.0, 0.0, 1.0))
    centre = sacrum.dorsal("S4", 0.0, 7.0, above=6.0 + half[2])
    return Space(centre_mm=centre, axes=np.stack([up, np.cross(way, up), way]), half_mm=half)


def ventral_border(spine: Spine, views: Sequence[str]) -> Landmark:
    """The ventral border of the sacrum in the midline; its far side is ventral."""
    points = []
    for name in (*_SEGMENTS, "S5"):
        one = spine.sacrum.segments[name]
        points.append(spine.sacrum.world(name, (one.depth, 0.0, 0.0)))
    return common.line(points, views, beyond=(FAR_MM, 0.0, 0.0))


def dorsal_border(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """The dorsal surface about the foramina of a side; its far side is ventral."""
    points = [spine.sacrum.foramen(number, side) for number in (1, 2, 3, 4)]
    return common.line(points, views, beyond=(FAR_MM, 0.0, 0.0))


def joint_line(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """The posterior line of a sacroiliac joint: the dorsal margin of its caudal limb."""
    joint = spine.sacroiliac(side)
    points = [spine.sacrum.place(joint.limb(share, 0.9)) for share in np.linspace(0.35, 1.0, 6)]
    return common.line(points, views)


def below_joint(spine: Spine, side: int) -> Space:
    """Soft tissue below and beside the lower end of a sacroiliac joint, where gluteus lies."""
    end = spine.sacrum.place(spine.sacroiliac(side).limb(_LOWEST_SHARE, 0.0))
    half = np.array([17.0, 13.0, 7.0])
    lateral, caudal = np.sin(_FIBRES_RAD), np.cos(_FIBRES_RAD)
    along = np.array([0.0, side * lateral, -caudal])
    across = np.array([0.0, caudal, side * lateral])
    centre = end + (_CLEAR_MM + half[0]) * along + np.array([-8.0, 0.0, 0.0])
    return Space(
        centre_mm=centre, axes=np.stack([along, across, np.cross(along, across)]), half_mm=half
    )
