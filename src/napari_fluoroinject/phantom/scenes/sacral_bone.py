"""Injections and needles on the sacrum: sacroiliac joint, L5 dorsal ramus, lateral branches."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.compartments import pool_film
from napari_fluoroinject.phantom.misplaced import closed_film, muscle_film, tip_off_by
from napari_fluoroinject.phantom.sacral_films import sacroiliac_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import sacral_landmarks as marks
from napari_fluoroinject.phantom.spaces import Space

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import DrawFilm, MoveTip
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_OFF = ("tip_off_target",)
_MUSCLE = ("intramuscular_like",)
_LATERAL_BRANCH_LEVELS = ("S1", "S2", "S3")
_TO_JOINT_MM = 5.0
"""So much nearer to the joint than the muscle that a person marks does its leak begin."""


def _aim_joint(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:  # noqa: ARG001 - as every aim
    """Within the lower end of the posterior joint line, along the joint from behind."""
    limb = spine.sacroiliac(side).limb(random.uniform(0.75, 0.95), random.uniform(0.55, 0.7))
    return Aim(
        target_mm=spine.sacrum.place(limb),
        approach=common.direction(-side * random.uniform(10, 18), random.uniform(10, 15)),
    )


def _joint_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "joint_line": marks.joint_line(spine, side, ("OBL", "AP")),
        "ventral_sacral_border": marks.ventral_border(spine, ("LAT",)),
        "foramen": marks.foramen_area(spine, (1, 2, 3), side, ("AP", "OBL")),
        "soft_tissue": common.area(marks.below_joint(spine, side).corners_mm, ("OBL", "AP")),
    }


def _joint_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:  # noqa: ARG001 - as every drawer of courses
    x = float(target[0])
    ways = (
        ((1.0, -0.6), x - 6.0),
        ((-0.4, 1.0), x + 22.0),
        ((0.8, 0.7), x - 10.0),
        ((0.5, -1.0), x + 26.0),
    )
    return common.courses(ways, target, side)


def _tip_in_muscle(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip in the muscle below and beside the lower end of the joint."""
    space = marks.below_joint(spine, site.side)
    off = np.array([random.uniform(-6.0, 2.0), random.uniform(-2.0, 2.0), 0.0])
    return np.asarray(space.centre_mm + off @ space.axes)


