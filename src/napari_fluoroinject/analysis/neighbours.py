"""A pixel and those around it that are known, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray


def median_of_neighbours(values: FloatArray, side: int) -> FloatArray:
    """Median of the known values in the square around every known value; NaN stays NaN."""
    rows, columns = np.nonzero(np.isfinite(values))
    if not len(rows):
        return values
    padded = np.pad(values, side // 2, constant_values=np.nan)
    windows = sliding_window_view(padded, (side, side))[rows, columns].reshape(len(rows), -1)
    ordered = np.sort(windows, axis=1)  # NaN goes to the end
    known = np.isfinite(ordered).sum(axis=1)
    each = np.arange(len(rows))
    result = values.copy()
    result[rows, columns] = 0.5 * (ordered[each, (known - 1) // 2] + ordered[each, known // 2])
    return result
