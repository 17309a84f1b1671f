"""The needle as a step wedge: how much of the radiation beside it is primary.

In the intensity domain the area of the dip across a needle does not depend on blur:
`integral (1 - I / I_beside) dx = F * integral (1 - T(x)) dx`, F = P / (P + S) at that place and
T the transmission of a steel cylinder of known diameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.spectrum import transmitted
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.needle import bow_px

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.needle import Needle, NeedleKind

LENGTH_MM = 88.9
"""The usual spinal needle, 3.5 inch."""
LENGTH_SHARES = {63.5: 0.10, LENGTH_MM: 0.55, 101.6: 0.10, 127.0: 0.20, 152.4: 0.05}
"""Needles as they are sold, 2.5 to 6 inch, by mm, and how often one is met (assumed)."""
LENGTH_SIGMA_MM = 3.0
"""1 sigma of how well the ends of a needle are seen: its hub hides some of the shaft."""
SOURCE_MM = 700.0
"""From the focal spot to the needle, typically: the hub is nearer to the detector than the tip."""
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
_BLURS_PX = np.arange(0.3, 2.0, 0.05)
_SHIFTS_PX = np.arange(-0.6, 0.61, 0.1)
"""Blur of the picture (1 sigma) and misplacement of the axis that are tried."""
_PARTS_ACROSS = 24
_LEAST_SHARE = 1e-6
"""Of a length that looks longer than it is: all may be, if the millimetres are wrong."""
_STATIONS_PER_SAMPLE = 12.0
"""Anatomy beside the needle changes over this many stations: fewer of them are independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFraction:
    """F = P / (P + S) beside the needle if it is `length_mm` long, and how likely it is so.

    `share` is relative to the other lengths; `error` is 1 sigma of `fraction`.
    """

    length_mm: float
    share: float
    fraction: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrimaryFraction:
    """F = P / (P + S) beside the needle, for every length that it may have.

    `fraction` is that of the usual or given length and `error` 1 sigma of it, other lengths
    included. `places_px` (stations, 2) are the points it holds for, in the geometry of the frames
    it was measured on, and `beside`
    (stations,) the relative intensity there without the needle.
    """

    fraction: float
    error: float
    by_length: tuple[LengthFraction, ...]
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
    registered: RegisteredLoop, needle: Needle, *, kind: NeedleKind, kvp: float, mm_per_px: float
) -> PrimaryFraction | None:
    """Measure F along the shaft in the mask frames; None where the shaft cannot tell.

    A needle is seldom parallel to the picture. How far it is tilted follows from how short it
    looks: the hub must be in the picture, and F is told for every length that is usual, or for
    the one that a person gave.

    Parameters
    ----------
    registered
        Its mask frames are looked at, each along its own shaft.
    needle
        Assumed solid (stylet in).
    kind, kvp
        For the steel's shadow; the gauge must be known.
    mm_per_px
        At the needle's tip.
    """
    gauge = kind.gauge
    if gauge is None:
        return None
    radius_px = 0.5 * NEEDLE_DIAMETER_MM[gauge] / mm_per_px
    inner = radius_px + _BLUR_PX
    across = np.arange(-(inner + _WING_PX), inner + _WING_PX + _STEP_PX / 2, _STEP_PX)
    profiles, places = _profiles(registered, needle, across)
    seen_mm = length_px(needle.tip_px, needle.hub_px) * mm_per_px
    if len(profiles) < _FEWEST_STATIONS or not _hub_in_field(registered, needle):
        return None
    template = _template(profiles, across, _sharp_dip(gauge, kvp, mm_per_px))
    areas_px, beside = _dip_areas(profiles, across, template)
    areas_mm = areas_px * mm_per_px
    area_mm = float(np.median(areas_mm))
    spread_mm = MAD_TO_SIGMA * float(np.median(np.abs(areas_mm - area_mm)))
    error_mm = 1.25 * spread_mm / sqrt(max(len(areas_mm) / _STATIONS_PER_SAMPLE, 1.0))
    by_length = tuple(
        _if_long(length_mm, share, seen_mm, (area_mm, error_mm), gauge=gauge, kvp=kvp)
        for length_mm, share in _lengths(kind).items()
    )
    usual = max(by_length, key=lambda one: _lengths(kind)[one.length_mm])
    share = np.array([one.share for one in by_length])
    off = np.array([one.fraction - usual.fraction for one in by_length])
    return PrimaryFraction(
        fraction=usual.fraction,
        error=hypot(usual.error, sqrt(float(share @ off**2 / share.sum()))),
        by_length=by_length,
        places_px=places,
        beside=beside,
    )


