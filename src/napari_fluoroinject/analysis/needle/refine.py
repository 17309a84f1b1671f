"""From a rough segment to a shaft: its axis, width, ends, and the evidence that it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi

from napari_fluoroinject.analysis.needle.line import Line, strip
from napari_fluoroinject.analysis.needle.profile import (
    Profile,
    across_px,
    amplitude,
    best_centre,
    gaussian_profile,
    misfit,
)
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.candidates import Segment

BLOCK_PX = 5
ROUNDS, MOST_ROUNDS = 3, 8
GROWTH_PX = 5.0
"""A shaft that grew by more in a round is followed further: a straight piece of a bent one was
found first."""
BEND = 2e-3
"""Usual curvature of a bent shaft, radians per px: 2 mm of sag over 45 mm."""
CENTRE_NOISE_PX = 0.15
"""How well a block tells where the axis is, in an ordinary picture."""
SEARCH_PX = 3.0
SEARCH_STEP_PX = 0.25
FIRST_SIGMA_PX = 1.0
SIGMAS_PX = np.arange(0.6, 3.01, 0.1)
SIDES_PX = (4.5, 6.0, 8.0)
HALF_LEVEL = 0.5
END_SMOOTHING_PX = 3
SATURATION = 1.5
"""No sample may count for more than this many levels when the ends are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shaft:
    """A refined candidate.

    Attributes
    ----------
    line
        Its axis; positions along are counted from `line.point`.
    start_px, end_px
        Where the shaft is first and last seen along the axis (half of its level).
    sigma_px
        Width of its profile.
    level
        Median opacity of the shaft above its background, natural-log units.
    along_px, curve
        (samples,) opacity of a thin line along the whole axis inside the field; NaN outside.
    roughness_px
        Robust RMS of block centres about the axis: what no smooth bend explains.
    noise
        Of one block's amplitude, natural-log units.
    clutter
        RMS of the same filter beside the shaft over its level.
    variation, filled
        Relative spread of the curve between the ends, and the share of it above half the level.
    misfit
        RMS of the mean profile's fit over the level.
    score
        Of the segment it came from.
    """

    line: Line
    start_px: float
    end_px: float
    sigma_px: float
    level: float
    along_px: DoubleArray
    curve: DoubleArray
    roughness_px: float
    noise: float
    clutter: float
    variation: float
    filled: float
    misfit: float
    score: float

    @property
    def length_px(self) -> float:
        """Length of the part that is seen."""
        return self.end_px - self.start_px

    @property
    def sag_px(self) -> float:
        """How far the middle of that part lies off its chord, to either side."""
        return abs(self.line.curvature) * self.length_px**2 / 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    line: Line
    start_px: float
    end_px: float
    along_px: DoubleArray
    roughness_px: float
    score: float


def refine(
    opacity: FloatArray, field: BoolArray, segment: Segment, *, scale: float
) -> Shaft | None:
    """Fit axis, width and ends of a candidate to sub-pixel precision; None if nothing is left.

    Parameters
    ----------
    opacity
        (rows, columns) float32, rising with opacity.
    field
        (rows, columns), True inside the open field.
    segment
        The candidate, in the coordinates of `opacity`.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    """
    across = across_px(scale)
    middle = round(0.5 * (segment.start_px + segment.end_px))
    line = segment.line.counted_from(middle)
    start, end = segment.start_px - middle, segment.end_px - middle
    sigma = FIRST_SIGMA_PX * scale
    for done in range(1, MOST_ROUNDS + 1):
        before = start, end
        along = np.arange(np.floor(start), np.ceil(end) + 1.0)
        if len(along) < 4 * BLOCK_PX:
            return None
        straight = strip(opacity, line, along, across)
        line, roughness = _fit_line(
            line, along, straight, _searching(across, sigma, scale), scale=scale
        )
        whole = axis_positions(line, field)
        values = strip(opacity, line, whole, across).astype(np.float64)
        sigma = _width(_median_profile(values, whole, start, end), across, scale)
        model = gaussian_profile(across, np.zeros(1), sigma)
        curve = amplitude(values, model)
        start, end = find_ends(whole, curve, start, end)
        if done >= ROUNDS and max(before[0] - start, end - before[1]) <= GROWTH_PX * scale:
            break
    fitted = _Fitted(
        line=line, start_px=start, end_px=end, along_px=whole,
        roughness_px=roughness, score=segment.score,
    )  # fmt: skip
    return _judge(fitted, curve, values, model, scale=scale)


