"""Where the beam was open: inside the header's shutter and inside blades seen in the picture."""

from __future__ import annotations

from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates, uniform_filter

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_FIRST_FRAME = 3
"""The first pulses of a fluoroscopy loop are noisy and differently exposed."""
_MOST_FRAMES = 40
"""More frames make the mean no better for this purpose."""
_NOMINAL_SIZE_PX = 512
_STEP_PX = 5.0
"""At the nominal size. The field ends where the step begins, this far inside a sharp edge."""
_STEP_LN, _LEAST_STEP_LN, _LEAST_PERCENTILE = 0.25, 0.12, 12.0
"""A blade darkens by 0.25 over one step in the middle of its lines, and hardly on any line by less
than 0.12. A threshold on darkness itself fails: behind a thick patient the scatter under a blade
is as bright as bone."""
_PENUMBRA_LN = 0.06
"""The penumbra begins where the picture darkens by this much over one step."""
_SIDE_ZONE, _SIDE_LENGTH = 0.16, 0.6
"""Straight blades stand in this outer share; the middle of their length is judged."""
_CORNER_FROM, _CORNER_LENGTH_PX = 0.4, 20.0
_ROUND_RADII, _ROUND_RAYS, _ROUND_TOLERANCE_PX = (0.3, 0.68), 180, 4.0
"""Radii in widths of the picture."""
_ROUND_SHARE, _ROUND_LEAST_SHARE = 0.6, 0.12
"""Rays that must end on the circle, of those that should and of all."""
_CIRCLE_ROUNDS = 10
_SIDES_DEG, _CORNERS_DEG = (0.0, 90.0, 180.0, 270.0), (45.0, 135.0, 225.0, 315.0)


def find_open_field(ln: FloatArray, header_field: BoolArray | None) -> BoolArray:
    """Return (rows, columns), True where the beam was open and pixels can be measured.

    Straight blades along the sides, blades that cut the corners and a round diaphragm about the
    centre are found in the mean of the frames. Static edges draw a registration to zero; their
    exclusion is worth more than any other single step of it.

    Parameters
    ----------
    ln
        (frames, rows, columns) natural log of the beam intensity.
    header_field
        (rows, columns) as the header's shutter says, or None.
    """
    first = min(_FIRST_FRAME, len(ln) - 1)
    mean = ln[first : first + _MOST_FRAMES].mean(axis=0)
    field: BoolArray = np.isfinite(mean)
    if header_field is not None:
        field = field & header_field
    if not field.any():
        return field
    picture = uniform_filter(np.where(field, mean, mean[field].min()), 3)
    for direction in _SIDES_DEG:
        field = field & _inside_side(picture, direction)
    seen = np.where(field, picture, np.nan)
    for direction in _CORNERS_DEG:
        field = field & _inside_corner(seen, direction)
    return field & _inside_round(seen)


def _inside_side(picture: FloatArray, direction_deg: float) -> BoolArray:
    """Half plane inside a blade along one side of the picture."""
    outward, reach, breadth = _outward(picture, direction_deg)
    distance = np.arange(reach * (1 - 2 * _SIDE_ZONE), reach + 0.5)
    along = np.arange(-breadth * _SIDE_LENGTH, breadth * _SIDE_LENGTH + 0.5)
    lines = _lines(picture, direction_deg, distance, along)
    inside: BoolArray = outward <= _blade(_darker(lines, picture), distance, least_samples=1)
    return inside


def _inside_corner(picture: FloatArray, direction_deg: float) -> BoolArray:
    """Half plane inside a blade that cuts one corner; `picture` is NaN where unseen."""
    outward, reach, breadth = _outward(picture, direction_deg)
    distance = np.arange(reach * _CORNER_FROM, reach + 0.5)
    along = np.arange(-breadth, breadth + 0.5)
    darker = _darker(_lines(picture, direction_deg, distance, along), picture)
    least = round(_scaled(picture, _CORNER_LENGTH_PX))
    inside: BoolArray = outward <= _blade(darker, distance, least_samples=least)
    return inside