def _muscle_beside(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    space = marks.below_joint(spine, site.side)
    return muscle_film(space, random.uniform(2.2, 3.2), site, random)


def _tip_beside(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that slid off the joint's lower end."""
    space = marks.below_joint(spine, site.side)
    return np.asarray(space.centre_mm - 9.0 * space.axes[0])


def _blob_beside(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """A blob about the tip, below the capsule."""
    space = marks.below_joint(spine, site.side)
    about = Space(
        centre_mm=site.tip_mm + 2.0 * space.axes[0],
        axes=space.axes,
        half_mm=np.array([9.0, 8.0, 4.0]),
    )
    return closed_film(about, (1.0, 1.0), random.uniform(2.5, 4.0), site, random)


def _leak(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """What leaves a torn capsule at the joint's lower end, into muscle: it begins at the joint."""
    muscle = marks.below_joint(spine, site.side)
    whole = replace(muscle, centre_mm=muscle.centre_mm - _TO_JOINT_MM * muscle.axes[0])
    torn = replace(site, tip_mm=whole.centre_mm - 0.7 * whole.half_mm[0] * whole.axes[0])
    return closed_film(whole, (1.0, 1.0), random.uniform(0.9, 1.2), torn, random)


def _tip_before_sacrum(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip that went on ventrally, 5 to 7 mm beyond the nearest of the ventral border."""
    line = marks.ventral_border(spine, ()).points_mm
    share = np.linspace(0.0, 1.0, 20)[:, None]
    border = np.concatenate([a + share * (b - a) for a, b in pairwise(line)])[:, [0, 2]]
    away = border - site.target_mm[[0, 2]]
    way = away[np.hypot(*away.T).argmin()]
    length = float(np.hypot(*way))
    tip = site.target_mm[[0, 2]] + (length + random.uniform(5.0, 7.0)) * way / length
    return np.array([tip[0], site.tip_mm[1], tip[1]])


def _presacral_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
    """A pool before the sacrum."""
    about = Space(
        centre_mm=site.tip_mm,
        axes=np.array([(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]),
        half_mm=np.array([13.0, 8.0, 4.0]),
    )
    return closed_film(about, (1.0, 1.0), random.uniform(4.0, 7.0), site, random)


def _number(site: Site) -> int:
    """The foramen of a site's level; of what lies above or beside them the nearest."""
    return int(site.level[1]) if site.level in _LATERAL_BRANCH_LEVELS else 1


def _tip_in_foramen(number: int | None = None) -> MoveTip:
    """The mover of a tip into a dorsal foramen: that of the level, or one of a number."""

    def move(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
        at = number or _number(site)
        own = spine.sacrum.at_foramen(at, site.side, "dorsal")
        own = own + np.array([random.uniform(3.0, 5.0), 0.0, random.uniform(-1.0, 1.0)])
        return spine.sacrum.place(spine.sacrum.junction(at).out(own))

    return move


def _foramen_film(number: int | None = None) -> DrawFilm:
    """The drawer of contrast that fills a dorsal foramen."""

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        at = number or _number(site)
        sacrum, frame = spine.sacrum, spine.sacrum.junction(at)
        one = sacrum.segments[f"S{at}"]
        middle = sacrum.at_foramen(at, site.side, "dorsal") + np.array([4.0, 0.0, 0.0])
        space = Space(
            centre_mm=sacrum.place(frame.out(middle)),
            axes=(sacrum.turn @ frame.turn).T[[2, 1, 0]],
            half_mm=np.array([one.dorsal_height / 2, one.dorsal_width / 2, 5.0]),
        )
        return closed_film(space, (1.0, 1.0), random.uniform(5.0, 8.0), site, random)

    return draw


def _aim_l5_ramus(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:  # noqa: ARG001 - as every aim
    """On bone in the groove between the upper articular process of S1 and the ala."""
    return Aim(
        target_mm=spine.sacrum.world("S1", _groove(spine, side)),
        approach=common.direction(side * random.uniform(12, 24), -random.uniform(14, 24)),
    )


def _groove(spine: Spine, side: int) -> DoubleArray:
    """The groove beside the root of the upper articular process, in the frame of S1."""
    one = spine.sacrum.segments["S1"]
    return np.array([-1.5, side * (one.half_width + 8.0), 0.22 * one.height])


def _l5_ramus_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "foramen": marks.foramen_area(spine, (1,), side, ("AP", "LAT"), deep_mm=_MOUTH_MM),
        "end_plates": marks.end_plates(spine, ("AP", "LAT")),
    }


_MOUTH_MM = 5.0
"""How deep a foramen is marked where it is looked at from the side, too (assumed)."""


def _ramus_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:  # noqa: ARG001 - as every drawer of courses
    x = float(target[0])
    ways = (
        ((0.9, 0.6), x - 6.0),
        ((0.4, -1.0), x - 4.0),
        ((-0.6, 0.9), x + 16.0),
    )
    return common.courses(ways, target, side)


_CREST_MM = 2.5
"""How far the lateral crest rises dorsally of the foramina's mouths (assumed)."""


def _branch(spine: Spine, level: str, side: int, lateral: float) -> DoubleArray:
    """A place on the dorsal surface so far laterally of the rim of a level's foramen, (3,)."""
    sacrum, number = spine.sacrum, int(level[1])
    one = sacrum.segments[level]
    own = sacrum.at_foramen(number, side, "dorsal")
    own = own + np.array([-_CREST_MM, side * (one.dorsal_width / 2 + lateral), 0.0])
    return sacrum.place(sacrum.junction(number).out(own))


def _square(spine: Spine, level: str) -> DoubleArray:
    """The unit vector square to the dorsal surface about a level's foramen."""
    sacrum = spine.sacrum
    way: DoubleArray = -(sacrum.turn @ sacrum.junction(int(level[1])).turn)[:, 0]
    return way


def _aim_lateral_branch(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone, 8 to 10 mm lateral of the middle of a dorsal foramen."""
    half = spine.sacrum.segments[level].dorsal_width / 2
    target = _branch(spine, level, side, random.uniform(8.0, 10.0) - half)
    approach = common.direction(side * random.uniform(12, 24), -random.uniform(10, 22))
    return Aim(target_mm=target, approach=approach)


def _lateral_branch_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {"foramen": marks.foramen_area(spine, (int(level[1]),), side, ("AP",))}


_STRIP_MM = 4.5
"""So far lateral of the foramen's border the strip is burned (assumed)."""


def _aim_strip(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone beside the lateral border of a dorsal foramen, square to it."""
    tilt = 0.04 * random.standard_normal(3)
    way = _square(spine, level) + tilt
    return Aim(
        target_mm=_branch(spine, level, side, _STRIP_MM),
        approach=np.asarray(way / np.linalg.norm(way)),
    )


def _strip_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    target, way = _branch(spine, level, side, _STRIP_MM), _square(spine, level)
    border = []
    for z in (-9.0, 0.0, 9.0):
        sacrum, number = spine.sacrum, int(level[1])
        one = sacrum.segments[level]
        own = sacrum.at_foramen(number, side, "dorsal")
        own = own + np.array([0.0, side * one.dorsal_width / 2, z])
        border.append(sacrum.place(sacrum.junction(number).out(own)))
    return {
        "lateral_foramen_border": common.line(
            border, ("AP",), beyond=(0.0, -side * marks.FAR_MM, 0.0)
        ),
        "dorsal_sacral_border": marks.dorsal_border(spine, side, ("LAT",)),
        "planned_trajectory": common.line([target + 60.0 * way, target], ("AP", "LAT")),
    }


def _tip_through_foramen(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip in the foramen, past its lateral border and the dorsal border of the sacrum."""
    number = _number(site)
    one = spine.sacrum.segments[site.level]
    medial = random.uniform(4.5, 6.0) - one.dorsal_width / 2
    own = spine.sacrum.at_foramen(number, site.side, "dorsal")
    own = own + np.array([random.uniform(4.5, 6.5), -site.side * medial, 0.0])
    return spine.sacrum.place(spine.sacrum.junction(number).out(own))


_LATERAL_VIEW = ((88.0, 92.0), (-2.0, 2.0))

# Volumes: clinical.yaml; the rates are assumed.
SCENES = {
    "si_joint_ia": SceneSpec(
        region="sacral",
        views={
            "AP": ((-4.0, 4.0), (-6.0, 2.0)),
            "OBL": ((-18.0, -10.0), (10.0, 15.0)),
            "LAT": _LATERAL_VIEW,
        },
        levels=("S2", "S3"),
        aim=_aim_joint,
        landmarks=_joint_landmarks,
        courses=_joint_courses,
        film=sacroiliac_film,
        volume_ml=(0.3, 1.0),
        rate_ml_s=(0.15, 0.35),
        twins={
            **common.INJECTION_TWINS,
            "intramuscular": Twin(
                intended=False,
                tip=_tip_in_muscle,
                film=_muscle_beside,
                warnings=_MUSCLE,
                also=_OFF,
                views=("AP", "OBL"),
            ),
            "periarticular": Twin(
                intended=False,
                tip=_tip_beside,
                film=_blob_beside,
                warnings=_MUSCLE,
                also=_OFF,
                views=("AP", "OBL"),
            ),
            "rupture": Twin(film=_leak, warnings=_MUSCLE, views=("AP", "OBL")),
            "into_foramen": Twin(
                intended=False, tip=_tip_in_foramen(3), film=_foramen_film(3), warnings=_OFF
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_before_sacrum,
                film=_presacral_film,
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("LAT",),
            ),
            "tip_off_target": Twin(
                tip=tip_off_by(6.0, 0.0, -4.0), warnings=_OFF, views=("AP", "OBL")
            ),
        },
    ),
    "dr_l5": SceneSpec(
        region="sacral",
        views={"AP": ((0.0, 6.0), (-4.0, 8.0)), "LAT": _LATERAL_VIEW},
        levels=("L5",),
        aim=_aim_l5_ramus,
        landmarks=_l5_ramus_landmarks,
        courses=_ramus_courses,
        film=pool_film,
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "into_foramen": Twin(
                intended=False, tip=_tip_in_foramen(1), film=_foramen_film(1), warnings=_OFF
            ),
            "tip_off_target": Twin(tip=tip_off_by(7.0, 0.0, 3.0), warnings=_OFF, views=("AP",)),
        },
    ),
    "slbb": SceneSpec(
        region="sacral",
        views={"AP": ((-4.0, 4.0), (0.0, 15.0)), "LAT": _LATERAL_VIEW},
        levels=_LATERAL_BRANCH_LEVELS,
        aim=_aim_lateral_branch,
        landmarks=_lateral_branch_landmarks,
        courses=_ramus_courses,
        film=pool_film,
        volume_ml=(0.2, 0.3),
        rate_ml_s=(0.15, 0.4),
        twins={
            **common.INJECTION_TWINS,
            "into_foramen": Twin(
                intended=False, tip=_tip_in_foramen(), film=_foramen_film(), warnings=_OFF
            ),
            "tip_off_target": Twin(tip=tip_off_by(8.0, 0.0, 0.0), warnings=_OFF, views=("AP",)),
        },
    ),
    "rfa_sacral": SceneSpec(
        region="sacral",
        views={"LAT": _LATERAL_VIEW, "AP": ((-4.0, 4.0), (-4.0, 6.0))},
        levels=_LATERAL_BRANCH_LEVELS,
        aim=_aim_strip,
        landmarks=_strip_landmarks,
        gauges=(18, 20),
        twins={
            **common.BONE_TWINS,
            "tip_past_limit": Twin(
                tip=_tip_through_foramen, warnings=("tip_past_limit",), also=_OFF
            ),
            "tip_off_target": Twin(tip=tip_off_by(8.0, 0.0, 0.0), warnings=_OFF, views=("AP",)),
        },
    ),
}
