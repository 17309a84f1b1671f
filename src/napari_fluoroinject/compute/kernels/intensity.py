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
        into = out[row]
        for column in range(columns):
            block = np.float32(0)
            for x in range(column * factor, (column + 1) * factor):
                block += total[x]
            into[column] = block * share
