"""The prevertebral plane of the neck: a sheet that wraps the front and side of the bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom import cervical_places as places
from napari_fluoroinject.phantom.sheets import CELL_MM, sheet, symmetric, uneven

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import Site
    from napari_fluoroinject.phantom.spine import Spine

PREVERTEBRAL_MM = 1.2
"""The plane lies so far before the bone (assumed)."""

_BELOW = "T2"
"""The bone below the lowest level whose dimensions are known; it is like that one."""
_UPWARD_MM = (14.0, 30.0)
_DOWN_MM = 54.0
_MEDIAL_MM = (6.5, 9.0)
_LATERAL_MM = (3.5, 6.0)
_THICK_MM = (0.7, 1.3)
_THICKEST_MM = 2.5
_UNEVEN = 0.55
_UNEVEN_MM = 3.0
_RIM_MM = 3.0


def prevertebral_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:
    """Draw the sheet about a tip at the front corner of a body: it leads down to T1 and on.

    It is bounded medially by where longus colli is fixed to the bodies and laterally by the roots
    of the transverse processes (both assumed); above it thins
    out, below it goes on.
    """
    up = random.uniform(*_UPWARD_MM)
    z = site.tip_mm[2] + np.arange(-_DOWN_MM, _UPWARD_MM[1] + CELL_MM, CELL_MM)[:, None]
    off = symmetric(max(_MEDIAL_MM[1], _LATERAL_MM[1]) + 1)[None, :]
    tip_y = abs(float(site.tip_mm[1] - spine.midline_y(site.tip_mm[2])))
    inner, outer = random.uniform(*_MEDIAL_MM), random.uniform(*_LATERAL_MM)
    room = np.minimum(off + inner, outer - off)
    gap = random.uniform(*_THICK_MM) * np.clip(room / _RIM_MM, 0, 1) ** 0.5
    gap = gap * uneven((len(z), off.shape[1]), random, sigma=_UNEVEN, grain_mm=_UNEVEN_MM)
    lateral = tip_y + off
    front = _front(spine, z, lateral) + PREVERTEBRAL_MM
    y = spine.midline_y(z) + site.side * lateral
    points = np.stack(np.broadcast_arrays(front, y, z), axis=-1)
    upward = np.clip((z - site.tip_mm[2]) / up, 0, 1)
    gap = np.clip(gap, 0.0, _THICKEST_MM) * (1 - upward**2)
    drain = np.zeros(gap.shape)
    drain[0] = 1.0
    return sheet(gap, points, _outward(points, site), drain=drain, tip=site.tip_mm, random=random)


def _front(spine: Spine, z: DoubleArray, lateral: DoubleArray) -> DoubleArray:
    """The x of the bodies' surface at heights (rows, 1) and distances from the midline."""
    lowest = spine.levels[-1]
    bones = [(name, name) for name in spine.levels] + [(_BELOW, lowest)]
    middles = np.array([spine.world(name, (0.0, 0.0, 0.0)) for name, _ in bones])[::-1]
    heights = middles[:, 2]
    off = [
        [places.body_front(spine, like, float(y)) for y in lateral.ravel()] for _, like in bones
    ]
    table = middles[:, :1] + np.array(off)[::-1]
    return np.stack([np.interp(z.ravel(), heights, column) for column in table.T], axis=1)


def _outward(points: DoubleArray, site: Site) -> DoubleArray:
    """Unit normals of the sheet, (rows, columns, 3): ventral, and lateral where it falls back."""
    slope = np.gradient(points[..., 0], CELL_MM, axis=1)
    normal = np.stack([np.ones_like(slope), -site.side * slope, np.zeros_like(slope)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))
