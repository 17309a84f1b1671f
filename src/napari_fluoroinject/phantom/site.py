"""Where a procedure happens in one patient: target, approach, nearby vessels, landmark lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.lumbar import LEVELS
from napari_fluoroinject.phantom.spaces import disc, facet_joint
from napari_fluoroinject.phantom.vessel import Course

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.phantom.skeleton import Skeleton

LEVEL_PITCH_MM = 36.0
"""Distance between neighbouring lumbar levels, for what repeats with them."""
_SACRAL_CANAL = (("S1", (-16.0, 0.0, 0.0)), ("S1", (-13.0, 0.0, -45.0)))
_MISS_MM = 0.5
_FARTHEST_MISS_MM = 1.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """One procedure in one patient; points in patient millimetres.

    `side` is +1 left, -1 right. `approach` is the unit vector from tip to hub, `landmarks` named
    polylines (n, 3), `courses` where vessels near the target run, `level` the target's name.
    """

    level: str
    side: int
    target_mm: DoubleArray
    tip_mm: DoubleArray
    approach: DoubleArray
    landmarks: dict[str, DoubleArray]
    courses: tuple[Course, ...]


class Spine:
    """The vertebral canal as a curve: midline, dorsal wall and canal depth as functions of z."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        walls = [(name, (skeleton.vertebrae[name].wall, 0.0, 0.0)) for name in LEVELS]
        first = skeleton.vertebrae[LEVELS[0]]
        walls = [("T12", (first.wall, 0.0, 0.0)), *walls, *_SACRAL_CANAL]
        points = np.array([skeleton.bone(name).world(own) for name, own in walls])
        depths = [skeleton.vertebrae[name].canal_depth for name in LEVELS]
        depths = [depths[0], *depths, depths[-1], 0.6 * depths[-1]]
        self._points = points[::-1]
        self._depth = np.array(depths)[::-1]

    def wall_x(self, z: float | DoubleArray) -> DoubleArray:
        """The x of the dorsal wall of the vertebral bodies."""
        return np.asarray(np.interp(z, self._points[:, 2], self._points[:, 0]))

    def midline_y(self, z: float | DoubleArray) -> DoubleArray:
        """The y of the midline."""
        return np.asarray(np.interp(z, self._points[:, 2], self._points[:, 1]))

    def canal_depth(self, z: float | DoubleArray) -> DoubleArray:
        """Depth of the canal from the wall to the arch."""
        return np.asarray(np.interp(z, self._points[:, 2], self._depth))

    def world(self, level: str, own: tuple[float, float, float]) -> DoubleArray:
        """A point of a vertebra's own frame in patient millimetres."""
        return self.skeleton.bone(level).world(own)


def draw_site(
    key: str, levels: tuple[str, ...], spine: Spine, random: np.random.Generator
) -> Site:
    """Draw level, side, target and needle of a procedure."""
    level, side = str(random.choice(levels)), int(random.choice([-1, 1]))
    target, approach = _AIMS[key](spine, level, side, random)
    miss = np.clip(random.normal(0.0, _MISS_MM, 3), -_FARTHEST_MISS_MM, _FARTHEST_MISS_MM)
    return Site(
        level=level,
        side=side,
        target_mm=read_only(target, np.float64),
        tip_mm=read_only(target + miss, np.float64),
        approach=read_only(approach, np.float64),
        landmarks=_landmarks(spine, level, side),
        courses=_courses(key, spine, target, side),
    )


def below(level: str) -> str:
    """The next level caudally."""
    return LEVELS[LEVELS.index(level) + 1]


Aim = tuple[DoubleArray, DoubleArray]


