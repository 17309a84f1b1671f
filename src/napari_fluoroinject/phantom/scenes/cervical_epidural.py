"""Cervical epidural injections: interlaminar and transforaminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.compartments import EpiduralSpace, epidural_film
from napari_fluoroinject.phantom.misplaced import (
    closed_film,
    sac_film,
    subdural_film,
    tip_in_sac,
    tip_off_by,
)
from napari_fluoroinject.phantom.pools import blob_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import cervical_landmarks as necks
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_ALONG_TIP = ("tip_past_limit", "tip_off_target")
_BEFORE_ARCH_MM = 1.0
_BEND_MM = 4.0
_HALF_MM = (10.0, 11.5)
_SLEEVE_MM = ((1.4, 2.1), (0.9, 1.5))
_SLOPE_DEG = (66.0, 80.0)
_JOINT_SHARE = (0.7, 0.8)
_FORAMINAL_DEG = 55.0
_MEDIAL_MM = 8.0
# Gaps: 0.5 to 1 mm dorsally and ventrally; roots leave ventrally and 10 to 15 degrees caudally
# (assumed, as is all else here).
DORSAL = EpiduralSpace(
    dorsal=True,
    half_mm=_HALF_MM,
    thick_mm=(0.5, 1.0),
    pad_mm=0.3,
    before_arch_mm=_BEFORE_ARCH_MM,
    bend_mm=_BEND_MM,
    sleeve_mm=_SLEEVE_MM,
    slope_deg=_SLOPE_DEG,
    across_mm=34.0,
    root_mm=4.5,
    forward=0.5,
)
VENTRAL = EpiduralSpace(
    dorsal=False,
    half_mm=_HALF_MM,
    thick_mm=(0.5, 0.9),
    pad_mm=0.2,
    sleeve_mm=_SLEEVE_MM,
    slope_deg=_SLOPE_DEG,
    across_mm=34.0,
    root_mm=4.5,
    forward=0.5,
)


def _aim_interlaminar(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Paramedian in the dorsal epidural space between two laminae, from caudal."""
    upper, lower = spine.vertebra(level), spine.vertebra(spine.below(level))
    lateral = random.uniform(1.0, 4.0)
    before = _BEFORE_ARCH_MM + _BEND_MM * (lateral / _HALF_MM[0]) ** 2
    above = (upper.wall - upper.canal_depth + before, side * lateral, upper.arch_bottom)
    beneath = (lower.wall - lower.canal_depth + before, side * lateral, lower.arch_top)
    share = random.uniform(0.35, 0.65)
    ends = spine.world(level, above), spine.world(spine.below(level), beneath)
    return Aim(
        target_mm=(1 - share) * ends[0] + share * ends[1],
        approach=common.direction(side * random.uniform(0, 12), -random.uniform(14, 34)),
    )


