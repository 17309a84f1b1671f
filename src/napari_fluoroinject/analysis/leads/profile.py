"""The middles of contacts to a part of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.interpolate import make_interp_spline
from scipy.optimize import leastsq
from scipy.special import ndtr

from napari_fluoroinject.model.arrays import DoubleArray

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import FloatArray

_STEP_PX = 0.5
_SHARPEST_PX = 0.4
_MOST_TRIES = 120
_FARTHEST = 0.7
"""A fit that runs this far off its place, of the reach, is none."""
_CORE_MM = 0.35
"""Lanes this near to the middle are taken together for the profile along a lead."""
_BESIDE_MM = (1.6, 2.4)
"""Lanes at this distance tell what is behind the lead."""
_ACROSS_MM = 2.0
_FEWEST_SAMPLES = 8
_COURSE_FROM = 6
"""A cubic through fewer contacts has nothing left to judge them by."""
_LEAST_OFF_PX = 0.3
_ROUNDS = 3
_LEAST_SIGMA_PX = 0.05
_SPLINE_PX = 12
"""A cubic spline's coefficient has forgotten what lies so far away."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Contacts fitted along a curve, all in pixels.

    `at_px` (contacts, 2) are their middles; `half_px` and `wide_px` (contacts,) half their lengths
    and widths, each fitted for itself; `height` how dark they are over what is round them, and
    `sigma_px` 1 sigma of the middle along the lead.
    """

    at_px: DoubleArray
    half_px: DoubleArray
    wide_px: DoubleArray
    height: DoubleArray
    sigma_px: DoubleArray

    def turned(self) -> Fit:
        """The same from the other end."""
        return Fit(
            at_px=self.at_px[::-1],
            half_px=self.half_px[::-1],
            wide_px=self.wide_px[::-1],
            height=self.height[::-1],
            sigma_px=self.sigma_px[::-1],
        )


def fit_contacts(
    opacity: FloatArray, at_px: DoubleArray, *, mm_per_px: float, rounds: int = _ROUNDS
) -> Fit:
    """Fit the middles of a lead's contacts.

    Along and across the lead each is a blurred box on a slope (error functions), repeated on the
    curve through the middles. Contacts of a lead are equal: in the last round all have the median
    length and width, so that an edge of bone beside one cannot draw it out. What still stands off
    a smooth row of equal distances is put in line.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity.
    at_px
        (contacts, 2), to a pixel or two, in order.
    mm_per_px
        Of the picture, or what stands for it.
    rounds
        How often; one is enough to see whether they are contacts at all.
    """
    middles, half, width = at_px, None, None
    free: tuple[DoubleArray, DoubleArray] = (np.empty(0), np.empty(0))
    for _ in range(rounds):
        curve = Curve(middles)
        along = _along(opacity, curve, mm_per_px, half=half)
        s = steady(curve.knots + along[:, 0])
        aside = _across(opacity, curve, s, along[:, 1], mm_per_px=mm_per_px, width=width)
        middles = curve.at(s) + steady(aside[:, 0])[:, None] * curve.across(s)
        if half is None:
            free = along[:, 1], aside[:, 1]
            half, width = (float(np.median(sizes)) for sizes in free)
    return Fit(
        at_px=middles,
        half_px=free[0],
        wide_px=free[1],
        height=along[:, 2],
        sigma_px=np.maximum(along[:, 3], _LEAST_SIGMA_PX),
    )


def steady(values: DoubleArray) -> DoubleArray:
    """Values (n,) of a row, those put in line that stand off a smooth course through the others.

    The course is a cubic; few values have none, and stay.
    """
    if len(values) < _COURSE_FROM:
        return values
    order, weight = np.linspace(-1, 1, len(values)), np.ones(len(values))
    for _ in range(8):
        course = np.polyval(np.polyfit(order, values, 3, w=np.sqrt(weight)), order)
        off = values - course
        spread = max(1.4826 * float(np.median(np.abs(off))), _LEAST_OFF_PX / 3)
        weight = 1 / (1 + (off / (1.5 * spread)) ** 2)
    return np.where(np.abs(off) > 3 * spread, course, values)


class Curve:
    """A smooth curve through points (n, 2), by its length in pixels; straight on beyond them."""

    def __init__(self, points: DoubleArray) -> None:
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        self.knots = np.concatenate([[0.0], np.cumsum(steps)])
        self._spline = make_interp_spline(self.knots, points, k=min(3, len(points) - 1))
        self._slope = self._spline.derivative()

    def at(self, s: DoubleArray) -> DoubleArray:
        """Points (..., 2)."""
        inner = np.clip(s, 0.0, self.knots[-1])
        result: DoubleArray = self._spline(inner) + (s - inner)[..., None] * self.along(inner)
        return result

    def along(self, s: DoubleArray) -> DoubleArray:
        """Unit vectors (..., 2) along the curve."""
        slope = self._slope(np.clip(s, 0.0, self.knots[-1]))
        result: DoubleArray = slope / np.linalg.norm(slope, axis=-1, keepdims=True)
        return result

    def across(self, s: DoubleArray) -> DoubleArray:
        """Unit vectors (..., 2) across the curve."""
        along = self.along(s)
        return np.stack([-along[..., 1], along[..., 0]], axis=-1)


def strip(opacity: FloatArray, curve: Curve, s: DoubleArray, offsets: DoubleArray) -> DoubleArray:
    """Opacity along and across a curve, (along, offsets); NaN outside the picture."""
    at = curve.at(s)[:, None] + offsets[:, None] * curve.across(s)[:, None]
    # the spline's coefficients are sought about the strip only: elsewhere they change nothing
    flat = at.reshape(-1, 2)
    low = np.maximum(np.floor(flat.min(axis=0)).astype(int) - _SPLINE_PX, 0)
    high = np.minimum(np.ceil(flat.max(axis=0)).astype(int) + _SPLINE_PX + 1, opacity.shape)
    if (high - low < 2).any():
        return np.full(at.shape[:2], np.nan)
    part = opacity[low[0] : high[0], low[1] : high[1]].astype(np.float64)
    result: DoubleArray = ndimage.map_coordinates(
        part, (at - low).transpose(2, 0, 1), order=3, mode="constant", cval=np.nan
    )
    return result


def _along(
    opacity: FloatArray, curve: Curve, mm_per_px: float, *, half: float | None
) -> DoubleArray:
    """Middle from its knot, half length, height and sigma of each contact, (contacts, 4)."""
    pitch = float(np.median(np.diff(curve.knots)))
    s = np.arange(-pitch / 2, curve.knots[-1] + pitch / 2, _STEP_PX)
    core = np.arange(-_CORE_MM, _CORE_MM + 1e-9, 0.1) / mm_per_px
    beside = np.arange(*_BESIDE_MM, 0.2) / mm_per_px
    lane = strip(opacity, curve, s, core).mean(axis=1)
    behind = [strip(opacity, curve, s, side * beside).mean(axis=1) for side in (1, -1)]
    profile = lane - np.mean(behind, axis=0)
    fits = []
    for knot in curve.knots:
        near = np.abs(s - knot) <= pitch / 2
        fits.append(_box(s[near] - knot, profile[near], pitch / 2, half=half))
    return np.array(fits)


def _across(
    opacity: FloatArray,
    curve: Curve,
    along: DoubleArray,
    half: DoubleArray,
    *,
    mm_per_px: float,
    width: float | None,
) -> DoubleArray:
    """Offset from the curve, half width, height and sigma of each contact, (contacts, 4).

    What runs along the lead, as edges of spinous processes do, shows in the gaps on either side,
    too, and is taken off.
    """
    gap = float(np.median(np.diff(curve.knots))) / 2
    reach = _ACROSS_MM / mm_per_px
    offsets = np.arange(-reach, reach + 1e-9, _STEP_PX)
    fits = []
    for middle, length in zip(along, half, strict=True):
        s = middle + np.linspace(-0.6, 0.6, 9) * length
        lane = strip(opacity, curve, s, offsets).mean(axis=0)
        beyond = np.array([middle - gap, middle + gap])[:, None] + np.linspace(-0.1, 0.1, 3) * gap
        lane = lane - strip(opacity, curve, beyond.ravel(), offsets).mean(axis=0)
        fits.append(_box(offsets, lane, reach, half=width))
    return np.array(fits)


def _box(
    s: DoubleArray, profile: DoubleArray, reach: float, *, half: float | None
) -> tuple[float, float, float, float]:
    """Middle, half length, height and sigma of a blurred box on a slope; None = length free."""
    seen = np.isfinite(profile)
    if seen.sum() < _FEWEST_SAMPLES:
        return 0.0, half or reach / 3, 0.0, reach
    s, profile = s[seen], profile[seen]
    base, top = np.quantile(profile, 0.15), np.quantile(profile, 0.95)
    above = float((profile > (base + top) / 2).mean() * np.ptp(s)) / 2
    count = 6 if half is None else 5

    def off(p: DoubleArray) -> DoubleArray:
        long = abs(p[5]) if half is None else half
        blur = hypot(p[4], _SHARPEST_PX)
        box = ndtr((s - p[0] + long) / blur) - ndtr((s - p[0] - long) / blur)
        return np.asarray(p[2] + p[3] * s + p[1] * box - profile)

    start = [0.0, max(top - base, 1e-3), base, 0.0, 1.2, np.clip(above, 1.0, 0.9 * reach)]
    found, covariance, *_ = leastsq(off, start[:count], full_output=True, maxfev=_MOST_TRIES)
    long = abs(float(found[5])) if half is None else half
    if covariance is None or abs(found[0]) > _FARTHEST * reach or long > reach:
        return 0.0, min(long, reach), 0.0, reach
    # samples closer than a pixel are not independent
    scatter = float((off(found) ** 2).mean()) / _STEP_PX
    sigma = sqrt(max(scatter * covariance[0, 0], 0.0))
    return float(found[0]), long, float(found[1]), sigma
