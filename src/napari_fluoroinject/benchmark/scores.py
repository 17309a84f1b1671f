"""Errors of one loop's report against its truth (definitions: contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.corridor import path_band
from napari_fluoroinject.analysis.motion import re_reference
from napari_fluoroinject.analysis.recursive import without_recursive_filter
from napari_fluoroinject.analysis.residual import residual_over_noise
from napari_fluoroinject.analysis.spectrum import transmitted
from napari_fluoroinject.benchmark.cases import Case
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.spread import patch_area_px

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Truth

ARRIVAL_OD = 0.10
"""Arrival is scored where the true peak opacity is above this."""

ASSESSED_OD = 0.15
"""The opacity slope is scored where the true peak opacity is above this."""

IODINE_MG_CM2 = 3.0
"""Dice is scored, too, above this much iodine: a threshold that no loop can choose."""

_NEAR_CONTRAST_PX = 6
_NEAR_NEEDLE_PX = 10.0
_EDGE_PX = 3
"""What is so near to contrast, needle or the field's edge is no background."""
_SLIGHT_OD = 0.005
_SOME = 10
"""The needle's place in every tenth frame."""

_SCORED_SHARE = 0.6
"""Motion is scored at points over this share of the open field's height and width."""

_VASCULAR = 2
"""The label of a run-off's vessels in the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Errors of one loop against its truth; None = does not apply to this loop.

    `motion_px` holds one error per frame, turns included. `slope` is measured over true opacity,
    `slope_sigma` its stated 1-sigma relative uncertainty. `alarm`: vascular uptake was warned of;
    `run_off`: there was some, `run_off_od` the true opacity that its vessels come to. `dice` is
    None, too, where the true region is smaller than the patch that the stated limit speaks of, and
    `dice_iodine` is the same above `IODINE_MG_CM2`. `residual` is what subtraction leaves of the
    background over what noise would leave.
    """

    case: Case
    dose_ngy: float
    motion_px: tuple[float, ...]
    tip_px: float | None
    tip_sigma_px: float | None
    needle_found: bool
    onset_frames: float | None
    onset_false: bool
    onset_missed: bool
    arrival_frames: float | None
    arrival_coverage: float | None
    dice: float | None
    dice_iodine: float | None
    residual: float | None
    slope: float | None
    slope_sigma: float | None
    alarm: bool
    run_off: bool
    run_off_od: float | None
    cpu_s: float


def score_report(
    report: Report, truth: Truth, *, case: Case, dose_ngy: float, cpu_s: float
) -> Score:
    """Compare one report with its truth (definitions: contract, section 4)."""
    tip_px = tip_error_px(report, truth) if case.needle else None
    needle = report.needle
    onset, true_onset = report.injection.onset_frame, truth.onset_frame
    arrival = _arrival(report, truth)
    slope, slope_sigma = _slope(report, truth)
    return Score(
        case=case,
        dose_ngy=dose_ngy,
        motion_px=tuple(_motion(report, truth).tolist()),
        tip_px=tip_px,
        tip_sigma_px=needle.tip_uncertainty_px
        if tip_px is not None and isinstance(needle, Needle)
        else None,
        needle_found=isinstance(report.needle, Needle),
        onset_frames=None if onset is None or true_onset is None else float(onset - true_onset),
        onset_false=onset is not None and true_onset is None,
        onset_missed=onset is None and true_onset is not None,
        arrival_frames=None if arrival is None else arrival[0],
        arrival_coverage=None if arrival is None else arrival[1],
        dice=_dice(report, truth),
        dice_iodine=_dice(report, truth, _opacity_of_iodine(truth.kvp)),
        residual=_residual(report, truth),
        slope=slope,
        slope_sigma=slope_sigma,
        alarm=any(finding.id == "vascular_uptake" for finding in report.findings),
        run_off="vascular_uptake" in truth.warnings_expected,
        run_off_od=run_off_od(truth),
        cpu_s=cpu_s,
    )