def axis_positions(line: Line, field: BoolArray) -> DoubleArray:
    """Positions along a line, 1 px apart, of the stretch inside the field around its origin."""
    far = float(np.hypot(*field.shape))
    reach = np.arange(-far, far + 1.0)
    at_row, at_column = line.points(reach, np.float64(0.0))
    rows, columns = np.rint(at_row).astype(int), np.rint(at_column).astype(int)
    known = (rows >= 0) & (columns >= 0) & (rows < field.shape[0]) & (columns < field.shape[1])
    known[known] = field[rows[known], columns[known]]
    labels, _ = ndi.label(known)
    stretch: DoubleArray = reach[(labels == labels[len(reach) // 2]) & known]
    return stretch


def find_ends(
    along: DoubleArray, curve: DoubleArray, start: float, end: float
) -> tuple[float, float]:
    """How far, walking out from the middle, the curve keeps above half its level in sum."""
    known = np.where(np.isfinite(curve), curve, 0.0)
    inside = (along >= start) & (along <= end)
    level = max(float(np.median(known[inside])), 0.0) if inside.any() else 0.0
    if level <= 0:
        return start, start
    smooth = ndi.uniform_filter1d(known, END_SMOOTHING_PX)
    gain = np.clip(smooth, -0.5 * level, SATURATION * level) - HALF_LEVEL * level
    middle = int(np.argmin(np.abs(along - 0.5 * (start + end))))
    last = middle + int(np.argmax(np.cumsum(gain[middle:])))
    first = middle - int(np.argmax(np.cumsum(gain[middle::-1])))
    return float(along[first]), float(along[last])


def _searching(across: DoubleArray, sigma: float, scale: float) -> Profile:
    reach = SEARCH_PX * scale
    centres = np.arange(-reach, reach + SEARCH_STEP_PX / 2, SEARCH_STEP_PX)
    return gaussian_profile(across, centres, sigma)


def _fit_line(
    line: Line, along: DoubleArray, straight: FloatArray, model: Profile, *, scale: float
) -> tuple[Line, float]:
    """Arc through the block centres by re-weighted least squares (Geman-McClure), and its RMS."""
    blocks = len(along) // BLOCK_PX
    used = slice(0, blocks * BLOCK_PX)
    place = along[used].reshape(blocks, BLOCK_PX).mean(axis=1)
    profiles = straight[used].reshape(blocks, BLOCK_PX, -1).mean(axis=1)
    known = np.isfinite(profiles).all(axis=1)
    place, profiles = place[known], profiles[known]
    if len(place) < 4:
        return line, float("inf")
    centre, height = best_centre(profiles, model)
    middle = float(0.5 * (along[0] + along[-1]))
    basis = np.vander(place - middle, 3, increasing=True)
    weight, doubt = height.copy(), CENTRE_NOISE_PX * scale**2 / BEND
    for _ in range(5):
        fit = _arc(basis, centre, weight, unbent=line.curvature, doubt=doubt)
        residual = centre - basis @ fit
        spread = max(MAD_TO_SIGMA * float(np.median(np.abs(residual))), 0.05)
        weight = height / (1 + (residual / (2 * spread)) ** 2) ** 2
    rms = float(np.sqrt(np.sum(weight * residual**2) / np.sum(weight)))
    across, slope, bend = (float(value) for value in fit)
    return line.turned(across, slope, about_px=middle, curvature=2 * bend), rms


def _arc(
    basis: DoubleArray, centre: DoubleArray, weight: DoubleArray, *, unbent: float, doubt: float
) -> DoubleArray:
    """Coefficients (3,) by weighted least squares, a bend being as unlikely as it is strong.

    `unbent` is the curvature that there is already, `doubt` the noise of a centre over the usual
    curvature: a short piece does not tell a bend from noise, and must not be extended along it.
    """
    root = np.sqrt(weight / max(float(weight.max()), 1e-12))
    rows = np.vstack([basis * root[:, None], [0.0, 0.0, 2.0 * doubt]])
    values = np.append(centre * root, -unbent * doubt)
    fit: DoubleArray = np.linalg.lstsq(rows, values, rcond=None)[0]
    return fit


def _median_profile(
    values: DoubleArray, along: DoubleArray, start: float, end: float
) -> DoubleArray:
    inside = (along >= start) & (along <= end) & np.isfinite(values).all(axis=1)
    return np.median(values[inside], axis=0) if inside.any() else np.zeros(values.shape[1])


def _width(profile: DoubleArray, across: DoubleArray, scale: float) -> float:
    taken = []
    for sigma in SIGMAS_PX * scale:
        model = gaussian_profile(across, np.zeros(1), float(sigma))
        taken.append(max(float(model.filters[0] @ profile), 0.0) ** 2 * float(model.gain[0]))
    return float(SIGMAS_PX[int(np.argmax(taken))] * scale)


def _judge(
    shaft: _Fitted, curve: DoubleArray, values: DoubleArray, model: Profile, *, scale: float
) -> Shaft | None:
    inside = (shaft.along_px >= shaft.start_px) & (shaft.along_px <= shaft.end_px)
    inside &= np.isfinite(curve)
    if inside.sum() < 4 * BLOCK_PX:
        return None
    level = float(np.median(curve[inside]))
    if level <= 0:
        return None
    beside = _beside(values[inside], model, scale)
    smooth = ndi.uniform_filter1d(curve[inside], BLOCK_PX)
    return Shaft(
        line=shaft.line,
        start_px=shaft.start_px,
        end_px=shaft.end_px,
        sigma_px=model.sigma_px,
        level=level,
        along_px=shaft.along_px,
        curve=curve,
        roughness_px=shaft.roughness_px,
        noise=_block_noise(beside),
        clutter=float(np.sqrt(np.nanmean(beside**2))) / level,
        variation=float(np.std(smooth)) / level,
        filled=float(np.mean(smooth > HALF_LEVEL * level)),
        misfit=misfit(np.nanmedian(values[inside], axis=0), model),
        score=shaft.score,
    )


def _beside(values: DoubleArray, model: Profile, scale: float) -> DoubleArray:
    """The shaft's own filter beside it, (along, sides): what the surroundings would pass for."""
    sides = np.concatenate([-np.asarray(SIDES_PX), SIDES_PX]) * scale
    shapes = gaussian_profile(model.across_px, sides, model.sigma_px)
    smooth: DoubleArray = ndi.uniform_filter1d(values, BLOCK_PX, axis=0)
    return smooth @ shapes.filters.T


def _block_noise(beside: DoubleArray) -> float:
    steps = beside[BLOCK_PX:] - beside[:-BLOCK_PX]
    steps = steps[np.isfinite(steps)]
    return MAD_TO_SIGMA * float(np.median(np.abs(steps))) / 2**0.5 if steps.size else 0.0
