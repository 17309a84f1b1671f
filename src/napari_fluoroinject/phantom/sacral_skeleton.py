"""The lumbar column on a sacrum and ilia that are drawn in full."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.lumbar_skeleton import draw_lumbar_skeleton
from napari_fluoroinject.phantom.sacral_solids import sacral_holes, sacral_solids
from napari_fluoroinject.phantom.sacroiliac import draw_joint, ilium
from napari_fluoroinject.phantom.sacrum import Sacrum, draw_segments
from napari_fluoroinject.phantom.skeleton import CanalPoint

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.skeleton import Skeleton

_L5_END_PLATE_MM = 36.5 + 55.8
"""Depth and width of the lower end plate of a mean fifth lumbar vertebra, together."""
_LEVEL_WITH_L5 = 6


def draw_sacral_skeleton(random: np.random.Generator) -> Skeleton:
    """Draw the bones of a lumbar region, the sacrum and ilia of which can be looked at closely.

    Origin in L3, x ventral, y left, z cranial, mm. The same stream gives the same lumbar spine as
    `draw_lumbar_skeleton`.
    """
    lumbar = draw_lumbar_skeleton(random)
    simple, l5 = lumbar.bone("S1"), lumbar.vertebrae["L5"]
    scale = (l5.depth + l5.width_bottom) / _L5_END_PLATE_MM
    sacrum = Sacrum(draw_segments(scale, random), origin=simple.origin, turn=simple.turn)
    joints = (draw_joint(1, scale, random), draw_joint(-1, scale, random))
    mineral = lumbar.bone("ilium").mineral
    full = Bone(
        name="S1",
        solids=sacral_solids(sacrum, joints, l5, scale),
        holes=sacral_holes(sacrum, joints),
        origin=simple.origin,
        turn=simple.turn,
        mineral=simple.mineral,
    )
    kept = tuple(bone for bone in lumbar.bones if bone.name not in ("S1", "ilium"))
    ilia = tuple(ilium(one, sacrum, scale, mineral=mineral, random=random) for one in joints)
    return replace(
        lumbar,
        bones=(*kept, full, *ilia),
        canal=(*lumbar.canal[:_LEVEL_WITH_L5], *_canal(sacrum)),
        sacrum=sacrum,
        joints=joints,
    )


def _canal(sacrum: Sacrum) -> tuple[CanalPoint, ...]:
    """The walls of the sacral canal; its depth as it is level with the patient, not with S1."""
    lean = float(np.degrees(np.arctan2(sacrum.turn[0, 2], sacrum.turn[2, 2])))
    return tuple(
        CanalPoint(
            bone="S1",
            own_mm=(float(wall[0]), float(wall[1]), float(wall[2])),
            depth_mm=depth / float(np.cos(np.radians(lean + tilt))),
        )
        for wall, depth, _, tilt in sacrum.canal_stations()
    )
