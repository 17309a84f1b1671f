"""Joints that contrast fills: a cleft between two recesses, and what leaks when they burst."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.misplaced import muscle_film
from napari_fluoroinject.phantom.sheets import flat, sheet
from napari_fluoroinject.phantom.spaces import space_along

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import DrawFilm, Site
    from napari_fluoroinject.phantom.spaces import PlaceSpace, Space
    from napari_fluoroinject.phantom.spine import Spine

_LEAK = 5e-4
"""How freely a whole capsule drains: so little that both recesses fill, whatever is nearer."""
_RIM = 0.75
"""A recess drains beyond this share of its way out."""
_INWARD = 0.8
"""Of a recess's half length the cleft ends before the space does."""

_LEAK_MM = (0.9, 1.5)
_FROM_RECESS = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """How a joint's capsule is drawn; ranges to draw from, millimetres (assumed).

    The cleft is `cleft_mm` wide; at both ends of the space's second axis it opens into a recess of
    half length `reach_mm`, `broad` of the space's half width, `deep_mm` thick.
    """

    cleft_mm: tuple[float, float] = (0.5, 0.9)
    reach_mm: tuple[float, float] = (2.6, 3.8)
    deep_mm: tuple[float, float] = (2.2, 3.6)
    broad: tuple[float, float] = (0.6, 0.9)


def joint_space_film(place: PlaceSpace, capsule: Capsule | None = None) -> DrawFilm:
    """The drawer of a joint's arthrogram.

    Contrast leaves the tip through the cleft, fills both recesses, and then no more shows: what
    is injected beyond what the capsule holds leaks unseen.
    """
    held = capsule or Capsule()

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        return arthrogram(
            place(spine, site.level, site.side), held, tip=site.tip_mm, random=random
        )

    return draw


def arthrogram(
    space: Space, capsule: Capsule, *, tip: DoubleArray, random: np.random.Generator
) -> Film:
    """The film of a joint whose cleft and recesses fill a space's plane."""
    half_a, half_b = (float(half) for half in space.half_mm[:2])
    grid = flat(space, (half_a, half_b))
    reach = random.uniform(*capsule.reach_mm, 2)
    wide = half_a * random.uniform(0.9, 1.0), half_b - _INWARD * float(reach.mean())
    far = np.hypot(grid.a / wide[0], grid.b / wide[1])
    gap = random.uniform(*capsule.cleft_mm) * np.clip(1 - far**2, 0, 1) ** 0.25
    drain = np.zeros(gap.shape)
    for end, long in zip((-1.0, 1.0), reach, strict=True):
        out = end * grid.b - (half_b - long)
        away = np.hypot(grid.a / (half_a * random.uniform(*capsule.broad)), out / long)
        deep = random.uniform(*capsule.deep_mm) * np.sqrt(np.clip(1 - away**2, 0, 1))
        gap = np.maximum(gap, deep)
        drain = np.where((away > _RIM) & (away < 1) & (out > 0), _LEAK, drain)
    return sheet(gap, grid.points_mm, grid.normal, drain=drain, tip=tip, random=random)


def recess(space: Space, end: float) -> DoubleArray:
    """The middle of the recess at the positive (+1) or negative (-1) end of the second axis."""
    result: DoubleArray = space.centre_mm + 0.7 * end * space.half_mm[1] * space.axes[1]
    return result


def burst_film(
    place: PlaceSpace, *, end: float, way: tuple[float, float, float], reach_mm: float = 12.0
) -> DrawFilm:
    """The drawer of what leaks through a recess into the muscles about a joint.

    `end` names the recess; `way` is (ventral, lateral to the joint's side, cranial), about
    `reach_mm` the half length of what fills: a thin layer that a view from behind and one from
    the side both see from its front.
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        along = np.array([way[0], site.side * way[1], way[2]])
        along = along / np.linalg.norm(along)
        across = np.cross((1.0, site.side, 0.0), along)
        far = reach_mm * random.uniform(0.85, 1.15)
        start = recess(place(spine, site.level, site.side), end)
        leak = space_along(start + _FROM_RECESS * far * along, along, across, (far, far, 2.0))
        film = muscle_film(leak, random.uniform(*_LEAK_MM), site, random)
        beyond = np.linalg.norm(film.points_mm - start, axis=-1) > far
        return replace(film, drain=np.where(beyond, film.drain, 0.0))

    return draw
