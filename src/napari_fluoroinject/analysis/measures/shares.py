"""What share of a spread lies where, and what share of a line it touches."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_fluoroinject.analysis.measures.areas import inside
from napari_fluoroinject.analysis.measures.lines import sides_px
from napari_fluoroinject.model.drawing import outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.geometry import Point

STATION_PX = 0.5
"""Lines are looked at in steps of half a pixel."""
END_FRAMES = 3
"""So many frames at the end, and about the peak, are taken together for what is left."""
MOST_BEYOND_LEVELS = 1.0
"""Levels are counted on by the last spacing this far beyond the marked end plates, no farther."""


def share_beyond(region: BoolArray, line_px: Sequence[Point], beyond_px: Point) -> float:
    """Share of a region's pixels (rows, columns), of which there are some, beyond a line.

    Raises
    ------
    ValueError
        As `signed_distance_px`.
    """
    return float((sides_px(np.argwhere(region), line_px, beyond_px) > 0).mean())


def share_within(region: BoolArray, corners_px: Sequence[Point]) -> float:
    """Share of a region's pixels whose centres lie in a polygon; `region` is not empty."""
    pixels = np.argwhere(region).astype(np.float64)
    return float(inside(pixels, corners_px).mean())


def share_left(amount: DoubleArray) -> tuple[float, float] | str:
    """Share that is left at the end of the most that there was, and its standard deviation.

    `amount` (frames,) is NaN where it is not known. Where the share cannot be told, why.
    """
    known: DoubleArray = amount[np.isfinite(amount)]
    if len(known) < 2 * END_FRAMES:
        return "too few frames with contrast"
    if not np.isfinite(amount[-END_FRAMES:]).all():
        return "the last frames could not be judged"
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(known, END_FRAMES), axis=1)
    most = float(smooth.max())
    if most <= 0:
        return "no spread was seen"
    return float(smooth[-1]) / most, float(np.std(known[-END_FRAMES:])) / most


def touched_share(
    region: BoolArray, line_px: Sequence[Point], *, reach_px: float, facing: bool
) -> float | None:
    """Share of a line that a region touches.

    Parameters
    ----------
    region
        (rows, columns), not empty.
    line_px
        Two points or more.
    reach_px
        A place of the line is touched where the region comes so near.
    facing
        Count only those places of the line that lie beside the region, between its first and its
        last pixel along the line; else the whole line.

    Returns
    -------
    float or None
        None where no place counts.
    """
    stations, at = _stations(line_px)
    away = distance_transform_edt(~np.pad(region, 1))
    inside = np.clip(np.rint(stations).astype(int) + 1, 0, np.array(away.shape) - 1)
    touched = away[inside[:, 0], inside[:, 1]] <= reach_px
    if facing:
        along = _along(np.argwhere(region).astype(np.float64), stations, at)
        beside = (at >= along.min()) & (at <= along.max())
        touched = touched[beside]
    return float(touched.mean()) if touched.size else None


def levels_covered(
    region: BoolArray, end_plates_px: Sequence[Point]
) -> tuple[float, float] | None:
    """Where a region begins and ends on a ladder of end plates, in levels from the first.

    Between end plates the level grows evenly; beyond the last ones by the last spacing.

    Returns
    -------
    (float, float) or None
        None where the region goes on by more than `MOST_BEYOND_LEVELS` beyond the marks.
    """
    plates = np.asarray(end_plates_px, np.float64)
    pixels = np.argwhere(region).astype(np.float64)
    level = _rung(pixels, plates)
    low, high = float(level.min()), float(level.max())
    most = len(plates) - 1 + MOST_BEYOND_LEVELS
    return (low, high) if low >= -MOST_BEYOND_LEVELS and high <= most else None


def levels_seen(region: BoolArray, end_plates_px: Sequence[Point]) -> float:
    """How many levels a region covers at least, counted as `levels_covered` counts them.

    What lies farther beyond the marks is not counted; `region` is not empty.
    """
    plates = np.asarray(end_plates_px, np.float64)
    level = _rung(np.argwhere(region).astype(np.float64), plates)
    return float(np.ptp(np.clip(level, -MOST_BEYOND_LEVELS, len(plates) - 1 + MOST_BEYOND_LEVELS)))


def compactness(region: BoolArray) -> float:
    """Return 4 pi A / P^2: 1 for a disc, less for what is long, torn or ragged (Cox 1927).

    The border runs through the middles of the pixels' edges, see `outlines`; `region` is not
    empty.
    """
    traced = outlines(region)
    border = sum(float(np.hypot(*np.diff(one.points_px, axis=0).T).sum()) for one in traced)
    # the area within that border, which of a single pixel is half of the pixel
    return 4 * pi * sum(_enclosed(one.points_px) for one in traced) / border**2


def _enclosed(points: DoubleArray) -> float:
    """Area of a closed polygon."""
    row, column = points[:, 0], points[:, 1]
    return 0.5 * abs(float(row[:-1] @ column[1:] - row[1:] @ column[:-1]))


def _stations(line_px: Sequence[Point]) -> tuple[DoubleArray, DoubleArray]:
    """Places along a line (n, 2) and how far along it each is, pixels."""
    corners = np.asarray(line_px, np.float64)
    lengths = np.hypot(*np.diff(corners, axis=0).T)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0.0, ends[-1], max(int(ends[-1] / STATION_PX) + 1, 2))
    rows, columns = (np.interp(at, ends, corners[:, axis]) for axis in (0, 1))
    return np.stack([rows, columns], axis=1), at


def _along(pixels: DoubleArray, stations: DoubleArray, at: DoubleArray) -> DoubleArray:
    """How far along the line the place nearest to each pixel is."""
    nearest = np.empty(len(pixels))
    for begin in range(0, len(pixels), 4096):
        some = pixels[begin : begin + 4096]
        away = ((some[:, None] - stations[None]) ** 2).sum(axis=2)
        nearest[begin : begin + 4096] = at[away.argmin(axis=1)]
    return nearest


def _rung(pixels: DoubleArray, plates: DoubleArray) -> DoubleArray:
    """Level of each pixel: which two plates it lies between, by the planes across the spine."""
    steps = np.diff(plates, axis=0)
    lengths = np.hypot(*steps.T)
    shares = ((pixels[:, None] - plates[None, :-1]) * steps[None]).sum(axis=2) / lengths**2
    # the piece on whose stretch a pixel lies; before the first and after the last they go on
    piece = np.clip((shares >= 1.0).sum(axis=1), 0, len(steps) - 1)
    level: DoubleArray = piece + shares[np.arange(len(pixels)), piece]
    return level
