"""A frame looked at through every so many-th of its pixels, in blocks of four by four."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray, StoredArray

SIDE = 4
"""Samples along the side of a block."""
_MOST_SAMPLES = 320
"""Along the longer side of a frame: a pass over all pixels takes most of the time there is."""


class Lattice:
    """Samples of frames of one size.

    Attributes
    ----------
    stride
        Pixels from one sample to the next.
    shape
        Blocks along (rows, columns); what is left over at the end is in none.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.stride = max(1, ceil(max(shape) / _MOST_SAMPLES))
        down, across = (ceil(size / self.stride) // SIDE for size in shape)
        self.shape = (down, across)

    def samples(self, stored: StoredArray) -> StoredArray:
        """The samples of a frame, (4 * blocks down, 4 * blocks across), a copy."""
        rows, columns = (SIDE * count for count in self.shape)
        some: StoredArray = stored[:: self.stride, :: self.stride][:rows, :columns].copy()
        return some

    def inside(self, field: BoolArray) -> BoolArray:
        """Which samples lie in a field of the frame."""
        return np.asarray(self.samples(field.view(np.uint8)), np.bool_)


def in_blocks(samples: FloatArray, side: int = SIDE) -> FloatArray:
    """Mean of each block of samples."""
    rows, columns = (size // side * side for size in samples.shape)
    across = samples[:rows, 0:columns:side].copy()
    for at in range(1, side):
        across += samples[:rows, at:columns:side]
    down: FloatArray = across[0::side].copy()
    for at in range(1, side):
        down += across[at::side]
    down *= np.float32(1 / side**2)
    return down


def all_of(samples: BoolArray, side: int = SIDE) -> BoolArray:
    """Blocks of which all samples are True."""
    whole: BoolArray = in_blocks(samples.astype(np.float32), side) >= 1.0
    return whole
