"""Numbers about the spread, for the report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter

from napari_fluoroinject.analysis.corridor import path_band, tip_in_reference
from napari_fluoroinject.analysis.iodine import measure_iodine
from napari_fluoroinject.analysis.pose import mask_in_reference_pose
from napari_fluoroinject.analysis.region import GAP_MM, GAP_PX
from napari_fluoroinject.model.geometry import Point, axis_deg
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.spread import (
    Extent,
    RunOff,
    SpreadMaps,
    SpreadMeasurements,
    patch_area_px,
)

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

CRANIAL_DEG = 270.0
"""Up in the picture: how C-arm pictures are usually shown, and nothing in the file says so."""
RING_PX = 2.0
"""Width of the rings about the tip in which the front's arrival is read."""
FEWEST_RINGS = 5
FEWEST_IN_RING = 3
FRONT_QUANTILE = 0.1
"""The front is the early edge of a ring, robust against single noisy pixels."""
LEAVING_DEG = 60.0
"""Contrast leaves cranially if the edge that it reaches faces within so much of cranial."""
VESSEL_MM = 2.5
VESSEL_PX = 8.0
"""Half the width of the band in which contrast is a run-off's own: vessel, path error, blur."""
_NO_SLOPE = 1e-9
FIRST_QUANTILE = 0.01
PEAK_QUANTILE = 0.95


def measure(
    maps: SpreadMaps,
    opacity: Opacity,
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    run_off: RunOff | None = None,
    *,
    spine_axis_deg: float = CRANIAL_DEG,
) -> SpreadMeasurements:
    """Measure the region and its kinetics.

    Extents are those of the region's pixels with their width; `first_arrival_s` is the region's
    1st percentile, `peak_od` its 95th percentile, `front_speed_px_s` the inverse of the median
    slope (Theil 1950) of the front's arrival against distance from the tip. Where the region
    comes so near to the edge of what can be judged that it may go on beyond, the extents in that
    direction are lower bounds, and so is the area.

    Parameters
    ----------
    maps, opacity, registered, needle
        As measured before.
    run_off
        One that raised the alarm may be all the contrast that there is; None = not searched.
    spine_axis_deg
        Direction of cranial in the picture, from +column towards +row. The default is up.
    """
    tip = None if isinstance(needle, NoNeedle) else tip_in_reference(registered, needle)
    size = _size(maps, opacity, registered, tip, spine_axis_deg)
    course = _course(maps, opacity, registered, tip)
    amount = _amount(maps, opacity, registered)
    reasons = _unseen(maps, registered, run_off)
    if size["area_px"]:
        unscaled = opacity.scale.scale is None
        reasons += [
            _ASSUMED,
            *([_NO_TIP] if tip is None else []),
            *([_NO_SPEED] if tip is not None and course["front_speed_px_s"] is None else []),
            *([_NO_IODINE] if amount["iodine_mg"] is None and not unscaled else []),
        ]
    return SpreadMeasurements(**size, **course, **amount, reasons=tuple(reasons))


_ASSUMED = "extents along the spine assume that up in the picture is cranial"
_NO_TIP = "no needle: extents from the tip, direction and speed are unknown"
_NO_SPEED = "front speed: the front could not be followed over enough distance"
_NO_IODINE = "iodine: the file does not tell the tube voltage"


class _Size(TypedDict):
    area_px: int | None
    area_mm2: float | None
    along_px: float | None
    along_mm: float | None
    across_px: float | None
    across_mm: float | None
    cranial_px: float | None
    cranial_mm: float | None
    caudal_px: float | None
    caudal_mm: float | None
    centroid_px: Point | None
    direction_deg: float | None
    lower_bounds: tuple[Extent, ...]


def _size(
    maps: SpreadMaps,
    opacity: Opacity,
    registered: RegisteredLoop,
    tip: DoubleArray | None,
    spine_axis_deg: float,
) -> _Size:
    """How large the region is and where it lies."""
    mm = registered.loop.mm_per_px
    area_px = int(maps.region.sum()) or None
    extent = _extent(maps.region, tip, spine_axis_deg)
    centroid = _centroid(maps.region)
    bounds = _lower_bounds(maps.region, opacity.valid, spine_axis_deg, mm_per_px=mm)
    if tip is None:
        bounds = tuple(name for name in bounds if name not in ("cranial", "caudal"))
    return _Size(
        area_px=area_px,
        area_mm2=None if mm is None or area_px is None else area_px * mm**2,
        along_px=extent.along,
        along_mm=_times(extent.along, mm),
        across_px=extent.across,
        across_mm=_times(extent.across, mm),
        cranial_px=extent.cranial,
        cranial_mm=_times(extent.cranial, mm),
        caudal_px=extent.caudal,
        caudal_mm=_times(extent.caudal, mm),
        centroid_px=centroid,
        direction_deg=_direction(tip, centroid),
        lower_bounds=bounds,
    )


