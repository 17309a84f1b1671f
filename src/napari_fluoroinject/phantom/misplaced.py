"""Injections that miss their space: into the dural sac, the disc, the facet joint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import read_only
from napari_fluoroinject.phantom.catalogue import MISPLACED
from napari_fluoroinject.phantom.film import Film
from napari_fluoroinject.phantom.spaces import disc, facet_joint

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.site import Site, Spine
    from napari_fluoroinject.phantom.spaces import Space

CELL_MM = 0.6
_REACH_MM = 72.0
_THINNEST_MM = 0.12
_SEED_MM = 0.8
_RIM = 0.93
"""Beyond this share of the way to its border a closed space leaks."""
_DISC_SHARE = (0.62, 0.55)
"""Of the disc's half depth and half width: its nucleus."""
_JOINT_SHARE = (0.6, 0.75)


def with_misplaced_tip(site: Site, spine: Spine, *, twin: str) -> Site:
    """The same site with the tip in the space that a twin's injection goes into."""
    if twin not in MISPLACED:
        return site
    if twin == "intrathecal":
        z = float(site.tip_mm[2])
        middle = float(spine.midline_y(z))
        deep = float(spine.wall_x(z)) - 0.45 * float(spine.canal_depth(z))
        tip = np.array([deep, middle + 0.5 * (site.tip_mm[1] - middle), z])
    elif twin == "intradiscal":
        space = disc(spine, site.level)
        tip = space.centre_mm + np.array([-0.3, 0.3 * site.side, 0.0]) * space.half_mm @ space.axes
    else:
        tip = facet_joint(spine, site.level, site.side).centre_mm
    return replace(site, tip_mm=read_only(tip, np.float64))


def draw_misplaced(twin: str, site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """The space that a twin's contrast fills instead of the intended one."""
    if twin == "intrathecal":
        return _sac(site, spine, random)
    if twin == "intradiscal":
        space, shares, thick = disc(spine, site.level), _DISC_SHARE, random.uniform(3.5, 6.0)
    else:
        space, shares = facet_joint(spine, site.level, site.side), _JOINT_SHARE
        thick = random.uniform(2.0, 3.5)
    return _closed(space, shares, thick, site, random)


def _sac(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """Contrast that layers ventrally in the sac of a prone patient: a symmetric midline column."""
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


def _closed(
    space: Space,
    shares: tuple[float, float],
    thick_mm: float,
    site: Site,
    random: np.random.Generator,
) -> Film:
    """An oval space that fills and then leaks along its border."""
    half = space.half_mm[:2] * shares * random.uniform(0.85, 1.1, 2)
    a = _symmetric(float(half[0]))[:, None, None]
    b = _symmetric(float(half[1]))[None, :, None]
    far = np.hypot(a / half[0], b / half[1])[..., 0]
    gap = thick_mm * np.sqrt(np.clip(1 - far**2, 0, 1))
    points = space.centre_mm + a * space.axes[0] + b * space.axes[1]
    normal = np.broadcast_to(space.axes[2], points.shape).copy()
    drain = np.where(far > _RIM, 1.0, 0.0)
    return _film(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)


def _symmetric(half_mm: float) -> DoubleArray:
    """Cells on both sides of a middle one, as far as `half_mm` and one more."""
    count = int(np.ceil(half_mm / CELL_MM))
    return np.asarray(np.arange(-count, count + 1) * CELL_MM, np.float64)


def _film(
    gap: DoubleArray,
    points: DoubleArray,
    normal: DoubleArray,
    *,
    drain: DoubleArray,
    tip: DoubleArray,
    random: np.random.Generator,
) -> Film:
    gap = np.where(gap < _THINNEST_MM, 0.0, gap)
    away = ((points - tip) ** 2).sum(axis=-1)
    nearest = points[np.unravel_index(np.where(gap > 0, away, np.inf).argmin(), gap.shape)]
    close = ((points - nearest) ** 2).sum(axis=-1)
    seed = np.exp(-close / (2 * _SEED_MM**2))
    source = np.where((gap > 0) & (close < (3 * _SEED_MM) ** 2), seed, 0.0)
    wide = ndimage.gaussian_filter(random.standard_normal(gap.shape), 4.0 / CELL_MM)
    return Film(
        cell_mm=CELL_MM,
        gap_mm=gap,
        ease=np.exp(0.3 * wide / wide.std()),
        drain=np.where(gap > 0, drain, 0.0),
        source=source / source.sum(),
        points_mm=points,
        normal=normal,
    )
