"""Lumbar injections and needles in joints and on bone: medial branch, facet joint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.compartments import pool_film
from napari_fluoroinject.phantom.joints import joint_space_film, recess
from napari_fluoroinject.phantom.misplaced import muscle_film, tip_off_by
from napari_fluoroinject.phantom.pools import blob_film, stripes_film, tube_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks
from napari_fluoroinject.phantom.scenes.joint_landmarks import box_area, planned
from napari_fluoroinject.phantom.spaces import Space, facet_joint, space_along

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import MoveTip
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_EVERY = ("AP", "OBL", "LAT")
_AP, _LAT = ((-3.0, 3.0), (-6.0, 6.0)), ((88.0, 92.0), (-2.0, 2.0))
_LEVELS = ("L2", "L3", "L4")
_POSTERIOR_MM = 5.5
"""So far dorsal of its middle a joint's line is entered, along its plane."""
_BESIDE_MM = ((4.0, 26.0), (-22.0, 16.0), (4.0, 30.0))
"""Muscle beside a joint: dorsal along its plane, cranial, square to it away from the midline."""
_LEAK_MM = 14.0
"""Farther from its joint what a burst capsule lets out drains along its border."""
_PLANNED_DEG = (36.0, -40.0)
"""An electrode's planned way, lateral and cranial: within the range of the levels (RFANGLE)."""
_HAND_DEG, _WIDEST_HAND_DEG = 2.0, 4.0
_NECK = 0.32
"""So far up its superior articular process an electrode lies, as a share (assumed)."""
_BEHIND_MM = (1.4, 1.9)
"""Dorsal of the border of the foramen: about 1 mm (RFPIJN), and room for the hand's miss."""


