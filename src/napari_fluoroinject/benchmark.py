"""Accuracy against truth: phantoms of many seeds and doses through the whole analysis."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.corridor import path_band
from napari_fluoroinject.analysis.motion import re_reference
from napari_fluoroinject.analysis.recursive import without_recursive_filter
from napari_fluoroinject.analysis.residual import residual_over_noise
from napari_fluoroinject.analysis.spectrum import transmitted
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.spread import patch_area_px

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import Phantom, PhantomSettings, Truth

Family = Literal["first", "second"]
"""Two independently built families of synthetic loops: what suits one only, suits the phantom."""

SCENES: dict[Family, tuple[str, ...]] = {
    "first": ("esi_il_lumbar", "esi_tf_lumbar_subpedicular", "mbb_lumbar"),
    "second": ("midline_sheet", "oblique_sleeves", "film_on_bone"),
}
"""The scenes that each family has."""

DOSES_NGY = (5.0, 20.0, 50.0)
"""Detector doses per frame at which every scene is exposed."""

TWINS = (
    "none",
    "vascular",
    "vascular_persistent",
    "vascular_mixed",
    "vascular_remote",
    "no_contrast",
)
"""The twins that the seeds run through in turn."""

ARRIVAL_OD = 0.10
"""Arrival is scored where the true peak opacity is above this."""

ASSESSED_OD = 0.15
"""The opacity slope is scored where the true peak opacity is above this."""

IODINE_MG_CM2 = 3.0
"""Dice is scored, too, above this much iodine: a threshold that no loop can choose."""

SLOPE_BAND = (0.90, 1.10)
"""The slope where the needle's gauge was given should lie in this band."""

_NEAR_CONTRAST_PX = 6
_NEAR_NEEDLE_PX = 10.0
_EDGE_PX = 3
"""What is so near to contrast, needle or the field's edge is no background."""
_SLIGHT_OD = 0.005
_SOME = 10
"""The needle's place in every tenth frame."""

DENSE_RUN_OFF_OD = 0.08
"""Run-offs whose vessels reach this are counted by themselves: they can be seen in subtraction."""

_SCORED_SHARE = 0.6
"""Motion is scored at points over this share of the open field's height and width."""

_VASCULAR = 2
"""The label of a run-off's vessels in the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scene to build: its key, a seed, a twin, with a needle or without."""

    key: str
    seed: int
    twin: str
    needle: bool
    size: int = 512
    frames: int = 90
    family: Family = "first"

    @property
    def gauge_given(self) -> bool:
        """Whether the needle's gauge is stated: for every second seed, as some users do."""
        return self.needle and self.seed % 2 == 0


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