def _aim_interlaminar(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Paramedian in the dorsal epidural space between two laminae, from caudal and lateral."""
    upper = spine.skeleton.vertebrae[level]
    lower = spine.skeleton.vertebrae[below(level)]
    lateral = side * random.uniform(1.0, 6.0)
    above = (upper.wall - upper.canal_depth + 1.8, lateral, upper.arch_bottom)
    beneath = (lower.wall - lower.canal_depth + 1.8, lateral, lower.arch_top)
    share = random.uniform(0.35, 0.65)
    target = (1 - share) * spine.world(level, above) + share * spine.world(below(level), beneath)
    return target, _direction(side * random.uniform(0, 18), -random.uniform(15, 38))


def _aim_subpedicular(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Below the pedicle at its six o'clock, in the ventral upper part of the foramen."""
    bone = spine.skeleton.vertebrae[level]
    z = bone.pedicle_z - bone.pedicle_height / 2 - random.uniform(1.5, 4.0)
    lateral = bone.pedicle_y + random.uniform(-0.5, 3.0)
    target = spine.world(level, (bone.wall - random.uniform(2.0, 6.0), side * lateral, z))
    return target, _direction(side * random.uniform(16, 40), -random.uniform(-4, 18))


def _aim_medial_branch(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """On bone where the superior articular process meets the transverse process."""
    lower = below(level)
    bone = spine.skeleton.vertebrae[lower]
    own = (bone.wall - 12.5, side * (bone.pedicle_outer - 0.5), bone.pedicle_z + 4.5)
    return spine.world(lower, own), _direction(
        side * random.uniform(12, 32), -random.uniform(0, 24)
    )


def _aim_dorsal_canal(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Dorsal in the canal beside the midline: where the middle of a lead lies."""
    bone = spine.skeleton.vertebrae[level]
    own = (bone.wall - bone.canal_depth + 1.8, side * random.uniform(0.0, 3.0), 0.0)
    z = np.array([0.0, 0.0, random.uniform(-12.0, 12.0)])
    return spine.world(level, own) + z, _direction(0.0, -45.0)


def _aim_foramen(spine: Spine, level: str, side: int, random: np.random.Generator) -> Aim:
    """Below the pedicle, dorsal in the foramen."""
    bone = spine.skeleton.vertebrae[level]
    z = bone.pedicle_z - bone.pedicle_height / 2 - random.uniform(3.0, 6.0)
    own = (bone.wall - 6.0, side * bone.pedicle_y, z)
    return spine.world(level, own), _direction(0.0, -45.0)


def _direction(lateral_deg: float, cranial_deg: float) -> DoubleArray:
    """Unit vector from tip to hub: dorsal, turned laterally (positive = left) and cranially."""
    a, b = np.radians(lateral_deg), np.radians(cranial_deg)
    return np.array([-np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])


_AIMS: dict[str, Callable[[Spine, str, int, np.random.Generator], Aim]] = {
    "esi_il_lumbar": _aim_interlaminar,
    "esi_tf_lumbar_subpedicular": _aim_subpedicular,
    "mbb_lumbar": _aim_medial_branch,
    "scs_lead": _aim_dorsal_canal,
    "drg_lead": _aim_foramen,
}


def _landmarks(spine: Spine, level: str, side: int) -> dict[str, DoubleArray]:
    """Lines that procedures are limited by, as polylines, and boxes by their corners; mm."""
    lines = _long_lines(spine, side) | _foraminal_lines(spine, level, side)
    boxes = {
        "disc_box": disc(spine, level).corners_mm,
        "facet_joint_box": facet_joint(spine, level, side).corners_mm,
    }
    every = {name: np.array(points) for name, points in lines.items()} | boxes
    return {name: read_only(points, np.float64) for name, points in every.items()}


def _long_lines(spine: Spine, side: int) -> dict[str, list[DoubleArray]]:
    ventral: list[DoubleArray] = []
    medial: list[DoubleArray] = []
    midline: list[DoubleArray] = []
    for name in LEVELS:
        bone = spine.skeleton.vertebrae[name]
        arch = bone.wall - bone.canal_depth
        ventral += [spine.world(name, (arch, 0.0, z)) for z in (bone.arch_top, bone.arch_bottom)]
        medial.append(spine.world(name, (bone.wall, side * bone.pedicle_inner, bone.pedicle_z)))
        midline.append(spine.world(name, (bone.wall, 0.0, 0.0)))
    return {
        "ventral_interlaminar_line": ventral,
        "end_plates": [
            spine.skeleton.bone(name).world((0.0, 0.0, height / 2))
            for name, height in _heights(spine)
        ],
        "medial_pedicle_line": medial,
        "midline": midline,
    }


def _heights(spine: Spine) -> list[tuple[str, float]]:
    """T12 to L5 and the height of each body at its middle."""
    bones = [(name, spine.skeleton.vertebrae[name]) for name in LEVELS]
    means = [(name, (bone.height_front + bone.height_back) / 2) for name, bone in bones]
    return [("T12", means[0][1]), *means]


def _foraminal_lines(spine: Spine, level: str, side: int) -> dict[str, list[DoubleArray]]:
    lower = below(level)
    bone, next_bone = spine.skeleton.vertebrae[level], spine.skeleton.vertebrae[lower]
    bottom = bone.pedicle_z - bone.pedicle_height / 2
    y = side * bone.pedicle_y
    return {
        "six_o_clock": [
            spine.world(level, (bone.wall - 4, y, z)) for z in (bottom, bottom - 12.0)
        ],
        "posterior_foraminal_line": [
            spine.world(level, (bone.wall - 13, y, z)) for z in (bottom, bottom - 15.0)
        ],
        "transverse_process_corner": [
            spine.world(lower, (next_bone.wall - 12.5, side * at, next_bone.pedicle_z + 4.5))
            for at in (next_bone.pedicle_outer - 0.5, next_bone.pedicle_outer + 12.0)
        ],
    }


def _courses(key: str, spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Where vessels run: (lateral, cranial) heading from the tip, and the depth they sink to."""
    wall = float(spine.wall_x(target[2]))
    epidural, ascending, segmental, paraspinal = wall - 1.0, wall + 6.0, wall + 14.0, wall - 18.0
    choices = {
        "esi_il_lumbar": (
            ((0.8, 0.7), ascending),
            ((0.25, 1.0), epidural),
            ((-0.9, -0.5), ascending),
            ((0.1, -1.0), epidural),
        ),
        "esi_tf_lumbar_subpedicular": (
            ((-0.8, 0.8), epidural),
            ((0.35, 1.0), ascending),
            ((1.0, -0.4), segmental),
            ((0.2, -1.0), ascending),
        ),
        "mbb_lumbar": (
            ((0.9, 0.5), paraspinal),
            ((0.4, -1.0), paraspinal),
            ((-0.6, 0.9), paraspinal - 8),
        ),
    }
    return tuple(
        Course(
            start_mm=read_only(target + np.array([0.5, 0.0, 0.0]), np.float64),
            heading=read_only(np.array([0.0, side * lateral, cranial]), np.float64),
            x_mm=x_mm,
        )
        for (lateral, cranial), x_mm in choices.get(key, ())
    )
