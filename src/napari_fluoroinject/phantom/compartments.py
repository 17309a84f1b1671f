"""The thin spaces that contrast fills: epidural film with root sleeves, fascial plane on bone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
from napari_fluoroinject.phantom.film import Film
from napari_fluoroinject.phantom.sheets import CELL_MM

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import DrawFilm, Site
    from napari_fluoroinject.phantom.spine import Spine

_POOL_MM = 24.0
_THINNEST_MM = 0.12
_SEED_MM = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Map:
    """A film in the making, on a grid of z (rows, 1) and distance from the midline (1, columns).

    `drain` is how easily a cell loses contrast beyond the map: 0 not at all, 1 as freely as film.
    """

    z: DoubleArray
    eta: DoubleArray
    gap: DoubleArray
    x: DoubleArray
    ease: DoubleArray
    drain: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EpiduralSpace:
    """How the epidural film of a region is drawn; ranges to draw from, millimetres.

    `dorsal` film lies before the arches, by `before_arch_mm` in the midline and `bend_mm` more at
    its sides; ventral film lies behind the bodies. `pad_mm` is what fat adds between the levels,
    `sleeve_mm` (width, depth) the half widths of a root's sleeve, `slope_deg` how far its way
    turns from straight caudal (0) to straight lateral (90); it begins `before_root_mm` before it
    passes `below_pedicle_mm` below a pedicle's middle.
    """

    dorsal: bool
    half_mm: tuple[float, float] = (11.5, 13.0)
    thick_mm: tuple[float, float] = (1.0, 1.9)
    pad_mm: float = 0.7
    before_arch_mm: float = 1.8
    bend_mm: float = 4.5
    root_mm: float = 0.0
    """How far ventral of 5 mm behind the wall a sleeve passes below the pedicle."""
    forward: float = 0.25
    """How far ventrally a sleeve leads, of its way."""
    sleeve_mm: tuple[tuple[float, float], tuple[float, float]] = ((1.8, 2.7), (1.2, 2.2))
    slope_deg: tuple[float, float] = (36.0, 56.0)
    reach_mm: float = 72.0
    across_mm: float = 42.0
    before_root_mm: float = 13.0
    below_pedicle_mm: float = 3.5


LUMBAR_DORSAL = EpiduralSpace(dorsal=True)
LUMBAR_VENTRAL = EpiduralSpace(dorsal=False, thick_mm=(0.55, 1.0), pad_mm=0.2)


def epidural_film(space: EpiduralSpace) -> DrawFilm:
    """The drawer of a region's epidural film with the sleeves of its roots."""

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        return _epidural(space, site, spine, random)

    return draw


def _epidural(space: EpiduralSpace, site: Site, spine: Spine, random: np.random.Generator) -> Film:
    z, eta = _grid(site, space.reach_mm, space.across_mm)
    half = random.uniform(*space.half_mm)
    edge = np.clip(1 - (np.abs(eta) / half) ** 6, 0, 1)
    thick = random.uniform(*space.thick_mm)
    fat = 0.5 + 0.5 * np.cos(2 * np.pi * (z - site.target_mm[2]) / spine.pitch_mm)
    gap = edge * (thick + space.pad_mm * fat)
    wall = spine.wall_x(z)
    if space.dorsal:
        arch = wall - spine.canal_depth(z)
        x = arch + space.before_arch_mm + space.bend_mm * (eta / half) ** 2
    else:
        x = wall - 1.0 - 2.5 * (eta / half) ** 4
    film = _Map(
        z=z,
        eta=eta,
        gap=gap,
        x=np.array(np.broadcast_to(x, gap.shape)),
        ease=_ease(gap.shape, 0.75, random) * _preference(site, z, eta, random),
        drain=np.zeros(gap.shape),
    )
    for level in spine.levels:
        for side in (1, -1):
            root = _root(spine, level, side, space.below_pedicle_mm)
            film = _with_sleeve(film, space, root, side, random)
    film = _with_vacuoles(film, space.half_mm[0] - 0.5, random)
    film.drain[[0, -1]] = 1.0
    y = np.broadcast_to(spine.midline_y(z) + eta, gap.shape)
    return _film(film, np.stack([film.x, y, np.broadcast_to(z, gap.shape)], axis=-1), site)


def _preference(
    site: Site, z: DoubleArray, eta: DoubleArray, random: np.random.Generator
) -> DoubleArray:
    """What makes spread one-sided: the midline fold, and tissue that lets one side fill first."""
    fold = np.where(np.abs(eta) < 1.0, random.uniform(0.08, 0.5), 1.0)
    sides = np.exp(random.normal(0.0, 0.8) * np.tanh(eta / 5.0))
    ends = np.exp(random.normal(0.0, 0.5) * np.tanh((z - site.tip_mm[2]) / 15.0))
    return np.asarray(fold * sides * ends)


def _root(spine: Spine, level: str, side: int, below_pedicle_mm: float) -> DoubleArray:
    """Where a nerve root leaves below the pedicle: (x, y from the midline, z)."""
    bone = spine.vertebra(level)
    below = bone.pedicle_z - bone.pedicle_height / 2 - below_pedicle_mm
    root = spine.world(level, (bone.wall - 5.0, side * bone.pedicle_y, below))
    return np.array([root[0], root[1] - float(spine.midline_y(root[2])), root[2]])


