"""Two leads that lie one behind the other, as in a lateral view: one streak of metal, two rows."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.optimize import leastsq
from scipy.special import ndtr

from napari_fluoroinject.analysis.leads.profile import Curve, Fit, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.analysis.leads.spots import Spots
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_CONTACTS = (8, 4)
"""Of the leads that are laid in pairs."""
_SHORTEST_MM, _LONGEST_MM = 2.5, 3.7
_PITCHES_MM = np.arange(5.4, 9.01, 0.2)
_LENGTHS_MM = np.arange(2.6, 3.61, 0.2)
"""Contacts of 3 mm, 6.5 to 7.5 mm apart (grade D), with what scale and view do to them."""
_METAL = 0.45
"""Share of the darkest at which a pixel is taken for metal."""
_GAP_MM = 2.4
"""Half the longest gap that is bridged between pieces of one streak."""
_LONGEST, _THINNEST_MM = (20.0, 90.0), 2.2
_BEYOND_MM = 4.0
_CORE_MM, _ASIDE_MM = 0.35, (1.6, 2.4)
_STEP_PX = 0.5
_LEVELS = (0.08, 0.8)
_BESIDE = 0.6
"""Of their length, how far one row may begin after the other: one row is not two in line."""
_IN_STEP = 0.12
"""Of a contact's distance: rows nearer to each other's step are one longer row as well."""
_EDGE_PX = 1.0
_LEAST_R2 = 0.88
"""Share of the profile's variance that two rows must explain."""
_MOST_TRIES = 300
_FEWEST_SAMPLES = 50
_SIGMA_PX = 0.15
"""1 sigma of a middle: what was seen of it on phantoms, as the two rows share their noise."""


def overlaid_leads(
    opacity: FloatArray, field: BoolArray, spots: Spots, *, mm_per_px: float
) -> tuple[Fit, ...]:
    """Find two leads whose contacts hide one another in part; none where one row will do.

    The metal of both is one thin streak. Along it the profile is what two equal rows of equal bars
    cover together. The ends of the streak are those of the rows, so that length, distance and
    number of the contacts are all there is to search for.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity.
    field
        (rows, columns), True inside the open field.
    spots
        What was found in the picture: `hat` tells metal.
    mm_per_px
        Of the picture, or what stands for it.
    """
    for curve in _streaks(spots.hat, field, mm_per_px):
        s, profile = _profile(opacity, curve, mm_per_px)
        rows = _two_rows(s, profile, mm_per_px)
        if rows is not None:
            return tuple(_fit(curve, row, mm_per_px) for row in rows)
    return ()


def _streaks(hat: FloatArray, field: BoolArray, mm_per_px: float) -> Iterator[Curve]:
    """Courses of long thin pieces of metal, the longest first."""
    darkest = float(np.quantile(hat[field], 0.9995)) if field.any() else 0.0
    metal = field & (hat > _METAL * darkest)
    around = max(round(_GAP_MM / mm_per_px), 1)
    joined, count = ndimage.label(ndimage.binary_dilation(metal, iterations=around))
    found = []
    for piece in range(1, count + 1):
        points = np.argwhere(metal & (joined == piece)).astype(np.float64)
        curve, length, width = _course(points) if len(points) > 50 else (None, 0.0, 0.0)
        if curve is None or not _LONGEST[0] < length * mm_per_px < _LONGEST[1]:
            continue
        if width * mm_per_px < _THINNEST_MM:
            found.append((length, curve))
    for _, curve in sorted(found, key=lambda pair: -pair[0])[:2]:
        yield curve


def _course(points: DoubleArray) -> tuple[Curve, float, float]:
    """A cubic through pixels (n, 2), its length, and how wide they lie about it."""
    middle = points.mean(axis=0)
    axis = np.linalg.eigh(np.cov((points - middle).T))[1][:, 1]
    axis = axis if axis[0] > 0 else -axis
    side = np.array([-axis[1], axis[0]])
    along, aside = (points - middle) @ axis, (points - middle) @ side
    kept = np.ones(len(points), np.bool_)
    for _ in range(3):
        shape = np.polyfit(along[kept], aside[kept], 3)
        off = np.abs(aside - np.polyval(shape, along))
        kept = off <= 2.5 * max(float(np.median(off)), 0.5)
    first, last = float(along[kept].min()), float(along[kept].max())
    at = np.linspace(first, last, 12)
    nodes = middle + at[:, None] * axis + np.polyval(shape, at)[:, None] * side
    return Curve(nodes), last - first, 4.0 * float(np.median(off))