def _inside_round(picture: FloatArray) -> BoolArray:
    """Disc inside a round diaphragm; `picture` is NaN where unseen.

    Along each ray from the centre of the picture the strongest outward step is a candidate; a
    circle through them (Kasa 1976) is a diaphragm where most of them lie on it.
    """
    rows, columns = picture.shape
    least, most = (share * max(rows, columns) for share in _ROUND_RADII)
    distance = np.arange(least, most + 0.5)
    angle = np.linspace(0, 2 * np.pi, _ROUND_RAYS, endpoint=False)
    middle = np.array([(rows - 1) / 2, (columns - 1) / 2])
    rays = np.stack([np.sin(angle), np.cos(angle)])
    place = middle[:, None, None] + distance[:, None] * rays[:, None]
    darker = _darker(_sampled(picture, place), picture)
    darker = np.where(np.isfinite(darker), darker, -np.inf)
    strongest = darker.argmax(axis=0)
    judged = darker.max(axis=0) > _STEP_LN
    everything = np.ones(picture.shape, dtype=np.bool_)
    if judged.mean() < _ROUND_LEAST_SHARE:
        return everything
    edge = (middle[:, None] + distance[strongest] * rays)[:, judged]
    tolerance = _scaled(picture, _ROUND_TOLERANCE_PX)
    centre, radius = fit_circle(edge, tolerance_px=tolerance)
    if np.hypot(*(centre - middle)) >= radius:
        # Rays from the middle get darker into this disc, not out of it: the edge of an organ.
        return everything
    on_circle = np.abs(np.hypot(*(edge - centre[:, None])) - radius) <= tolerance
    # A large diaphragm shows in the corners only: what counts is where it should be seen.
    around = centre[:, None] + radius * rays
    visible = int(np.isfinite(_sampled(picture, around)).sum())
    enough = max(_ROUND_LEAST_SHARE * _ROUND_RAYS, _ROUND_SHARE * visible)
    if on_circle.sum() < enough:
        return everything
    row, column = np.ogrid[:rows, :columns]
    outward = np.hypot(row - centre[0], column - centre[1])
    inside: BoolArray = outward <= radius - _scaled(picture, _STEP_PX) / 2
    return inside


def fit_circle(edge: DoubleArray, *, tolerance_px: float) -> tuple[DoubleArray, float]:
    """Return centre and radius of the circle through most of the points (2, n) (Kasa 1976)."""
    weight = np.ones(edge.shape[1])
    for _ in range(_CIRCLE_ROUNDS):
        system = np.column_stack([2 * edge.T, np.ones(edge.shape[1])])
        solution, *_ = np.linalg.lstsq(
            system * weight[:, None], (edge**2).sum(axis=0) * weight, rcond=None
        )
        centre = solution[:2]
        radius = float(np.sqrt(max(solution[2] + (centre**2).sum(), 0.0)))
        miss = np.abs(np.hypot(*(edge - centre[:, None])) - radius)
        weight = 1 / (1 + (miss / tolerance_px) ** 2)
    return centre, radius


def _darker(lines: DoubleArray, picture: FloatArray) -> DoubleArray:
    """By how much each line (distances, samples) is brighter than the one a step farther out."""
    step = max(2, round(_scaled(picture, _STEP_PX)))
    return lines[:-step] - lines[step:]


def _blade(darker: DoubleArray, distance_px: DoubleArray, *, least_samples: int) -> float:
    """Distance at which the innermost blade begins; infinite where there is none.

    `darker` is (distances, samples), NaN where nothing can be seen; distances are 1 px apart.
    """
    judged = np.isfinite(darker).sum(axis=1) >= least_samples
    middle, low = np.full(len(darker), -np.inf), np.full(len(darker), -np.inf)
    middle[judged] = np.nanmedian(darker[judged], axis=1)
    low[judged] = np.nanpercentile(darker[judged], _LEAST_PERCENTILE, axis=1)
    found = np.flatnonzero((middle > _STEP_LN) & (low > _LEAST_STEP_LN))
    if not found.size:
        return np.inf
    begin = int(found[0])
    while begin > 0 and middle[begin - 1] > _PENUMBRA_LN:
        begin -= 1
    return float(distance_px[begin])


def _outward(picture: FloatArray, direction_deg: float) -> tuple[DoubleArray, float, float]:
    """Distance of every pixel from the centre along a direction, and half extents."""
    rows, columns = picture.shape
    down, right = sin(radians(direction_deg)), cos(radians(direction_deg))
    row, column = np.ogrid[:rows, :columns]
    outward = (row - (rows - 1) / 2) * down + (column - (columns - 1) / 2) * right
    reach = (rows - 1) / 2 * abs(down) + (columns - 1) / 2 * abs(right)
    breadth = (rows - 1) / 2 * abs(right) + (columns - 1) / 2 * abs(down)
    return outward, reach, breadth


def _lines(
    picture: FloatArray, direction_deg: float, distance: DoubleArray, along: DoubleArray
) -> DoubleArray:
    """Samples (distances, along) on lines across a direction, NaN outside the picture."""
    rows, columns = picture.shape
    down, right = sin(radians(direction_deg)), cos(radians(direction_deg))
    place = np.stack(
        [
            (rows - 1) / 2 + distance[:, None] * down + along[None, :] * right,
            (columns - 1) / 2 + distance[:, None] * right - along[None, :] * down,
        ]
    )
    return _sampled(picture, place)


def _sampled(picture: FloatArray, place: DoubleArray) -> DoubleArray:
    # Rounded, since a place on the last row may lie beyond it by a rounding error.
    samples: DoubleArray = map_coordinates(
        picture.astype(np.float64), np.round(place, 6), order=1, cval=np.nan
    )
    return samples


def _scaled(picture: FloatArray, length_px: float) -> float:
    return length_px * float(max(picture.shape)) / _NOMINAL_SIZE_PX
