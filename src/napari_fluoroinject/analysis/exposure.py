"""How exposure differs between frames, told from where there is no contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, uniform_filter1d

from napari_fluoroinject.analysis.noise import robust_sigma

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_BLOCK_PX = 8
_FRAMES = 5
_SIGMAS = 3.0
"""A block that leaves the others by more, in either direction, holds contrast or gas."""
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
    weight = valid.astype(np.float32)
    blocks = on.kernels.bin_frames(od, weight, _BLOCK_PX)
    share = on.kernels.bin_frames(weight[None], np.ones_like(weight), _BLOCK_PX)[0]
    usable = share > 0.5
    if not usable.any():
        return np.zeros(len(od))
    offsets = np.median(blocks[:, usable], axis=1)
    for _ in range(2):
        still = usable & ~_changing(blocks - offsets[:, None, None], usable)
        if still.sum() < _LEAST_SHARE * usable.sum():
            break
        offsets = np.median(blocks[:, still], axis=1)
    return offsets.astype(np.float64)


def _changing(blocks: FloatArray, usable: BoolArray) -> BoolArray:
    smooth = uniform_filter1d(blocks, min(_FRAMES, len(blocks)), axis=0, mode="nearest")
    sigma = np.array([robust_sigma(frame[usable]) for frame in smooth])
    # Contrast raises the spread of late frames; the typical frame tells the noise.
    limit = _SIGMAS * float(np.quantile(sigma, 0.25))
    far = (smooth.max(axis=0) > 1.5 * limit) | (smooth.min(axis=0) < -1.5 * limit)
    return np.asarray(binary_dilation(far & usable))
