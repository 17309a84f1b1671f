"""Thoracic epidural injections: interlaminar and transforaminal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import thoracic_places as places
from napari_fluoroinject.phantom.compartments import EpiduralSpace, epidural_film
from napari_fluoroinject.phantom.misplaced import sac_film, subdural_film, tip_in_sac, tip_off_by
from napari_fluoroinject.phantom.pleural import pleural_film, tip_at_pleura
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_LEVELS = ("T6", "T7", "T8")
_CLO = (-58.0, -48.0)
_BEFORE_ARCH_MM = 1.4
_HALF_SAC_MM = (5.8, 6.8)
_MEDIAL_MM = 6.0
# Gaps: 0.7 to 1.3 mm dorsally, fat pads on top, 0.5 to 1 mm ventrally (assumed). Roots leave in
# the upper half of the foramen and follow the ribs: less steeply than lumbar ones.
_DORSAL = EpiduralSpace(
    dorsal=True,
    half_mm=(7.6, 8.8),
    thick_mm=(0.7, 1.3),
    pad_mm=0.5,
    before_arch_mm=_BEFORE_ARCH_MM,
    bend_mm=3.4,
    sleeve_mm=((1.3, 1.9), (0.8, 1.4)),
    slope_deg=(50.0, 66.0),
    across_mm=34.0,
    before_root_mm=6.0,
)
_VENTRAL = EpiduralSpace(
    dorsal=False,
    half_mm=(7.6, 8.8),
    thick_mm=(0.5, 0.85),
    pad_mm=0.15,
    sleeve_mm=((1.8, 2.5), (1.1, 1.8)),
    slope_deg=(42.0, 58.0),
    across_mm=34.0,
    before_root_mm=6.0,
    below_pedicle_mm=4.5,
)


def _aim_interlaminar(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Paramedian in the dorsal epidural space between two laminae, steeply from caudal."""
    upper, lower = spine.vertebra(level), spine.vertebra(spine.below(level))
    lateral = side * random.uniform(1.5, 4.5)
    above = (upper.wall - upper.canal_depth + _BEFORE_ARCH_MM, lateral, upper.arch_bottom)
    beneath = (lower.wall - lower.canal_depth + _BEFORE_ARCH_MM, lateral, lower.arch_top)
    share = random.uniform(0.35, 0.65)
    ends = spine.world(level, above), spine.world(spine.below(level), beneath)
    return Aim(
        target_mm=(1 - share) * ends[0] + share * ends[1],
        approach=common.direction(side * random.uniform(2, 16), -random.uniform(28, 44)),
    )


def _interlaminar_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    return {
        "ventral_interlaminar_line": marks.ventral_interlaminar_line(spine, ("CLO",)),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": common.end_plates(spine, ("AP", "CLO", "LAT")),
        "pleura": _pleura(spine, level, side, ("AP", "CLO"), ventral_mm=-20.0),
    }


def _pleura(
    spine: Spine, level: str, side: int, views: tuple[str, ...], *, ventral_mm: float
) -> Landmark:
    """The pleura beside the spine as far ventrally as a needle could meet it."""
    return common.area(places.pleura(spine, level, side, as_far_as_mm=ventral_mm), views)


