"""Sacral epidural injections: through the hiatus and through the first dorsal foramen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.misplaced import closed_film, grainy, muscle_film, tip_off_by
from napari_fluoroinject.phantom.sacral_films import (
    CAUDAL,
    TRANSFORAMINAL,
    canal_film,
    sacral_sac_film,
)
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import sacral_landmarks as marks
from napari_fluoroinject.phantom.spaces import Space

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vessel import Course

_ALONG_TIP = ("tip_past_limit", "tip_off_target")
_OFF = ("tip_off_target",)
_MARROW = 0.5
"""Of the marrow's room, what contrast takes (assumed)."""


def _aim_canal(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:  # noqa: ARG001 - as every aim
    """Through the hiatus, flat, in the midline, 10 to 18 mm short of the upper border of S3."""
    sacrum, one = spine.sacrum, spine.sacrum.segments["S3"]
    own = (-0.5 * one.canal_depth, 0.0, random.uniform(-0.3, 0.05) * one.height)
    target = sacrum.world("S3", own)
    # along the way from the middle of the open hiatus, a little steeper than the canal
    entry = sacrum.world("S5", (-0.8 * sacrum.segments["S5"].canal_depth - 3.0, 0.0, 4.0))
    way = entry - target
    flat = np.degrees(np.arctan2(-way[0], -way[2])) + random.uniform(2.0, 10.0)
    return Aim(
        target_mm=target,
        approach=common.direction(random.uniform(-3, 3), -(90.0 - float(np.clip(flat, 8, 40)))),
    )


def _caudal_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "s3_upper_border": marks.s3_upper_border(spine, ("LAT", "AP")),
        "midline": marks.midline(spine, ("AP",)),
        "end_plates": marks.end_plates(spine, ("AP", "LAT")),
        "sacral_bone": marks.sacral_bone(spine, ("LAT",)),
        "soft_tissue": common.area(marks.behind_sacrum(spine).corners_mm, ("LAT",)),
    }


def _canal_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((0.25, 1.0), wall - 2.0),
        ((0.9, 0.5), wall + 14.0),
        ((-0.8, 0.8), wall + 4.0),
        ((0.3, -1.0), wall + 18.0),
    )
    return common.courses(ways, target, side)


