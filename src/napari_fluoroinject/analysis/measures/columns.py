"""How wide a spread lies about the midline, and whether it stands in two columns beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, find_objects, uniform_filter1d

from napari_fluoroinject.analysis.measures.border import with_border
from napari_fluoroinject.analysis.measures.lines import sides_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.geometry import Point

_BORDER_SHARE = 0.05
"""This share of the region lies beyond what counts as its width on either side: spurs, and what
bowel gas adds to it."""
_SMOOTH_PX = 3
_NO_OPACITY = 1e-6


def column_width_px(region: BoolArray, midline_px: Sequence[Point]) -> tuple[float, float]:
    """Width across the midline that holds all but 10 % of a spread.

    Unlike its extent across the picture it does not grow where the spine leans or bends, nor by
    a thin spur.

    Parameters
    ----------
    region
        (rows, columns), not empty.
    midline_px
        Two points or more.

    Returns
    -------
    (float, float)
        Pixels, and how much it changes where the border lies a pixel off.

    Raises
    ------
    ValueError
        All points of the midline are one.
    """
    near = find_objects(binary_dilation(region).astype(np.int8))[0]
    away = _off_midline(near, midline_px).reshape(region[near].shape)
    return with_border(region, lambda one: float(np.ptp(_sides(away[one[near]]))) + 1.0)


def middle_opacity(
    region: BoolArray, opacity: FloatArray, midline_px: Sequence[Point]
) -> tuple[float, float] | None:
    """Opacity in the middle of a spread's width against that of its fainter side.

    The opacity is averaged along the midline over the whole length of the region, which makes one
    profile across it. The least of its middle half is divided by the lower of the two peaks
    beside that: 1 where nothing stands out on both sides, 0 where the middle is empty.

    Parameters
    ----------
    region
        (rows, columns), not empty.
    opacity
        (rows, columns), NaN where it is not known.
    midline_px
        Two points or more.

    Returns
    -------
    (float, float) or None
        The share and how much it changes where the border lies a pixel off; None where no
        opacity is known.

    Raises
    ------
    ValueError
        All points of the midline are one.
    """
    near = find_objects(binary_dilation(region).astype(np.int8))[0]
    known = np.isfinite(opacity[near])
    if not (known & region[near]).any():
        return None
    away = _off_midline(near, midline_px).reshape(known.shape)
    return with_border(region, lambda one: _trough(one[near], away, opacity[near], known))


def _off_midline(near: tuple[slice, slice], midline_px: Sequence[Point]) -> DoubleArray:
    """How far each pixel of a part of the picture lies from the midline, to one side positive."""
    line = np.asarray(midline_px, np.float64)
    way = line[-1] - line[0]
    rows, columns = np.mgrid[near]
    pixels = np.stack([rows.ravel(), columns.ravel()], axis=-1)
    return sides_px(pixels, midline_px, (float(line[0, 0] - way[1]), float(line[0, 1] + way[0])))


def _trough(region: BoolArray, away: DoubleArray, opacity: FloatArray, known: BoolArray) -> float:
    """How low the profile across a region is in its middle, of the lower of two peaks."""
    first, last = _sides(away[region])
    counted = known & (away >= first) & (away <= last)
    place = np.floor(away[counted] - first).astype(int)
    pixels = np.bincount(place)
    if len(pixels) < _SMOOTH_PX or not pixels.all():
        return 1.0
    profile = uniform_filter1d(
        np.bincount(place, opacity[counted]) / pixels, _SMOOTH_PX, mode="nearest"
    )
    before = np.maximum.accumulate(profile)
    after = np.maximum.accumulate(profile[::-1])[::-1]
    share = profile / np.maximum(np.minimum(before, after), _NO_OPACITY)
    quarter = len(share) // 4
    return float(np.clip(share[quarter : len(share) - quarter].min(), 0.0, 1.0))


def _sides(away: DoubleArray) -> DoubleArray:
    """Between which distances from the midline nearly all of a region lies (2,)."""
    return np.asarray(np.quantile(away, (_BORDER_SHARE, 1.0 - _BORDER_SHARE)))
