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
    last = beam.size - 1
    share = np.float32(1.0 / factor**2)
    for row in range(rows):
        into = out[row]
        into[:] = 0
        for y in range(row * factor, (row + 1) * factor):
            line = stored[y]
            for column in range(columns):
                total = np.float32(0)
                for x in range(column * factor, (column + 1) * factor):
                    index = int(line[x]) - first_stored
                    total += beam[min(max(index, 0), last)]
                into[column] += total
        for column in range(columns):
            into[column] *= share
