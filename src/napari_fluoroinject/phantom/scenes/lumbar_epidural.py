"""Lumbar epidural injections: interlaminar, below the pedicle, and behind the disc."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.compartments import (
    LUMBAR_DORSAL,
    LUMBAR_VENTRAL,
    epidural_film,
)
from napari_fluoroinject.phantom.misplaced import (
    disc_film,
    joint_film,
    sac_film,
    subdural_film,
    tip_in_disc,
    tip_in_joint,
    tip_in_sac,
    tip_off_by,
)
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_ALONG_TIP = ("tip_past_limit", "tip_off_target")
_INTRATHECAL = Twin(
    intended=False,
    tip=tip_in_sac,
    film=sac_film,
    warnings=("intrathecal_like",),
    # in the anteroposterior view a long narrow column, too
    also=(*_ALONG_TIP, "subdural_like"),
    views=("AP", "CLO"),
)
_RETRODURAL = Twin(
    intended=False,
    tip=tip_in_joint,
    film=joint_film,
    warnings=("retrodural_facet_like",),
    also=_ALONG_TIP,
)
_INTRADISCAL = Twin(
    intended=False,
    tip=tip_in_disc,
    film=disc_film,
    warnings=("intradiscal_like",),
    also=_ALONG_TIP,
)
_ALONG_X = 2**0.5
"""So far ventrally does a point move that moves by one in a contralateral oblique view of 45."""


def _aim_interlaminar(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Paramedian in the dorsal epidural space between two laminae, from caudal and lateral.

    The fat between two laminae fills a wedge whose flanks run along them (assumed): the farther
    from the midline, the more ventral it begins.
    """
    lateral, beyond = random.uniform(4.0, 6.5), random.uniform(0.0, 0.6)
    share = random.uniform(0.35, 0.65)
    ends = []
    for name, upper in ((level, True), (spine.below(level), False)):
        bone = spine.vertebra(name)
        x, y = marks.grazed(bone)
        own_z = bone.arch_bottom if upper else bone.arch_top
        depth = x + lateral - y + beyond * _ALONG_X
        ends.append(spine.world(name, (depth, side * lateral, own_z)))
    return Aim(
        target_mm=(1 - share) * ends[0] + share * ends[1],
        approach=common.direction(side * random.uniform(0, 18), -random.uniform(15, 38)),
    )


