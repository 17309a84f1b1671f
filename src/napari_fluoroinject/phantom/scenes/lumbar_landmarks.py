"""Lines and areas of the lumbar spine that limits and patterns are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.spaces import disc, facet_joint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.phantom.scenery import Landmark
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vertebra import Vertebra

_BESIDE_MM = 8.0
_VENTRAL_MM = 8.0

PedicleBorder = Literal["inner", "middle", "outer"]


def end_plates(spine: Spine, views: Sequence[str]) -> Landmark:
    """The upper end plates from the twelfth thoracic vertebra on."""
    first = spine.vertebra(spine.levels[0])
    height = (first.height_front + first.height_back) / 2
    return common.end_plates(spine, views, above=("T12", height))


def ventral_interlaminar_line(
    spine: Spine, views: Sequence[str], *, side: int | None = None
) -> Landmark:
    """The ventral borders of the laminae: in the midline, or of one side as a beam grazes them.

    A contralateral oblique beam runs along the laminae of the needle's side.
    """
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        x, y = bone.wall - bone.canal_depth, 0.0
        if side is not None:
            x, y = grazed(bone)[0], side * grazed(bone)[1]
        points += [spine.world(name, (x, y, z)) for z in (bone.arch_top, bone.arch_bottom)]
    return common.line(points, views, beyond=(_VENTRAL_MM, 0.0, 0.0))


def grazed(bone: Vertebra) -> tuple[float, float]:
    """Where a beam at 45 degrees grazes a lamina from within: x, and distance from the midline.

    Across, the canal is an ellipse; there its wall runs along the beam.
    """
    deep, wide = bone.canal_depth / 2, bone.pedicle_inner
    far = float(np.hypot(deep, wide))
    return bone.wall - deep - deep**2 / far, wide**2 / far


def canal_middle(spine: Spine, views: Sequence[str]) -> Landmark:
    """The middle of the vertebral canal between its walls."""
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        points.append(spine.world(name, (bone.wall - bone.canal_depth / 2, 0.0, 0.0)))
    return common.line(points, views, beyond=(_VENTRAL_MM, 0.0, 0.0))


def pedicle_line(
    spine: Spine, side: int, views: Sequence[str], *, of: PedicleBorder = "inner"
) -> Landmark:
    """A line along the pedicles of one side.

    Of the `middle` the far side is medial, of the `outer` border lateral; the `inner` border
    limits nothing.
    """
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        y = {"inner": bone.pedicle_inner, "middle": bone.pedicle_y, "outer": bone.pedicle_outer}
        points.append(spine.world(name, (bone.wall, side * y[of], bone.pedicle_z)))
    beyond = {"inner": None, "middle": -_BESIDE_MM, "outer": _BESIDE_MM}[of]
    if beyond is None:
        return common.line(points, views)
    return common.line(points, views, beyond=(0.0, side * beyond, 0.0))


def pedicle_area(spine: Spine, level: str, side: int, views: Sequence[str]) -> Landmark:
    """The eye of a pedicle."""
    bone = spine.vertebra(level)
    turn = np.linspace(0.0, 2 * np.pi, 12, endpoint=False)
    half = (bone.pedicle_outer - bone.pedicle_inner) / 2
    y = side * (bone.pedicle_y + half * np.cos(turn))
    z = bone.pedicle_z + bone.pedicle_height / 2 * np.sin(turn)
    points = [spine.world(level, (bone.wall, *at)) for at in zip(y, z, strict=True)]
    return common.area(np.array(points), views)


def disc_area(spine: Spine, level: str, views: Sequence[str]) -> Landmark:
    """The disc below a level."""
    return common.area(disc(spine, level).corners_mm, views)


def facet_area(spine: Spine, level: str, side: int, views: Sequence[str]) -> Landmark:
    """The facet joint below a level and its recesses."""
    return common.area(facet_joint(spine, level, side).corners_mm, views)


def foramen_area(spine: Spine, level: str, side: int, views: Sequence[str]) -> Landmark:
    """The foramen below the pedicle of a level, a sheet in the plane of the pedicles."""
    upper, lower = spine.vertebra(level), spine.vertebra(spine.below(level))
    y, top = side * upper.pedicle_y, upper.pedicle_z - upper.pedicle_height / 2
    roof = [spine.world(level, (upper.wall + x, y, top)) for x in (-1.0, -11.0)]
    waist = [spine.world(level, (upper.wall + x, y, top - 9.0)) for x in (1.0, -10.0)]
    floor_z, floor_y = lower.pedicle_z + lower.pedicle_height / 2, side * lower.pedicle_y
    floor = [
        spine.world(spine.below(level), (lower.wall + x, floor_y, floor_z)) for x in (-1.0, -7.0)
    ]
    return common.area(np.array([*roof, *waist, *floor]), views)
