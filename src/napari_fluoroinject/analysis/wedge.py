"""The needle as a step wedge: how much of the radiation beside it is primary.

In the intensity domain the area of the dip across a needle does not depend on blur:
`integral (1 - I / I_beside) dx = F * integral (1 - T(x)) dx`, F = P / (P + S) at that place and
T the transmission of a steel cylinder of known diameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from napari_fluoroinject.analysis.spectrum import transmitted
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.needle import bow_px

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.needle import Needle

LENGTH_MM = 88.9
"""The usual spinal needle, 3.5 inch."""
LENGTH_SIGMA_MM = 9.0
"""1 sigma of how long the needle is and how well its hub end is seen."""
STEEL_G_CM3 = 8.0
"""Density of SS304 (Fe 69, Cr 19, Ni 10, Mn 2)."""

_TIP_MARGIN_PX = 6.0
_HUB_MARGIN_PX = 4.0
_FEWEST_STATIONS = 20
"""A shorter shaft gives no median worth having."""
_STEP_PX = 0.5
_HUB_ROOM_PX = 10
"""A shaft that ends nearer to the field's edge may go on beyond it."""
_WING_PX = 4.5
"""Background on either side of the needle's shadow."""
_BLUR_PX = 3.2
"""How far blur carries the shadow beyond the needle's edge."""
_STATIONS_PER_SAMPLE = 12.0
"""Anatomy beside the needle changes over this many stations: fewer of them are independent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrimaryFraction:
    """F = P / (P + S) beside the needle.

    `error` is the standard error of the median over the shaft; `places_px` (stations, 2) are the
    points it holds for, in the geometry of the frames it was measured on, and `beside`
    (stations,) the relative intensity there without the needle.
    """

    fraction: float
    error: float
    places_px: DoubleArray
    beside: DoubleArray


def steel_dip_mm(gauge: int, kvp: float, *, lengthening: float = 1.0) -> float:
    """Area of the dip that a solid steel needle casts in pure primary radiation, in mm.

    Parameters
    ----------
    gauge
        A key of `NEEDLE_DIAMETER_MM`.
    kvp
        Tube voltage; between and beyond the tabulated spectra the nearest two are interpolated.
    lengthening
        One over the sine of the angle between needle and ray: how much more steel a ray meets.
    """
    radius = 0.5 * NEEDLE_DIAMETER_MM[gauge]
    x = np.linspace(-radius, radius, 401)
    chord_cm = 0.2 * lengthening * np.sqrt(np.maximum(radius**2 - x**2, 0.0))
    dip = 1.0 - transmitted("steel", chord_cm * STEEL_G_CM3, kvp)
    return float(np.trapezoid(dip, x))


def primary_fraction(
    registered: RegisteredLoop, needle: Needle, *, gauge: int, kvp: float, mm_per_px: float
) -> PrimaryFraction | None:
    """Measure F along the shaft in the mask frames; None where the shaft cannot tell.

    A needle is seldom parallel to the picture. How far it is tilted follows from how short it
    looks: the hub must be in the picture, and the needle is taken for one of the usual length.

    Parameters
    ----------
    registered
        Its mask frames are looked at, each along its own shaft.
    needle
        Assumed solid (stylet in).
    gauge, kvp
        For the steel's shadow.
    mm_per_px
        At the needle.
    """
    radius_px = 0.5 * NEEDLE_DIAMETER_MM[gauge] / mm_per_px
    inner = radius_px + _BLUR_PX
    across = np.arange(-(inner + _WING_PX), inner + _WING_PX + _STEP_PX / 2, _STEP_PX)
    profiles, places = _profiles(registered, needle, across)
    seen_mm = length_px(needle.tip_px, needle.hub_px) * mm_per_px
    if len(profiles) < _FEWEST_STATIONS or not _hub_in_field(registered, needle):
        return None
    background = _background(profiles, across, inner)
    areas_mm = _dip_areas(profiles, background, across, inner) * mm_per_px
    area_mm = float(np.median(areas_mm))
    spread_mm = 1.4826 * float(np.median(np.abs(areas_mm - area_mm)))
    error_mm = 1.25 * spread_mm / sqrt(max(len(areas_mm) / _STATIONS_PER_SAMPLE, 1.0))
    usual, shorter, longer = (
        area_mm / steel_dip_mm(gauge, kvp, lengthening=max(length_mm / seen_mm, 1.0))
        for length_mm in (LENGTH_MM, LENGTH_MM - LENGTH_SIGMA_MM, LENGTH_MM + LENGTH_SIGMA_MM)
    )
    return PrimaryFraction(
        fraction=usual,
        error=hypot(usual * error_mm / area_mm, 0.5 * (shorter - longer)),
        places_px=places,
        beside=background[:, len(across) // 2],
    )


def _profiles(
    registered: RegisteredLoop, needle: Needle, across: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Mean intensity across the shaft, (stations, samples), and where the stations stand."""
    total: DoubleArray | None = None
    seen: BoolArray | None = None
    places: DoubleArray | None = None
    count = 0
    for frame in registered.quiet_frames:
        if frame < needle.at_rest_from_frame:
            continue
        tip, hub = needle.tip_by_frame_px[frame], needle.hub_by_frame_px[frame]
        if not (np.isfinite(tip).all() and np.isfinite(hub).all()):
            continue
        stations, points = _points(tip, hub, across, needle)
        if stations is None or points is None:
            break
        values, inside = _sample(registered, frame, points)
        total = values if total is None else total + values
        seen = inside if seen is None else seen & inside
        places = stations
        count += 1
    if total is None or seen is None or places is None:
        return np.empty((0, len(across))), np.empty((0, 2))
    return total[seen] / count, places[seen]


