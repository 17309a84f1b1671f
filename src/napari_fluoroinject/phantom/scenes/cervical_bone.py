"""Cervical injections and needles in joints and on bone: facet joint, medial branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.compartments import epidural_film
from napari_fluoroinject.phantom.joints import burst_film, joint_space_film
from napari_fluoroinject.phantom.misplaced import tip_off_by
from napari_fluoroinject.phantom.pools import blob_film, pool_on, stripes_film, tube_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import cervical_epidural, common
from napari_fluoroinject.phantom.scenes import cervical_landmarks as necks
from napari_fluoroinject.phantom.scenes import joint_landmarks as marks
from napari_fluoroinject.phantom.spaces import Space, space_along

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.scenery import MoveTip
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_LATERAL_MM = 3.0
"""A tip in a joint stands so far lateral of its middle: an AP view shows it at the margin."""
_BESIDE = ((9.5, 42.0), (8.0, 22.0), (-25.0, 25.0))
"""Muscle behind and beside a joint: dorsal along it, lateral, square to it."""
_PLANNED_DEG = (8.0, -25.0)
"""An electrode's planned way, lateral and cranial (assumed: along the pillar, from caudal)."""
_NERVE_WAY = (0.68, 0.68, -0.2)
"""A root's way out: ventral, lateral, cranial."""
_LEVELS = ("C4", "C5", "C6")
_AP = ((-4.0, 4.0), (-6.0, 6.0))
_LAT = ((88.0, 92.0), (-2.0, 2.0))


