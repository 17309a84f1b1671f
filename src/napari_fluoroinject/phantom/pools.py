"""Contrast beside a needle's tip: a pool on bone, a blob in soft tissue, stripes in muscle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.misplaced import closed_film, muscle_film
from napari_fluoroinject.phantom.sheets import flat, sheet, uneven
from napari_fluoroinject.phantom.spaces import Space, space_along

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import DrawFilm, Site
    from napari_fluoroinject.phantom.spaces import PlaceSpace
    from napari_fluoroinject.phantom.spine import Spine

_POOL_MM = 24.0
_UNEVEN = 0.35
_GRAIN_MM = 3.6
_THIN_SHARE = 0.12
"""Of a pool's thickness is left where it has left its bone."""
_STEEP = 6
_BLOB_MM = (5.0, 7.0)


def pool_on(
    place: PlaceSpace, *, thick_mm: tuple[float, float] = (1.4, 2.4), bend_mm: float = 0.0
) -> DrawFilm:
    """The drawer of a compact pool on the surface of a bone, whatever way that faces.

    The surface passes through the tip, parallel to the plane of the space, and falls back by
    `bend_mm` where the space ends along its first axis. Within the space the pool is `thick_mm`
    deep (assumed: muscles hold it there), beyond it much thinner.
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        space = place(spine, site.level, site.side)
        off = site.tip_mm - space.centre_mm
        # cells about the space's middle, on the surface that the tip touches
        above = float(off @ space.axes[2])
        shifted = Space(
            centre_mm=space.centre_mm + above * space.axes[2],
            axes=space.axes,
            half_mm=space.half_mm,
        )
        grid = flat(shifted, (_POOL_MM, _POOL_MM))
        far = np.hypot(grid.a / space.half_mm[0], grid.b / space.half_mm[1])
        lumps = uneven(far.shape, random, sigma=_UNEVEN, grain_mm=_GRAIN_MM)
        deep = random.uniform(*thick_mm) * lumps
        held = _THIN_SHARE + (1 - _THIN_SHARE) / (1 + far**_STEEP)
        away = np.hypot(grid.a, grid.b)
        fall = bend_mm * np.clip((grid.a / space.half_mm[0]) ** 2, 0, 4.0)[..., None]
        return sheet(
            np.where(away < _POOL_MM - 1, np.clip(deep * held, 0.2, 4.0), 0.0),
            grid.points_mm - fall * space.axes[2],
            grid.normal,
            drain=np.where(away > _POOL_MM - 2, 1.0, 0.0),
            tip=site.tip_mm,
            random=random,
        )

    return draw


def blob_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
    """A shapeless blob in soft tissue that stays at the tip."""
    half = random.uniform(*_BLOB_MM, 2)
    turn = random.standard_normal((2, 3))
    space = space_along(site.tip_mm, turn[0], turn[1], (float(half[0]), float(half[1]), 4.0))
    return closed_film(space, (1.0, 1.0), random.uniform(4.5, 6.5), site, random)


def stripes_film(
    along: tuple[float, float, float], *, half_mm: tuple[float, float] = (22.0, 9.0)
) -> DrawFilm:
    """The drawer of stripes about the tip along a muscle's bundles.

    `along` is (ventral, lateral to the needle's side, cranial); the muscle lies across the beam
    of an anteroposterior and of a lateral view alike.
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
        way = np.array([along[0], site.side * along[1], along[2]])
        across = np.array([1.0, site.side, 0.0])
        space = space_along(site.tip_mm, way, across, (*half_mm, 3.0))
        return muscle_film(space, random.uniform(1.6, 2.6), site, random)

    return draw


def tube_film(place: PlaceSpace) -> DrawFilm:
    """The drawer of a root's sleeve: contrast round a nerve along the first axis of a space."""

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        space = place(spine, site.level, site.side)
        return closed_film(space, (1.0, 1.0), random.uniform(2.2, 3.4), site, random)

    return draw
