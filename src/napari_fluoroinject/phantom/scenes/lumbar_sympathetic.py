"""Lumbar sympathetic block: beside the front of the second or third lumbar body."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.misplaced import disc_film, tip_in_disc, tip_off_by
from napari_fluoroinject.phantom.pools import blob_film, stripes_film
from napari_fluoroinject.phantom.scenery import Aim, Landmark, SceneSpec, Site, Twin
from napari_fluoroinject.phantom.scenes import common
from napari_fluoroinject.phantom.scenes import lumbar_landmarks as marks
from napari_fluoroinject.phantom.sheets import CELL_MM, sheet, uneven

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.spine import Spine
    from napari_fluoroinject.phantom.vertebra import Vertebra
    from napari_fluoroinject.phantom.vessel import Course

_ROUND = 2.4
"""Exponent of the super-ellipse that the outline of a body follows, as the bones have it."""
_PAST_BONE_MM = 1.5
"""The needle slides past the body so far from its surface."""
_REACH_MM = 66.0
_HALF_MM = (7.0, 10.0)
_THICK_MM = (1.5, 2.4)
"""Half width and thickness of the sheet that contrast fills (assumed)."""
_TO_FRONT = 0.5
_LATEST = 0.98
_ABOVE = "L2"
"""Both places lie beside the disc below this vertebra."""


def _aim_column(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """At the front margin of the lower L2 or upper L3, past the flank of the body from behind."""
    bone = spine.vertebra(level)
    lateral_deg = random.uniform(28.0, 35.0)
    x = bone.depth / 2 - random.uniform(0.5, 2.5)
    third = (bone.height_front + bone.height_back) / 2 * random.uniform(0.2, 0.42)
    own = (x, side * _past_flank(bone, lateral_deg, x), -third if level == _ABOVE else third)
    return Aim(
        target_mm=spine.world(level, own),
        approach=common.direction(side * lateral_deg, -random.uniform(-6.0, 8.0)),
    )


def _past_flank(bone: Vertebra, lateral_deg: float, x: float) -> float:
    """Distance from the midline, at `x`, of a straight way that grazes the body's flank."""
    sine, cosine = np.sin(np.radians(lateral_deg)), np.cos(np.radians(lateral_deg))
    # the support function of a super-ellipse is its dual norm
    dual = _ROUND / (_ROUND - 1)
    half = bone.depth / 2 * sine, max(bone.width_top, bone.width_bottom) / 2 * cosine
    support = (half[0] ** dual + half[1] ** dual) ** (1 / dual) + _PAST_BONE_MM
    return float((support - sine * x) / cosine)


def _column_landmarks(spine: Spine, level: str, side: int) -> dict[str, Landmark]:  # noqa: ARG001 - as every drawer of landmarks
    return {
        "anterior_vertebral_line": marks.anterior_line(spine, ("LAT",)),
        "lateral_vertebral_line": marks.lateral_line(spine, side, ("AP",)),
        "end_plates": marks.end_plates(spine, ("AP", "OBL", "LAT")),
        "disc": marks.disc_area(spine, _ABOVE, ("AP", "LAT")),
        "psoas": marks.psoas_area(spine, side, ("AP",)),
    }