def cases(keys: Sequence[str], *, seeds: int, first_seed: int) -> Iterator[Case]:
    """List `seeds` loops per key, their twins in turn, and a quarter as many without a needle.

    A key says by itself which family its scene is of.
    """
    for key, index in product(keys, range(seeds)):
        yield Case(
            key=key,
            seed=first_seed + index,
            twin=TWINS[index % len(TWINS)],
            needle=True,
            family=_family(key),
        )
    for key, index in product(keys, range(-(-seeds // 4))):
        yield Case(
            key=key,
            seed=first_seed + 500 + index,
            twin="none",
            needle=False,
            family=_family(key),
        )


def _family(key: str) -> Family:
    return "second" if key in SCENES["second"] else "first"


def run_benchmark(
    todo: Sequence[Case],
    *,
    doses_ngy: Sequence[float] = DOSES_NGY,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> tuple[Score, ...]:
    """Build, expose, analyse and score every case at every dose, `jobs` at a time."""
    scores: list[Score] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(score_case, case, tuple(doses_ngy)) for case in todo]
        for done, (case, future) in enumerate(zip(todo, futures, strict=True)):
            progress(f"{case.key} {case.twin} seed {case.seed}", done / len(todo))
            scores.extend(future.result())
    progress("done", 1.0)
    return tuple(scores)


def score_case(case: Case, doses_ngy: Sequence[float]) -> tuple[Score, ...]:
    """Build one scene, expose it at each dose, analyse and score each loop."""
    from time import process_time

    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import analyze

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        needle=case.needle,
        size=case.size,
        frames=case.frames,
    )
    scores = []
    for phantom in exposed(case, settings, doses_ngy):
        gauge = phantom.truth.gauge if case.gauge_given else None
        start_s = process_time()
        report = analyze(phantom.loop, phantom.truth.procedure, Annotation(gauge=gauge))
        cpu_s = process_time() - start_s
        dose_ngy = phantom.truth.dose_ngy
        scores.append(
            score_report(report, phantom.truth, case=case, dose_ngy=dose_ngy, cpu_s=cpu_s)
        )
    return tuple(scores)


def exposed(
    case: Case, settings: PhantomSettings, doses_ngy: Sequence[float]
) -> Iterator[Phantom]:
    """The case's scene, built once, at each dose."""
    from napari_fluoroinject import phantom
    from napari_fluoroinject.phantom import planar

    if case.family == "second":
        drawn = planar.build_scene(case.key, settings=settings)
        yield from (planar.expose(drawn, dose_ngy=dose) for dose in doses_ngy)
    else:
        scene = phantom.build_scene(case.key, settings=settings)
        yield from (phantom.expose(scene, dose_ngy=dose) for dose in doses_ngy)


def score_report(
    report: Report, truth: Truth, *, case: Case, dose_ngy: float, cpu_s: float
) -> Score:
    """Compare one report with its truth (definitions: contract, section 4)."""
    tip_px, tip_sigma_px = _tip(report, truth) if case.needle else (None, None)
    onset, true_onset = report.injection.onset_frame, truth.onset_frame
    arrival = _arrival(report, truth)
    slope, slope_sigma = _slope(report, truth)
    return Score(
        case=case,
        dose_ngy=dose_ngy,
        motion_px=tuple(_motion(report, truth).tolist()),
        tip_px=tip_px,
        tip_sigma_px=tip_sigma_px,
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
    mask = report.injection.mask_frames or range(len(truth.shift_px))
    true = replace(report.motion, shift_px=truth.shift_px, angle_rad=np.radians(truth.rot_deg))
    points = _nine_points(truth.open_field)[:, None]
    away = report.motion.all_in_frame(points) - re_reference(true, mask).all_in_frame(points)
    error: DoubleArray = np.sqrt((away**2).sum(axis=-1).mean(axis=0))
    return error


def _nine_points(field: BoolArray) -> DoubleArray:
    """A grid (9, 2) over the middle of what is open, (row, column)."""
    rows, columns = (np.flatnonzero(field.any(axis=axis)) for axis in (1, 0))
    share = 0.5 + 0.5 * _SCORED_SHARE * np.array([-1.0, 0.0, 1.0])
    down, right = (at[0] + share * (at[-1] - at[0]) for at in (rows, columns))
    return np.array(list(product(down, right)))


def _tip(report: Report, truth: Truth) -> tuple[float | None, float | None]:
    if not isinstance(report.needle, Needle) or truth.tip_px is None:
        return None, None
    true = truth.tip_px[report.needle.frame]
    error = float(np.hypot(*(np.asarray(report.needle.tip_px) - true)))
    return error, report.needle.tip_uncertainty_px


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


def table(
    scores: Iterable[Score], *, doses_ngy: Sequence[float]
) -> dict[str, Mapping[str, float | int | None]]:
    """Condense scores into the figures of each dose: errors against truth, rates, coverage."""
    listed = list(scores)
    return {
        f"{dose:g} nGy": _figures([s for s in listed if s.dose_ngy == dose]) for dose in doses_ngy
    }


def _figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    return {
        "loops": len(scores),
        **_needle_figures(scores),
        **_time_figures(scores),
        **_region_figures(scores),
        **_slope_figures(scores),
        **_run_off_figures(scores),
        "CPU s per loop": _mean([s.cpu_s for s in scores]),
    }


def _needle_figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    with_needle = [s for s in scores if s.case.needle]
    tips = [s.tip_px for s in with_needle if s.tip_px is not None]
    told = [(s.tip_px, s.tip_sigma_px) for s in with_needle if s.tip_px is not None]
    return {
        "tip error mean px": _mean(tips),
        "tip error p95 px": _p95(tips),
        "tip within 2 sigma": _mean([tip <= 2 * sigma for tip, sigma in told if sigma]),
        "needles missed": sum(not s.needle_found for s in with_needle),
        "false needles": sum(s.needle_found for s in scores if not s.case.needle),
        "loops without needle": sum(not s.case.needle for s in scores),
    }


def _time_figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    """Of motion, onset, residual and arrival."""
    motion = [e for s in scores for e in s.motion_px]
    onsets = [abs(s.onset_frames) for s in scores if s.onset_frames is not None]
    residuals = [s.residual for s in scores if s.residual is not None]
    arrivals = [s.arrival_frames for s in scores if s.arrival_frames is not None]
    covered = [s.arrival_coverage for s in scores if s.arrival_coverage is not None]
    return {
        "motion error mean px": _mean(motion),
        "motion error p95 px": _p95(motion),
        "onset error mean frames": _mean(onsets),
        "onsets missed": sum(s.onset_missed for s in scores),
        "false onsets": sum(s.onset_false for s in scores),
        "background residual over noise mean": _mean(residuals),
        "background residual over noise p95": _p95(residuals),
        "arrival error mean frames": _mean(arrivals),
        "arrival error median frames": _median(arrivals),
        "arrival coverage": _mean(covered),
    }


def _region_figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    dices = [s.dice for s in scores if s.dice is not None]
    iodine = [s.dice_iodine for s in scores if s.dice_iodine is not None]
    return {
        "Dice mean": _mean(dices),
        "Dice median": _median(dices),
        "Dice loops": len(dices),
        f"Dice above {IODINE_MG_CM2:g} mg iodine/cm2 mean": _mean(iodine),
        f"Dice above {IODINE_MG_CM2:g} mg iodine/cm2 median": _median(iodine),
    }


def _slope_figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    told = [(s.slope, s.slope_sigma) for s in scores if s.slope and s.slope_sigma]
    slopes = [slope for slope, _ in told]
    gauged = [s.slope for s in scores if s.slope and s.case.gauge_given]
    least, most = SLOPE_BAND
    return {
        "opacity slope median": _median(slopes),
        "opacity slope p5": _percentile(slopes, 5),
        "opacity slope p95": _p95(slopes),
        "slope within 2 sigma": _mean([abs(slope - 1.0) <= 2.0 * sigma for slope, sigma in told]),
        "slope relative uncertainty median": _median([sigma for _, sigma in told]),
        f"slope {least:.2f} to {most:.2f} where gauge given": _mean(
            [least <= slope <= most for slope in gauged]
        ),
        "loops with slope and gauge given": len(gauged),
    }


def _run_off_figures(scores: Sequence[Score]) -> dict[str, float | int | None]:
    run_offs = [s for s in scores if s.run_off]
    dense = [s for s in run_offs if s.run_off_od and s.run_off_od >= DENSE_RUN_OFF_OD]
    quiet = [s for s in scores if not s.run_off]
    return {
        "run-offs found": sum(s.alarm for s in run_offs),
        "run-offs": len(run_offs),
        "dense run-offs found": sum(s.alarm for s in dense),
        "dense run-offs": len(dense),
        "false alarms": sum(s.alarm for s in quiet),
        "loops without run-off": len(quiet),
    }


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: Sequence[float]) -> float | None:
    return _percentile(values, 50)


def _p95(values: Sequence[float]) -> float | None:
    return _percentile(values, 95)
