"""Where a procedure happens in one patient: target, needle approach, film of contrast, vessels, landmark lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import DoubleArray, read_only
from napari_fluoroinject.phantom.film import Film
from napari_fluoroinject.phantom.lumbar import LEVELS
from napari_fluoroinject.phantom.vessel import Course

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.skeleton import Skeleton

CELL_MM = 0.6
_REACH_MM = 72.0
_HALF_WIDTH_MM = 42.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """One procedure in one patient; points in patient millimetres.

    `side` is +1 left, -1 right. `approach` is the unit vector from tip to hub, `landmarks` named polylines (n, 3),
    `courses` where vessels near the target run, `level` the target's name.
    """

    level: str
    side: int
    target_mm: DoubleArray
    tip_mm: DoubleArray
    approach: DoubleArray
    landmarks: dict[str, DoubleArray]
    courses: tuple[Course, ...]


class Spine:
    """The vertebral canal as a curve: midline, dorsal wall of the bodies and canal depth as functions of z."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        walls = [(name, skeleton.vertebrae[name].wall) for name in LEVELS] + [("S1", -16.0)]
        points = np.array([skeleton.bone(name).world((wall, 0.0, 0.0)) for name, wall in walls])[::-1]
        depths = [skeleton.vertebrae[name].canal_depth for name in LEVELS]
        self._z = points[:, 2]
        self._points = points
        self._depth = np.array([*depths, depths[-1]])[::-1]

    def wall_x(self, z: DoubleArray) -> DoubleArray:
        """x of the dorsal wall of the vertebral bodies."""
        return np.interp(z, self._z, self._points[:, 0])

    def midline_y(self, z: DoubleArray) -> DoubleArray:
        """y of the midline."""
        return np.interp(z, self._z, self._points[:, 1])

    def canal_depth(self, z: DoubleArray) -> DoubleArray:
        """Depth of the canal from the wall to the arch."""
        return np.interp(z, self._z, self._depth)

    def world(self, level: str, own: tuple[float, float, float]) -> DoubleArray:
        """A point of a vertebra's own frame in patient millimetres."""
        return self.skeleton.bone(level).world(own)


def draw_site(key: str, levels: tuple[str, ...], spine: Spine, random: np.random.Generator) -> Site:
    """Draw level, side, target and needle of a procedure."""
    level, side = str(random.choice(levels)), int(random.choice([-1, 1]))
    target, approach = _AIMS[key](spine, level, side, random)
    miss = np.clip(random.normal(0.0, 0.5, 3), -1.2, 1.2)
    return Site(
        level=level,
        side=side,
        target_mm=read_only(target, np.float64),
        tip_mm=read_only(target + miss, np.float64),
        approach=read_only(approach / np.linalg.norm(approach), np.float64),
        landmarks=_landmarks(spine, level, side),
        courses=_courses(key, spine, target, side),
    )


def _below(level: str) -> str:
    return LEVELS[LEVELS.index(level) + 1]


def _aim_interlaminar(spine: Spine, level: str, side: int, random: np.random.Generator) -> tuple[DoubleArray, DoubleArray]:
    """Paramedian in the dorsal epidural space between two laminae, from caudal and a little lateral."""
    upper, lower = spine.skeleton.vertebrae[level], spine.skeleton.vertebrae[_below(level)]
    top = spine.world(level, (upper.wall - upper.canal_depth + 1.8, side * random.uniform(1.0, 6.0), upper.arch_bottom))
    bottom = spine.world(_below(level), (lower.wall - lower.canal_depth + 1.8, 0.0, lower.arch_top))
    share = random.uniform(0.35, 0.65)
    target = np.array([top[0] * (1 - share) + bottom[0] * share, top[1], top[2] * (1 - share) + bottom[2] * share])
    return target, _direction(side * random.uniform(3, 15), -random.uniform(16, 30))


