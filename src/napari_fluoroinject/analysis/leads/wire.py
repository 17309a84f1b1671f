"""The end at which a lead's wire leaves: there the other end is the distal one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.leads.profile import Curve

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.leads.profile import Fit
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

_STEP_PX = 0.5
_FROM_MM, _TO_MM = 0.5, 7.0
"""The wire is looked for at this distance from the last contact's edge: farther on it bends away
and meets more bone."""
_FAN_DEG = np.arange(-20.0, 21.0, 5.0)
"""How far it may turn off the way that the last two contacts point."""
_BENDS_PER_MM = (-0.12, 0.0, 0.12)
_ASTRAY = 0.3
"""What turning off by 100 degrees costs, in the score."""
_CORE_MM, _CORE = (-0.2, 0.0, 0.2), (0.25, 0.5, 0.25)
_BESIDE_MM = (0.6, 0.8, 1.0)
"""A wire of a third of a millimetre is seen within the first, and no more beside it."""
_LEAST_OD, _USUAL_OD, _MOST_OD = 0.015, 0.03, 0.08
"""How dark a wire is over what is beside it; what is darker is the edge of a bone."""
_SPREAD, _NOISE_OD = 0.35, 0.004
_NEITHER = 0.05
"""Likelihood of what is neither a wire nor its absence, as bone is: it decides nothing."""
_CLEAR = 0.9
"""By how much the ends' mean log likelihood ratios must differ: nearer ones told the wrong end in
one of ten synthetic leads."""
_SEEN = 0.0
"""Least score at the end where it is said to leave: its absence at the other one is not enough."""
_SMOOTHED = 15
"""Points along an arc that are averaged: a wire goes on, bone beside it does not."""


def wire_end(opacity: FloatArray, fit: Fit, *, mm_per_px: float) -> int | None:
    """The end at which the wire leaves: 0 the first contact, 1 the last; None = not seen.

    How dark the wire is tell the gaps between the contacts. Arcs that lead on from either end are
    then judged point by point: as dark as the wire, not darker than what is beside them, or
    neither.

    Parameters
    ----------
    opacity
        (rows, columns), rising with opacity.
    fit
        The contacts, in order.
    mm_per_px
        Of the picture, or what stands for it.
    """
    picture = opacity.astype(np.float64)
    half = float(np.median(fit.half_px))
    wire_od = _between(picture, fit.at_px, half, mm_per_px)
    scores = [
        _leads_on(picture, row[0], row[0] - row[1], half, wire_od=wire_od, mm_per_px=mm_per_px)
        for row in (fit.at_px, fit.at_px[::-1])
    ]
    if not np.isfinite(scores).all() or max(scores) < _SEEN:
        return None
    if abs(scores[1] - scores[0]) < _CLEAR:
        return None
    return int(scores[1] > scores[0])


def _between(picture: DoubleArray, at: DoubleArray, half: float, mm_per_px: float) -> float:
    """How dark the wire is in the gaps between contacts."""
    curve, seen = Curve(at), []
    edge = half + _FROM_MM / mm_per_px
    for begin, end in zip(curve.knots[:-1], curve.knots[1:], strict=True):
        s = np.arange(begin + edge, end - edge, _STEP_PX)
        if len(s) > 3:
            lanes = _ridge(picture, curve.at(s), curve.across(s), mm_per_px)
            seen.append(float(np.median(lanes)))
    usual = float(np.median(seen)) if seen else _USUAL_OD
    return float(np.clip(usual, _LEAST_OD, _MOST_OD))


def _leads_on(
    picture: DoubleArray,
    end: DoubleArray,
    way: DoubleArray,
    half: float,
    *,
    wire_od: float,
    mm_per_px: float,
) -> float:
    """Mean log likelihood ratio of the likeliest arc; NaN where it leaves the picture."""
    away = np.arange(half + _FROM_MM / mm_per_px, half + _TO_MM / mm_per_px, _STEP_PX)
    heading = float(np.arctan2(way[1], way[0]))
    best = -np.inf
    for turn in np.radians(_FAN_DEG):
        for bend in _BENDS_PER_MM:
            to = heading + turn + bend * away * mm_per_px / 2
            along = to + bend * away * mm_per_px / 2
            arc = end + away[:, None] * np.stack([np.cos(to), np.sin(to)], axis=1)
            across = np.stack([-np.sin(along), np.cos(along)], axis=1)
            ridge = _ridge(picture, arc, across, mm_per_px, smoothed=_SMOOTHED)
            cost = _ASTRAY * abs(float(np.degrees(turn))) / 100
            best = max(best, float(_likelihood(ridge, wire_od).mean()) - cost)
    return best


def _ridge(
    picture: DoubleArray,
    at: DoubleArray,
    across: DoubleArray,
    mm_per_px: float,
    *,
    smoothed: int = 1,
) -> DoubleArray:
    """How much darker points (n, 2) are than the darker of their two sides.

    Each is averaged over `smoothed` points in line before they are compared.
    """
    offsets = np.array([*_CORE_MM, *_BESIDE_MM, *(-off for off in _BESIDE_MM)]) / mm_per_px
    points = at[:, None] + offsets[:, None] * across[:, None]
    lanes = ndimage.map_coordinates(
        picture, points.transpose(2, 0, 1), order=1, mode="constant", cval=np.nan
    )
    weights = np.array(_CORE)
    core, left, right = (
        ndimage.uniform_filter1d(lanes[:, part] @ weights, smoothed)
        for part in np.split(np.arange(9), 3)
    )
    result: DoubleArray = core - np.maximum(left, right)
    return result


def _likelihood(ridge: DoubleArray, wire_od: float) -> DoubleArray:
    """Log likelihood ratio of a wire at each point: as dark as it, or not dark at all."""
    sigma = _SPREAD * wire_od + _NOISE_OD
    wire = np.exp(-0.5 * ((ridge - wire_od) / sigma) ** 2)
    none = np.where(ridge < 0, 1.0, 0.0) + np.exp(-0.5 * (ridge / sigma) ** 2)
    result: DoubleArray = np.log((wire + _NEITHER) / (none + _NEITHER))
    return result
