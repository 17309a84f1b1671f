"""Truth maps in time: arrival, peak, time to peak, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray


def arrival(od: FloatArray, times_s: DoubleArray, *, threshold_od: float) -> FloatArray:
    """First rise of `od` (frames, ...) that holds for two frames, seconds; NaN = never.

    Interpolated linearly between frames. A pixel above the threshold from the first frame arrives
    at its time.
    """
    above = od >= threshold_od
    holds = above[:-1] & above[1:]
    first = holds.argmax(axis=0)
    before = np.maximum(first - 1, 0)
    low = np.take_along_axis(od, before[None], axis=0)[0].astype(np.float64)
    high = np.take_along_axis(od, first[None], axis=0)[0].astype(np.float64)
    rise = np.where(high > low, high - low, 1.0)
    share = np.clip((threshold_od - low) / rise, 0, 1)
    found = times_s[before] + share * (times_s[first] - times_s[before])
    return np.where(holds.any(axis=0), found, np.nan).astype(np.float32)


def time_to_peak(od: FloatArray, times_s: DoubleArray, *, threshold_od: float) -> FloatArray:
    """Time of the highest opacity, seconds; NaN where it never reaches the threshold."""
    peak = times_s[od.argmax(axis=0)]
    return np.where(od.max(axis=0) >= threshold_od, peak, np.nan).astype(np.float32)