def _points(
    tip: DoubleArray, hub: DoubleArray, across: DoubleArray, needle: Needle
) -> tuple[DoubleArray | None, DoubleArray | None]:
    """Stations one pixel apart from behind the tip to before the hub, and their cross lines.

    They follow the shaft's bend; its slope is small enough for cross lines square to the chord.
    """
    reference = np.subtract(needle.tip_px, needle.hub_px)
    length = float(np.hypot(*reference))
    stations = np.arange(_TIP_MARGIN_PX, length - _HUB_MARGIN_PX)
    if len(stations) < _FEWEST_STATIONS:
        return None, None
    seen_px = float(np.hypot(*(hub - tip)))
    along = (hub - tip) / seen_px
    normal = np.array([-along[1], along[0]])
    places = tip + stations[:, None] * along
    places += bow_px(stations / seen_px, needle.sag_px)[:, None] * normal
    return places, places[:, None, :] + across[None, :, None] * normal


def _sample(
    registered: RegisteredLoop, frame: int, points: DoubleArray
) -> tuple[DoubleArray, BoolArray]:
    rows, columns = registered.field.shape
    coordinates = points.transpose(2, 0, 1)
    whole = np.round(coordinates).astype(np.int64)
    inside = (whole[0] >= 1) & (whole[0] < rows - 1) & (whole[1] >= 1) & (whole[1] < columns - 1)
    row, column = np.clip(whole[0], 0, rows - 1), np.clip(whole[1], 0, columns - 1)
    inside &= registered.field[row, column]
    intensity: FloatArray = np.exp(registered.ln[frame])
    values = map_coordinates(intensity, coordinates, order=1, mode="nearest")
    return values.astype(np.float64), inside.all(axis=1)


def _background(profiles: DoubleArray, across: DoubleArray, inner: float) -> DoubleArray:
    """Log-linear through both wings of every station."""
    wings = np.abs(across) > inner
    basis = np.stack([np.ones_like(across), across], axis=1)
    solve = np.linalg.pinv(basis[wings])
    return np.asarray(np.exp(np.log(np.maximum(profiles[:, wings], 1e-30)) @ solve.T @ basis.T))


def _dip_areas(
    profiles: DoubleArray, background: DoubleArray, across: DoubleArray, inner: float
) -> DoubleArray:
    """Area of every station's dip relative to its background, px.

    The shape is the loop's own: blur, pixel and a shaft that is not quite straight are in it.
    """
    template = np.median(1.0 - profiles / background, axis=0)
    template = 0.5 * (template + template[::-1])
    template[np.abs(across) > inner] = 0.0
    area_px = max(float(template.sum()) * _STEP_PX, 1e-6)
    basis = np.stack([np.ones_like(across), across, across**2, -template / area_px], axis=1)
    fitted = profiles @ np.linalg.pinv(basis).T
    return np.asarray(fitted[:, 3] / fitted[:, 0])


def _hub_in_field(registered: RegisteredLoop, needle: Needle) -> bool:
    row, column = (round(place) for place in needle.hub_px)
    field = registered.field
    near = field[
        max(row - _HUB_ROOM_PX, 0) : row + _HUB_ROOM_PX + 1,
        max(column - _HUB_ROOM_PX, 0) : column + _HUB_ROOM_PX + 1,
    ]
    return near.shape == (2 * _HUB_ROOM_PX + 1, 2 * _HUB_ROOM_PX + 1) and bool(near.all())