def _profile(
    opacity: FloatArray, curve: Curve, mm_per_px: float
) -> tuple[DoubleArray, DoubleArray]:
    """How much darker the streak is than what is beside it, by its length in pixels."""
    beyond = _BEYOND_MM / mm_per_px
    s = np.arange(-beyond, curve.knots[-1] + beyond, _STEP_PX)
    core = np.arange(-_CORE_MM, _CORE_MM + 1e-9, 0.1) / mm_per_px
    beside = np.arange(*_ASIDE_MM, 0.2) / mm_per_px
    lane = strip(opacity, curve, s, core).mean(axis=1)
    behind = [strip(opacity, curve, s, way * beside).mean(axis=1) for way in (1, -1)]
    profile = lane - np.mean(behind, axis=0)
    seen = np.isfinite(profile)
    return s[seen], profile[seen]


def _two_rows(
    s: DoubleArray, profile: DoubleArray, mm_per_px: float
) -> tuple[tuple[DoubleArray, float], tuple[DoubleArray, float]] | None:
    """Middles along the streak and half length of two rows of contacts; None where one will do."""
    if len(s) < _FEWEST_SAMPLES:
        return None
    low, high = np.quantile(profile, _LEVELS)
    if high <= low:
        return None
    shown = np.clip((profile - low) / (high - low), 0.0, 1.0)
    dark = s[shown > 0.5]
    tried = [
        (float(((_covered(s, params, count) - shown) ** 2).sum()), count, params)
        for count in _CONTACTS
        for params in _guesses(float(dark[0]), float(dark[-1]), count, mm_per_px)
    ]
    if not tried:
        return None
    _, count, start = min(tried, key=lambda one: one[0])
    # full output tells of too many tries instead of warning: what was reached is judged below
    params, *_ = leastsq(
        lambda p: _covered(s, p, count) - shown, start, full_output=True, maxfev=_MOST_TRIES
    )
    left = float(((_covered(s, params, count) - shown) ** 2).sum())
    apart = _apart(abs(params[1] - params[0]), params[2], count)
    like = _SHORTEST_MM < 2 * abs(params[3]) * mm_per_px < _LONGEST_MM
    if not (apart and like) or left > (1 - _LEAST_R2) * float(((shown - shown.mean()) ** 2).sum()):
        return None
    one, other = (_middles(begin, params, count) for begin in params[:2])
    return (one, abs(float(params[3]))), (other, abs(float(params[3])))


def _apart(offset: float, pitch: float, count: int) -> bool:
    """Whether rows lie beside one another, and cover together what one longer row would not."""
    steps = offset / pitch
    beside = 2 * _EDGE_PX < offset < _BESIDE * (count - 1) * pitch
    return bool(beside and abs(steps - round(steps)) > _IN_STEP)


def _guesses(first: float, last: float, count: int, mm_per_px: float) -> Iterator[DoubleArray]:
    """Two rows that begin and end with the streak: where they begin, distance, half length, 0."""
    for pitch, length in product(_PITCHES_MM / mm_per_px, _LENGTHS_MM / mm_per_px):
        begins = first + length / 2, last - length / 2 - (count - 1) * pitch
        if abs(begins[1] - begins[0]) <= _BESIDE * (count - 1) * pitch:
            yield np.array([*begins, pitch, length / 2, 0.0])


def _middles(begin: float, params: DoubleArray, count: int) -> DoubleArray:
    """Middles of a row: its distances may grow along it, as the view draws them together."""
    k = np.arange(count)
    result: DoubleArray = begin + params[2] * k + params[4] * k * (k - count + 1)
    return result


def _covered(s: DoubleArray, params: DoubleArray, count: int) -> DoubleArray:
    """What two rows of blurred bars cover together, 0 to 1."""
    half, clear = abs(params[3]), np.ones(len(s))
    for begin in params[:2]:
        off = s[:, None] - _middles(begin, params, count)
        bars = ndtr((off + half) / _EDGE_PX) - ndtr((off - half) / _EDGE_PX)
        clear *= 1.0 - np.clip(bars.sum(axis=1), 0.0, 1.0)
    result: DoubleArray = 1.0 - clear
    return result


def _fit(curve: Curve, row: tuple[DoubleArray, float], mm_per_px: float) -> Fit:
    middles, half = row
    count = len(middles)
    return Fit(
        at_px=curve.at(middles),
        half_px=np.full(count, half),
        wide_px=np.full(count, 0.65 / mm_per_px),
        height=np.ones(count),
        sigma_px=np.full(count, _SIGMA_PX),
    )
