"""Lines and areas about joints and bone of neck and chest that limits and patterns are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.scenes import common

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.scenery import Landmark
    from napari_fluoroinject.phantom.spaces import Space
    from napari_fluoroinject.phantom.spine import Spine

_BEYOND_MM = 8.0
_JOINT_SHARE = 0.8
_SKIN_MM = 62.0
"""How far from the target a planned way is marked: about to the skin."""


def canal_border(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """The lateral border of the canal along the medial borders of the pedicles of one side."""
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        points.append(spine.world(name, (bone.wall, side * bone.pedicle_inner, bone.pedicle_z)))
    return common.line(points, views, beyond=(0.0, -side * _BEYOND_MM, 0.0))


def joint_line(joint: Space, views: Sequence[str]) -> Landmark:
    """The line of a joint along its second axis, where a beam along its first sees it."""
    reach = _JOINT_SHARE * joint.half_mm[1] * joint.axes[1]
    return common.line([joint.centre_mm + reach, joint.centre_mm - reach], views)


def planned(target: DoubleArray, approach: DoubleArray, views: Sequence[str]) -> Landmark:
    """The planned way of a needle from skin to target."""
    return common.line([target + _SKIN_MM * approach, target], views)


def box_area(
    centre: DoubleArray,
    axes: npt.ArrayLike,
    ends_mm: Sequence[tuple[float, float]],
    views: Sequence[str],
) -> Landmark:
    """The outline of a box: from and to along each of three unit axes (3, 3) from `centre`."""
    ways = np.asarray(axes, np.float64)
    corners = np.array(np.meshgrid(*ends_mm, indexing="ij")).reshape(3, -1).T
    return common.area(centre + corners @ ways, views)
