"""Frames and the reference pose: which frames count, and how pictures move between the two."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.motion import Motion

_TILE_PX = 32
"""Within a tile a turn of a degree is a shift but for 0.3 px."""


def poses(motion: Motion) -> DoubleArray:
    """Poses for the warp of the compute kernels, (frames, 3): row and column shift, and angle."""
    return np.column_stack([motion.shift_px, motion.angle_rad])


def last_frames(motion: Motion, count: int) -> list[int]:
    """The last `count` frames that are locked, fewer where there are not so many.

    Where the registration lost every frame nothing can be judged, and the last ones stand in.
    """
    usable = (
        np.flatnonzero(motion.locked) if motion.locked.any() else np.arange(len(motion.locked))
    )
    return [int(frame) for frame in usable[-count:]]


def mask_in_frame(mask: BoolArray, motion: Motion, frame: int) -> BoolArray:
    """A mask of the reference pose as `frame` shows it, to the nearest pixel."""
    if motion.angle_rad[frame] == 0:
        down, right = np.round(motion.shift_px[frame]).astype(int)
        return looked_up(mask, -int(down), -int(right))
    return _carried(
        mask,
        to=partial(motion.all_in_frame, frames=frame),
        back=partial(motion.all_in_reference_pose, frames=frame),
    )


def mask_in_reference_pose(mask: BoolArray, motion: Motion, frame: int) -> BoolArray:
    """A mask of `frame` as the reference pose shows it, to the nearest pixel."""
    if motion.angle_rad[frame] == 0:
        down, right = np.round(motion.shift_px[frame]).astype(int)
        return looked_up(mask, int(down), int(right))
    return _carried(
        mask,
        to=partial(motion.all_in_reference_pose, frames=frame),
        back=partial(motion.all_in_frame, frames=frame),
    )


def open_throughout(field: BoolArray, motion: Motion) -> BoolArray:
    """Pixels of the reference pose that lie in the field in every locked frame; none without."""
    locked = np.flatnonzero(motion.locked)
    if not locked.size:
        return np.zeros_like(field)
    side = _TILE_PX if motion.angle_rad[locked].any() else max(field.shape)
    farthest = np.abs(motion.shift_px[locked]).max(initial=0.0)
    farthest += np.abs(motion.angle_rad[locked]).max() * max(field.shape)
    reach = int(farthest) + 2
    wide, seen = np.pad(field, reach), field.copy()
    for start in product(*(range(0, size, side) for size in field.shape)):
        end = np.minimum(np.add(start, side), field.shape)
        middle = (np.add(start, end) - 1) / 2
        step = motion.all_in_frame(middle, locked) - middle
        visited = np.unique(np.concatenate([np.floor(step), np.ceil(step)]).astype(int), axis=0)
        for moved in visited + reach:
            here = wide[tuple(map(slice, start + moved, end + moved))]
            seen[tuple(map(slice, start, end))] &= here
    return seen


def _carried(
    mask: BoolArray,
    *,
    to: Callable[[DoubleArray], DoubleArray],
    back: Callable[[DoubleArray], DoubleArray],
) -> BoolArray:
    """The mask at `back` of every pixel, False from beyond the picture; `to` undoes `back`."""
    result = np.zeros_like(mask)
    ends = [np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0) if mask.any()]
    if not ends:
        return result
    corners = to(np.array(list(product(*ends)), dtype=np.float64))
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, mask.shape)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 0, mask.shape)
    if (low >= high).any():
        return result
    # A turn and a shift: what a step down and a step along do is the same everywhere.
    corner = low.astype(np.float64)
    origin, down, along = back(corner + np.array([(0, 0), (1, 0), (0, 1)], dtype=np.float64))
    steps = [np.arange(size)[:, None] for size in high - low]
    first, second = origin + steps[0] * (down - origin), steps[1] * (along - origin)
    row, column = (
        np.rint(first[:, None, axis] + second[:, axis]).astype(np.intp) for axis in (0, 1)
    )
    inside = (row >= 0) & (row < mask.shape[0]) & (column >= 0) & (column < mask.shape[1])
    row *= inside
    column *= inside
    result[tuple(map(slice, low, high))] = inside & mask[row, column]
    return result


def looked_up(mask: BoolArray, down: int, right: int) -> BoolArray:
    """The mask at p + (down, right) for every p, False beyond the picture."""
    rows, columns = mask.shape
    result = np.zeros_like(mask)
    to_rows, from_rows = _overlap(rows, down)
    to_columns, from_columns = _overlap(columns, right)
    result[to_rows, to_columns] = mask[from_rows, from_columns]
    return result


def _overlap(size: int, step: int) -> tuple[slice, slice]:
    kept = max(size - abs(step), 0)
    to, source = max(-step, 0), max(step, 0)
    return slice(to, to + kept), slice(source, source + kept)
