"""What is marked in a loop, segment by segment: its pixels, and what share of each it fills.

Two things can be said of a pixel. A mask says whether it belongs to the segment. Its occupancy is
the share of the pixel that the segment fills (PS3.3 C.8.20.2.3: OCCUPANCY). Our numbers are shares
and no probabilities: neither the needle's edge nor opacity was calibrated against how often the
thing is there.

* The needle's occupancy is the share of the pixel's area that the drawn shaft covers, at its true
  width where gauge and calibration tell one. How uncertain its place is does not blur it.
* Contrast's is the share of the beam through the pixel that contrast as opaque as the most opaque
  of this run would have to cover to darken the pixel as much as it was darkened at its peak:
  (1 - exp(-peak)) / (1 - exp(-most)). A thin layer and a pixel that is covered in part darken it
  alike and are not told apart. It is the pixel's in every frame where it counts as contrast,
  because opacity is kept at its peak, not frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.model.drawing import (
    NEEDLE_DIAMETER_MM,
    UNKNOWN_WIDTH_PX,
    needle_coverage,
    needle_mask,
    needle_width_px,
)
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.spread import SpreadMaps

LARGEST_FRACTION = 255
"""Stored value of a pixel that is filled (Maximum Fractional Value)."""

_MOST_OPAQUE_SHARE = 0.95
"""Quantile of peak opacity that counts as filled: the largest value of all is noise."""
_SPREAD_YELLOW_LAB = (56479, 32792, 55153)
_NEEDLE_CYAN_LAB = (54771, 23524, 26338)
"""CIELab of #FFD400 and #00E5FF, the product's colours, scaled as PS3.3 C.10.7.1.1 says."""

_SHARE_OF_CONTRAST = (
    "Share of the beam through a pixel that contrast as opaque as the most opaque twentieth of "
    "this run would have to cover to darken the pixel as much as at its peak, in every frame in "
    "which the pixel counts as contrast. Thin contrast and partly covered pixels are not told "
    "apart. No probability."
)
_WHOLE_PIXELS = (
    "Pixels that count as contrast are given as filled: opacity is not quantitative in this run. "
    "No probability."
)
_SHARE_OF_NEEDLE = "Share of a pixel that the drawn shaft covers, {width}. No probability."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """One segment, drawn frame by frame in each frame's own geometry.

    `draw` gives its pixels (rows, columns); `occupy` what share of each it fills, (rows, columns)
    float32 from 0 to 1, a new array every time; `occupied` says in words what that share means.
    """

    label: str
    category: Code
    kind: Code
    frames: tuple[int, ...]
    draw: Callable[[int], BoolArray]
    occupy: Callable[[int], FloatArray]
    occupied: str
    algorithm_type: Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
    algorithm_family: Code
    cielab: tuple[int, int, int]


def segments_of(report: Report) -> tuple[Segment, ...]:
    """Return the segments that have pixels: contrast spread first, then needle."""
    candidates = (_contrast(report), _needle(report))
    return tuple(
        segment
        for segment in candidates
        if segment is not None and any(segment.draw(frame).any() for frame in segment.frames)
    )


def _contrast(report: Report) -> Segment | None:
    if report.maps is None:
        return None
    by_frame = report.maps.region_by_frame
    quantitative = report.opacity.scale is not None
    return Segment(
        label="Contrast spread",
        category=codes.SUBSTANCE,
        kind=codes.CONTRAST_MEDIA,
        frames=tuple(range(len(by_frame))),
        draw=by_frame.__getitem__,
        occupy=_share_of_beam(report, report.maps) if quantitative else _whole(by_frame),
        occupied=_SHARE_OF_CONTRAST if quantitative else _WHOLE_PIXELS,
        algorithm_type="AUTOMATIC",
        algorithm_family=codes.NEIGHBORHOOD_ANALYSIS,
        cielab=_SPREAD_YELLOW_LAB,
    )


def _whole(by_frame: BoolArray) -> Callable[[int], FloatArray]:
    return lambda frame: by_frame[frame].astype(np.float32)


def _share_of_beam(report: Report, maps: SpreadMaps) -> Callable[[int], FloatArray]:
    share = _share_in_reference_pose(maps)
    last = np.array(share.shape) - 1

    def occupy(frame: int) -> FloatArray:
        mask = maps.region_by_frame[frame]
        picture = np.zeros(mask.shape, dtype=np.float32)
        pixels = np.flatnonzero(mask)
        points = np.stack(np.divmod(pixels, mask.shape[1]), axis=-1).astype(np.float64)
        there = report.motion.all_in_reference_pose(points, frame)
        nearest = np.rint(there).astype(np.int64).clip(0, last)
        picture.ravel()[pixels] = share[nearest[:, 0], nearest[:, 1]]
        return picture

    return occupy


def _share_in_reference_pose(maps: SpreadMaps) -> FloatArray:
    """Share of each pixel; what counts as contrast has at least the opacity that makes it so."""
    peak = np.fmax(maps.peak_od, np.float32(maps.region_threshold_od))
    counted = maps.region if maps.region.any() else maps.peak_od >= maps.region_threshold_od
    most = np.quantile(peak[counted], _MOST_OPAQUE_SHARE) if counted.any() else peak.max()
    share = np.expm1(-peak) / np.expm1(-np.float32(most))
    # No pixel of the region is lost by rounding.
    clipped: FloatArray = np.clip(share, 1 / LARGEST_FRACTION, 1).astype(np.float32)
    return clipped


def _needle(report: Report) -> Segment | None:
    needle = report.needle
    if not isinstance(needle, Needle):
        return None
    given = needle.source == "given"
    width_px = needle_width_px(report.annotation.gauge, report.loop.mm_per_px)
    shape = (1, *report.loop.shape[1:])

    def draw(frame: int) -> BoolArray:
        hub, tip = _place(needle, frame)
        mask: BoolArray = needle_mask(shape, hub, tip, width_px=width_px, sag_px=needle.sag_px)[0]
        return mask

    def occupy(frame: int) -> FloatArray:
        hub, tip = _place(needle, frame)
        share: FloatArray = needle_coverage(
            shape, hub, tip, width_px=width_px, sag_px=needle.sag_px
        )[0]
        return share

    return Segment(
        label="Needle",
        category=codes.PHYSICAL_OBJECT,
        kind=codes.NEEDLE,
        frames=tuple(range(len(needle.tip_by_frame_px))),
        draw=draw,
        occupy=occupy,
        occupied=_SHARE_OF_NEEDLE.format(width=_width(report)),
        # A shaft that a person marked is still followed through the loop by the algorithm.
        algorithm_type="SEMIAUTOMATIC" if given else "AUTOMATIC",
        algorithm_family=codes.MANUAL_PROCESSING if given else codes.EDGE_DETECTION,
        cielab=_NEEDLE_CYAN_LAB,
    )


def _place(needle: Needle, frame: int) -> tuple[DoubleArray, DoubleArray]:
    """Hub and tip in one frame, (1, 2) each."""
    one = slice(frame, frame + 1)
    return needle.hub_by_frame_px[one], needle.tip_by_frame_px[one]


def _width(report: Report) -> str:
    gauge = report.annotation.gauge
    if gauge in NEEDLE_DIAMETER_MM and report.loop.mm_per_px is not None:
        return f"as wide as {gauge} G is"
    return f"{UNKNOWN_WIDTH_PX:g} pixels wide because its true width is not known"
