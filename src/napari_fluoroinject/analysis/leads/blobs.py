"""The middles of short contacts to a part of a pixel, neighbours that overlap fitted together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import leastsq
from scipy.sparse.csgraph import connected_components

from napari_fluoroinject.analysis.leads.profile import Fit

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

_WINDOW_MM = 1.3
"""Pixels this near to a contact tell where it is."""
_TOGETHER_MM = 2.4
_WIDE_MM = 0.42
"""Sigma that the fit starts with: a contact of 1 mm with the picture's blur."""
_LEAST_SIGMA_PX = 0.05
_MOST_TRIES = 400
_LONG = 0.56
"""A dot whose curvatures differ by more than this ratio may be two."""
_APART_MM = 0.55
"""Two contacts nearer to one another than this are seen as one."""
_FARTHEST_MM = 2.0
_EQUAL = 2.5
_BETTER = 0.8
"""Two are taken for one dot where they leave less than this share of what one leaves."""


def fit_blobs(opacity: FloatArray, at_px: DoubleArray, *, mm_per_px: float) -> Fit:
    """Fit contacts that are about as long as wide.

    Each is a round Gaussian on a plane; those that lie within reach of one another share the plane
    and the width. A contact is symmetric about its middle, so that the middle of what is fitted is
    that of the contact, whatever its outline.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity.
    at_px
        (contacts, 2), to a pixel or two, in order.
    mm_per_px
        Of the picture, or what stands for it.
    """
    away = np.linalg.norm(at_px[:, None] - at_px[None], axis=2)
    _, group = connected_components(away < _TOGETHER_MM / mm_per_px, directed=False)
    fitted = np.zeros((len(at_px), 5))
    for one in range(group.max() + 1):
        members = np.flatnonzero(group == one)
        fitted[members] = _fit(opacity, at_px[members], mm_per_px)[0]
    half = 1.177 * fitted[:, 3]  # a Gaussian's half width at half its height
    return Fit(
        at_px=fitted[:, :2],
        half_px=half,
        wide_px=half,
        height=fitted[:, 2],
        sigma_px=np.maximum(fitted[:, 4], _LEAST_SIGMA_PX),
    )


def split_blob(
    opacity: FloatArray, at_px: DoubleArray, roundness: DoubleArray, *, mm_per_px: float
) -> DoubleArray:
    """A row (n, 2) with the dot that is longest taken for two, if two fit much better than one.

    Contacts that lie one behind the other are drawn together by the view.
    """
    one = int(np.argmin(roundness))
    if roundness[one] > _LONG:
        return at_px
    single, left = _fit(opacity, at_px[[one]], mm_per_px)
    middle, best = single[0, :2], None
    for angle in np.radians(np.arange(0, 180, 45)):
        off = 0.7 / mm_per_px * np.array([np.sin(angle), np.cos(angle)])
        pair, rest = _fit(opacity, np.stack([middle - off, middle + off]), mm_per_px)
        if best is None or rest < best[1]:
            best = pair, rest
    if best is None or best[1] > _BETTER * left:
        return at_px
    pair = best[0]
    apart = float(np.linalg.norm(pair[1, :2] - pair[0, :2])) * mm_per_px
    low, high = sorted(pair[:, 2])
    if not (_APART_MM < apart < _FARTHEST_MM and 0 < high < _EQUAL * low):
        return at_px
    ways = [
        np.concatenate([at_px[:one], two, at_px[one + 1 :]])
        for two in (pair[:, :2], pair[::-1, :2])
    ]
    return min(ways, key=lambda way: float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum()))


def _fit(opacity: FloatArray, at: DoubleArray, mm_per_px: float) -> tuple[DoubleArray, float]:
    """Row, column, height, width and sigma of contacts (n, 5), and the mean square left over."""
    reach = _WINDOW_MM / mm_per_px
    low = np.maximum(np.floor(at.min(axis=0) - reach).astype(int), 0)
    high = np.minimum(np.ceil(at.max(axis=0) + reach).astype(int) + 1, opacity.shape)
    grid = low + np.argwhere(np.ones(high - low, np.bool_))
    near = np.linalg.norm(grid[:, None] - at[None], axis=2).min(axis=1) < reach
    points = grid[near].astype(np.float64)
    seen = opacity[tuple(grid[near].T)].astype(np.float64)
    centre, count = at.mean(axis=0), len(at)

    def off(p: DoubleArray) -> DoubleArray:
        middles, heights, wide = p[: 2 * count].reshape(-1, 2), p[2 * count : 3 * count], p[-4]
        squares = ((points[:, None] - middles[None]) ** 2).sum(axis=2)
        plane = p[-3] + (points - centre) @ p[-2:]
        return np.asarray(np.exp(-squares / (2 * wide**2)) @ heights + plane - seen)

    base = float(np.quantile(seen, 0.15))
    top = max(float(seen.max()) - base, 1e-3)
    start = [*at.ravel(), *[top] * count, _WIDE_MM / mm_per_px, base, 0.0, 0.0]
    found, covariance, *_ = leastsq(off, start, full_output=True, maxfev=_MOST_TRIES)
    left = float((off(found) ** 2).mean())
    middles = found[: 2 * count].reshape(-1, 2)
    strayed = np.linalg.norm(middles - at, axis=1) > reach
    middles = np.where(strayed[:, None], at, middles)
    variance = np.full(2 * count, reach**2) if covariance is None else left * np.diag(covariance)
    sigma = np.sqrt(np.maximum(variance[: 2 * count].reshape(-1, 2).max(axis=1), 0.0))
    wide = np.full(count, abs(found[-4]))
    return np.column_stack([middles, found[2 * count : 3 * count], wide, sigma]), left
