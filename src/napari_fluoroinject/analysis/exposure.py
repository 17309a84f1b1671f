"""How exposure differs between frames, told from where there is no contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, uniform_filter1d

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_BLOCK_PX = 8
_FRAMES = 5
_SIGMAS = 3.0
"""A block that leaves the others by more, in either direction, holds contrast or gas."""
"""Standard deviation of a normal variable over its median absolute deviation."""
_LEAST_SHARE = 0.1
"""Fewer blocks than this share of the field cannot stand for it: then all of them do."""


def exposure_offsets(od: FloatArray, valid: BoolArray, *, on: Backend) -> DoubleArray:
    """Opacity that a whole frame seems to have gained because it was exposed less.

    The automatic exposure answers contrast, so the plain median of the field will not do where
    contrast fills much of it: blocks that change are left out.

    Parameters
    ----------
    od
        (frames, rows, columns) float32.
    valid
        (rows, columns), True where it may be used.

    Returns
    -------
    DoubleArray
        (frames,), 0 throughout where no block is valid.
    """
    return offsets_of_blocks(exposure_blocks(od, valid, on=on), valid, on=on)


def exposure_blocks(od: FloatArray, valid: BoolArray, *, on: Backend) -> FloatArray:
    """Mean opacity of the valid pixels of each block, (frames, blocks down, blocks across)."""
    return on.kernels.bin_frames(od, valid.astype(np.float32), _BLOCK_PX)


def offsets_of_blocks(blocks: FloatArray, valid: BoolArray, *, on: Backend) -> DoubleArray:
    """`exposure_offsets` of frames whose `exposure_blocks` are known."""
    weight = valid.astype(np.float32)
    share = on.kernels.bin_frames(weight[None], np.ones_like(weight), _BLOCK_PX)[0]
    usable = share > 0.5
    if not usable.any():
        return np.zeros(len(blocks))
    offsets = np.median(blocks[:, usable], axis=1)
    for _ in range(2):
        still = usable & ~_changing(blocks - offsets[:, None, None], usable)
        if still.sum() < _LEAST_SHARE * usable.sum():
            break
        offsets = np.median(blocks[:, still], axis=1)
    return offsets.astype(np.float64)


def _changing(blocks: FloatArray, usable: BoolArray) -> BoolArray:
    smooth = uniform_filter1d(blocks, min(_FRAMES, len(blocks)), axis=0, mode="nearest")
    inside = smooth[:, usable]
    inside -= np.median(inside, axis=1, keepdims=True)
    sigma = MAD_TO_SIGMA * np.median(np.abs(inside, out=inside), axis=1)
    # Contrast raises the spread of late frames; the typical frame tells the noise.
    limit = _SIGMAS * float(np.quantile(sigma, 0.25))
    far = (smooth.max(axis=0) > 1.5 * limit) | (smooth.min(axis=0) < -1.5 * limit)
    return np.asarray(binary_dilation(far & usable))
