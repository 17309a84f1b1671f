"""How contrast spread: maps per pixel, measurements, run-off."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.geometry import Point

PATCH_MM = 3.0
"""Diameter of the patch of the detection limit."""
PATCH_PX = 84.0
"""Area of the patch where there are no millimetres: 3 mm at 0.29 mm per pixel."""

RUN_OFF_MISSED = (
    "in synthetic loops more than a third of all run-offs were missed, more than a quarter of the "
    "dense ones, and three quarters at a low dose"
)
"""What must stand beside every limit of the run-off search: a limit promises nothing above it."""

Extent = Literal["area", "along", "across", "cranial", "caudal"]
"""An extent of the spread that can be a lower bound."""


def patch_area_px(mm_per_px: float | None, *, binned: int = 1) -> float:
    """Area in pixels of the patch that detection limits speak of; None = no millimetres.

    `binned` is how many pixels along a side made one of the analysis.
    """
    if mm_per_px is None:
        return PATCH_PX * binned**2
    return pi / 4 * (PATCH_MM / mm_per_px) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OpacityScale:
    """By how much the measured log difference was corrected for scatter and veiling.

    `scale` and `relative_uncertainty` (1 sigma) are None where the loop is not quantitative;
    `scatter_to_primary` and its sigma likewise. `basis` names the estimators that were fused.
    """

    scale: float | None
    relative_uncertainty: float | None
    scatter_to_primary: float | None
    scatter_to_primary_sigma: float | None
    basis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """Noise of one loop: the variance of ln I is `a / level` per pixel.

    `lag1_time` and `lag1_space` are correlations of neighbouring frames and pixels.

    `pixel_sigma_od` is the median 1-sigma noise of one pixel's opacity in one frame after
    scatter correction.
    """

    a: float
    lag1_time: float
    lag1_space: float
    pixel_sigma_od: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadMaps:
    """Contrast kinetics per pixel, in the reference pose (that of the mask frames).

    All maps are (rows, columns) float32, NaN where undefined. Opacity is natural-log units,
    scatter-corrected.
    `arrival_s` is the first time at which opacity rises through `arrival_threshold_od` and
    stays for two frames.
    `region` is the contrast region in the last frames; `region_by_frame` (frames, rows, columns)
    where contrast was in each frame, in that frame's own geometry: what washes out leaves it.

    The thresholds follow from the loop's noise and a stated rate of false alarms.
    `region_threshold_od` is the opacity from which contrast counts, or what noise alone reaches in
    so many of the pixels; `detection_limit_od` is the faintest 3 mm patch (or 84 pixels of the
    analysis where there are no millimetres) that shows by itself in the last frames: noise shows
    one, anywhere in the field but its noisiest twentieth, in so many of the loops. Gas and anatomy
    that move show more.
    """

    peak_od: FloatArray
    arrival_s: FloatArray
    time_to_peak_s: FloatArray
    washout_per_s: FloatArray
    transit_s: FloatArray
    region: BoolArray
    region_by_frame: BoolArray
    arrival_threshold_od: float
    region_threshold_od: float
    detection_limit_od: float

    def __post_init__(self) -> None:
        for name in ("peak_od", "arrival_s", "time_to_peak_s", "washout_per_s", "transit_s"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        for name in ("region", "region_by_frame"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.bool_))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadMeasurements:
    """Numbers about the spread; pixels stand beside every millimetre value, None = cannot be had.

    `along_px` is the extent along the spine axis, `across_px` across it; `cranial_px` and
    `caudal_px` from the tip;
    `direction_deg` points from the tip to the centroid (from +column towards +row);
    `front_speed_px_s` is the median
    speed of the front away from the tip in the image plane. `area_by_frame_px` and
    `mean_od_by_frame` are (frames,), NaN throughout where no spread was measured.
    `iodine_mg` is the iodine in the region at the end, in the calibrated plane, and
    `peak_iodine_mg_cm2` what the peak opacity comes to, both with `iodine_relative_uncertainty`
    (1 sigma); None unless the loop is quantitative and its tube voltage known.
    `lower_bounds` names the extents that are "at least" so much, because contrast reaches the
    edge of what can be judged.
    `reasons` says why a number is missing or what it assumes, one sentence each; what is unknown
    of the whole loop (millimetres, times) the loop says.
    """

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
    front_speed_px_s: float | None
    front_speed_mm_s: float | None
    first_arrival_s: float | None
    median_time_to_peak_s: float | None
    peak_od: float | None
    iodine_mg: float | None
    peak_iodine_mg_cm2: float | None
    iodine_relative_uncertainty: float | None
    area_by_frame_px: DoubleArray
    mean_od_by_frame: DoubleArray
    lower_bounds: tuple[Extent, ...] = ()
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("area_by_frame_px", "mean_od_by_frame"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunOff:
    """The strongest tubular component that moved, anywhere in the field.

    `score` is relative to the detector's alarm threshold: 1 or more raises a warning; None where
    nothing could be searched. `kind` says which detector spoke.
    `path_px` is (nodes, 2) in the reference pose; `frames` the first and last frame of the
    event. `smallest_seen_od` is the
    opacity below which a path-long run-off is missed in this loop, and denser ones can be too.
    `reason` is set where the search could not be made or, beside a score, not in full.
    """

    score: float | None
    kind: Literal["transient", "persistent"] | None
    path_px: DoubleArray
    frames: tuple[int, int] | None
    smallest_seen_od: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path_px", read_only(self.path_px, np.float64))

    @property
    def alarmed(self) -> bool:
        """Whether the path reaches the detector's alarm threshold."""
        return self.kind is not None and self.score is not None and self.score >= 1.0