def _interlaminar_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {
        "ventral_interlaminar_line": marks.ventral_interlaminar_line(spine, ("CLO",), side=side),
        "spinolaminar_line": marks.ventral_interlaminar_line(spine, ("LAT",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, ("AP", "CLO", "LAT")),
        "facet_joint": marks.facet_area(spine, level, side, ("AP", "CLO", "LAT")),
    }


def _tip_deep(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip 4 mm and more beyond the margin of 2 mm as a contralateral oblique view shows it."""
    deep = random.uniform(6.8, 7.8) * _ALONG_X
    return np.asarray(site.target_mm + np.array([deep, 0.0, 0.0]))


def _interlaminar_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    wall = float(spine.wall_x(target[2]))
    epidural, ascending = wall - 1.0, wall + 6.0
    ways = (
        ((0.8, 0.7), ascending),
        ((0.25, 1.0), epidural),
        ((-0.9, -0.5), ascending),
        ((0.1, -1.0), epidural),
    )
    return common.courses(ways, target, side)


def _aim_subpedicular(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Below the pedicle, lateral of its six o'clock, in the ventral upper part of the foramen."""
    bone = spine.vertebra(level)
    z = bone.pedicle_z - bone.pedicle_height / 2 - random.uniform(1.5, 4.0)
    lateral = bone.pedicle_y + random.uniform(1.8, 4.0)
    own = (bone.wall - random.uniform(2.0, 6.0), side * lateral, z)
    return Aim(
        target_mm=spine.world(level, own),
        approach=common.direction(side * random.uniform(16, 40), -random.uniform(-4, 18)),
    )


def _subpedicular_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    every = ("AP", "OBL", "LAT")
    return {
        "mid_pedicle_line": marks.pedicle_line(spine, side, ("AP",), of="middle"),
        "medial_pedicle_line": marks.pedicle_line(spine, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, every),
        "disc": marks.disc_area(spine, level, every),
        "facet_joint": marks.facet_area(spine, level, side, every),
    }


def _subpedicular_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    wall = float(spine.wall_x(target[2]))
    epidural, ascending, segmental = wall - 1.0, wall + 6.0, wall + 14.0
    ways = (
        ((-0.8, 0.8), epidural),
        ((0.35, 1.0), ascending),
        ((1.0, -0.4), segmental),
        ((0.2, -1.0), ascending),
    )
    return common.courses(ways, target, side)


def _aim_infraneural(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Low in the foramen, just dorsal of the annulus, about the medial border of the pedicles."""
    name = spine.below(level)
    bone = spine.vertebra(name)
    z = bone.height_back / 2 + random.uniform(1.0, 4.0)
    lateral = bone.pedicle_inner - random.uniform(0.3, 2.0)
    own = (bone.wall - random.uniform(2.0, 3.0), side * lateral, z)
    return Aim(
        target_mm=spine.world(name, own),
        approach=common.direction(side * random.uniform(32, 46), -random.uniform(-6, 10)),
    )


def _infraneural_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    every = ("AP", "OBL", "LAT")
    return {
        "posterior_annulus": marks.posterior_annulus(spine, level, ("LAT",)),
        "medial_pedicle_line": marks.pedicle_line(spine, side, ("AP",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, every),
        "disc": marks.disc_area(spine, level, every),
    }


# Volumes and rates: clinical.yaml (test volumes of the procedures; 0.5 mL/s of transforaminal
# studies).
SCENES = {
    "esi_il_lumbar": SceneSpec(
        views={
            "AP": ((-4.0, 4.0), (-6.0, 6.0)),
            "CLO": ((-50.0, -40.0), (-3.0, 3.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        aim=_aim_interlaminar,
        landmarks=_interlaminar_landmarks,
        courses=_interlaminar_courses,
        film=epidural_film(LUMBAR_DORSAL),
        volume_ml=(1.0, 3.0),
        rate_ml_s=(0.35, 0.7),
        twins={
            **common.INJECTION_TWINS,
            "intrathecal": _INTRATHECAL,
            "subdural": Twin(
                intended=False,
                tip=tip_off_by(0.0, 3.5, 0.0),
                film=subdural_film(),
                warnings=("subdural_like",),
                # in this view it is a narrow column on both sides of the midline, too
                also=(*_ALONG_TIP, "intrathecal_like"),
                views=("AP",),
            ),
            "retrodural": _RETRODURAL,
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
    "esi_tf_lumbar_subpedicular": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((20.0, 40.0), (-8.0, 4.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        aim=_aim_subpedicular,
        landmarks=_subpedicular_landmarks,
        courses=_subpedicular_courses,
        film=epidural_film(LUMBAR_VENTRAL),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
        twins={
            **common.INJECTION_TWINS,
            "intradiscal": _INTRADISCAL,
            "retrodural": _RETRODURAL,
            "tip_past_limit": Twin(
                tip=tip_off_by(-9.5, 0.0, 0.0),
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("AP",),
            ),
        },
    ),
    "esi_tf_lumbar_infraneural": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "OBL": ((28.0, 42.0), (-8.0, 4.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=("L2", "L3", "L4"),
        aim=_aim_infraneural,
        landmarks=_infraneural_landmarks,
        courses=_subpedicular_courses,
        film=epidural_film(LUMBAR_VENTRAL),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
        twins={
            **common.INJECTION_TWINS,
            "intradiscal": _INTRADISCAL,
            "intrathecal": replace(_INTRATHECAL, views=("AP",)),
            "tip_past_limit": Twin(
                intended=False,
                tip=tip_off_by(-2.0, 8.0, -2.0),
                film=disc_film,
                warnings=("tip_past_limit",),
                also=("tip_off_target", "intradiscal_like"),
                views=("LAT",),
            ),
        },
    ),
}