class _Course(TypedDict):
    front_speed_px_s: float | None
    front_speed_mm_s: float | None
    first_arrival_s: float | None
    median_time_to_peak_s: float | None
    area_by_frame_px: DoubleArray
    mean_od_by_frame: DoubleArray


def _course(
    maps: SpreadMaps, opacity: Opacity, registered: RegisteredLoop, tip: DoubleArray | None
) -> _Course:
    """How the region filled in time."""
    speed = None if tip is None else _front_speed(maps, tip)
    return _Course(
        front_speed_px_s=speed,
        front_speed_mm_s=_times(speed, registered.loop.mm_per_px),
        first_arrival_s=_quantile(maps.arrival_s[maps.region], FIRST_QUANTILE),
        median_time_to_peak_s=_quantile(maps.time_to_peak_s[maps.region], 0.5),
        area_by_frame_px=_area_by_frame(maps, registered),
        mean_od_by_frame=_mean_by_frame(maps, opacity, registered),
    )


class _Amount(TypedDict):
    peak_od: float | None
    iodine_mg: float | None
    peak_iodine_mg_cm2: float | None
    iodine_relative_uncertainty: float | None


def _amount(maps: SpreadMaps, opacity: Opacity, registered: RegisteredLoop) -> _Amount:
    """How much contrast the region holds."""
    peak_od = _quantile(maps.peak_od[maps.region], PEAK_QUANTILE)
    iodine = measure_iodine(opacity, registered, maps.region, peak_od)
    return _Amount(
        peak_od=peak_od,
        iodine_mg=None if iodine is None else iodine.mass_mg,
        peak_iodine_mg_cm2=None if iodine is None else iodine.peak_mg_cm2,
        iodine_relative_uncertainty=None if iodine is None else iodine.relative_uncertainty,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    along: float | None = None
    across: float | None = None
    cranial: float | None = None
    caudal: float | None = None


def _unseen(maps: SpreadMaps, registered: RegisteredLoop, run_off: RunOff | None) -> list[str]:
    """Why there is no spread, or none but a vessel's filling; empty where there is some."""
    in_vessel = run_off is not None and run_off.alarmed
    if not maps.region.any():
        return [_why_no_region(maps, registered, in_vessel=in_vessel)]
    if run_off is None or not in_vessel:
        return []
    mm = registered.loop.mm_per_px
    half_width_px = VESSEL_PX if mm is None else VESSEL_MM / mm
    band = path_band(run_off.path_px, maps.region.shape, half_width_px=half_width_px)
    if (maps.region & ~band).sum() >= patch_area_px(mm):
        return []
    return [
        "no spread outside the suspected vessel was seen: area and extents are those of the "
        "contrast in it"
    ]


def _why_no_region(maps: SpreadMaps, registered: RegisteredLoop, *, in_vessel: bool) -> str:
    if in_vessel:
        return "no spread outside the suspected vessel was seen: there is none to measure"
    if registered.injection.onset_frame is None:
        return "no contrast was seen: there is no spread to measure"
    if maps.region_by_frame.any():
        return "no contrast was left at the end: area and extents at the end are unknown"
    return "no region: nothing was certain enough to be called contrast"


def _lower_bounds(
    region: BoolArray, judged: BoolArray, spine_axis_deg: float, *, mm_per_px: float | None
) -> tuple[Extent, ...]:
    """Extents that may be larger, because the region comes near the edge of what is judged.

    Near means no further than parts of one film may lie apart. What cannot be judged inside (a
    needle, a marker) is no edge.
    """
    near_px = GAP_PX if mm_per_px is None else max(GAP_MM / mm_per_px, 1.0)
    inside = np.pad(binary_fill_holes(judged), 1)
    at_edge = np.pad(region, 1) & (distance_transform_edt(inside) <= near_px)
    if not at_edge.any():
        return ()
    # where a slanting edge goes in steps of pixels, it faces as it does on the average
    smooth = gaussian_filter(inside.astype(np.float64), near_px / 2, mode="constant")
    out = -np.stack([slope[at_edge] for slope in np.gradient(smooth)], axis=1)
    out = out / np.maximum(np.linalg.norm(out, axis=1), _NO_SLOPE)[:, None]
    axis, least = radians(spine_axis_deg), cos(radians(LEAVING_DEG))
    up = out @ (sin(axis), cos(axis))
    aside = np.abs(out @ (-cos(axis), sin(axis)))
    leaves: dict[Extent, bool] = {
        "area": True,
        "along": bool((np.abs(up) >= least).any()),
        "across": bool((aside >= least).any()),
        "cranial": bool((up >= least).any()),
        "caudal": bool((up <= -least).any()),
    }
    return tuple(name for name, beyond in leaves.items() if beyond)


def _extent(region: BoolArray, tip: DoubleArray | None, spine_axis_deg: float) -> _Extent:
    """Extents of the region's pixels, one pixel wide each, along and across the spine."""
    rows, columns = np.nonzero(region)
    if not len(rows):
        return _Extent()
    axis = radians(spine_axis_deg)
    up = np.array([sin(axis), cos(axis)])
    # Half the width of a unit square seen along either direction.
    half = 0.5 * float(np.abs(up).sum())
    along = rows * up[0] + columns * up[1]
    across = columns * up[0] - rows * up[1]
    extent = _Extent(
        along=float(np.ptp(along) + 2 * half), across=float(np.ptp(across) + 2 * half)
    )
    if tip is None:
        return extent
    from_tip = float(tip @ up)
    return replace(
        extent,
        cranial=max(float(along.max() + half) - from_tip, 0.0),
        caudal=max(from_tip - float(along.min() - half), 0.0),
    )


def _centroid(region: BoolArray) -> Point | None:
    rows, columns = np.nonzero(region)
    return (float(rows.mean()), float(columns.mean())) if len(rows) else None


def _direction(tip: DoubleArray | None, centroid: Point | None) -> float | None:
    if tip is None or centroid is None:
        return None
    return axis_deg((float(tip[0]), float(tip[1])), centroid)


def _front_speed(maps: SpreadMaps, tip: DoubleArray) -> float | None:
    """Median speed of the front away from the tip in px/s, None where it cannot be followed."""
    rows, columns = np.nonzero(maps.region & np.isfinite(maps.arrival_s))
    if not len(rows):
        return None
    rings = (np.hypot(rows - tip[0], columns - tip[1]) / RING_PX).astype(np.int64)
    times = maps.arrival_s[rows, columns].astype(np.float64)
    count = np.bincount(rings)
    followed = np.flatnonzero(count >= FEWEST_IN_RING)
    if len(followed) < FEWEST_RINGS:
        return None
    front = np.array([np.quantile(times[rings == ring], FRONT_QUANTILE) for ring in followed])
    distance = (followed + 0.5) * RING_PX
    later, earlier = np.triu_indices(len(front), 1)[::-1]
    slope = float(
        np.median((front[later] - front[earlier]) / (distance[later] - distance[earlier]))
    )
    return 1.0 / slope if slope > 0 else None


def _area_by_frame(maps: SpreadMaps, registered: RegisteredLoop) -> DoubleArray:
    """Area of contrast in each frame; NaN throughout where there never was any."""
    if not maps.region_by_frame.any():
        return np.full(len(maps.region_by_frame), np.nan)
    area = maps.region_by_frame.sum(axis=(1, 2)).astype(np.float64)
    return np.where(registered.motion.locked, area, np.nan)


def _mean_by_frame(maps: SpreadMaps, opacity: Opacity, registered: RegisteredLoop) -> DoubleArray:
    """Mean opacity of where contrast is in each frame, NaN where it is nowhere."""
    mean = np.full(len(maps.region_by_frame), np.nan)
    for frame in np.flatnonzero(registered.motion.locked):
        here = maps.region_by_frame[frame]
        inside = mask_in_reference_pose(here, registered.motion, int(frame))
        if inside.any():
            mean[frame] = opacity.od[frame][inside].mean()
    return mean


def _quantile(values: FloatArray, share: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if known.size else None


def _times(value: float | None, mm_per_px: float | None) -> float | None:
    return None if value is None or mm_per_px is None else value * mm_per_px