def _motion(report: Report, truth: Truth) -> DoubleArray:
    """Error of each frame's displacement in pixels, RMS over nine points of the open field.

    Both displacements are relative to the report's own mask frames.
    """
    points = _nine_points(truth.open_field)[:, None]
    true = _true_motion(report, truth)
    away = report.motion.all_in_frame(points) - true.all_in_frame(points)
    error: DoubleArray = np.sqrt((away**2).sum(axis=-1).mean(axis=0))
    return error


def _nine_points(field: BoolArray) -> DoubleArray:
    """A grid (9, 2) over the middle of what is open, (row, column)."""
    rows, columns = (np.flatnonzero(field.any(axis=axis)) for axis in (1, 0))
    share = 0.5 + 0.5 * _SCORED_SHARE * np.array([-1.0, 0.0, 1.0])
    down, right = (at[0] + share * (at[-1] - at[0]) for at in (rows, columns))
    return np.array(list(product(down, right)))


def tip_error_px(report: Report, truth: Truth) -> float | None:
    """How far the tip that was found lies from the true one; None without either."""
    if not isinstance(report.needle, Needle) or truth.tip_px is None:
        return None
    true = truth.tip_px[report.needle.frame]
    return float(np.hypot(*(np.asarray(report.needle.tip_px) - true)))


def true_tip_px(report: Report, truth: Truth) -> Point | None:
    """The true tip in the pose of the mask frames that the report chose; None without either."""
    if not isinstance(report.needle, Needle) or truth.tip_px is None:
        return None
    frame = report.needle.frame
    at = (float(truth.tip_px[frame][0]), float(truth.tip_px[frame][1]))
    return _true_motion(report, truth).in_reference_pose(at, frame)


def _true_motion(report: Report, truth: Truth) -> Motion:
    """The true motion relative to the report's own mask frames."""
    mask = report.injection.mask_frames or range(len(truth.shift_px))
    true = replace(report.motion, shift_px=truth.shift_px, angle_rad=np.radians(truth.rot_deg))
    return re_reference(true, mask)


def _in_report_pose(
    truth_map: FloatArray, report: Report, truth: Truth, *, order: int
) -> FloatArray:
    """A true map in the pose of the mask frames that the report chose."""
    mask = list(report.injection.mask_frames)
    if not mask:
        return truth_map
    angle = np.radians(truth.rot_deg[mask].mean())
    back = -_turn(-angle) @ truth.shift_px[mask].mean(axis=0)
    return _looked_up(truth_map, back, -angle, order=order, mode="nearest")


def _turn(angle_rad: float) -> DoubleArray:
    """The matrix that turns (row, column) as the truth and `Motion` say."""
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    return np.array([[cosine, sine], [-sine, cosine]])


def _looked_up(
    picture: FloatArray, shift_px: DoubleArray, angle_rad: float, *, order: int, mode: str
) -> FloatArray:
    """At every p what stands at c + R(angle) (p - c) + shift, c being the picture's centre."""
    turn, centre = _turn(angle_rad), (np.array(picture.shape) - 1) / 2
    found: FloatArray = ndimage.affine_transform(
        picture, turn, offset=centre + shift_px - turn @ centre, order=order, mode=mode
    )
    return found


def _arrival(report: Report, truth: Truth) -> tuple[float, float] | None:
    """Mean absolute error in frames, and the share of true arrivals that were given one."""
    if report.maps is None or truth.onset_frame is None:
        return None
    threshold_od = report.maps.arrival_threshold_od
    true_s = truth.arrival_s
    if abs(threshold_od - truth.arrival_threshold_od) > 1e-6:
        posed = zip(truth.od, truth.shift_px, np.radians(truth.rot_deg), strict=True)
        still = [
            _looked_up(od.astype(np.float32), shift, turn, order=1, mode="constant")
            for od, shift, turn in posed
        ]
        true_s = crossing_s(np.stack(still), truth.times_s, threshold_od)
    true_s = _in_report_pose(true_s, report, truth, order=0)
    peak_od = _in_report_pose(truth.peak_od, report, truth, order=1)
    scored = (peak_od > ARRIVAL_OD) & np.isfinite(true_s)
    both = scored & np.isfinite(report.maps.arrival_s)
    if not both.any():
        return None
    frame_s = float(np.median(np.diff(truth.times_s)))
    error_s = np.abs(report.maps.arrival_s[both] - true_s[both])
    return float(error_s.mean()) / frame_s, float(both.sum() / scored.sum())


