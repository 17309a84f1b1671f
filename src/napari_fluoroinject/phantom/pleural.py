"""Contrast along the pleura, where a needle went between the ribs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.chest import LUNG_AT_MM, LUNG_HALF_MM, pleura_y
from napari_fluoroinject.phantom.sheets import CELL_MM, sheet, symmetric, uneven

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import MoveTip, Site
    from napari_fluoroinject.phantom.spine import Spine

_HALF_MM = (24.0, 27.0)
"""Half sizes of the sheet, round the lung and along it."""
_THICK_MM = (0.35, 0.6)
_INTO_MM = 0.5
_STEEPEST = 0.97
"""The sheet ends at this share of the lung's half depth, where it would turn to the back."""


def tip_at_pleura(ventral_mm: float) -> MoveTip:
    """The mover of a tip to where the pleura lies, `ventral_mm` ventral of the target."""

    def move(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
        x, z = float(site.target_mm[0]) + ventral_mm, float(site.tip_mm[2])
        return np.array([x, site.side * (pleura_y(x, z) + _INTO_MM), z])

    return move


def pleural_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
    """A thin smooth sheet on the pleura about the tip, that outlines it where it turns away."""
    along, z = symmetric(_HALF_MM[0])[:, None], site.tip_mm[2] + symmetric(_HALF_MM[1])[None, :]
    x = _course(float(site.tip_mm[0]), along[:, 0])
    shape = (len(x), z.shape[1])
    y = np.array([[pleura_y(float(one), float(height)) for height in z[0]] for one in x])
    points = np.stack(
        [np.broadcast_to(x[:, None], shape), site.side * y, np.broadcast_to(z, shape)], axis=-1
    )
    round_lung = (points - LUNG_AT_MM * np.array([1, site.side, 1])) / np.square(LUNG_HALF_MM)
    normal = round_lung / np.linalg.norm(round_lung, axis=-1, keepdims=True)
    far = np.hypot(along / _HALF_MM[0], (z - site.tip_mm[2]) / _HALF_MM[1])
    thick = random.uniform(*_THICK_MM) * uneven(shape, random, sigma=0.15, grain_mm=6.0)
    facing = (np.gradient(x) > 0)[:, None]
    return sheet(
        np.where((far < 1) & facing, np.clip(thick, 0.2, 1.2), 0.0),
        points,
        normal,
        drain=np.where(far > 1 - 2 * CELL_MM / _HALF_MM[0], 1.0, 0.0),
        tip=site.tip_mm,
        random=random,
    )


def _course(x_mm: float, along_mm: DoubleArray) -> DoubleArray:
    """The x at these distances along the lung's outline from that of the tip."""
    share = np.linspace(-_STEEPEST, _STEEPEST, 400)
    x = LUNG_AT_MM[0] + LUNG_HALF_MM[0] * share
    y = LUNG_HALF_MM[1] * np.sqrt(1 - share**2)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    start = float(np.interp(x_mm, x, way))
    return np.asarray(np.interp(start + along_mm, way, x))
