"""Joints that contrast fills: a cleft between two recesses, and what leaks when they burst."""

from __future__ import annotations

from dataclasses import dataclass
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
_INWARD = 0.35
"""Of a recess's half length lies between the bones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """How a joint's capsule is drawn; ranges to draw from, millimetres (assumed).

    The cleft is `cleft_mm` wide and fills the plane of its space; at both ends of the second axis
    a recess of half length `reach_mm`, `broad` of the cleft's half width, `deep_mm` thick.
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
    """The film of a joint whose cleft fills a space's plane, with its recesses."""
    half_a, half_b = (float(half) for half in space.half_mm[:2] * random.uniform(0.88, 1.0, 2))
    reach = random.uniform(*capsule.reach_mm, 2)
    grid = flat(space, (half_a, half_b + 2 * float(reach.max())))
    far = np.hypot(grid.a / half_a, grid.b / half_b)
    gap = random.uniform(*capsule.cleft_mm) * np.clip(1 - far**2, 0, 1) ** 0.25
    drain = np.zeros(gap.shape)
    for end, long in zip((-1.0, 1.0), reach, strict=True):
        wide = half_a * random.uniform(*capsule.broad)
        out = end * grid.b - (half_b - _INWARD * long)
        round_ = np.hypot(grid.a / wide, out / long)
        gap = np.maximum(
            gap, random.uniform(*capsule.deep_mm) * np.sqrt(np.clip(1 - round_**2, 0, 1))
        )
        drain = np.where((round_ > _RIM) & (round_ < 1) & (out > 0), _LEAK, drain)
    return sheet(gap, grid.points_mm, grid.normal, drain=drain, tip=tip, random=random)


def recess(space: Space, end: float) -> DoubleArray:
    """The middle of the recess at the positive (+1) or negative (-1) end of the second axis."""
    result: DoubleArray = space.centre_mm + end * space.half_mm[1] * space.axes[1]
    return result


def burst_film(
    place: PlaceSpace, *, end: float, way: tuple[float, float, float], reach_mm: float = 9.0
) -> DrawFilm:
    """The drawer of what leaks through a recess into the muscles about a joint.

    `end` names the recess; `way` is (ventral, lateral to the joint's side, cranial), about
    `reach_mm` the half length of what fills.
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        space = place(spine, site.level, site.side)
        along = np.array([way[0], site.side * way[1], way[2]])
        along = along / np.linalg.norm(along)
        far = reach_mm * random.uniform(0.85, 1.15)
        leak = space_along(
            recess(space, end) + 0.9 * far * along, along, space.axes[0], (far, 0.7 * far, 2.5)
        )
        return muscle_film(leak, random.uniform(2.5, 4.0), site, random)

    return draw
