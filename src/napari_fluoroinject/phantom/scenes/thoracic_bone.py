"""Thoracic injections and needles in joints and on bone: facet joint, medial branch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import thoracic_places as places
from napari_fluoroinject.phantom.joints import Capsule, burst_film, joint_space_film
from napari_fluoroinject.phantom.misplaced import tip_off_by
from napari_fluoroinject.phantom.pleural import pleural_film, tip_at_pleura
from napari_fluoroinject.phantom.pools import blob_film, pool_on, stripes_film, tube_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common, thoracic_epidural
from napari_fluoroinject.phantom.scenes import joint_landmarks as marks
from napari_fluoroinject.phantom.spaces import Space, space_along

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_LOWER = 0.6
"""A tip stands so far down a joint, of its half height."""
_LATERAL_MM = 1.0
_BESIDE = ((-34.0, -4.5), (5.5, 16.5), (-32.0, 32.0))
"""Muscle behind and beside a joint: ventral, lateral, cranial of its middle."""
_PLEURA = ((6.0, 40.0), (15.0, 46.0), (-34.0, 34.0))
"""Lung beside the spine, where it meets no joint in a view: as _BESIDE."""
_TO_PLEURA_MM = 7.0
_CAPSULE = Capsule(reach_mm=(2.0, 2.8), deep_mm=(1.8, 2.8), cleft_mm=(0.4, 0.7))
_PLANNED_DEG = (8.0, -22.0)
"""An electrode's planned way, lateral and cranial (assumed: square to the nerve)."""
_NERVE_WAY = (-0.1, 0.95, -0.3)
_PROCESS_HALF_MM = (6.5, 6.0, 2.0)
_PROCESS_FACE = (-0.8, 0.25, 0.5)
"""Where the superolateral corner of a transverse process faces: ventral, lateral, cranial."""
_PROCESS_FRONT_MM = 4.2
"""From the axis of a transverse process to its ventral border."""
_LEVELS = ("T6", "T7", "T8")
_AP = ((-4.0, 4.0), (-6.0, 6.0))
_LAT = ((88.0, 92.0), (-2.0, 2.0))