def tilt(length_mm: float, seen_mm: float) -> tuple[float, float]:
    """How a needle is tilted that looks `seen_mm` long with the millimetres at its tip.

    Returns
    -------
    tuple[float, float]
        One over the sine of the angle between needle and ray, and the millimetres of a pixel at
        the middle of the shaft over those at its tip. The hub is nearer to the detector, as the
        tube stands under the table; a pixel there is larger.
    """
    if seen_mm >= length_mm:
        return 1.0, 1.0
    # (seen (1 + h / D))^2 + h^2 = length^2, h how much nearer the hub is.
    per = seen_mm / SOURCE_MM
    square = (1.0 + per**2) * (length_mm**2 - seen_mm**2) + (seen_mm * per) ** 2
    nearer_mm = (sqrt(square) - seen_mm * per) / (1.0 + per**2)
    at_hub = 1.0 + nearer_mm / SOURCE_MM
    return max(length_mm / (seen_mm * at_hub), 1.0), 0.5 * (1.0 + at_hub)


def _lengths(kind: NeedleKind) -> Mapping[float, float]:
    """The lengths that a needle may have, mm, and how often each is met."""
    return LENGTH_SHARES if kind.length_mm is None else {kind.length_mm: 1.0}


def _if_long(
    length_mm: float,
    share: float,
    seen_mm: float,
    area_mm: tuple[float, float],
    *,
    gauge: int,
    kvp: float,
) -> LengthFraction:
    """F of a needle of a length, from the area of its dip and 1 sigma of that."""

    def full_mm(length_mm: float) -> float:
        lengthening, magnified = tilt(length_mm, seen_mm)
        return steel_dip_mm(gauge, kvp, lengthening=lengthening) / magnified

    full = full_mm(length_mm)
    ends = 0.5 * (full_mm(length_mm + LENGTH_SIGMA_MM) - full_mm(length_mm - LENGTH_SIGMA_MM))
    beyond = max(seen_mm - length_mm, 0.0) / LENGTH_SIGMA_MM
    fraction = area_mm[0] / full
    return LengthFraction(
        length_mm=length_mm,
        share=share * max(exp(-0.5 * beyond**2), _LEAST_SHARE),
        fraction=fraction,
        error=hypot(area_mm[1] / full, fraction * ends / full),
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


def _sharp_dip(gauge: int, kvp: float, mm_per_px: float) -> tuple[DoubleArray, DoubleArray]:
    """Where across a needle, px, and which part of the area of its dip is there, before blur."""
    radius = 0.5 * NEEDLE_DIAMETER_MM[gauge]
    x = radius * ((np.arange(_PARTS_ACROSS) + 0.5) * (2.0 / _PARTS_ACROSS) - 1.0)
    chord_cm = 0.2 * np.sqrt(radius**2 - x**2)
    dip = 1.0 - transmitted("steel", chord_cm * STEEL_G_CM3, kvp)
    return np.asarray(x / mm_per_px), np.asarray(dip / dip.sum())


def _template(
    profiles: DoubleArray, across: DoubleArray, steel: tuple[DoubleArray, DoubleArray]
) -> DoubleArray:
    """Dip of unit area across the shaft: steel, blurred and shifted as in the loop's own median.

    A dip read off the profiles themselves would hold the anatomy's curvature, and so its area.
    """
    relative = np.median(profiles / profiles.mean(axis=1, keepdims=True), axis=0)
    at, weight = steel
    blur, shift = (grid.ravel() for grid in np.meshgrid(_BLURS_PX, _SHIFTS_PX))
    away = (across[:, None] - at)[None] - shift[:, None, None]
    bells = np.exp(-0.5 * (away / blur[:, None, None]) ** 2) @ weight
    shapes: DoubleArray = bells / (sqrt(2.0 * pi) * blur[:, None])
    smooth, _ = np.linalg.qr(_powers(across))
    rest = relative - smooth @ (smooth.T @ relative)
    apart = shapes - (shapes @ smooth) @ smooth.T
    explained = (apart @ rest) * np.abs(apart @ rest) / np.square(apart).sum(axis=1)
    return np.asarray(shapes[int(np.argmin(explained))])


def _dip_areas(
    profiles: DoubleArray, across: DoubleArray, template: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Area of every station's dip relative to its background, px, and that background."""
    basis = np.column_stack([_powers(across), -template])
    fitted = profiles @ np.linalg.pinv(basis).T
    beside = np.maximum(fitted[:, 0], 1e-30)
    return fitted[:, -1] / beside, beside


def _powers(across: DoubleArray) -> DoubleArray:
    """The background's smooth course across the shaft: 1, x, x^2."""
    return np.stack([np.ones_like(across), across, across**2], axis=1)


def _hub_in_field(registered: RegisteredLoop, needle: Needle) -> bool:
    row, column = (round(place) for place in needle.hub_px)
    field = registered.field
    near = field[
        max(row - _HUB_ROOM_PX, 0) : row + _HUB_ROOM_PX + 1,
        max(column - _HUB_ROOM_PX, 0) : column + _HUB_ROOM_PX + 1,
    ]
    return near.shape == (2 * _HUB_ROOM_PX + 1, 2 * _HUB_ROOM_PX + 1) and bool(near.all())
