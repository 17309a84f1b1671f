"""Where the needle's shaft and paths lie in the reference pose."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_fluoroinject.model.needle import Needle, NoNeedle, bow_px

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

HALF_WIDTH_PX = 4.0
"""Half the width of the widest usual needle (18G) with its blur."""
_POSE_STEP_PX = 0.5
"""Poses closer than this cover the same pixels."""


def needle_corridor(
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    *,
    half_width_px: float = HALF_WIDTH_PX,
    frames: tuple[int, ...] | None = None,
) -> BoolArray:
    """Pixels of the reference pose that the shaft covers in any of the frames.

    It follows the shaft's bend. The hub end is only where the shaft is last seen, so the corridor
    runs on to the picture's edge there. Empty where there is no needle.

    Parameters
    ----------
    registered, needle
        The loop, and its needle.
    half_width_px
        On either side of the axis.
    frames
        Frames to look at; all of them by default.

    Returns
    -------
    BoolArray
        (rows, columns).
    """
    shape = registered.field.shape
    corridor = np.zeros(shape, dtype=np.bool_)
    if isinstance(needle, NoNeedle):
        return corridor
    for tip, hub in _poses(registered, needle, frames):
        corridor |= _near_shaft(shape, tip, hub, needle.sag_px, half_width_px=half_width_px)
    return corridor


def path_band(path_px: DoubleArray, shape: tuple[int, ...], *, half_width_px: float) -> BoolArray:
    """Pixels within `half_width_px` of a path, (rows, columns).

    Parameters
    ----------
    path_px
        (nodes, 2), (row, column); empty = no pixel.
    shape
        (rows, columns) of the picture.
    half_width_px
        On either side of the path.
    """
    away = np.ones(shape, dtype=np.bool_)
    for start, end in pairwise(path_px):
        steps = int(np.ceil(np.hypot(*(end - start)))) + 1
        row, column = np.rint(np.linspace(start, end, steps)).astype(int).T
        inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        away[row[inside], column[inside]] = False
    if away.all():
        return np.zeros(shape, dtype=np.bool_)
    return np.asarray(distance_transform_edt(away) <= half_width_px)


def tip_in_reference(registered: RegisteredLoop, needle: Needle) -> DoubleArray:
    """Where the tip stands in the reference pose once it rests, (row, column).

    The median over the frames from which the needle stands still and in which it was followed.
    """
    tips = registered.motion.all_in_reference_pose(needle.tip_by_frame_px)
    rest = tips[needle.at_rest_from_frame :]
    rest = rest[np.isfinite(rest).all(axis=1)]
    if not len(rest):
        rest = np.array([registered.motion.in_reference_pose(needle.tip_px, needle.frame)])
    return np.asarray(np.median(rest, axis=0))


def _poses(
    registered: RegisteredLoop, needle: Needle, frames: tuple[int, ...] | None
) -> list[tuple[DoubleArray, DoubleArray]]:
    chosen = np.arange(len(registered.ln)) if frames is None else np.asarray(frames, dtype=int)
    tips, hubs = (
        registered.motion.all_in_reference_pose(points[chosen], chosen)
        for points in (needle.tip_by_frame_px, needle.hub_by_frame_px)
    )
    ends = np.concatenate([tips, hubs], axis=1)
    ends = ends[np.isfinite(ends).all(axis=1)]
    different = np.unique(np.round(ends / _POSE_STEP_PX), axis=0) * _POSE_STEP_PX
    return [(row[:2], row[2:]) for row in different]


def _near_shaft(
    shape: tuple[int, ...],
    tip: DoubleArray,
    hub: DoubleArray,
    sag_px: float | None,
    *,
    half_width_px: float,
) -> BoolArray:
    axis = hub - tip
    length = max(float(np.hypot(*axis)), 1e-6)
    axis = axis / length
    row = np.arange(shape[0])[:, None] - tip[0]
    column = np.arange(shape[1])[None, :] - tip[1]
    along = row * axis[0] + column * axis[1]
    across = row * axis[1] - column * axis[0]
    behind = along >= -half_width_px
    if not sag_px:
        return np.asarray((np.abs(across) <= half_width_px) & behind)
    farthest = float(np.abs(bow_px(np.array([0.5, along.max() / length]), sag_px)).max())
    near = np.nonzero((np.abs(across) <= half_width_px + farthest) & behind)
    covered = np.zeros(shape, dtype=np.bool_)
    bow = bow_px(along[near] / length, sag_px)
    covered[near] = np.abs(across[near] + bow) <= half_width_px
    return covered