def _column_courses(spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Along the great vessels up and down, a segmental one round the body, and a radicular one."""
    wall = float(spine.wall_x(target[2]))
    great = float(target[0]) + 12.0
    ways = (
        ((-0.35, 1.0), great),
        ((-0.2, -1.0), great),
        ((1.0, 0.15), wall + 8.0),
        ((0.5, -0.9), wall - 2.0),
    )
    return common.courses(ways, target, side)


def _column_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """A sheet in the fat on the ventrolateral surface of the bodies, long and narrow."""
    z = site.tip_mm[2] + np.arange(-_REACH_MM, _REACH_MM + CELL_MM, CELL_MM)
    middle, depth, width = _bodies(spine, z)
    off = site.tip_mm[:2] - np.array([np.interp(site.tip_mm[2], z, way) for way in middle.T])
    deep, wide = (float(np.interp(site.tip_mm[2], z, half)) for half in (depth, width))
    # from the bodies most of the way to the tip
    swollen = 0.35 + 0.65 * float(_radius(off[0] / deep, off[1] / wide))
    turn, way = _outline(deep * swollen, wide * swollen)
    at = float(np.interp(abs(np.arctan2(off[1] / wide, off[0] / deep)), turn, way))
    half = random.uniform(*_HALF_MM)
    # the fat in which the chain lies goes on to the front rather than to the flank
    centre = at - _TO_FRONT * half
    along = np.arange(max(centre - half, 0.0), min(centre + half, float(way[-1])), CELL_MM)
    angle = np.interp(along, way, turn)[None, :]
    round_ = _radius(np.cos(angle), np.sin(angle))
    x = middle[:, :1] + swollen * depth[:, None] * np.cos(angle) / round_
    y = middle[:, 1:2] + site.side * swollen * width[:, None] * np.sin(angle) / round_
    points = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1)
    normal = np.stack([np.cos(angle), site.side * np.sin(angle), np.zeros_like(angle)], axis=-1)
    gap = random.uniform(*_THICK_MM) * uneven(x.shape, random, sigma=0.35, grain_mm=4.0)
    gap = gap * np.sqrt(np.clip(1 - ((along - centre) / half) ** 2, 0.04, 1))[None, :]
    drain = np.zeros(gap.shape)
    drain[[0, -1]] = 1.0
    return sheet(
        gap,
        points,
        np.broadcast_to(normal, points.shape).copy(),
        drain=drain,
        tip=site.tip_mm,
        random=random,
    )


def _bodies(spine: Spine, z: DoubleArray) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """At heights z: the middle of the bodies (n, 2), their half depth (n,) and half width (n,)."""
    rows = []
    for name in spine.levels:
        bone = spine.vertebra(name)
        high = (bone.height_front + bone.height_back) / 4
        for own_z, deep, wide in (
            (high, bone.depth, bone.width_top),
            (0.0, bone.depth_waist, bone.width_waist),
            (-high, bone.depth, bone.width_bottom),
        ):
            rows.append([*spine.world(name, (0.0, 0.0, own_z)), deep / 2, wide / 2])
    table = np.array(rows)[::-1]
    x, y, depth, width = (np.interp(z, table[:, 2], table[:, n]) for n in (0, 1, 3, 4))
    return np.stack([x, y], axis=-1), depth, width


def _radius(x: DoubleArray | float, y: DoubleArray | float) -> DoubleArray:
    return np.asarray((np.abs(x) ** _ROUND + np.abs(y) ** _ROUND) ** (1 / _ROUND))


def _outline(deep: float, wide: float) -> tuple[DoubleArray, DoubleArray]:
    """Angles from the front to the flank, and the way along the outline up to each."""
    turn = np.linspace(0.0, np.pi / 2 * _LATEST, 240)
    far = _radius(np.cos(turn), np.sin(turn))
    steps = np.hypot(np.diff(deep * np.cos(turn) / far), np.diff(wide * np.sin(turn) / far))
    return turn, np.concatenate([[0.0], np.cumsum(steps)])


def _tip_in_disc(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:
    return tip_in_disc(replace(site, level=_ABOVE), spine, random)


def _disc_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    return disc_film(replace(site, level=_ABOVE), spine, random)


# Volumes: clinical.yaml; rates assumed.
SCENES = {
    "lsb": SceneSpec(
        views={
            "AP": ((-3.0, 3.0), (-6.0, 6.0)),
            "LAT": ((88.0, 92.0), (-2.0, 2.0)),
            "OBL": ((25.0, 34.0), (-6.0, 6.0)),
        },
        levels=("L2", "L3"),
        aim=_aim_column,
        landmarks=_column_landmarks,
        courses=_column_courses,
        film=_column_film,
        volume_ml=(1.0, 3.0),
        rate_ml_s=(0.4, 0.8),
        twins={
            **common.INJECTION_TWINS,
            "intramuscular": Twin(
                intended=False,
                tip=tip_off_by(22.0, -13.0, 0.0),
                film=stripes_film((0.1, 0.2, -1.0), half_mm=(28.0, 10.0)),
                warnings=("intramuscular_like",),
                also=("tip_off_target",),
                views=("AP",),
            ),
            "intradiscal": Twin(
                intended=False,
                tip=_tip_in_disc,
                film=_disc_film,
                warnings=("intradiscal_like",),
                also=("tip_off_target",),
                views=("AP", "LAT"),
            ),
            "tip_past_limit": Twin(
                intended=False,
                tip=tip_off_by(-4.0, 11.0, 0.0),
                film=blob_film,
                warnings=("tip_past_limit",),
                also=("tip_off_target",),
                views=("LAT",),
            ),
        },
    ),
}