def _aim_medial_branch(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone where the superior articular process meets the transverse process."""
    lower = spine.below(level)
    bone = spine.vertebra(lower)
    own = (bone.wall - 12.5, side * (bone.pedicle_outer - 0.5), bone.pedicle_z + 4.5)
    approach = common.direction(side * random.uniform(12, 32), -random.uniform(0, 24))
    return Aim(target_mm=spine.world(lower, own), approach=approach)


def _medial_branch_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {"foramen": marks.foramen_area(spine, level, side, ("OBL", "LAT"))}


def _medial_branch_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    paraspinal = float(spine.wall_x(target[2])) - 18.0
    ways = (
        ((0.9, 0.5), paraspinal),
        ((0.4, -1.0), paraspinal),
        ((-0.6, 0.9), paraspinal - 8),
    )
    return common.courses(ways, target, side)


def _tip_in_foramen(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that slid ventrally and cranially off the bone into the foramen above it."""
    return _foramen(spine, site.level, site.side).centre_mm


def _foramen(spine: Spine, level: str, side: int) -> Space:
    """The fat about the root in the foramen below a vertebra, a sheet along the spine."""
    name = spine.below(level)
    bone = spine.vertebra(name)
    low = bone.pedicle_z + bone.pedicle_height / 2
    middle = spine.world(name, (bone.wall - 3.5, side * (bone.pedicle_y - 1.5), low + 7.0))
    return space_along(middle, (0.1, 0.0, 1.0), (1.0, 0.0, 0.0), (6.5, 3.5, 2.5))


def _aim_joint(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On the dorsal joint line, along the plane of the joint from behind and below."""
    joint = facet_joint(spine, level, side)
    along, up, square = joint.axes
    way = -along + random.uniform(-0.1, 0.1) * square - random.uniform(0.0, 0.2) * up
    return Aim(
        target_mm=joint.centre_mm - _POSTERIOR_MM * along + random.uniform(-6.0, -1.0) * up,
        approach=way / np.linalg.norm(way),
    )


def _joint_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    joint = facet_joint(spine, level, side)
    entry = joint.centre_mm - _POSTERIOR_MM * joint.axes[0]
    reach = 0.7 * joint.half_mm[1] * joint.axes[1]
    ways = np.stack([-joint.axes[0], joint.axes[1], -side * joint.axes[2]])
    return {
        "joint_line": common.line([entry + reach, entry - reach], ("OBL",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, _EVERY),
        # from the front the joint shows its whole plane, and muscle behind it lies over it
        "soft_tissue": box_area(joint.centre_mm, ways, _BESIDE_MM, ("OBL",)),
    }


def _beside_joint(dorsal_mm: float, aside_mm: float) -> MoveTip:
    """The mover of a tip that stopped so far short of a joint, and missed it by so much."""

    def move(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
        along, _, square = facet_joint(spine, site.level, site.side).axes
        return np.asarray(site.tip_mm - dorsal_mm * along - site.side * aside_mm * square)

    return move


def _leak_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """What a burst capsule lets out of its lower recess: stripes in muscle beside the joint."""
    joint = facet_joint(spine, site.level, site.side)
    aside = -site.side * joint.axes[2]
    start = recess(joint, -1.0)
    middle = start + random.uniform(11.0, 13.0) * aside - 4.0 * joint.axes[0]
    space = space_along(middle, 0.25 * aside - joint.axes[1], aside, (13.0, 11.5, 2.5))
    film = muscle_film(space, random.uniform(1.1, 1.7), site, random)
    # where it leaves the joint it does not drain away at once
    beyond = np.linalg.norm(film.points_mm - start, axis=-1) > _LEAK_MM
    return replace(film, drain=np.where(beyond, film.drain, 0.0))


def _electrode(spine: Spine, level: str, side: int) -> DoubleArray:
    """Beside the neck of the process of the vertebra below, on its surface."""
    name = spine.below(level)
    bone = spine.vertebra(name)
    x, z = marks.superior_front(bone, _NECK)
    y = (1 - _NECK) * bone.pedicle_y + _NECK * bone.superior_y
    return spine.world(name, (x, side * (y + 4.5), z))


def _aim_electrode(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On the lateral neck of the articular process, along the planned way but for the hand."""
    back = np.array([-random.uniform(*_BEHIND_MM), 0.0, 0.0])
    hand = _HAND_DEG * random.standard_normal(2)
    lateral, cranial = np.clip(hand, -_WIDEST_HAND_DEG, _WIDEST_HAND_DEG) + _PLANNED_DEG
    return Aim(
        target_mm=_electrode(spine, level, side) + back,
        approach=common.direction(side * float(lateral), float(cranial)),
    )


def _electrode_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    way = common.direction(side * _PLANNED_DEG[0], _PLANNED_DEG[1])
    target = _electrode(spine, level, side) - np.array([sum(_BEHIND_MM) / 2, 0.0, 0.0])
    return {
        "posterior_foramen_border": marks.posterior_foramen_border(spine, level, side, ("LAT",)),
        "planned_trajectory": planned(target, way, _EVERY),
        "end_plates": marks.end_plates(spine, _EVERY),
    }


# Volumes: clinical.yaml.
SCENES = {
    "mbb_lumbar": SceneSpec(
        views={"AP": _AP, "OBL": ((15.0, 30.0), (-6.0, 6.0)), "LAT": _LAT},
        levels=_LEVELS,
        aim=_aim_medial_branch,
        landmarks=_medial_branch_landmarks,
        courses=_medial_branch_courses,
        film=pool_film,
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "tip_off_target": Twin(tip=tip_off_by(7.0, 0.0, -4.0), warnings=("tip_off_target",)),
            "into_foramen": Twin(
                intended=False,
                tip=_tip_in_foramen,
                film=tube_film(_foramen),
                warnings=("tip_off_target",),
            ),
        },
    ),
    "facet_ia_lumbar": SceneSpec(
        views={"AP": _AP, "OBL": ((28.0, 38.0), (-8.0, 4.0)), "LAT": _LAT},
        levels=_LEVELS,
        aim=_aim_joint,
        landmarks=_joint_landmarks,
        courses=_medial_branch_courses,
        film=joint_space_film(facet_joint),
        volume_ml=(0.2, 0.5),
        rate_ml_s=(0.15, 0.3),
        twins={
            **common.INJECTION_TWINS,
            "periarticular": Twin(
                intended=False,
                tip=_beside_joint(7.0, 12.0),
                film=blob_film,
                warnings=("intramuscular_like",),
                also=("tip_off_target",),
                views=("OBL",),
            ),
            "intramuscular": Twin(
                intended=False,
                tip=_beside_joint(14.0, 17.0),
                film=stripes_film((0.05, 0.1, 1.0), half_mm=(15.0, 8.0)),
                warnings=("intramuscular_like",),
                also=("tip_off_target",),
                views=("OBL",),
            ),
            "rupture": Twin(
                film=_leak_film,
                warnings=("intramuscular_like",),
                views=("OBL",),
            ),
            "tip_off_target": Twin(tip=tip_off_by(0.0, 0.0, 8.0), warnings=("tip_off_target",)),
        },
    ),
    "rfa_lumbar": SceneSpec(
        views={"AP": _AP, "OBL": ((10.0, 20.0), (-25.0, -10.0)), "LAT": _LAT},
        levels=_LEVELS,
        aim=_aim_electrode,
        landmarks=_electrode_landmarks,
        gauges=(18, 20),
        twins={
            **common.BONE_TWINS,
            "tip_past_limit": Twin(
                tip=tip_off_by(-1.0, 7.5, 1.5),
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("LAT",),
            ),
            "tip_off_target": Twin(
                tip=tip_off_by(5.5, -4.0, -3.0), warnings=("tip_off_target",), views=("AP", "LAT")
            ),
        },
    ),
}
