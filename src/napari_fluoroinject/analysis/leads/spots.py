"""Short dark bars that could be a lead's contacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only

WIDEST_MM = 2.6
"""What is wider than this everywhere is no contact: those of leads are 1.0 to 1.5 mm wide."""
LENGTHS_MM = (0.7, 5.0)
WIDTHS_MM = (0.5, 2.6)
"""Of spots at half their height, with the picture's blur in them."""
FAINTEST_OD = 0.06
"""Metal of a contact takes more than this of the beam even behind strong scatter."""
NOISE_SIGMAS = 5.0
_BLUR_MM = 0.35
_MOST = 250
_AS_DARK, _DARKEST = 0.45, 6
_WINDOW_MM = 4.5
_HEIGHTS = (0.5, 0.65, 0.8)
"""Shares of a spot's peak at which its outline is taken: the first at which nothing else hangs on
it. Bone's edge beside a contact joins it at half its height."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spots:
    """Spots in a picture, each with its numbers; all arrays are (spots, ...).

    `at_px` (spots, 2) is the middle, `heading` (spots, 2) the unit vector along the longer axis,
    `length_px` and `width_px` the axes, `od` how much darker the spot is than what is round it.
    `hat` is the picture (rows, columns) that they were found in, `noise_od` its noise.
    """

    at_px: DoubleArray
    heading: DoubleArray
    length_px: DoubleArray
    width_px: DoubleArray
    od: DoubleArray
    hat: FloatArray
    noise_od: float

    def __post_init__(self) -> None:
        for name in ("at_px", "heading", "length_px", "width_px", "od"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def __len__(self) -> int:
        return len(self.od)


def find_spots(opacity: FloatArray, field: BoolArray, *, mm_per_px: float) -> Spots:
    """Find dark spots of a contact's size.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity, natural-log units.
    field
        (rows, columns), True inside the open field.
    mm_per_px
        Of the picture, or what stands for it.
    """
    smooth = ndimage.gaussian_filter(opacity, _BLUR_MM / mm_per_px)
    hat = smooth - ndimage.grey_opening(smooth, footprint=_disk(WIDEST_MM / mm_per_px / 2))
    inside = ndimage.binary_erosion(field, iterations=max(round(1.0 / mm_per_px), 1))
    hat = np.where(inside, hat, 0.0).astype(np.float32)
    seen = hat[inside]
    noise = float(1.4826 * np.median(np.abs(seen - np.median(seen)))) if seen.size else 0.0
    floor = max(FAINTEST_OD, NOISE_SIGMAS * noise)
    near = max(round(1.0 / mm_per_px), 2)
    peaks = (hat == ndimage.maximum_filter(hat, size=2 * near + 1)) & (hat > floor)
    found = sorted(zip(*np.nonzero(peaks), strict=True), key=lambda at: -hat[at])[:_MOST]
    rows = [row for at in found if (row := _spot(hat, at, mm_per_px)) is not None]
    table = np.array(rows, np.float64).reshape(-1, 7)
    return Spots(
        at_px=table[:, :2],
        heading=table[:, 2:4],
        length_px=table[:, 4],
        width_px=table[:, 5],
        od=table[:, 6],
        hat=hat,
        noise_od=noise,
    )


def metal_of(spots: Spots) -> Spots:
    """Those that are about as dark as the darkest: platinum is darker than edges of bone."""
    if not len(spots):
        return spots
    dark = spots.od >= _AS_DARK * np.median(np.sort(spots.od)[-_DARKEST:])
    return Spots(
        at_px=spots.at_px[dark],
        heading=spots.heading[dark],
        length_px=spots.length_px[dark],
        width_px=spots.width_px[dark],
        od=spots.od[dark],
        hat=spots.hat,
        noise_od=spots.noise_od,
    )


def _disk(radius: float) -> BoolArray:
    reach = int(radius)
    at = np.arange(-reach, reach + 1)
    return np.asarray(np.hypot(at[:, None], at[None, :]) <= radius)


def _spot(
    hat: FloatArray, at: tuple[np.intp, np.intp], mm_per_px: float
) -> tuple[float, ...] | None:
    """Numbers of one spot; None where it has not a contact's size at any height."""
    reach = round(_WINDOW_MM / mm_per_px)
    low = [max(int(a) - reach, 0) for a in at]
    part = hat[low[0] : int(at[0]) + reach + 1, low[1] : int(at[1]) + reach + 1]
    inner, peak = (int(at[0]) - low[0], int(at[1]) - low[1]), float(hat[at])
    for height in _HEIGHTS:
        labels, _ = ndimage.label(part > height * peak)
        here = labels == labels[inner]
        if here[0].any() or here[-1].any() or here[:, 0].any() or here[:, -1].any():
            continue
        middle, axes, length, width = _shape(here)
        sizes = ((length, LENGTHS_MM), (width, WIDTHS_MM))
        if all(least <= size * mm_per_px <= most for size, (least, most) in sizes):
            return (*(middle + low), *axes, length, width, peak)
    return None


def _shape(here: BoolArray) -> tuple[DoubleArray, DoubleArray, float, float]:
    """Middle, heading, length and width of a bar with the same second moments."""
    points = np.stack(np.nonzero(here), axis=1).astype(np.float64)
    middle = points.mean(axis=0)
    spread = np.cov((points - middle).T, bias=True) + np.eye(2) / 12
    variances, axes = np.linalg.eigh(spread)
    width, length = (float(size) for size in np.sqrt(12 * variances))
    return middle, axes[:, 1], length, width
