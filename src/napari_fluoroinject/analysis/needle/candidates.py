"""Straight dark segments that are darker than both their sides: what might be a needle."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, degrees, pi, sin
from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi

from napari_fluoroinject.analysis.needle.line import Line
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.compute.kernels.ridge import best_segments, sample_lines

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

DIRECTIONS = 90
STEP_PX = 2.0
"""Sampling along a line: half the smoothing, so nothing is lost."""
ACROSS_SIGMA_PX = 0.8
ALONG_SIGMA_PX = 4.0
SIDE_PX = (3, 5)
"""Where the two sides are looked at: just beyond a shaft of sigma 0.8 to 1.2 px."""
SATURATION = 4.0
"""No sample counts for more sigma: a short strong edge must not win over a long faint shaft."""
TOLL = 1.5
"""What each sample must exceed to pay: gaps over bone edges then cost a bounded amount."""
BORDER_PX = 9
"""Distance from the edge of the open field, whose own edge is a strong wrong line."""
ROWS_PER_DIRECTION = 8
KEPT = 20
SAME_DEG, SAME_PX = 10.0, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A line and the stretch of it that is dark; `score` compares within one picture only."""

    line: Line
    start_px: float
    end_px: float
    score: float


def find_segments(opacity: FloatArray, field: BoolArray) -> tuple[Segment, ...]:
    """Candidates in order of falling score.

    A pixel counts by how much it is darker than *both* neighbours a few pixels away (a bone
    edge has only one
    such side), in units of the field's own spread; per line the best contiguous stretch is kept
    (methods-page algorithm after Kadane).

    Parameters
    ----------
    opacity
        (rows, columns) float32, rising with opacity (minus the log of the beam).
    field
        (rows, columns), True inside the open field.
    """
    smooth: FloatArray = ndi.gaussian_filter(opacity, ACROSS_SIGMA_PX, mode="nearest")
    inside: BoolArray = ndi.binary_erosion(field, iterations=BORDER_PX, border_value=0)
    found: list[Segment] = []
    for index in range(DIRECTIONS):
        found += _of_direction(smooth, inside, pi * index / DIRECTIONS)
    return _distinct(sorted(found, key=lambda segment: -segment.score))


def _of_direction(smooth: FloatArray, inside: BoolArray, angle_rad: float) -> list[Segment]:
    values, usable = sample_lines(smooth, inside, cos(angle_rad), sin(angle_rad), STEP_PX)
    ridge = _ridge(values)
    known = ridge[::2, ::2][usable[::2, ::2]]
    spread = MAD_TO_SIGMA * float(np.median(np.abs(known))) if known.size else 0.0
    if spread <= 0:
        return []
    score = np.divide(ridge, np.float32(spread), out=ridge)
    np.clip(score, -SATURATION, SATURATION, out=score)
    score -= np.float32(TOLL)
    score[~usable] = -SATURATION
    best, piece = best_segments(score)
    centre = ((smooth.shape[0] - 1) / 2, (smooth.shape[1] - 1) / 2)
    whole = Line(point=centre, angle_rad=angle_rad)
    half_lines, half_samples = (values.shape[0] - 1) / 2, (values.shape[1] - 1) / 2
    return [
        Segment(
            line=Line(point=whole.at(0.0, row - half_lines), angle_rad=angle_rad),
            start_px=float(piece[row, 0] - half_samples) * STEP_PX,
            end_px=float(piece[row, 1] - half_samples) * STEP_PX,
            score=float(best[row]),
        )
        for row in _peaks(best)
    ]


def _ridge(values: FloatArray) -> FloatArray:
    smooth = ndi.gaussian_filter1d(values, ALONG_SIGMA_PX / STEP_PX, axis=1, mode="nearest")
    # Lines beyond the last are the first ones again: all of them lie outside the picture.
    margin, lines = max(SIDE_PX), len(smooth)
    wide = np.concatenate([smooth[-margin:], smooth, smooth[:margin]])
    sides = [
        np.maximum(*(wide[margin + step : margin + step + lines] for step in (-side, side)))
        for side in SIDE_PX
    ]
    least = np.minimum.reduce(sides, out=sides[0])
    ridge: FloatArray = np.subtract(smooth, least, out=smooth)
    return ridge


def _peaks(best: FloatArray) -> list[int]:
    highest = ndi.maximum_filter1d(best, 5)
    rows = np.flatnonzero((best >= highest) & (best > 0))
    return [int(row) for row in rows[np.argsort(-best[rows], kind="stable")][:ROWS_PER_DIRECTION]]


def _distinct(segments: list[Segment]) -> tuple[Segment, ...]:
    kept: list[Segment] = []
    for segment in segments:
        if not any(_same(segment, other) for other in kept):
            kept.append(segment)
            if len(kept) == KEPT:
                break
    return tuple(kept)


def _same(one: Segment, other: Segment) -> bool:
    """Whether two are one structure: nearly parallel, the weaker one's middle on the other."""
    turn = abs(degrees(one.line.angle_rad - other.line.angle_rad)) % 180.0
    if min(turn, 180.0 - turn) > SAME_DEG:
        return False
    along, across = other.line.project(one.line.at((one.start_px + one.end_px) / 2))
    reach = SAME_PX + 0.5 * (one.end_px - one.start_px)
    return abs(across) <= SAME_PX and other.start_px - reach <= along <= other.end_px + reach
