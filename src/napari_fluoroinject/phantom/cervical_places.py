"""Places of the cervical spine: facet joints, articular pillars, foramina, vertebral artery."""

from __future__ import annotations

from math import cos, radians, sin, tan
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom.cervical import CervicalVertebra
from napari_fluoroinject.phantom.spaces import Space

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.bone import Bone
    from napari_fluoroinject.phantom.spine import Spine

_JOINT_HALF_MM = (6.5, 8.5, 3.0)
"""A joint and its recesses: across, along its slope, square to it (assumed)."""


def vertebra(spine: Spine, level: str) -> CervicalVertebra:
    """The dimensions of a cervical vertebra (or the first thoracic one).

    Raises
    ------
    PhantomError
        The spine is not drawn as a cervical one.
    """
    bone = spine.vertebra(level)
    if not isinstance(bone, CervicalVertebra):
        raise PhantomError(f"{level} is no cervical vertebra; expected a scene of the neck")
    return bone


def facet_joint(spine: Spine, level: str, side: int) -> Space:
    """The joint of a vertebra with the next one.

    Its plane is across (left) and ventro-cranial, its normal dorso-cranial.
    """
    below = spine.below(level)
    return joint_between(
        (vertebra(spine, level), spine.skeleton.bone(level)),
        (vertebra(spine, below), spine.skeleton.bone(below)),
        side,
    )


def joint_between(
    upper: tuple[CervicalVertebra, Bone], lower: tuple[CervicalVertebra, Bone], side: int
) -> Space:
    """The joint between the pillars of two vertebrae, half way between them."""
    slope = radians(lower[0].slope_deg)
    own = np.array(
        [[0.0, 1.0, 0.0], [cos(slope), 0.0, sin(slope)], [-sin(slope), 0.0, cos(slope)]]
    )
    ends = [
        bone.world((one.wall + one.pillar_x, side * one.pillar_y, one.pillar_z))
        for one, bone in (upper, lower)
    ]
    return Space(
        centre_mm=(ends[0] + ends[1]) / 2,
        axes=own @ lower[1].turn.T,
        half_mm=np.array(_JOINT_HALF_MM),
    )


def pillar_centre(spine: Spine, level: str, side: int) -> DoubleArray:
    """The middle of an articular pillar, (3,): the centroid that lateral views aim at."""
    bone = vertebra(spine, level)
    return spine.world(level, (bone.wall + bone.pillar_x, side * bone.pillar_y, bone.pillar_z))


def pillar_waist(spine: Spine, level: str, side: int) -> DoubleArray:
    """The lateral face of a pillar at its waist, (3,)."""
    bone = vertebra(spine, level)
    lateral = side * (bone.pillar_y + 0.32 * bone.pillar_width)
    return spine.world(level, (bone.wall + bone.pillar_x, lateral, bone.pillar_z))


def pillar_corners(spine: Spine, level: str, side: int) -> DoubleArray:
    """The corners of a pillar, (8, 3): a rhomboid from the side.

    In the order of ventral and dorsal, medial and lateral, cranial and caudal.
    """
    bone = vertebra(spine, level)
    rise, half = tan(radians(bone.slope_deg)), bone.pillar_height / 2
    points = []
    for x in (bone.pillar_depth / 2, -bone.pillar_depth / 2):
        for y in (-bone.pillar_width / 2, bone.pillar_width / 2):
            for z in (half, -half):
                own = (
                    bone.wall + bone.pillar_x + x,
                    side * (bone.pillar_y + y),
                    bone.pillar_z + z + x * rise,
                )
                points.append(spine.world(level, own))
    return np.array(points)


def foramen_corners(spine: Spine, level: str, side: int) -> DoubleArray:
    """The foramen below a vertebra's pedicle, (n, 3): a sheet square to its way out.

    Ventrally it ends at the body and the uncinate process of the next vertebra, dorsally at the
    superior articular process.
    """
    lower_level = spine.below(level)
    upper, lower = vertebra(spine, level), vertebra(spine, lower_level)
    roof = upper.pedicle_z - upper.pedicle_height / 2
    floor = lower.pedicle_z + lower.pedicle_height / 2
    ends = ((level, upper, roof), (lower_level, lower, floor))
    points = []
    for name, bone, z in ends:
        inward = -1.0 if name == level else 1.0
        ventral = (bone.wall + 1.2, side * (bone.pedicle_inner - 0.8))
        dorsal = (bone.wall - 3.2, side * (bone.pedicle_inner + 3.4))
        for share, high in ((0.1, 2.2), (0.5, 0.0), (0.9, 2.2)):
            x, y = ((1 - share) * a + share * b for a, b in zip(ventral, dorsal, strict=True))
            points.append(spine.world(name, (x, y, z + inward * high)))
    return np.array(points)


def artery(spine: Spine, level: str, side: int) -> DoubleArray:
    """Where the vertebral artery passes a vertebra, (3,)."""
    bone = vertebra(spine, level)
    return spine.world(level, (bone.wall + bone.artery_x, side * bone.artery_y, 0.0))