def _with_sleeve(
    film: _Map,
    space: EpiduralSpace,
    root: DoubleArray,
    side: int,
    random: np.random.Generator,
) -> _Map:
    """The sleeve of a nerve root: leaves below the pedicle, caudo-lateral, bends and tapers."""
    slope = np.radians(random.uniform(*space.slope_deg))
    axis = side * np.sin(slope), -np.cos(slope)
    along = (film.eta - root[1]) * axis[0] + (film.z - root[2]) * axis[1]
    across = (film.eta - root[1]) * axis[1] - (film.z - root[2]) * axis[0]
    first, last = -space.before_root_mm, random.uniform(8.0, 22.0)
    across = across + random.uniform(-0.018, 0.018) * np.clip(along, 0, None) ** 2
    taper = np.clip(1.1 - 0.5 * (along - first) / (last - first), 0.4, 1.2)
    wide, thick = (random.uniform(*ends) for ends in space.sleeve_mm)
    width, deep = wide * taper, thick * taper
    tube = deep * np.sqrt(np.clip(1 - (across / width) ** 2, 0, 1))
    tube = tube * np.clip((last - along) / 4.0, 0, 1)
    outside = np.abs(film.eta) > space.half_mm[0] - 2.5
    inside = (along > first) & (along < last) & (tube > 0.2)
    leak = float(np.exp(random.uniform(np.log(0.004), np.log(0.2))))
    return replace(
        film,
        gap=np.where(inside, np.maximum(film.gap, tube), film.gap),
        x=np.where(inside & outside, root[0] + space.root_mm + space.forward * along, film.x),
        drain=np.where(inside & (along > last - 3.0), leak, film.drain),
    )


def _with_vacuoles(film: _Map, half_mm: float, random: np.random.Generator) -> _Map:
    """Lobules of epidural fat that contrast flows around."""
    gap = film.gap
    for _ in range(int(random.integers(8, 22))):
        z, y = random.uniform(film.z.min(), film.z.max()), random.uniform(-half_mm, half_mm)
        size, stretch = random.uniform(1.2, 4.0), random.uniform(0.6, 1.6)
        far = np.hypot((film.z - z) / stretch, film.eta - y) / size
        gap = gap * np.clip(0.15 + 0.85 * (far - 0.8) / 0.4, 0.15, 1.0)
    return replace(film, gap=gap)


def pool_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
    """A fascial plane on bone, square to the sagittal plane: a compact pool."""
    z, eta = _grid(site, _POOL_MM, _POOL_MM)
    far = np.hypot(z - site.tip_mm[2], eta)
    wide = ndimage.gaussian_filter(random.standard_normal(far.shape), 6)
    gap = random.uniform(0.8, 1.8) * np.exp(0.4 * wide / wide.std())
    lean, tilt = random.uniform(-0.5, 0.1), random.uniform(-0.3, 0.3)
    x = site.tip_mm[0] + lean * site.side * eta + tilt * (z - site.tip_mm[2])
    film = _Map(
        z=z,
        eta=eta,
        gap=np.where(far < _POOL_MM - 1, np.clip(gap, 0.3, 3.5), 0.0),
        x=x,
        ease=_ease(far.shape, 0.9, random),
        drain=np.where(far > _POOL_MM - 2, 1.0, 0.0),
    )
    y = np.broadcast_to(site.tip_mm[1] + eta, far.shape)
    return _film(film, np.stack([x, y, np.broadcast_to(z, far.shape)], axis=-1), site)


def _grid(site: Site, reach_mm: float, half_width_mm: float) -> tuple[DoubleArray, DoubleArray]:
    z = site.tip_mm[2] + np.arange(-reach_mm, reach_mm + CELL_MM, CELL_MM)[:, None]
    eta = np.arange(-half_width_mm, half_width_mm + CELL_MM, CELL_MM)[None, :]
    return z, eta


def _ease(shape: tuple[int, ...], sigma: float, random: np.random.Generator) -> DoubleArray:
    """Log-normal permeability, coarse (4 mm) and fine (1 mm)."""
    coarse = ndimage.gaussian_filter(random.standard_normal(shape), 4.0 / CELL_MM)
    fine = ndimage.gaussian_filter(random.standard_normal(shape), 1.0 / CELL_MM)
    return np.asarray(np.exp(sigma * coarse / coarse.std() + 0.4 * fine / fine.std()))


def _film(film: _Map, points: DoubleArray, site: Site) -> Film:
    """The connected part of the film that the tip lies in or next to."""
    gap = np.where(film.gap < _THINNEST_MM, 0.0, film.gap)
    away = ((points[..., 1:] - site.tip_mm[1:]) ** 2).sum(axis=-1)
    nearest = int(np.where(gap > 0, away, np.inf).argmin())
    parts, _ = ndimage.label(gap > 0)
    gap = np.where(parts == parts.flat[nearest], gap, 0.0)
    source = _seed(gap, points, points.reshape(-1, 3)[nearest])
    normal = np.zeros_like(points)
    normal[..., 0] = 1.0
    return Film(
        cell_mm=CELL_MM,
        gap_mm=gap,
        ease=film.ease,
        drain=np.where(gap > 0, film.drain, 0.0),
        source=source / source.sum(),
        points_mm=points,
        normal=normal,
    )


def _seed(gap: DoubleArray, points: DoubleArray, centre: DoubleArray) -> DoubleArray:
    """Where contrast enters: a small disc, so that speeds at the tip stay finite."""
    close = ((points[..., 1:] - centre[1:]) ** 2).sum(axis=-1)
    near: BoolArray = (gap > 0) & (close < (3 * _SEED_MM) ** 2)
    return np.where(near, np.exp(-close / (2 * _SEED_MM**2)), 0.0)