def _tip_deep(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip 4 to 6 mm beyond the margin of 2 mm as a contralateral oblique view shows it."""
    z = float(site.tip_mm[2])
    lateral, beyond = 1.0, random.uniform(6.0, 8.0)
    turn = np.radians(-sum(_CLO) / 2)
    arch = float(spine.wall_x(z)) - float(spine.canal_depth(z))
    deep = (beyond + lateral * np.cos(turn)) / np.sin(turn)
    return np.array([arch + deep, float(spine.midline_y(z)) + site.side * lateral, z])


def _interlaminar_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Epidural veins, and a medullary artery that climbs in the canal."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((0.8, 0.7), wall + 4.0),
        ((0.25, 1.0), wall - 1.5),
        ((-0.9, -0.5), wall - 1.5),
        ((0.1, -1.0), wall - 1.5),
    )
    return common.courses(ways, target, side)


def _aim_foramen(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """In the lower half of the foramen, between the head of the rib and the facet joint."""
    bone = spine.vertebra(level)
    roof, floor = (float(z) for z in places.foramen(spine, level, side)[[0, -1], 2])
    lateral = bone.pedicle_y + random.uniform(1.0, 3.0)
    own = spine.world(level, (bone.wall - random.uniform(3.0, 5.0), side * lateral, 0.0))
    target = np.array([own[0], own[1], roof - random.uniform(0.55, 0.75) * (roof - floor)])
    return Aim(
        target_mm=target,
        approach=common.direction(side * random.uniform(26, 36), -random.uniform(-2, 8)),
    )


def _foraminal_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:
    inner = marks.pedicle_line(spine, side, ("AP",))
    return {
        "medial_pedicle_line": common.line(
            inner.points_mm, inner.views, beyond=(0.0, -side * _MEDIAL_MM, 0.0)
        ),
        "midline": common.midline(spine, ("AP",)),
        "end_plates": common.end_plates(spine, ("AP", "OBL", "LAT")),
        "pleura": _pleura(spine, level, side, ("AP", "OBL"), ventral_mm=-4.0),
    }


def _foraminal_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """A medullary artery that climbs in the canal, intercostal and epidural vessels."""
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((-0.7, 0.9), wall - 2.0),
        ((0.35, 1.0), wall + 4.0),
        ((1.0, -0.35), wall - 4.0),
        ((-0.5, -0.8), wall - 1.0),
    )
    return common.courses(ways, target, side)


# Volumes: clinical.yaml (from memory); rates as of lumbar injections, slower (assumed).
SCENES = {
    "esi_il_thoracic": SceneSpec(
        region="thoracic",
        views={
            "AP": ((-4.0, 4.0), (-6.0, 6.0)),
            "CLO": (_CLO, (-3.0, 3.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=_LEVELS,
        aim=_aim_interlaminar,
        landmarks=_interlaminar_landmarks,
        courses=_interlaminar_courses,
        film=epidural_film(_DORSAL),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
        twins={
            **common.INJECTION_TWINS,
            "intrathecal": Twin(
                intended=False,
                tip=tip_in_sac,
                film=partial(sac_film, half_mm=_HALF_SAC_MM),
                warnings=("intrathecal_like",),
                also=("tip_past_limit", "tip_off_target", "subdural_like"),
                views=("AP", "CLO"),
            ),
            "subdural": Twin(
                intended=False,
                film=subdural_film(6.2),
                warnings=("subdural_like",),
                views=("AP",),
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_deep,
                film=partial(sac_film, half_mm=_HALF_SAC_MM),
                warnings=("tip_past_limit",),
                also=("tip_off_target", "intrathecal_like"),
                views=("CLO",),
            ),
        },
    ),
    "esi_tf_thoracic": SceneSpec(
        region="thoracic",
        views={
            "AP": ((-4.0, 4.0), (-6.0, 6.0)),
            "OBL": ((22.0, 36.0), (-6.0, 4.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
        },
        levels=_LEVELS,
        aim=_aim_foramen,
        landmarks=_foraminal_landmarks,
        courses=_foraminal_courses,
        film=epidural_film(_VENTRAL),
        volume_ml=(0.5, 1.5),
        rate_ml_s=(0.25, 0.5),
        twins={
            **common.INJECTION_TWINS,
            "pleural_visceral": Twin(
                intended=False,
                tip=tip_at_pleura,
                film=pleural_film,
                warnings=("pleural_visceral_like",),
                also=("tip_off_target",),
                views=("AP", "OBL"),
            ),
            "tip_past_limit": Twin(
                tip=tip_off_by(-10.5, 0.0, 0.0),
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("AP",),
            ),
        },
    ),
}
