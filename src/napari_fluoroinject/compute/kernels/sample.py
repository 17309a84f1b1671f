"""Frames seen finer, coarser or moved, by straight lines between their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import FloatArray

    Index = npt.NDArray[np.int64]

_Place = np.uintp


@njit(cache=True, nogil=True)
def sample(
    frames: FloatArray,
    down: tuple[Index, FloatArray],
    right: tuple[Index, FloatArray],
    out: FloatArray,
) -> None:
    """Sample frames along their rows, then down the columns; 0 comes in from outside.

    `down` and `right` hold, for every frame, the first of two samples, at least -2 and at most the
    size, and the share of the second. One frame may stand for all of `out`.
    """
    count, rows, columns = frames.shape
    _, high, wide = out.shape
    line = np.zeros(columns + 4, dtype=np.float32)
    # Two empty lines on either side are what lies outside.
    lines = np.zeros((rows + 4, wide), dtype=np.float32)
    for k in range(out.shape[0]):
        frame = frames[k if count > 1 else 0]
        for row in range(rows):
            line[2 : columns + 2] = frame[row]
            _between(line, right[0][k], right[1][k], lines[row + 2])
        for row in range(high):
            first, share = down[0][k, row] + 2, down[1][k, row]
            _mixed(lines[first], lines[first + 1], share, out[k, row])


@njit(cache=True, nogil=True)
def _between(line: FloatArray, first: Index, share: FloatArray, out: FloatArray) -> None:
    for i in range(_Place(out.size)):
        place = _Place(first[i] + 2)
        near = line[place]
        out[i] = near + share[i] * (line[place + _Place(1)] - near)


@njit(cache=True, nogil=True)
def _mixed(near: FloatArray, far: FloatArray, share: np.float32, out: FloatArray) -> None:
    for i in range(out.size):
        out[i] = near[i] + share * (far[i] - near[i])
