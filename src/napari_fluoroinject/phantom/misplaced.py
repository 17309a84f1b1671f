"""Spaces that contrast fills when an injection misses: dural sac, disc, joint, muscle, bone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.phantom.sheets import CELL_MM
from napari_fluoroinject.phantom.sheets import sheet as _film
from napari_fluoroinject.phantom.sheets import symmetric as _symmetric
from napari_fluoroinject.phantom.spaces import disc, facet_joint

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import DrawFilm, MoveTip, Site
    from napari_fluoroinject.phantom.spaces import Space
    from napari_fluoroinject.phantom.spine import Spine

_REACH_MM = 72.0
_RIM = 0.93
"""Beyond this share of the way to its border a closed space leaks."""
_DISC_SHARE = (0.62, 0.55)
"""Of the disc's half depth and half width: its nucleus."""
_JOINT_SHARE = (0.6, 0.75)
_STRIPES = (7.0, 1.1)
"""Length and width of muscle's bundles, millimetres (assumed)."""


def tip_in_sac(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that went through the dura, at the height of the target."""
    z = float(site.tip_mm[2])
    middle = float(spine.midline_y(z))
    deep = float(spine.wall_x(z)) - 0.45 * float(spine.canal_depth(z))
    return np.array([deep, middle + 0.5 * (site.tip_mm[1] - middle), z])


def tip_in_disc(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip in the disc below the site's level."""
    space = disc(spine, site.level)
    off = np.array([-0.3, 0.3 * site.side, 0.0]) * space.half_mm @ space.axes
    result: DoubleArray = space.centre_mm + off
    return result


def tip_in_joint(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip in the facet joint below the site's level."""
    centre: DoubleArray = facet_joint(spine, site.level, site.side).centre_mm
    return centre


def tip_off_by(lateral_mm: float, ventral_mm: float, cranial_mm: float) -> MoveTip:
    """The mover of a tip that stands so far from its target; lateral is to the needle's side."""

    def move(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
        off = np.array([ventral_mm, site.side * lateral_mm, cranial_mm])
        return np.asarray(site.tip_mm + off)

    return move


def disc_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The nucleus of the disc below the site's level."""
    thick = random.uniform(3.5, 6.0)
    return closed_film(disc(spine, site.level), _DISC_SHARE, thick, site, random)


def joint_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The facet joint below the site's level and its recesses."""
    space, thick = facet_joint(spine, site.level, site.side), random.uniform(2.0, 3.5)
    return closed_film(space, _JOINT_SHARE, thick, site, random)


def sac_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The dural sac of a prone patient: contrast layers ventrally, a symmetric midline column."""
    z = site.tip_mm[2] + np.arange(-_REACH_MM, _REACH_MM + CELL_MM, CELL_MM)[:, None]
    half = random.uniform(7.0, 8.5)
    eta = _symmetric(half)[None, :]
    deep = random.uniform(1.2, 3.0)
    gap = deep * np.sqrt(np.clip(1 - (eta / half) ** 2, 0, 1)) * np.ones_like(z)
    x = spine.wall_x(z) - random.uniform(2.0, 3.5) - deep / 2 - 1.5 * (eta / half) ** 2
    y = spine.midline_y(z) + eta
    points = np.stack([x, y, np.broadcast_to(z, gap.shape)], axis=-1)
    normal = np.zeros_like(points)
    normal[..., 0] = 1.0
    drain = np.zeros(gap.shape)
    drain[[0, -1]] = 1.0
    return _film(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)


def closed_film(
    space: Space,
    shares: tuple[float, float],
    thick_mm: float,
    site: Site,
    random: np.random.Generator,
) -> Film:
    """Draw an oval space that fills and then leaks along its border.

    `shares` of the half widths of `space` are filled, `thick_mm` in its middle.
    """
    half = space.half_mm[:2] * shares * random.uniform(0.85, 1.1, 2)
    a = _symmetric(float(half[0]))[:, None, None]
    b = _symmetric(float(half[1]))[None, :, None]
    far = np.hypot(a / half[0], b / half[1])[..., 0]
    gap = thick_mm * np.sqrt(np.clip(1 - far**2, 0, 1))
    points = space.centre_mm + a * space.axes[0] + b * space.axes[1]
    normal = np.broadcast_to(space.axes[2], points.shape).copy()
    drain = np.where(far > _RIM, 1.0, 0.0)
    return _film(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)


def subdural_film(half_mm: float = 7.5) -> DrawFilm:
    """The drawer of two thin parallel columns, `half_mm` beside the midline, long and smooth.

    No sleeve leaves them; they lie dorsally (clinical patterns: subdural).
    """

    def draw(site: Site, spine: Spine, random: np.random.Generator) -> Film:
        z = site.tip_mm[2] + np.arange(-2 * _REACH_MM, 2 * _REACH_MM + CELL_MM, CELL_MM)[:, None]
        apart = half_mm * random.uniform(0.75, 0.95)
        eta = _symmetric(half_mm)[None, :]
        wide, deep = random.uniform(1.0, 1.6), random.uniform(0.8, 1.4)
        rail = np.clip(1 - ((np.abs(eta) - apart + wide) / wide) ** 2, 0, 1)
        # what joins the columns is thin, so that little goes there
        bridge = 0.16 * (np.abs(eta) < apart)
        gap = np.maximum(deep * np.sqrt(rail), bridge) * np.ones_like(z)
        x = spine.wall_x(z) - spine.canal_depth(z) + 3.0 + 2.0 * (eta / half_mm) ** 2
        y = spine.midline_y(z) + eta
        points = np.stack([x, y, np.broadcast_to(z, gap.shape)], axis=-1)
        normal = np.zeros_like(points)
        normal[..., 0] = 1.0
        drain = np.zeros(gap.shape)
        drain[[0, -1]] = 1.0
        return _film(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)

    return draw


def muscle_film(space: Space, thick_mm: float, site: Site, random: np.random.Generator) -> Film:
    """Draw feathery stripes along the first axis of a space, as between bundles of muscle."""
    half = space.half_mm[:2]
    a = _symmetric(float(half[0]))[:, None, None]
    b = _symmetric(float(half[1]))[None, :, None]
    far = np.hypot(a / half[0], b / half[1])[..., 0]
    bundles = ndimage.gaussian_filter(
        random.standard_normal(far.shape), [width / CELL_MM for width in _STRIPES]
    )
    stripes = np.clip(0.5 + bundles / (1.6 * bundles.std()), 0.06, 1.0)
    gap = thick_mm * stripes * np.sqrt(np.clip(1 - far**2, 0, 1))
    points = space.centre_mm + a * space.axes[0] + b * space.axes[1]
    normal = np.broadcast_to(space.axes[2], points.shape).copy()
    drain = np.where(far > _RIM, 1.0, 0.0)
    return _film(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)


def grainy(film: Film, random: np.random.Generator) -> Film:
    """The same space as contrast between the beams of spongy bone fills it: patchy."""
    patches = ndimage.gaussian_filter(random.standard_normal(film.gap_mm.shape), 1.5 / CELL_MM)
    share = np.clip(0.55 + 0.4 * patches / patches.std(), 0.12, 1.0)
    return replace(film, gap_mm=film.gap_mm * share)