def _aim_joint(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """In the lower part of the joint, from caudal, 60 to 70 degrees to the coronal plane."""
    joint = places.facet_joint(spine, level, side)
    down = _LOWER * joint.half_mm[1] * joint.axes[1]
    lateral = np.array([0.0, side * _LATERAL_MM, 0.0])
    return Aim(
        target_mm=joint.centre_mm - down + lateral,
        approach=common.direction(side * random.uniform(0.0, 8.0), -random.uniform(21.0, 28.0)),
    )


def _joint_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    joint = places.facet_joint(spine, level, side)
    ways = np.diag((1.0, float(side), 1.0))
    return {
        "joint_line": marks.joint_line(joint, ("CLO", "LAT")),
        "canal_border": marks.canal_border(spine, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": common.end_plates(spine, ("AP", "LAT")),
        "pleura": marks.box_area(joint.centre_mm, ways, _PLEURA, ("AP", "LAT")),
        "soft_tissue": marks.box_area(joint.centre_mm, ways, _BESIDE, ("LAT", "CLO", "AP")),
    }


def _tip_in_canal(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip medial of the joint in the dorsal canal, 4 to 6 mm beyond the canal's border."""
    bone = spine.vertebra(site.level)
    lateral = bone.pedicle_inner - random.uniform(5.5, 7.0)
    z = float(site.tip_mm[2])
    deep = float(spine.wall_x(z)) - 0.85 * float(spine.canal_depth(z))
    return np.array([deep, float(spine.midline_y(z)) + site.side * lateral, z])


def _tip_at_pleura(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip that slid off lateral of the joint to the pleura."""
    deeper = site.tip_mm + np.array([_TO_PLEURA_MM, 0.0, 0.0])
    return tip_at_pleura(replace(site, tip_mm=deeper), spine, random)


def _aim_transverse(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone at the superolateral edge of the transverse process, near the beam."""
    return Aim(
        target_mm=places.transverse_corner(spine, level, side),
        approach=common.direction(side * random.uniform(0.0, 8.0), -random.uniform(8.0, 15.0)),
    )


def _transverse_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {
        "foramen": common.area(places.foramen(spine, _above(spine, level), side), ("LAT",)),
        "end_plates": common.end_plates(spine, ("AP", "LAT")),
    }


def _above(spine: Spine, level: str) -> str:
    return spine.levels[spine.levels.index(level) - 1]


def _process_face(spine: Spine, level: str, side: int) -> Space:
    """The face of a transverse process about its superolateral edge."""
    facing = np.array([_PROCESS_FACE[0], side * _PROCESS_FACE[1], _PROCESS_FACE[2]])
    along = np.cross(facing, (0.0, 1.0, 0.0))
    middle = places.transverse_corner(spine, level, side)
    middle = middle + np.array([0.0, -2.0 * side, -1.5])
    return space_along(middle, along, np.cross(facing, along), _PROCESS_HALF_MM)


def _tip_in_foramen(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    return places.foramen_middle(spine, _above(spine, site.level), site.side)


def _nerve_space(spine: Spine, level: str, side: int) -> Space:
    """About the root in the foramen above a vertebra."""
    way = np.array([_NERVE_WAY[0], side * _NERVE_WAY[1], _NERVE_WAY[2]])
    middle = places.foramen_middle(spine, _above(spine, level), side) + 2.0 * way
    return space_along(middle, way, (0.0, 0.0, 1.0), (12.0, 3.6, 2.5))


def _courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Intercostal vessels, a radicular one into the canal, one along the bodies, a dorsal one."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((1.0, -0.35), wall - 16.0),
        ((-0.85, 0.5), wall - 2.0),
        ((-0.4, 1.0), wall + 8.0),
        ((0.3, -1.0), wall - 34.0),
    )
    return common.courses(ways, target, side)


def _aim_electrode(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On the superolateral edge of the transverse process, as planned but for the hand."""
    return Aim(
        target_mm=places.transverse_corner(spine, level, side),
        approach=common.held(_PLANNED_DEG, side, random),
    )


def _electrode_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    target = places.transverse_corner(spine, level, side)
    bone = spine.vertebra(level)
    front = bone.wall + bone.transverse_x + _PROCESS_FRONT_MM
    lateral = side * (bone.transverse_span / 2 - 5.0)
    border = [
        spine.world(level, (front, lateral, bone.transverse_z + z)) for z in (9.0, 0.0, -9.0)
    ]
    way = common.planned(_PLANNED_DEG, side)
    return {
        "transverse_process_front": common.line(border, ("LAT",), beyond=(8.0, 0.0, 0.0)),
        "planned_trajectory": marks.planned(target, way, ("AP", "LAT")),
        "end_plates": common.end_plates(spine, ("AP", "LAT")),
    }


_MUSCLE = ("intramuscular_like",)
_OFF = ("tip_off_target",)

# Volumes: test volumes of the procedures; rates are assumed.
SCENES = {
    "facet_ia_thoracic": SceneSpec(
        region="thoracic",
        views={"AP": _AP, "LAT": _LAT, "CLO": ((-57.0, -48.0), (-3.0, 3.0))},
        levels=_LEVELS,
        aim=_aim_joint,
        landmarks=_joint_landmarks,
        courses=_courses,
        film=joint_space_film(places.facet_joint, _CAPSULE),
        volume_ml=(0.15, 0.3),
        rate_ml_s=(0.1, 0.25),
        twins={
            **common.INJECTION_TWINS,
            "intramuscular": Twin(
                intended=False,
                tip=tip_off_by(8.5, -19.0, 2.0),
                film=stripes_film((0.0, 0.05, 1.0)),
                warnings=_MUSCLE,
                also=_OFF,
            ),
            "periarticular": Twin(
                intended=False,
                tip=tip_off_by(11.0, -11.5, 0.0),
                film=blob_film,
                warnings=_MUSCLE,
                also=_OFF,
            ),
            "rupture": Twin(
                film=burst_film(
                    places.facet_joint, end=-1.0, way=(-0.75, 0.6, -0.4), reach_mm=14.0
                ),
                warnings=_MUSCLE,
                views=("LAT", "CLO"),
            ),
            "pleural_visceral": Twin(
                intended=False,
                tip=_tip_at_pleura,
                film=pleural_film,
                warnings=("pleural_visceral_like",),
                also=_OFF,
                views=("AP", "LAT"),
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_in_canal,
                film=thoracic_epidural.SCENES["esi_il_thoracic"].film,
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("AP",),
            ),
        },
    ),
    "mbb_thoracic": SceneSpec(
        region="thoracic",
        views={
            "AP": ((-4.0, 4.0), (7.0, 12.0)),
            "LAT": _LAT,
            "OBL": ((15.0, 30.0), (-6.0, 6.0)),
        },
        levels=_LEVELS,
        aim=_aim_transverse,
        landmarks=_transverse_landmarks,
        courses=_courses,
        film=pool_on(_process_face),
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "into_foramen": Twin(
                intended=False,
                tip=_tip_in_foramen,
                film=tube_film(_nerve_space),
                warnings=_OFF,
            ),
            "tip_off_target": Twin(tip=tip_off_by(-7.0, 0.0, -5.0), warnings=_OFF, views=("AP",)),
        },
    ),
    "rfa_thoracic": SceneSpec(
        region="thoracic",
        views={"LAT": _LAT, "AP": _AP},
        levels=_LEVELS,
        aim=_aim_electrode,
        landmarks=_electrode_landmarks,
        gauges=(18, 20),
        twins={
            **common.BONE_TWINS,
            "tip_past_limit": Twin(
                tip=tip_off_by(0.0, 12.0, 2.0),
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("LAT",),
            ),
            "tip_off_target": Twin(tip=tip_off_by(-4.0, -3.0, -7.0), warnings=_OFF),
        },
    ),
}