def _interlaminar_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    joint = places.facet_joint(spine, level, side)
    return {
        "ventral_interlaminar_line": marks.ventral_interlaminar_line(spine, ("CLO",)),
        "spinolaminar_line": marks.ventral_interlaminar_line(spine, ("LAT",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": necks.end_plates(spine, ("AP", "CLO", "LAT")),
        "facet_joint": common.area(joint.corners_mm, ("AP", "CLO")),
    }


def _tip_deep(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip 3.5 mm or more beyond the margin of 2 mm as a contralateral oblique view shows it."""
    z = float(site.tip_mm[2])
    lateral, beyond = 1.0, random.uniform(6.0, 7.5)
    arch = float(spine.wall_x(z)) - float(spine.canal_depth(z))
    deep = lateral + 1.35 * beyond
    return np.array([arch + deep, float(spine.midline_y(z)) + site.side * lateral, z])


def _tip_in_joint(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    return places.facet_joint(spine, site.level, site.side).centre_mm


def _joint_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    space, thick = places.facet_joint(spine, site.level, site.side), random.uniform(1.4, 2.4)
    return closed_film(space, _JOINT_SHARE, thick, site, random)


def _interlaminar_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Epidural veins behind the bodies, a radiculomedullary artery, deep cervical vessels."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((0.8, 0.6), wall + 3.0),
        ((0.25, 1.0), wall - 1.0),
        ((-0.9, -0.5), wall + 2.0),
        ((0.1, -1.0), wall - 1.0),
    )
    return common.courses(ways, target, side)


def _aim_foramen(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """In the dorsal foramen, before the superior articular process, lateral of its middle."""
    lower = spine.below(level)
    bone = places.vertebra(spine, lower)
    turn = np.radians(_FORAMINAL_DEG)
    wall_x, wall_y = _posterior_wall(spine, lower)
    y = bone.pillar_y + random.uniform(1.9, 2.7)
    before = random.uniform(0.3, 1.5)
    x = wall_x + ((y - wall_y) * np.cos(turn) + before) / np.sin(turn)
    z = bone.pedicle_z + bone.pedicle_height / 2 + random.uniform(2.5, 5.5)
    return Aim(
        target_mm=spine.world(lower, (float(x), side * y, z)),
        approach=common.direction(side * (180 - random.uniform(48, 62)), random.uniform(-5, 5)),
    )


def _posterior_wall(spine: Spine, level: str) -> tuple[float, float]:
    """Where a foraminal oblique beam grazes the superior articular process: x and |y|, own."""
    bone, turn = places.vertebra(spine, level), np.radians(_FORAMINAL_DEG)
    half = np.array([bone.pillar_depth, bone.pillar_width]) / 2
    away = np.array([np.sin(turn), -np.cos(turn)])
    off = half**2 * away / np.linalg.norm(half * away)
    return bone.wall + bone.pillar_x + float(off[0]), bone.pillar_y + float(off[1])


def _foraminal_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    pillars = [places.pillar_centre(spine, name, side) for name in spine.levels]
    medial = (0.0, -side * _MEDIAL_MM, 0.0)
    return {
        "pillar_midline": common.line(pillars, ("AP",), beyond=medial),
        "posterior_foramen_wall": _wall_line(spine, level, side),
        "medial_pedicle_line": marks.pedicle_line(spine, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": necks.end_plates(spine, ("AP", "OBL", "LAT")),
    }


def _wall_line(spine: Spine, level: str, side: int) -> Landmark:
    """The ventral border of the superior articular process, between two pedicles."""
    lower = spine.below(level)
    bone = places.vertebra(spine, lower)
    x, y = _posterior_wall(spine, lower)
    bottom = bone.pedicle_z + bone.pedicle_height / 2
    points = [spine.world(lower, (x, side * y, bottom + up)) for up in (0.0, 4.0, 8.0)]
    return common.line(points, ("OBL",))


def _foraminal_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """The vertebral artery, a radiculomedullary artery, ascending and deep cervical vessels."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((-0.2, 1.0), wall + 3.4),
        ((-0.9, 0.5), wall - 1.5),
        ((0.5, 0.9), wall + 9.0),
        ((0.8, -0.6), wall - 8.0),
    )
    return common.courses(ways, target, side)


# Volumes: clinical.yaml (from memory there). Rates: slower than at the lumbar spine (assumed).
SCENES = {
    "esi_il_cervical": SceneSpec(
        region="cervical",
        views={
            "AP": ((-4.0, 4.0), (-6.0, 6.0)),
            "CLO": ((-55.0, -45.0), (-3.0, 3.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("C7", "C7", "C6"),
        aim=_aim_interlaminar,
        landmarks=_interlaminar_landmarks,
        courses=_interlaminar_courses,
        film=epidural_film(DORSAL),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
        twins={
            **common.INJECTION_TWINS,
            "intrathecal": Twin(
                intended=False,
                tip=tip_in_sac,
                film=sac_film,
                warnings=("intrathecal_like",),
                also=(*_ALONG_TIP, "subdural_like"),
                views=("AP", "CLO"),
            ),
            "subdural": Twin(
                intended=False,
                film=subdural_film(),
                warnings=("subdural_like",),
                views=("AP",),
            ),
            "retrodural": Twin(
                intended=False,
                tip=_tip_in_joint,
                film=_joint_film,
                warnings=("retrodural_facet_like",),
                also=_ALONG_TIP,
                views=("AP", "CLO"),
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_deep,
                film=sac_film,
                warnings=("tip_past_limit",),
                also=("tip_off_target", "intrathecal_like"),
                views=("CLO",),
            ),
        },
    ),
    "esi_tf_cervical": SceneSpec(
        region="cervical",
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((48.0, 62.0), (-4.0, 4.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("C4", "C5", "C6"),
        aim=_aim_foramen,
        landmarks=_foraminal_landmarks,
        courses=_foraminal_courses,
        film=epidural_film(VENTRAL),
        volume_ml=(0.3, 1.0),
        rate_ml_s=(0.2, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "tip_past_limit": Twin(
                tip=tip_off_by(-8.5, -1.0, 0.0),
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("AP",),
            ),
            "tip_off_target": Twin(
                intended=False,
                tip=tip_off_by(4.5, 2.0, -6.0),
                film=blob_film,
                warnings=("tip_off_target",),
                views=("AP",),
            ),
        },
        supine=True,
    ),
}