def crossing_s(od: FloatArray, times_s: DoubleArray, threshold_od: float) -> FloatArray:
    """First rise through the threshold that holds for two frames, interpolated."""
    above = od >= threshold_od
    starts = above[:-1] & above[1:]
    starts[1:] &= ~above[:-2]
    first = starts.argmax(axis=0)
    before = np.maximum(first - 1, 0)
    low = np.take_along_axis(od, before[None], 0)[0]
    high = np.take_along_axis(od, first[None], 0)[0]
    part = np.where(high > low, (threshold_od - low) / np.where(high > low, high - low, 1.0), 0.0)
    at = times_s[before] + np.clip(part, 0.0, 1.0) * (times_s[first] - times_s[before])
    result: FloatArray = np.where(starts.any(axis=0), at, np.nan).astype(np.float32)
    return result


def _dice(report: Report, truth: Truth, threshold_od: float | None = None) -> float | None:
    """Overlap of the last frame's region with the truth above a threshold; None = the stated."""
    if report.maps is None:
        return None
    if threshold_od is None:
        threshold_od = report.maps.region_threshold_od
    true: BoolArray = truth.od[-1].astype(np.float32) > threshold_od
    found = report.maps.region_by_frame[-1]
    if true.sum() < patch_area_px(report.loop.mm_per_px):
        return None
    return float(2 * (true & found).sum() / (true.sum() + found.sum()))


def _opacity_of_iodine(kvp: float) -> float:
    return float(-np.log(transmitted("iodine", np.array([IODINE_MG_CM2 / 1000.0]), kvp))[0])


def _residual(report: Report, truth: Truth) -> float | None:
    """Residual of the background over its noise; None where the analysis binned the frames."""
    loop = report.loop
    if report.noise is None or binning(loop.shape[1:]) > 1:
        return None
    peak_od = _in_report_pose(truth.peak_od, report, truth, order=1)
    contrast = ndimage.binary_dilation(peak_od > _SLIGHT_OD, iterations=_NEAR_CONTRAST_PX)
    reach = int(np.ceil(np.abs(report.motion.shift_px).max())) + _EDGE_PX
    inside = ndimage.binary_erosion(truth.open_field, iterations=reach)
    return residual_over_noise(
        without_recursive_filter(loop.intensity.ln(loop.frames.every()), truth.open_field),
        report.motion,
        inside & ~contrast & ~_near_needle(truth),
        mask_frames=report.injection.mask_frames,
        noise=report.noise,
        on=choose(),
    )


def _near_needle(truth: Truth) -> BoolArray:
    """About the needle in all frames, and as far again behind its hub."""
    shape = truth.open_field.shape
    near = np.zeros(shape, dtype=np.bool_)
    if truth.tip_px is None or truth.hub_px is None:
        return near
    for tip, hub in zip(truth.tip_px[::_SOME], truth.hub_px[::_SOME], strict=True):
        path = np.stack([tip, 2.0 * hub - tip])
        near |= path_band(path, shape, half_width_px=_NEAR_NEEDLE_PX)
    return near


def run_off_od(truth: Truth) -> float | None:
    """Peak opacity that a tenth of the run-off's pixels exceed, None without a run-off."""
    vessels = truth.peak_od[truth.labels == _VASCULAR]
    return float(np.percentile(vessels, 90)) if vessels.size else None


def _slope(report: Report, truth: Truth) -> tuple[float | None, float | None]:
    """Measured over true peak opacity where there is contrast to measure."""
    sigma = report.opacity.relative_uncertainty
    if report.maps is None or sigma is None or truth.onset_frame is None:
        return None, None
    true = _in_report_pose(truth.peak_od, report, truth, order=1)
    scored = (true > ASSESSED_OD) & np.isfinite(report.maps.peak_od) & report.maps.region
    if int(scored.sum()) < 50:  # too few for a median
        return None, None
    return float(np.median(report.maps.peak_od[scored] / true[scored])), sigma
