"""Stored values turned into beam intensity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba as nb
import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray, StoredArray


@nb.njit(cache=True, nogil=True)
def bin_beam(
    stored: StoredArray, beam: FloatArray, first_stored: int, factor: int, out: FloatArray
) -> None:
    """Mean of `beam[stored - first_stored]` over factor x factor blocks of one frame."""
    rows, columns = out.shape
    width, last = columns * factor, beam.size - 1
    share = np.float32(1.0 / factor**2)
    total = np.empty(width, dtype=np.float32)
    for row in range(rows):
        total[:] = 0
        for y in range(row * factor, (row + 1) * factor):
            line = stored[y]
            for x in range(np.uintp(width)):
                index = min(max(int(line[x]) - first_stored, 0), last)
                total[x] += beam[index]
        _fold(total, factor, share, out[row])


@nb.njit(cache=True, nogil=True)
def _fold(total: FloatArray, factor: int, share: np.float32, into: FloatArray) -> None:
    """Every `factor` neighbours of a line added up, times `share`."""
    if factor == 2:  # by far the most frequent, and a known step vectorises
        for column in range(np.uintp(into.size)):
            into[column] = (total[2 * column] + total[2 * column + 1]) * share
        return
    for column in range(into.size):
        block = np.float32(0)
        for x in range(column * factor, (column + 1) * factor):
            block += total[x]
        into[column] = block * share
