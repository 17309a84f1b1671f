"""Lines and areas of the lumbar spine that limits and patterns are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.spaces import disc, facet_joint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.scenery import Landmark
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vertebra import Vertebra

_BESIDE_MM = 8.0
_VENTRAL_MM = 8.0

_PROCESS_MM = (6.6, 5.2)
"""Half width of a superior articular process at foot and tip, as the lumbar bones have it."""
_PSOAS_MM = (18.0, 26.0, 32.0, 34.0)

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

    The far side of the `outer` border is lateral, of the others medial.
    """
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        y = {"inner": bone.pedicle_inner, "middle": bone.pedicle_y, "outer": bone.pedicle_outer}
        points.append(spine.world(name, (bone.wall, side * y[of], bone.pedicle_z)))
    beyond = _BESIDE_MM if of == "outer" else -_BESIDE_MM
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


def superior_front(bone: Vertebra, share: float) -> DoubleArray:
    """The ventral border of the superior articular process, `share` of its way up: own x, z."""
    foot = np.array([bone.wall - 9.5, bone.pedicle_z - 1.0])
    tip = np.array([bone.wall + bone.superior_x, bone.superior_z - 4.5])
    along = (tip - foot) / np.linalg.norm(tip - foot)
    thick = _PROCESS_MM[0] + share * (_PROCESS_MM[1] - _PROCESS_MM[0])
    border: DoubleArray = foot + share * (tip - foot) + thick * np.array([along[1], -along[0]])
    return border


def posterior_foramen_border(
    spine: Spine, level: str, side: int, views: Sequence[str]
) -> Landmark:
    """The dorsal border of the foramen below a level: articular process, then isthmus above."""
    lower, upper = spine.vertebra(spine.below(level)), spine.vertebra(level)
    points = []
    for share in (0.2, 0.95):
        x, z = superior_front(lower, share)
        points.append(spine.world(spine.below(level), (x, side * lower.superior_y, z)))
    roof = upper.pedicle_z - upper.pedicle_height / 2
    points.append(spine.world(level, (upper.wall - 9.5, side * upper.pedicle_y, roof)))
    return common.line(points[::-1], views, beyond=(_VENTRAL_MM, 0.0, 0.0))


def posterior_annulus(spine: Spine, level: str, views: Sequence[str]) -> Landmark:
    """The dorsal border of the disc below a level, from rim to rim."""
    upper, lower = spine.vertebra(level), spine.vertebra(spine.below(level))
    points = [
        spine.world(level, (upper.wall, 0.0, -upper.height_back / 2)),
        spine.world(spine.below(level), (lower.wall, 0.0, lower.height_back / 2)),
    ]
    return common.line(points, views, beyond=(_VENTRAL_MM, 0.0, 0.0))


def anterior_line(spine: Spine, views: Sequence[str]) -> Landmark:
    """A line along the ventral rims of the bodies."""
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        ends = (bone.height_front / 2, -bone.height_front / 2)
        points += [spine.world(name, (bone.depth / 2, 0.0, z)) for z in ends]
    return common.line(points, views, beyond=(_VENTRAL_MM, 0.0, 0.0))


def lateral_line(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """A line along the margins of the bodies of one side, rim, waist, rim."""
    points = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        high = (bone.height_front + bone.height_back) / 4
        for width, z in (
            (bone.width_top, high),
            (bone.width_waist, 0.0),
            (bone.width_bottom, -high),
        ):
            points.append(spine.world(name, (0.0, side * width / 2, z)))
    return common.line(points, views)


def psoas_area(spine: Spine, side: int, views: Sequence[str]) -> Landmark:
    """The psoas beside the bodies, from the first to the fourth lumbar vertebra.

    It begins at their margins and grows towards the feet (widths assumed).
    """
    points = []
    for name, wide in zip(("L1", "L2", "L3", "L4"), _PSOAS_MM, strict=True):
        bone = spine.vertebra(name)
        lateral = max(bone.width_top, bone.width_bottom) / 2 + 2.0
        points += [spine.world(name, (2.0, side * (lateral + far), 0.0)) for far in (0.0, wide)]
    return common.area(np.array(points), views)
