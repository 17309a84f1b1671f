"""Flat spaces: disc and facet joint of a lumbar level, where they lie and how wide they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.spine import Spine

_JOINT_HALF_MM = (9.0, 13.0, 6.0)
_BEHIND_TIP_MM = 2.0
_BELOW_TIP_MM = 4.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """A flat space: `axes` (3, 3) are unit rows, two in its plane and its normal.

    `half_mm` are its half widths along them; all points are patient millimetres.
    """

    centre_mm: DoubleArray
    axes: DoubleArray
    half_mm: DoubleArray

    @property
    def corners_mm(self) -> DoubleArray:
        """The corners of the box about it, (8, 3)."""
        signs = np.array(list(product((-1.0, 1.0), repeat=3)))
        return np.asarray(self.centre_mm + (signs * self.half_mm) @ self.axes)


PlaceSpace = Callable[["Spine", str, int], Space]
"""Where a space lies at a level (name) on a side (+1 left)."""


def space_along(
    centre_mm: npt.ArrayLike,
    along: npt.ArrayLike,
    across: npt.ArrayLike,
    half_mm: tuple[float, float, float],
) -> Space:
    """A flat space whose first axis is `along` (3,), its second `across` (3,) as far as square."""
    first = np.asarray(along, np.float64)
    first = first / np.linalg.norm(first)
    second = np.asarray(across, np.float64)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return Space(
        centre_mm=np.asarray(centre_mm, np.float64),
        axes=np.stack([first, second, np.cross(first, second)]),
        half_mm=np.array(half_mm),
    )


def disc(spine: Spine, level: str) -> Space:
    """The disc below a vertebra; its plane is ventral and left, its normal cranial."""
    upper, lower = spine.vertebra(level), spine.vertebra(spine.below(level))
    top = spine.world(level, (0.0, 0.0, -(upper.height_front + upper.height_back) / 4))
    bottom = spine.world(
        spine.below(level), (0.0, 0.0, (lower.height_front + lower.height_back) / 4)
    )
    normal = (top - bottom) / np.linalg.norm(top - bottom)
    ventral = spine.skeleton.bone(level).turn[:, 0]
    ventral = ventral - (ventral @ normal) * normal
    ventral = ventral / np.linalg.norm(ventral)
    half = (upper.depth / 2, upper.width_bottom / 2, float(np.linalg.norm(top - bottom)) / 2)
    return Space(
        centre_mm=(top + bottom) / 2,
        axes=np.stack([ventral, np.cross(normal, ventral), normal]),
        half_mm=np.array(half),
    )


def facet_joint(spine: Spine, level: str, side: int) -> Space:
    """The joint of a vertebra with the next one; its plane is across and cranial."""
    name = spine.below(level)
    lower = spine.vertebra(name)
    own = np.array(
        [
            lower.wall + lower.superior_x - _BEHIND_TIP_MM,
            side * (lower.superior_y - _BEHIND_TIP_MM),
            lower.superior_z - _BELOW_TIP_MM,
        ]
    )
    angle = np.radians(lower.facet_deg)
    across = np.array([np.cos(angle), -side * np.sin(angle), 0.0])
    turn = spine.skeleton.bone(name).turn
    ways = np.stack([across, [0.0, 0.0, 1.0], np.cross(across, [0.0, 0.0, 1.0])])
    return Space(
        centre_mm=spine.world(name, (float(own[0]), float(own[1]), float(own[2]))),
        axes=ways @ turn.T,
        half_mm=np.array(_JOINT_HALF_MM),
    )
