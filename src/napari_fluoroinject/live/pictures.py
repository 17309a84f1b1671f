"""Running maps as pictures of 8 bits: 0 where nothing is defined, 1 to 255 over a stated range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.following import LiveSnapshot
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

LiveMap = Literal["none", "opacity", "arrival", "time_to_peak"]

_OPACITY_STEP = 0.1
_LEAST_S = 1.0
_RANGE_PERCENT = 98.0
"""Specks of noise never have the range to themselves; beyond it the last colour goes on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapPicture:
    """A map at one moment: `levels` (rows, columns) uint8, 0 = undefined.

    Level 1 is `low` and level 255 `high` and beyond, in `unit`; seconds count from the first
    frame after the mask.
    """

    kind: LiveMap
    levels: npt.NDArray[np.uint8]
    low: float
    high: float
    unit: str


def map_picture(snapshot: LiveSnapshot, kind: LiveMap) -> MapPicture | None:
    """One of the maps as a picture; None for `none`.

    Only pixels are shown that contrast has reached and that every frame shows.
    """
    if kind == "none":
        return None
    maps = snapshot.maps
    reached = snapshot.valid & np.isfinite(maps.arrival_s)
    if kind == "opacity":
        return _picture(kind, maps.peak, reached, unit="ln")
    began_s = np.float32(snapshot.exposures.times_s[0])
    times_s = maps.arrival_s if kind == "arrival" else maps.time_to_peak_s
    return _picture(kind, times_s - began_s, reached & np.isfinite(times_s), unit="s")


def put_into(picture: MapPicture, first_px: tuple[int, int], shape: tuple[int, int]) -> MapPicture:
    """The same in a whole frame (rows, columns), in which the picture begins at `first_px`."""
    if picture.levels.shape == shape:
        return picture
    levels = np.zeros(shape, np.uint8)
    row, column = first_px
    rows, columns = picture.levels.shape
    levels[row : row + rows, column : column + columns] = picture.levels
    return replace(picture, levels=levels)


def _picture(kind: LiveMap, values: FloatArray, where: BoolArray, *, unit: str) -> MapPicture:
    inside = values[where]
    largest = float(np.percentile(inside, _RANGE_PERCENT)) if inside.size else 0.0
    if unit == "s":
        high = max(_LEAST_S, float(ceil(largest)))
    else:
        high = max(1, ceil(largest / _OPACITY_STEP - 1e-6)) * _OPACITY_STEP
    levels = np.zeros(values.shape, np.uint8)
    levels[where] = 1 + np.rint(254 * np.clip(inside / high, 0.0, 1.0)).astype(np.uint8)
    return MapPicture(kind=kind, levels=levels, low=0.0, high=high, unit=unit)