def _tip_above_s3(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that went on up the canal, 5 to 7 mm beyond the upper border of S3."""
    one = spine.sacrum.segments["S2"]
    up = random.uniform(5.0, 7.0) - one.height / 2
    return spine.sacrum.world("S2", (-0.55 * one.canal_depth, 0.0, up))


def _tip_in_sac(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip in the end of the dural sac at S2."""
    one = spine.sacrum.segments["S2"]
    off = site.side * random.uniform(0.0, 1.5)
    return spine.sacrum.world("S2", (-0.4 * one.canal_depth, off, random.uniform(-4.0, 2.0)))


def _tip_in_bone(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that went through the ventral wall into the lower part of the body of S3."""
    one = spine.sacrum.segments["S3"]
    off = random.uniform(-2.0, 2.0)
    return spine.sacrum.world("S3", (0.5 * one.depth, 0.0, off - 0.25 * one.height))


def _bone_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """Contrast between the beams of spongy bone of S3 and S4."""
    one, sacrum = spine.sacrum.segments["S3"], spine.sacrum
    space = Space(
        centre_mm=sacrum.world("S3", (0.5 * one.depth, 0.0, -0.3 * one.height)),
        axes=sacrum.way("S3", np.array([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)])),
        half_mm=np.array([one.height * 0.6, one.half_width, one.depth / 2]),
    )
    whole = closed_film(space, (0.85, 0.75), random.uniform(8.0, 11.0), site, random)
    spongy = grainy(whole, random)
    return replace(spongy, gap_mm=_MARROW * spongy.gap_mm)


def _tip_behind(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that slid over the hiatus, between skin and sacrum."""
    space = marks.behind_sacrum(spine)
    off = np.array([random.uniform(-6.0, 0.0), 0.0, random.uniform(-3.0, 1.0)])
    return np.asarray(space.centre_mm + off @ space.axes)


def _behind_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    return muscle_film(marks.behind_sacrum(spine), random.uniform(5.0, 8.0), site, random)


def _aim_s1(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:  # noqa: ARG001 - as every aim
    """The medial part of the first dorsal foramen, in the canal, dorsal of its ventral wall."""
    sacrum, one = spine.sacrum, spine.sacrum.segments["S1"]
    medial = random.uniform(1.0, 2.5)
    own = (-random.uniform(3.5, 6.0), side * (one.foramen_y - medial), random.uniform(-1.0, 2.0))
    return Aim(
        target_mm=sacrum.place(sacrum.junction(1).out(own)),
        approach=common.direction(side * random.uniform(6, 13), random.uniform(14, 24)),
    )


def _s1_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "ventral_canal_wall": marks.canal_wall(spine, ("LAT",)),
        "medial_pedicle_line": marks.pedicle_line(spine, side, ("AP", "OBL")),
        "midline": marks.midline(spine, ("AP", "OBL")),
        "end_plates": marks.end_plates(spine, ("AP", "LAT")),
        "foramen": marks.foramen_area(spine, (1,), side, ("AP", "OBL")),
    }


def _s1_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    wall = float(spine.wall_x(target[2]))
    ways = (
        ((-0.5, 1.0), wall - 2.0),
        ((0.9, 0.6), wall + 24.0),
        ((-0.9, -0.4), wall + 6.0),
        ((0.35, -1.0), wall + 20.0),
    )
    return common.courses(ways, target, side)


def _tip_presacral(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    """A tip that went on through the ventral foramen, 4 to 8 mm beyond the canal's wall."""
    sacrum = spine.sacrum
    front = sacrum.way("S1", (1.0, 0.0, 0.0))
    wall = sacrum.foramen(1, site.side, "ventral")
    level = sacrum.world("S1", (0.0, 0.0, 0.0))
    deep = float((wall - level) @ front)
    return np.asarray(wall + (random.uniform(9.0, 12.0) - deep) * front)


# Volumes: clinical.yaml; the rates are assumed.
SCENES = {
    "esi_caudal": SceneSpec(
        region="sacral",
        views={"LAT": ((88.0, 92.0), (-2.0, 2.0)), "AP": ((-4.0, 4.0), (-6.0, 6.0))},
        levels=("S3",),
        aim=_aim_canal,
        landmarks=_caudal_landmarks,
        courses=_canal_courses,
        film=canal_film(CAUDAL),
        volume_ml=(2.0, 3.0),
        rate_ml_s=(0.4, 0.8),
        twins={
            **common.INJECTION_TWINS,
            "intrathecal": Twin(
                intended=False,
                tip=_tip_in_sac,
                film=sacral_sac_film,
                warnings=("intrathecal_like",),
                also=_ALONG_TIP,
                views=("AP",),
            ),
            "intraosseous": Twin(
                intended=False,
                tip=_tip_in_bone,
                film=_bone_film,
                warnings=("intraosseous_like",),
                also=_OFF,
                views=("LAT",),
            ),
            "intramuscular": Twin(
                intended=False,
                tip=_tip_behind,
                film=_behind_film,
                warnings=("intramuscular_like",),
                also=_OFF,
                views=("LAT",),
            ),
            "tip_past_limit": Twin(tip=_tip_above_s3, warnings=("tip_past_limit",), also=_OFF),
            "tip_off_target": Twin(tip=tip_off_by(10.0, 0.0, 0.0), warnings=_OFF, views=("AP",)),
        },
    ),
    "esi_tf_s1": SceneSpec(
        region="sacral",
        views={
            "AP": ((-4.0, 4.0), (-6.0, 2.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
            "OBL": ((4.0, 14.0), (10.0, 20.0)),
        },
        levels=("S1",),
        aim=_aim_s1,
        landmarks=_s1_landmarks,
        courses=_s1_courses,
        film=canal_film(TRANSFORAMINAL),
        volume_ml=(0.5, 2.0),
        rate_ml_s=(0.3, 0.6),
        twins={
            **common.INJECTION_TWINS,
            "tip_past_limit": Twin(
                intended=False,
                tip=_tip_presacral,
                film=canal_film(TRANSFORAMINAL),
                warnings=("tip_past_limit",),
                also=_OFF,
                views=("LAT",),
            ),
            "tip_off_target": Twin(
                tip=tip_off_by(9.0, 0.0, -2.0), warnings=_OFF, views=("AP", "OBL")
            ),
        },
    ),
}
