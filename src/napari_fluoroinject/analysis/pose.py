"""Frames and the reference pose: which frames count, and how pictures move between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.motion import Motion


def poses(motion: Motion) -> DoubleArray:
    """Poses for the warp of the compute kernels, (frames, 3): row and column shift, and angle."""
    return np.column_stack([motion.shift_px, np.zeros(len(motion.shift_px))])


def last_frames(motion: Motion, count: int) -> list[int]:
    """The last `count` frames that are locked, fewer where there are not so many.

    Where the registration lost every frame nothing can be judged, and the last ones stand in.
    """
    usable = (
        np.flatnonzero(motion.locked) if motion.locked.any() else np.arange(len(motion.locked))
    )
    return [int(frame) for frame in usable[-count:]]


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