def _aim_subpedicular(spine: Spine, level: str, side: int, random: np.random.Generator) -> tuple[DoubleArray, DoubleArray]:
    """Below the pedicle at its six o'clock, in the ventral upper part of the foramen."""
    bone = spine.skeleton.vertebrae[level]
    below = bone.pedicle_z - bone.pedicle_height / 2 - random.uniform(1.5, 4.0)
    lateral = bone.pedicle_y + random.uniform(-1.0, 3.0)
    target = spine.world(level, (bone.wall - random.uniform(2.0, 6.0), side * lateral, below))
    return target, _direction(side * random.uniform(18, 34), -random.uniform(0, 14))


def _aim_medial_branch(spine: Spine, level: str, side: int, random: np.random.Generator) -> tuple[DoubleArray, DoubleArray]:
    """On bone where the superior articular process meets the transverse process."""
    lower = _below(level)
    bone = spine.skeleton.vertebrae[lower]
    own = (bone.wall - 12.5, side * (bone.pedicle_outer - 0.5), bone.pedicle_z + 4.5)
    return spine.world(lower, own), _direction(side * random.uniform(14, 28), -random.uniform(4, 20))


def _direction(lateral_deg: float, cranial_deg: float) -> DoubleArray:
    """Unit vector from tip to hub: dorsal, turned laterally (positive = left) and cranially."""
    a, b = np.radians(lateral_deg), np.radians(cranial_deg)
    return np.array([-np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])


_AIMS = {
    "esi_il_lumbar": _aim_interlaminar,
    "esi_tf_lumbar_subpedicular": _aim_subpedicular,
    "mbb_lumbar": _aim_medial_branch,
}


def _landmarks(spine: Spine, level: str, side: int) -> dict[str, DoubleArray]:
    """The lines that procedures are limited by, as polylines in patient millimetres."""
    lower = _below(level)
    bones = spine.skeleton.vertebrae
    lines: dict[str, list[DoubleArray]] = {"ventral_interlaminar_line": [], "medial_pedicle_line": [], "midline": []}
    for name in LEVELS:
        bone = bones[name]
        ventral = bone.wall - bone.canal_depth
        for z in (bone.arch_top, bone.arch_bottom):
            lines["ventral_interlaminar_line"].append(spine.world(name, (ventral, 0.0, z)))
        lines["medial_pedicle_line"].append(spine.world(name, (bone.wall, side * bone.pedicle_inner, bone.pedicle_z)))
        lines["midline"].append(spine.world(name, (bone.wall, 0.0, 0.0)))
    upper, own = bones[level], bones[lower]
    bottom = upper.pedicle_z - upper.pedicle_height / 2
    lines["six_o_clock"] = [
        spine.world(level, (upper.wall - 4, side * upper.pedicle_y, z)) for z in (bottom, bottom - 12.0)
    ]
    lines["posterior_foraminal_line"] = [
        spine.world(level, (upper.wall - 13, side * upper.pedicle_y, z)) for z in (bottom, bottom - 15.0)
    ]
    lines["transverse_process_corner"] = [
        spine.world(lower, (own.wall - 12.5, side * y, own.pedicle_z + 4.5))
        for y in (own.pedicle_outer - 0.5, own.pedicle_outer + 12.0)
    ]
    return {name: read_only(np.array(points), np.float64) for name, points in lines.items()}


def _courses(key: str, spine: Spine, target: DoubleArray, side: int) -> tuple[Course, ...]:
    """Where vessels run: epidural and foraminal veins, the ascending lumbar vein, segmental and paraspinal vessels."""
    wall = float(spine.wall_x(target[2]))
    start = target + np.array([0.5, 0.0, 0.0])
    epidural, ascending, paraspinal = wall - 1.0, wall + 6.0, wall - 18.0
    if key == "mbb_lumbar":
        choices = [((side * 0.9, 0.5), paraspinal), ((side * 0.4, -1.0), paraspinal), ((-side * 0.6, 0.9), paraspinal - 8)]
    elif key == "esi_il_lumbar":
        choices = [((side * 0.8, 0.7), ascending), ((side * 0.25, 1.0), epidural), ((-side * 0.9, -0.5), ascending)]
    else:
        choices = [((-side * 0.8, 0.8), epidural), ((side * 0.35, 1.0), ascending), ((side * 1.0, -0.4), wall + 14.0)]
    return tuple(
        Course(start_mm=start, heading=np.array([0.0, *heading]), x_mm=x_mm) for heading, x_mm in choices
    )


