"""Errors of many loops condensed into figures: means, percentiles, rates, coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.benchmark.scores import IODINE_MG_CM2, Score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SLOPE_BAND = (0.90, 1.10)
"""The slope where the needle's gauge was given should lie in this band."""

DENSE_RUN_OFF_OD = 0.08
"""Run-offs whose vessels reach this are counted by themselves: they can be seen in subtraction."""


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
