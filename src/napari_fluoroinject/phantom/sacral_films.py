"""The thin spaces of the sacrum that contrast fills: canal with its roots, sac, joint, foramen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import DoubleArray
from napari_fluoroinject.phantom.film import Film
from napari_fluoroinject.phantom.sheets import CELL_MM

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import DrawFilm, Site
    from napari_fluoroinject.phantom.spine import Spine

_THINNEST_MM = 0.12
_SEED_MM = 0.8
_ABOVE_S1_MM = 62.0
_ACROSS_MM = 48.0
_LUMBAR_HALF_MM = 11.5
_LUMBAR_DEPTH = 0.8
_ROOT_STARTS_MM = 15.0
"""So far above its foramen a root leaves the sac (assumed)."""
_HIATUS_LEAK = (0.002, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class SacralSpace:
    """How the film in the sacral canal is drawn; ranges to draw from.

    `deep` is where it lies in the midline and at its sides, as shares of the canal's depth from
    the ventral wall; `fills` the share of the canal's half width that it takes, `thick` the share
    of its depth. `sleeve_mm` (width, depth) are the half widths of a root's sleeve, `sides` is how
    much one side may fill before the other. `to_tip` has a sleeve lead to the needle's tip.
    """

    deep: tuple[float, float]
    fills: tuple[float, float] = (0.6, 0.75)
    thick: tuple[float, float] = (0.13, 0.22)
    sleeve_mm: tuple[tuple[float, float], tuple[float, float]] = ((1.6, 2.4), (1.1, 1.9))
    sides: float = 0.8
    to_tip: bool = False


CAUDAL = SacralSpace(deep=(0.72, 0.4), sides=0.35)
"""Mostly dorsal of the sac's end (dorsal in 92 %, ventral in 69 %: clinical patterns)."""
TRANSFORAMINAL = SacralSpace(
    deep=(0.3, 0.35), thick=(0.07, 0.12), sleeve_mm=((2.0, 2.8), (1.3, 2.1)), to_tip=True
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Root:
    """A root in the plane of y from the midline and z: from the sac to its foramen and on."""

    start: DoubleArray
    foramen: DoubleArray
    x: float
    beyond_mm: float


def canal_film(space: SacralSpace) -> DrawFilm:
    """The drawer of film in the sacral canal and the lowest lumbar one, open at its upper end.

    A sleeve leaves it along every root from L5 to S4: from behind it looks like a Christmas tree.
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        return _canal(space, site, spine, random)

    return draw


def sacral_sac_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The end of the dural sac of a prone patient, at S2: contrast layers ventrally."""
    low = float(spine.sacrum.world("S2", (0.0, 0.0, random.uniform(-12.0, -8.0)))[2])
    z = np.arange(low, low + _ABOVE_S1_MM + 50.0, CELL_MM)[:, None]
    half = random.uniform(5.0, 6.3) * np.clip((z - low + 1.0) / 14.0, 0.1, 1.0) ** 0.5
    eta = _both(8.0)[None, :]
    deep = random.uniform(1.2, 2.6)
    gap = deep * np.sqrt(np.clip(1 - (eta / half) ** 2, 0, 1))
    x = spine.wall_x(z) - random.uniform(0.24, 0.36) * spine.canal_depth(z)
    points = _placed(x - 1.0 * (eta / half) ** 2, spine.midline_y(z) + eta, z)
    drain = np.zeros(gap.shape)
    drain[-1] = 1.0
    return film_on(points, gap, tip=site.tip_mm, drain=drain, random=random)


def sacroiliac_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The cleft of the sacroiliac joint: contrast runs up along it from the needle."""
    joint, sacrum = spine.sacroiliac(site.side), spine.sacrum
    x = np.arange(-46.0, 22.0, CELL_MM)[None, :]
    z = np.arange(-76.0, 24.0, CELL_MM)[:, None]
    inside = joint.depth(x, z)
    thick = random.uniform(0.6, 0.9) * joint.gap_mm
    # cartilages touch in the middle; recesses run along the margins, where contrast goes first
    recess = np.exp(-np.clip(inside - 1.5, 0, None) / 2.5)
    gap = thick * np.clip(inside, 0, 1) ** 0.5 * (0.3 + 0.7 * recess)
    points = sacrum.place(joint.point(x, z))
    normal = joint.normal(x, z) @ sacrum.turn.T
    away = np.linalg.norm(points - site.tip_mm, axis=-1)
    drain = np.where((inside > 0) & (inside < 2.0) & (away > 0.7 * away[gap > 0].max()), 1.0, 0.0)
    return film_on(points, gap, tip=site.tip_mm, drain=drain, random=random, normal=normal)


def film_on(
    points: DoubleArray,
    gap: DoubleArray,
    *,
    tip: DoubleArray,
    drain: DoubleArray,
    random: np.random.Generator,
    normal: DoubleArray | None = None,
) -> Film:
    """A film of cells at `points` (rows, columns, 3): the connected part next to the tip.

    `normal` as `points`, without it ventral.
    """
    gap = np.where(gap < _THINNEST_MM, 0.0, gap)
    away = ((points - tip) ** 2).sum(axis=-1)
    nearest = int(np.where(gap > 0, away, np.inf).argmin())
    parts, _ = ndimage.label(gap > 0)
    gap = np.where(parts == parts.flat[nearest], gap, 0.0)
    close = ((points - points.reshape(-1, 3)[nearest]) ** 2).sum(axis=-1)
    near = (gap > 0) & (close < (3 * _SEED_MM) ** 2)
    source = np.where(near, np.exp(-close / (2 * _SEED_MM**2)), 0.0)
    if normal is None:
        normal = np.zeros_like(points)
        normal[..., 0] = 1.0
    return Film(
        cell_mm=CELL_MM,
        gap_mm=gap,
        ease=_uneven(gap.shape, random),
        drain=np.where(gap > 0, drain, 0.0),
        source=source / source.sum(),
        points_mm=points,
        normal=normal,
    )


def _canal(space: SacralSpace, site: Site, spine: Spine, random: np.random.Generator) -> Film:
    z, half = _heights(space, spine, random)
    eta = _both(_ACROSS_MM)[None, :]
    wall, depth = spine.wall_x(z), spine.canal_depth(z)
    share = random.uniform(*space.thick)
    lumps = ndimage.gaussian_filter(random.standard_normal((len(z), eta.size)), 3.0 / CELL_MM)
    fat = np.exp(0.35 * lumps / lumps.std())
    gap = share * depth * np.clip(1 - (np.abs(eta) / half) ** 6, 0, 1) * fat
    middle, sides = space.deep
    x = wall - depth * (middle + (sides - middle) * np.clip(np.abs(eta) / half, 0, 1) ** 2)
    drain = np.zeros(gap.shape)
    roots = _roots(spine, z, half, random)
    if space.to_tip:
        roots.append(_root_to((site.tip_mm, site.side), spine, z, half))
    for root in roots:
        gap, x, drain = _with_sleeve((gap, x, drain), root, (z, eta, half), space, random)
    drain[-1] = 1.0
    drain[0] = float(np.exp(random.uniform(*np.log(_HIATUS_LEAK))))
    points = _placed(x, spine.midline_y(z) + eta, z)
    fold = np.where(np.abs(eta) < 1.0, random.uniform(0.2, 0.7), 1.0)
    sided = np.exp(random.normal(0.0, space.sides) * np.tanh(eta / 5.0))
    film = film_on(points, gap, tip=site.tip_mm, drain=drain, random=random)
    return replace(film, ease=film.ease * fold * sided)


def _heights(
    space: SacralSpace, spine: Spine, random: np.random.Generator
) -> tuple[DoubleArray, DoubleArray]:
    """Heights from the hiatus up, (n, 1), and how far from the midline the film reaches there."""
    stations = spine.sacrum.canal_stations()
    places = spine.sacrum.place(np.array([station[0] for station in stations]))
    fills = random.uniform(*space.fills)
    low, top = float(spine.sacrum.hiatus()[2]) - 6.0, float(places[0, 2])
    z = np.arange(low, top + _ABOVE_S1_MM, CELL_MM)
    heights = np.array([top + 20.0, *places[:, 2]])
    widths = np.array([_LUMBAR_HALF_MM, *(fills * station[2] for station in stations)])
    return z[:, None], np.interp(z, heights[::-1], widths[::-1])[:, None]


def _roots(
    spine: Spine, z: DoubleArray, half: DoubleArray, random: np.random.Generator
) -> list[_Root]:
    bone = spine.vertebra("L5")
    below = bone.pedicle_z - bone.pedicle_height / 2 - 3.5
    roots = []
    for side in (1, -1):
        exits = [spine.world("L5", (bone.wall - 5.0, side * bone.pedicle_y, below))]
        exits += [spine.sacrum.foramen(number, side, "ventral") for number in (1, 2, 3, 4)]
        for number, at in enumerate(exits):
            height = float(at[2]) + _ROOT_STARTS_MM * (1.0 - 0.15 * number)
            y = side * 0.7 * float(np.interp(height, z[:, 0], half[:, 0]))
            away = float(at[1]) - float(spine.midline_y(float(at[2])))
            beyond = random.uniform(5.0, 16.0) * (1.0 - 0.12 * number)
            roots.append(
                _Root(
                    start=np.array([y, height]),
                    foramen=np.array([away, float(at[2])]),
                    x=float(at[0]),
                    beyond_mm=beyond,
                )
            )
    return roots


def _root_to(
    tip: tuple[DoubleArray, int], spine: Spine, z: DoubleArray, half: DoubleArray
) -> _Root:
    """The way along a root from a tip of a side's needle into the canal."""
    at, side = tip
    height = float(at[2]) + 0.5 * _ROOT_STARTS_MM
    y = side * 0.7 * float(np.interp(height, z[:, 0], half[:, 0]))
    away = float(at[1]) - float(spine.midline_y(float(at[2])))
    return _Root(
        start=np.array([y, height]),
        foramen=np.array([away, float(at[2])]),
        x=float(at[0]),
        beyond_mm=3.0,
    )


def _with_sleeve(
    film: tuple[DoubleArray, DoubleArray, DoubleArray],
    root: _Root,
    grid: tuple[DoubleArray, DoubleArray, DoubleArray],
    space: SacralSpace,
    random: np.random.Generator,
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """The sleeve of a root: tapers from the sac to beyond its foramen, where it leaks."""
    (gap, x, drain), (z, eta, half) = film, grid
    way = root.foramen - root.start
    length = float(np.hypot(*way))
    way = way / length
    along = (eta - root.start[0]) * way[0] + (z - root.start[1]) * way[1]
    across = (eta - root.start[0]) * way[1] - (z - root.start[1]) * way[0]
    last = length + root.beyond_mm
    across = across + random.uniform(-0.012, 0.012) * np.clip(along - 0.7 * length, 0, None) ** 2
    taper = np.clip(1.1 - 0.45 * along / last, 0.4, 1.2)
    wide, thick = (random.uniform(*ends) for ends in space.sleeve_mm)
    tube = thick * taper * np.sqrt(np.clip(1 - (across / (wide * taper)) ** 2, 0, 1))
    tube = tube * np.clip((last - along) / 4.0, 0, 1) * (along > 0)
    inside = (tube > 0.2) & (along < last)
    outside = np.clip((np.abs(eta) - half + 1.5) / 3.0, 0, 1)
    leak = float(np.exp(random.uniform(np.log(0.004), np.log(0.2))))
    ventral = root.x + 0.3 * np.clip(along - length, 0, None)
    share = np.clip(along / length, 0, 1) * outside
    return (
        np.where(inside, np.maximum(gap, tube), gap),
        np.where(inside, x + share * (ventral - x), x),
        np.where(inside & (along > last - 3.0), leak, drain),
    )


def _both(half_mm: float) -> DoubleArray:
    count = int(np.ceil(half_mm / CELL_MM))
    return np.asarray(np.arange(-count, count + 1) * CELL_MM, np.float64)


def _placed(x: DoubleArray, y: DoubleArray, z: DoubleArray) -> DoubleArray:
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float64)


def _uneven(shape: tuple[int, ...], random: np.random.Generator) -> DoubleArray:
    """Log-normal permeability, coarse (4 mm) and fine (1 mm)."""
    coarse = ndimage.gaussian_filter(random.standard_normal(shape), 4.0 / CELL_MM)
    fine = ndimage.gaussian_filter(random.standard_normal(shape), 1.0 / CELL_MM)
    return np.asarray(np.exp(0.6 * coarse / coarse.std() + 0.3 * fine / fine.std()))
