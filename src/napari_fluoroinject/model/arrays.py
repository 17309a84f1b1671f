"""The array types of the house, and the one way an array becomes part of a frozen value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""32-bit floats: everything that is measured per pixel."""
DoubleArray = npt.NDArray[np.float64]
"""64-bit floats: times, positions and shifts, of which there are few."""
BoolArray = npt.NDArray[np.bool_]
StoredArray = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int16]
"""Stored pixel values as the file holds them, overlays taken out."""


def read_only(array: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return `array` read-only as `dtype`; copied where the caller could still write."""
    result = np.asarray(array, dtype=dtype)
    if result.flags.writeable:
        result = result.view() if result is not array else result.copy()
        result.flags.writeable = False
    return result
