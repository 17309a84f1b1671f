"""How wide the line under a path is: vessels are thin, root sleeves are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

REACH_PX = 9.0
"""How far to either side the profile is read."""
STEP_PX = 0.5
OUTER_PX = 6.0
"""From here on the profile is ground."""
OFF_AXIS_PX = 3.0
"""How far a path may run beside the line's middle."""
SAMPLES = 6
"""Profiles between two nodes that are averaged: one per grid pixel."""


def line_width_px(picture: FloatArray, path: FloatArray) -> float:
    """Full width at half height of the line under a path, in pixels of the picture.

    The profiles across each piece of the path are averaged, centred on their peak, and their
    median over the pieces is measured. A side that does not fall to half counts `REACH_PX`.

    Parameters
    ----------
    picture
        (rows, columns), where the line is higher than its ground.
    path
        (nodes, 2), (row, column).
    """
    across = np.arange(-REACH_PX, REACH_PX + STEP_PX / 2, STEP_PX)
    pieces = zip(path[:-1].astype(np.float64), path[1:].astype(np.float64), strict=True)
    profile = np.median([_profile(picture, *piece, across) for piece in pieces], axis=0)
    ground = float(np.median(profile[np.abs(across) > OUTER_PX]))
    half = ground + 0.5 * (float(profile[np.abs(across) <= STEP_PX].mean()) - ground)
    return sum(_half_width(profile[side], np.abs(across[side]), half) for side in _sides(across))


def _profile(
    picture: FloatArray, start: DoubleArray, end: DoubleArray, across: DoubleArray
) -> DoubleArray:
    """Mean profile across one piece, centred on its peak."""
    along = end - start
    normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    places = start + along * (np.arange(SAMPLES) / SAMPLES)[:, None]
    points = places[:, None, :] + across[None, :, None] * normal
    values = map_coordinates(picture, points.transpose(2, 0, 1), order=1, mode="nearest")
    mean: DoubleArray = values.mean(axis=0, dtype=np.float64)
    smooth = np.convolve(mean, np.ones(3) / 3, mode="same")
    near = np.abs(across) <= OFF_AXIS_PX
    peak = across[near][int(smooth[near].argmax())]
    return np.asarray(np.interp(across, across - peak, mean))


def _sides(across: DoubleArray) -> tuple[slice, slice]:
    middle = len(across) // 2
    return slice(middle, None, 1), slice(middle, None, -1)


def _half_width(profile: DoubleArray, distance: DoubleArray, half: float) -> float:
    below = np.flatnonzero(profile < half)
    return float(distance[below[0]]) if len(below) else REACH_PX
