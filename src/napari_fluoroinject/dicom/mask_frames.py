"""The frames that a mask is for, as ranges, and a mask cut down to some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.masks import HeaderMask


def runs(chosen: BoolArray) -> tuple[tuple[int, int], ...]:
    """First and last of every run of frames that are True, from 0."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]])))
    return tuple((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))


def only_for(mask: HeaderMask, shown: BoolArray) -> HeaderMask:
    """The same mask for these frames alone, each less what it was less before.

    Parameters
    ----------
    mask
        Of any operation.
    shown
        (frames,) True for at least one frame that the mask subtracts from.
    """
    ranges = runs(shown)
    offset = mask.tid_offset
    if mask.operation == "REV_TID":  # it counts back from the first frame of its first range
        offset += 2 * (ranges[0][0] - mask.frame_ranges[0][0])
    return replace(mask, frame_ranges=ranges, tid_offset=offset)
