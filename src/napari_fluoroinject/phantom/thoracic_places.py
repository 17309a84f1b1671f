"""Places of the thoracic spine that needles aim for or must keep off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import thoracic
from napari_fluoroinject.phantom.chest import pleura_y
from napari_fluoroinject.phantom.spaces import Space

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine

_JOINT_HALF_MM = (5.0, 6.0, 3.0)
"""Half width, half height and half thickness with recesses (assumed)."""
_PLEURA_X_MM = (-38.0, -26.0, -14.0, -2.0, 10.0)
_CORNER_MM = 3.6


def facet_joint(spine: Spine, level: str, side: int) -> Space:
    """The joint of a vertebra with the next one; its axes are across, cranial and its normal."""
    name = spine.below(level)
    lower = spine.vertebra(name)
    normal = np.array(thoracic.facet_normal(lower, side))
    up = np.array([0.0, 0.0, 1.0]) - normal[2] * normal
    up /= np.linalg.norm(up)
    turn = spine.skeleton.bone(name).turn
    ways = np.stack([np.cross(up, normal), up, normal])
    return Space(
        centre_mm=spine.world(name, thoracic.facet_middle(lower, side)),
        axes=ways @ turn.T,
        half_mm=np.array(_JOINT_HALF_MM),
    )


def transverse_corner(spine: Spine, level: str, side: int) -> DoubleArray:
    """The superolateral corner of a transverse process, on its dorsal face (3,)."""
    bone = spine.vertebra(level)
    own = (
        bone.wall + bone.transverse_x - 2.0,
        side * (bone.transverse_span / 2 - 5.0 + _CORNER_MM),
        bone.transverse_z + _CORNER_MM,
    )
    return spine.world(level, own)


def foramen(spine: Spine, level: str, side: int) -> DoubleArray:
    """The outline of the foramen below the pedicle of a level (n, 3), between the pedicles."""
    upper, name = spine.vertebra(level), spine.below(level)
    lower = spine.vertebra(name)
    y, top = side * upper.pedicle_y, upper.pedicle_z - upper.pedicle_height / 2
    low, floor = side * lower.pedicle_y, lower.pedicle_z + lower.pedicle_height / 2
    points = [spine.world(level, (upper.wall + x, y, top)) for x in (-0.5, -7.0)]
    points += [spine.world(level, (upper.wall + x, y, top - 4.0)) for x in (0.5, -9.0)]
    points += [spine.world(name, (lower.wall + x, low, floor)) for x in (-0.5, -5.5)]
    return np.array(points)


def foramen_middle(spine: Spine, level: str, side: int) -> DoubleArray:
    """The middle of the foramen below the pedicle of a level (3,)."""
    middle: DoubleArray = foramen(spine, level, side).mean(axis=0)
    return middle


def pleura(spine: Spine, level: str, side: int) -> DoubleArray:
    """Points (n, 3) of the pleura beside a level and its neighbours, where it faces the spine."""
    z = float(spine.world(level, (0.0, 0.0, 0.0))[2])
    heights = z + spine.pitch_mm * np.linspace(-1.5, 1.0, 6)
    return np.array(
        [(x, side * pleura_y(x, height), height) for x in _PLEURA_X_MM for height in heights]
    )