def _aim_joint(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """In the middle of the joint line, from behind and below along the plane of the joint."""
    joint = places.facet_joint(spine, level, side)
    way = -joint.axes[1] + random.uniform(0.0, 0.14) * side * joint.axes[0]
    way = way + random.uniform(-0.06, 0.06) * joint.axes[2]
    return Aim(
        target_mm=joint.centre_mm + _LATERAL_MM * side * joint.axes[0],
        approach=way / np.linalg.norm(way),
    )


def _joint_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    joint = places.facet_joint(spine, level, side)
    ways = np.stack([-joint.axes[1], side * joint.axes[0], joint.axes[2]])
    return {
        "joint_line": marks.joint_line(joint, ("LAT", "PILLAR")),
        "canal_border": marks.canal_border(spine, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": necks.end_plates(spine, ("AP", "LAT")),
        "soft_tissue": marks.box_area(joint.centre_mm, ways, _BESIDE, ("LAT", "PILLAR", "AP")),
    }


def _beside_joint(dorsal_mm: float, lateral_mm: float) -> MoveTip:
    """The mover of a tip that stopped short of a joint, so far along it and beside it."""

    def move(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
        joint = places.facet_joint(spine, site.level, site.side)
        off = -dorsal_mm * joint.axes[1] + (lateral_mm - _LATERAL_MM) * site.side * joint.axes[0]
        return np.asarray(site.tip_mm + off)

    return move


def _tip_in_canal(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip that went through the joint into the dorsal canal, 4 to 6 mm beyond its border."""
    bone = spine.vertebra(site.level)
    lateral = bone.pedicle_inner - random.uniform(5.5, 7.0)
    z = float(site.tip_mm[2])
    deep = float(spine.wall_x(z)) - 0.8 * float(spine.canal_depth(z))
    return np.array([deep, float(spine.midline_y(z)) + site.side * lateral, z])


def _aim_pillar(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On the lateral face of the pillar at its waist, along the beam of a lateral view."""
    return Aim(
        target_mm=places.pillar_waist(spine, level, side),
        approach=common.direction(side * random.uniform(84.0, 96.0), random.uniform(-6.0, 6.0)),
    )


def _pillar_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {
        "articular_pillar": common.area(places.pillar_corners(spine, level, side), ("LAT",)),
        "foramen": common.area(places.foramen_corners(spine, level, side), ("LAT",)),
        "end_plates": necks.end_plates(spine, ("LAT", "AP")),
    }


def _pillar_face(spine: Spine, level: str, side: int) -> Space:
    """The lateral face of a pillar: ventrally, along it, and outward."""
    bone = places.vertebra(spine, level)
    ventral, _, cranial = spine.skeleton.bone(level).turn.T
    half = bone.pillar_depth / 2, bone.pillar_height / 2, 2.0
    return space_along(places.pillar_waist(spine, level, side), ventral, -side * cranial, half)


def _foramen_middle(spine: Spine, level: str, side: int) -> DoubleArray:
    middle: DoubleArray = places.foramen_corners(spine, level, side).mean(axis=0)
    return middle


def _tip_in_foramen(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    return _foramen_middle(spine, site.level, site.side)


def _nerve_space(spine: Spine, level: str, side: int) -> Space:
    """About the root in the foramen below a vertebra's pedicle."""
    way = np.array([_NERVE_WAY[0], side * _NERVE_WAY[1], _NERVE_WAY[2]])
    middle = _foramen_middle(spine, level, side) + 2.0 * way
    return space_along(middle, way, (0.0, 0.0, 1.0), (11.0, 3.6, 2.5))


def _courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Vertebral artery up and down, deep cervical artery, a radicular one into the canal."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((-0.25, 1.0), wall + 3.5),
        ((0.35, -1.0), wall - 22.0),
        ((-0.9, 0.45), wall - 2.0),
        ((0.9, 0.5), wall - 14.0),
    )
    return common.courses(ways, target, side)


def _aim_electrode(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """At the middle of the waist, along the pillar as planned but for the hand."""
    return Aim(
        target_mm=places.pillar_waist(spine, level, side),
        approach=common.held(_PLANNED_DEG, side, random),
    )


def _electrode_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    target = places.pillar_waist(spine, level, side)
    border = [
        corner
        for name in spine.levels
        if name.startswith("C")
        for corner in places.pillar_corners(spine, name, side)[2:4]
    ]
    way = common.planned(_PLANNED_DEG, side)
    return {
        "anterior_pillar_border": common.line(border, ("LAT",), beyond=(8.0, 0.0, 0.0)),
        "planned_trajectory": marks.planned(target, way, ("AP", "LAT")),
        "end_plates": necks.end_plates(spine, ("AP", "LAT")),
    }


_MUSCLE = ("intramuscular_like",)
_OFF = ("tip_off_target",)

# Volumes: test volumes of the procedures; rates are assumed.
SCENES = {
    "facet_ia_cervical": SceneSpec(
        region="cervical",
        views={"AP": _AP, "LAT": _LAT, "PILLAR": ((-4.0, 4.0), (-46.0, -38.0))},
        levels=_LEVELS,
        aim=_aim_joint,
        landmarks=_joint_landmarks,
        courses=_courses,
        film=joint_space_film(places.facet_joint),
        volume_ml=(0.2, 0.5),
        rate_ml_s=(0.1, 0.25),
        twins={
            **common.INJECTION_TWINS,
            "intramuscular": Twin(
                intended=False,
                tip=_beside_joint(24.0, 14.0),
                film=stripes_film((-0.15, 0.1, 1.0)),
                warnings=_MUSCLE,
                also=_OFF,
            ),
            "periarticular": Twin(
                intended=False,
                tip=_beside_joint(15.5, 13.5),
                film=blob_film,
                warnings=_MUSCLE,
                also=_OFF,
            ),
            "rupture": Twin(
                film=burst_film(
                    places.facet_joint, end=-1.0, way=(-0.8, 0.5, -0.7), reach_mm=14.0
                ),
                warnings=_MUSCLE,
                views=("LAT",),
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_in_canal,
                film=epidural_film(cervical_epidural.DORSAL),
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("AP",),
            ),
        },
    ),
    "mbb_cervical": SceneSpec(
        region="cervical",
        views={"AP": _AP, "LAT": _LAT},
        levels=_LEVELS,
        aim=_aim_pillar,
        landmarks=_pillar_landmarks,
        courses=_courses,
        film=pool_on(_pillar_face, thick_mm=(1.8, 2.8), bend_mm=2.2),
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "into_foramen": Twin(
                intended=False,
                tip=_tip_in_foramen,
                film=tube_film(_nerve_space),
                warnings=_OFF,
                views=("AP",),
            ),
            "tip_off_target": Twin(tip=tip_off_by(0.0, -6.0, -7.5), warnings=_OFF, views=("AP",)),
        },
    ),
    "rfa_cervical": SceneSpec(
        region="cervical",
        views={
            "LAT": _LAT,
            "AP": ((-4.0, 4.0), (-22.0, -12.0)),
            "OBL": ((48.0, 62.0), (-6.0, 6.0)),
        },
        levels=_LEVELS,
        aim=_aim_electrode,
        landmarks=_electrode_landmarks,
        gauges=(18, 20),
        # the tolerance is 1 mm
        miss_mm=0.22,
        twins={
            **common.BONE_TWINS,
            "tip_past_limit": Twin(
                tip=tip_off_by(0.0, 11.5, 0.0),
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("LAT",),
            ),
            "tip_off_target": Twin(tip=tip_off_by(3.0, -5.0, -5.0), warnings=_OFF),
        },
    ),
}