def draw_film(key: str, site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The film that the intended contrast fills."""
    if key == "mbb_lumbar":
        return _pool(site, random)
    return _epidural(site, spine, dorsal=key == "esi_il_lumbar", random=random)


def _grid(site: Site, spine: Spine | None, reach_mm: float, half_width_mm: float) -> tuple[DoubleArray, DoubleArray]:
    """z (rows, 1) and the distance from the midline (or from the target), (1, columns), millimetres."""
    z = site.tip_mm[2] + np.arange(-reach_mm, reach_mm + CELL_MM, CELL_MM)[:, None]
    eta = np.arange(-half_width_mm, half_width_mm + CELL_MM, CELL_MM)[None, :]
    return z, eta


def _epidural(site: Site, spine: Spine, *, dorsal: bool, random: np.random.Generator) -> Film:
    """Epidural film with root sleeves: dorsal for interlaminar, ventral and lateral for transforaminal injections."""
    z, eta = _grid(site, spine, _REACH_MM, _HALF_WIDTH_MM)
    wall, middle, depth = spine.wall_x(z), spine.midline_y(z), spine.canal_depth(z)
    half = random.uniform(11.5, 13.0)
    edge = np.clip(1 - (np.abs(eta) / half) ** 6, 0, 1)
    thick = random.uniform(1.0, 1.9) if dorsal else random.uniform(0.55, 1.0)
    pitch = 36.0
    gap = edge * (thick + (0.7 if dorsal else 0.2) * (0.5 + 0.5 * np.cos(2 * np.pi * (z - site.target_mm[2]) / pitch)))
    film_x = wall - depth + 1.8 + 4.5 * (eta / half) ** 2 if dorsal else wall - 1.0 - 2.5 * (eta / half) ** 4
    film_x = np.broadcast_to(film_x, gap.shape).copy()
    gap, film_x, ends = _sleeves(gap, film_x, z, eta, spine, site, random)
    gap = _vacuoles(gap, z, eta, random)
    gap[np.abs(gap) < 0.12] = 0.0
    ease = _ease(gap.shape, random, 0.75) * np.where(np.abs(eta) < 1.0, random.uniform(0.08, 0.5), 1.0)
    ease = ease * np.exp(random.normal(0.0, 0.8) * np.tanh(eta / 5.0)) * np.exp(random.normal(0.0, 0.5) * np.tanh((z - site.tip_mm[2]) / 15))
    ends[[0, -1]] = True
    points = np.stack([film_x, np.broadcast_to(middle + eta, gap.shape), np.broadcast_to(z, gap.shape)], axis=-1)
    return _film(gap, ease, ends & (gap > 0), points, site)


def _sleeves(
    gap: DoubleArray, film_x: DoubleArray, z: DoubleArray, eta: DoubleArray, spine: Spine, site: Site, random: np.random.Generator
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Add the sleeves of the nerve roots that leave below each pedicle; returns gap, depth and where sleeves end."""
    ends = np.zeros(gap.shape, bool)
    for name in LEVELS:
        bone = spine.skeleton.vertebrae[name]
        for side in (1, -1):
            root = spine.world(name, (bone.wall - 5.0, side * bone.pedicle_y, bone.pedicle_z - bone.pedicle_height / 2 - 3.5))
            y = root[1] - float(spine.midline_y(root[2]))
            slope = np.radians(random.uniform(38, 56))
            axis = np.array([side * np.sin(slope), -np.cos(slope)])
            along = (eta - y) * axis[0] + (z - root[2]) * axis[1]
            across = (eta - y) * axis[1] - (z - root[2]) * axis[0]
            width, deep = random.uniform(2.0, 2.7), random.uniform(1.5, 2.3)
            tube = deep * np.sqrt(np.clip(1 - (across / width) ** 2, 0, 1))
            first, last = -13.0, random.uniform(9.0, 19.0)
            inside = (along > first) & (along < last) & (tube > 0.25)
            gap = np.where(inside, np.maximum(gap, tube), gap)
            out = inside & (np.abs(eta) > 9)
            film_x = np.where(out, root[0] + 0.25 * along, film_x)
            ends |= inside & (along > last - 1.2)
    return gap, film_x, ends


def _vacuoles(gap: DoubleArray, z: DoubleArray, eta: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """Lobules of epidural fat that contrast flows around."""
    for _ in range(int(random.integers(8, 22))):
        at_z, at_y = random.uniform(z.min(), z.max()), random.uniform(-11, 11)
        size = random.uniform(1.2, 4.0)
        stretch = random.uniform(0.6, 1.6)
        far = np.sqrt(((z - at_z) / stretch) ** 2 + (eta - at_y) ** 2) / size
        gap = gap * np.clip(0.15 + 0.85 * (far - 0.8) / 0.4, 0.15, 1.0)
    return gap


def _pool(site: Site, random: np.random.Generator) -> Film:
    """A fascial plane on the bone between articular and transverse process: a compact pool."""
    z, eta = _grid(site, None, 24.0, 24.0)
    far = np.hypot(z - site.tip_mm[2], eta)
    wide = ndimage.gaussian_filter(random.standard_normal(far.shape), 6)
    gap = random.uniform(0.9, 1.8) * np.exp(0.35 * wide / wide.std())
    gap = np.where(far < 23.0, np.clip(gap, 0.3, 3.5), 0.0)
    ease = _ease(gap.shape, random, 0.9)
    lean, tilt = random.uniform(-0.5, 0.1), random.uniform(-0.3, 0.3)
    x = site.tip_mm[0] + lean * site.side * eta + tilt * (z - site.tip_mm[2]) + 0 * far
    points = np.stack([x, site.tip_mm[1] + eta + 0 * far, z + 0 * far], axis=-1)
    return _film(gap, ease, (far > 22.0) & (gap > 0), points, site)


def _ease(shape: tuple[int, ...], random: np.random.Generator, sigma: float) -> DoubleArray:
    """Log-normal permeability, coarse (4 mm) and fine (1 mm)."""
    coarse = ndimage.gaussian_filter(random.standard_normal(shape), 4.0 / CELL_MM)
    fine = ndimage.gaussian_filter(random.standard_normal(shape), 1.0 / CELL_MM)
    result: DoubleArray = np.exp(sigma * coarse / coarse.std() + 0.4 * fine / fine.std())
    return result


def _film(gap: DoubleArray, ease: DoubleArray, ends: DoubleArray, points: DoubleArray, site: Site) -> Film:
    """The connected film around the tip."""
    away = ((points[..., 1:] - site.tip_mm[1:]) ** 2).sum(axis=-1)
    nearest = np.where(gap > 0, away, np.inf).argmin()
    parts, _ = ndimage.label(gap > 0)
    gap = np.where(parts == parts.flat[nearest], gap, 0.0)
    seed = points.reshape(-1, 3)[nearest]
    close = ((points[..., 1:] - seed[1:]) ** 2).sum(axis=-1)
    source = np.where(gap > 0, np.exp(-close / (2 * 0.8**2)) * (close < 2.4**2), 0.0)
    normal = np.zeros_like(points)
    normal[..., 0] = 1.0
    return Film(
        cell_mm=CELL_MM,
        gap_mm=gap,
        ease=ease,
        open_end=ends & (gap > 0),
        source=source / source.sum(),
        points_mm=points,
        normal=normal,
    )
