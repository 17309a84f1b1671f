"""The frame that stands for a loop in a picture, and where things lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.key_frame import key_frame, shows_run_off
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.rendering.statement import in_frame

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.report import Report

GRAY_PERCENTILES = (0.5, 99.5)
"""Window of the gray picture: clips direct beam and dead pixels, not bone."""
GRAY_CENTRE = 0.6
"""Share of rows and columns whose middle sets the window: blades stand at the border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaft:
    """A needle in the drawn frame; `spread_px` is 1 sigma of the tip along the shaft.

    `sag_px` is that of `Needle`.
    """

    hub_px: Point
    tip_px: Point
    spread_px: float
    sag_px: float | None


def shown_frame(report: Report) -> int:
    """0-based frame to draw, see `key_frame`."""
    return key_frame(report)[0]


def gray(report: Report, frame: int) -> FloatArray:
    """One frame as (rows, columns) float32, 0 to 1, bright beam bright; 0 behind the shutter."""
    ln = report.loop.intensity.ln(report.loop.frames.frame(frame))
    field = report.loop.open_field
    middle = _middle(ln.shape)
    inside = ln[middle] if field is None or not field[middle].any() else ln[middle][field[middle]]
    known = inside[np.isfinite(inside)]
    low, high = np.percentile(known, GRAY_PERCENTILES) if known.size else (0.0, 1.0)
    level = np.clip((ln - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    if field is not None:
        level = np.where(field, level, 0.0)
    picture: FloatArray = np.nan_to_num(level).astype(np.float32)
    return picture


def shaft(report: Report, frame: int | None) -> Shaft | None:
    """The needle in `frame`, or (None) in the reference pose; None where there is no needle."""
    needle = report.needle
    if not isinstance(needle, Needle):
        return None
    if frame is not None:
        followed = needle.hub_by_frame_px[frame], needle.tip_by_frame_px[frame]
        if np.isfinite(followed).all():
            return Shaft(
                hub_px=_point(followed[0]),
                tip_px=_point(followed[1]),
                spread_px=needle.tip_uncertainty_px,
                sag_px=needle.sag_px,
            )
    return Shaft(
        hub_px=in_frame(report.motion, needle.hub_px, drawn_in=needle.frame, into=frame),
        tip_px=in_frame(report.motion, needle.tip_px, drawn_in=needle.frame, into=frame),
        spread_px=needle.tip_uncertainty_px,
        sag_px=needle.sag_px,
    )


def region(report: Report, frame: int | None) -> BoolArray | None:
    """The contrast region in `frame`, or (None) the final one in the reference pose."""
    if report.maps is None:
        return None
    mask = report.maps.region if frame is None else report.maps.region_by_frame[frame]
    return mask if mask.any() else None


def target(report: Report, frame: int | None) -> Point | None:
    """The target in `frame`, or in the reference pose; None when nobody marked one."""
    given = report.annotation.target_px
    return given if given is None or frame is None else report.motion.in_frame(given, frame)


def landmarks(report: Report, frame: int) -> tuple[tuple[str, DoubleArray], ...]:
    """What a person marked, by its name in words: points (n, 2) in `frame`, an area closed."""
    kinds = {one.id: one.kind for one in report.procedure.landmarks}
    found = []
    for mark in report.annotation.marks:
        points = np.asarray(mark.points_px, np.float64)
        if kinds.get(mark.landmark) == "area":
            points = np.concatenate([points, points[:1]])
        there = report.motion.all_in_frame(points, frame)
        found.append((mark.landmark.replace("_", " "), there))
    return tuple(found)


def leads(report: Report, frame: int) -> tuple[DoubleArray, ...]:
    """The contacts (n, 2) of each lead in `frame`."""
    return tuple(report.motion.all_in_frame(one.contacts_px, frame) for one in report.leads)


def run_off_path(report: Report, frame: int | None) -> DoubleArray | None:
    """The run-off's path (nodes, 2) in `frame`, or (None) in the reference pose."""
    if not shows_run_off(report):
        return None
    path = report.run_off.path_px
    return path if frame is None else report.motion.all_in_frame(path, frame)


def _middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (int(0.5 * (1 - GRAY_CENTRE) * side) for side in shape)
    return slice(rows, shape[0] - rows), slice(columns, shape[1] - columns)


def _point(array: DoubleArray) -> Point:
    return float(array[0]), float(array[1])
