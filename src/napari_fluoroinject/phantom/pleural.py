"""What lies on the pleura beside the thoracic spine: a tip that reached it, contrast along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.phantom.chest import LUNG_AT_MM, LUNG_HALF_MM, pleura_y
from napari_fluoroinject.phantom.sheets import sheet, symmetric

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.film import Film
    from napari_fluoroinject.phantom.scenery import Site
    from napari_fluoroinject.phantom.spine import Spine

_HALF_MM = (34.0, 21.0)
"""How far contrast can creep along the pleura, cranio-caudally and about the lung (assumed)."""
_RIM = 0.93
_FINE = 721


def tip_at_pleura(site: Site, spine: Spine, random: np.random.Generator) -> DoubleArray:  # noqa: ARG001 - as every mover of a tip
    """A tip that passed too far laterally and stands on the pleura, as high as its target."""
    x, z = float(site.tip_mm[0]) + random.uniform(-5.0, 0.0), float(site.tip_mm[2])
    return np.array([x, site.side * pleura_y(x, z), z])


def pleural_film(site: Site, spine: Spine, random: np.random.Generator) -> Film:  # noqa: ARG001 - as every drawer of a film
    """A smooth sheet on the pleura of the needle's side, about the tip."""
    up, along = (symmetric(half) for half in _HALF_MM)
    z = float(site.tip_mm[2]) + up
    turn = _turns(site.tip_mm, along)
    share = np.sqrt(np.clip(1 - ((z - LUNG_AT_MM[2]) / LUNG_HALF_MM[2]) ** 2, 0, 1))[:, None]
    x = LUNG_AT_MM[0] - LUNG_HALF_MM[0] * share * np.cos(turn)
    y = site.side * (LUNG_AT_MM[1] - LUNG_HALF_MM[1] * share * np.sin(turn))
    points = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1)
    normal = np.zeros_like(points)
    normal[..., 0] = -np.cos(turn) / LUNG_HALF_MM[0]
    normal[..., 1] = -site.side * np.sin(turn) / LUNG_HALF_MM[1]
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    far = np.hypot(up[:, None] / _HALF_MM[0], along[None, :] / _HALF_MM[1])
    gap = random.uniform(0.5, 0.9) * np.clip(1 - far**6, 0, 1)
    drain = np.where(far > _RIM, 1.0, 0.0)
    return sheet(gap, points, normal, drain=drain, tip=site.tip_mm, random=random)


def _turns(tip: DoubleArray, along_mm: DoubleArray) -> DoubleArray:
    """Angles about the lung at these ways from the tip, 0 dorsal, a right angle medial."""
    turn = np.linspace(0.0, np.pi, _FINE)
    step = np.hypot(LUNG_HALF_MM[0] * np.sin(turn), LUNG_HALF_MM[1] * np.cos(turn))
    way = np.cumsum(step) * (turn[1] - turn[0])
    start = np.arccos(np.clip((LUNG_AT_MM[0] - tip[0]) / LUNG_HALF_MM[0], -1, 1))
    result: DoubleArray = np.interp(np.interp(start, turn, way) + along_mm, way, turn)
    return result
