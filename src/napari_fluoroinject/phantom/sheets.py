"""Films on a surface in the patient: the grid, and what every drawer of one does at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import DoubleArray
from napari_fluoroinject.phantom.film import Film

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.spaces import Space

CELL_MM = 0.6
_THINNEST_MM = 0.12
_SEED_MM = 0.8
_UNEVEN = 0.3
_UNEVEN_MM = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Cells in the plane of a space: `a` (rows, 1) and `b` (1, columns) along its two axes.

    `points_mm` and `normal` are (rows, columns, 3).
    """

    a: DoubleArray
    b: DoubleArray
    points_mm: DoubleArray
    normal: DoubleArray


def flat(space: Space, half_mm: tuple[float, float]) -> Grid:
    """Cells in the plane of a space, about its centre, as far as `half_mm` along its axes."""
    a, b = symmetric(half_mm[0])[:, None], symmetric(half_mm[1])[None, :]
    points = space.centre_mm + a[..., None] * space.axes[0] + b[..., None] * space.axes[1]
    normal = np.broadcast_to(space.axes[2], points.shape).copy()
    return Grid(a=a, b=b, points_mm=points, normal=normal)


def symmetric(half_mm: float) -> DoubleArray:
    """Cells on both sides of a middle one, as far as `half_mm` and one more."""
    count = int(np.ceil(half_mm / CELL_MM))
    return np.asarray(np.arange(-count, count + 1) * CELL_MM, np.float64)


def uneven(
    shape: tuple[int, ...], random: np.random.Generator, *, sigma: float, grain_mm: float
) -> DoubleArray:
    """Log-normal factors (mean of their logarithm 0) that vary over about `grain_mm`."""
    field = ndimage.gaussian_filter(random.standard_normal(shape), grain_mm / CELL_MM)
    return np.asarray(np.exp(sigma * field / field.std()))


def sheet(
    gap: DoubleArray,
    points: DoubleArray,
    normal: DoubleArray,
    *,
    drain: DoubleArray,
    tip: DoubleArray,
    random: np.random.Generator,
) -> Film:
    """A film of these gaps whose contrast enters at the cell nearest to the tip."""
    gap = np.where(gap < _THINNEST_MM, 0.0, gap)
    away = ((points - tip) ** 2).sum(axis=-1)
    nearest = points[np.unravel_index(np.where(gap > 0, away, np.inf).argmin(), gap.shape)]
    close = ((points - nearest) ** 2).sum(axis=-1)
    seed = np.exp(-close / (2 * _SEED_MM**2))
    source = np.where((gap > 0) & (close < (3 * _SEED_MM) ** 2), seed, 0.0)
    return Film(
        cell_mm=CELL_MM,
        gap_mm=gap,
        ease=uneven(gap.shape, random, sigma=_UNEVEN, grain_mm=_UNEVEN_MM),
        drain=np.where(gap > 0, drain, 0.0),
        source=source / source.sum(),
        points_mm=points,
        normal=normal,
    )
