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
"""Along the longer side of a frame: a pass over all pixels would take most of the time there is."""


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

    def samples(self, stored: StoredArray) -> FloatArray:
        """The samples of a frame, (4 * blocks down, 4 * blocks across)."""
        rows, columns = (SIDE * count for count in self.shape)
        some = stored[:: self.stride, :: self.stride][:rows, :columns]
        return some.astype(np.float32)

    def inside(self, field: BoolArray) -> BoolArray:
        """Blocks of which all samples lie in a field of the frame."""
        share: BoolArray = in_blocks(self.samples(field.view(np.uint8))) >= 1.0
        return share


def in_blocks(samples: FloatArray) -> FloatArray:
    """Mean of each block of samples."""
    across = samples[:, 0::SIDE] + samples[:, 1::SIDE]
    across += samples[:, 2::SIDE]
    across += samples[:, 3::SIDE]
    down: FloatArray = across[0::SIDE] + across[1::SIDE]
    down += across[2::SIDE]
    down += across[3::SIDE]
    down *= np.float32(1 / SIDE**2)
    return down
