"""The vendor's recursive time filter: found in the noise, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

_LEAST_FRAMES = 6
_LEAST_PIXELS = 500
_MOST_PIXELS = 6_000
"""Enough to know the weight to 0.003."""
_LEAST_WEIGHT = 0.1
"""Less is the detector's own lag and the error of the estimate."""
_MOST_WEIGHT = 0.8
"""More than any fluoroscopy filter: frames would hardly change, and undoing would amplify nothing
but noise."""


def recursive_weight(ln: FloatArray, field: BoolArray) -> float:
    """Return the weight of the previous frame in a first-order recursive filter, 0 to 1.

    A filter y(k) = (1 - a) x(k) + a y(k - 1) of white noise leaves frame-to-frame differences
    that correlate by -(1 - a) / 2 with their successors. Only the finest structure is looked at,
    where noise is and anatomy is not; 0 is returned where a loop is too short to tell.

    Parameters
    ----------
    ln
        (frames, rows, columns) natural log of the beam intensity.
    field
        (rows, columns), True inside the open field.
    """
    inside = field[1:, 1:] & field[:-1, 1:] & field[1:, :-1] & field[:-1, :-1]
    pixels = np.count_nonzero(inside)
    if len(ln) < _LEAST_FRAMES or pixels < _LEAST_PIXELS:
        return 0.0
    rows = np.flatnonzero(inside.any(axis=1))[:: max(1, pixels // _MOST_PIXELS)]
    slope = ln[:, rows] - ln[:, rows + 1]
    fine = (slope[..., :-1] - slope[..., 1:])[:, inside[rows]]
    # Frame 0 has another exposure and no frame before it.
    change = np.diff(fine[1:], axis=0).astype(np.float64)
    power = (change**2).mean(axis=1)
    both = (change[1:] * change[:-1]).mean(axis=1)
    if not (power > 0).all():
        return 0.0
    correlation = float(np.median(both / np.sqrt(power[1:] * power[:-1])))
    return float(np.clip(1 + 2 * correlation, 0.0, 1.0))


def undone_weight(ln: FloatArray, field: BoolArray) -> float:
    """Return the `recursive_weight` that is worth undoing and can be undone, else 0."""
    weight = recursive_weight(ln, field)
    return weight if _LEAST_WEIGHT < weight < _MOST_WEIGHT else 0.0


def without_recursive_filter(ln: FloatArray, field: BoolArray) -> FloatArray:
    """Make frames what they were before a recursive filter, in place; without one leave them.

    The filter shows anatomy where it stood some 0.4 / (1 - 0.4) of a frame earlier, delays
    contrast likewise and correlates noise. Its inverse (y(k) - a y(k - 1)) / (1 - a) is exact in
    intensity, and in the logarithm as long as a pixel changes little from frame to frame.
    A filter that switches off where the picture moves (not seen so far) would be overcorrected.
    """
    weight = undone_weight(ln, field)
    if not weight:
        return ln
    for frame, before in zip(ln[:0:-1], ln[-2::-1], strict=True):
        frame -= np.float32(weight) * before  # noqa: PLW2901 - a loop is too large for a copy
        frame /= np.float32(1 - weight)  # noqa: PLW2901 - as above
    return ln
