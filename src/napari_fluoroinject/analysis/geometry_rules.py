"""Warnings from where the tip stands: past a line, or away from its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.tip import off_target_sigma_px
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.report import Finding

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.procedure import LimitRule, Procedure, WarningRule


def tip_past_limit(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    """Warn where the best estimate of the tip lies beyond a line by more than its margin.

    The line that is passed farthest is told.
    """
    past = [
        (measured.value - margin - rule.threshold.low, limit, measured)
        for limit, measured, margin in _against_limits(evidence, procedure)
        if measured.value is not None and margin is not None
    ]
    beyond, limit, measured = max(past, key=lambda one: one[0], default=(0.0, None, None))
    if limit is None or measured is None or beyond <= 0:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=_passed(limit, measured, procedure),
        score=1.0 + beyond / (measured.sigma or 1.0),
        frames=_needle_frames(evidence),
    )


def past_limit_unjudged(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Say of each line why it could not be judged; nothing where it could."""
    reasons = []
    for limit, measured, margin in _against_limits(evidence, procedure):
        why = measured.reason or ("" if margin is not None else "there are no millimetres")
        if why:
            reasons.append(f"tip past limit: {_words(limit.landmark)} not judged ({why})")
    return reasons


def tip_off_target(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    """Warn where the tip is away from its target by more than tolerance and uncertainty."""
    needle, target = evidence.needle, evidence.annotation.target_px
    mm_per_px = evidence.loop.mm_per_px
    if target is None or mm_per_px is None or not isinstance(needle, Needle):
        return None
    tip = evidence.motion.in_reference_pose(needle.tip_px, needle.frame)
    distance_mm = length_px(tip, target) * mm_per_px
    margin_mm = 2.0 * off_target_sigma_px(needle) * mm_per_px
    if distance_mm - margin_mm <= rule.threshold.low:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=(
            f"The tip stands {distance_mm:.1f} mm from the target in the plane of this view "
            f"(tolerance {rule.threshold.low:g} mm, 2-sigma uncertainty {margin_mm:.1f} mm)."
        ),
        score=distance_mm / rule.threshold.low,
        frames=(needle.frame, needle.frame),
    )


def off_target_unjudged(evidence: Evidence) -> list[str]:
    """Say why the distance from the target could not be judged; nothing where it could."""
    missing = []
    if evidence.annotation.target_px is None:
        missing.append("no target was given")
    if not isinstance(evidence.needle, Needle):
        missing.append("no needle was found")
    if evidence.loop.mm_per_px is None:
        missing.append("there are no millimetres")
    return [f"tip off target: not judged ({', '.join(missing)})"] if missing else []


def _against_limits(
    evidence: Evidence, procedure: Procedure
) -> list[tuple[LimitRule, Measurement, float | None]]:
    """Each limit with what was measured and its margin in the measurement's unit."""
    # one landmark may bear two limits, each in views of its own: measures stand in their order
    found = [one for one in evidence.measured if one.id == "tip_to_line"]
    return [
        (limit, measured, _margin(limit, measured))
        for limit, measured in zip(procedure.limits, found, strict=False)
    ]


def _margin(limit: LimitRule, measured: Measurement) -> float | None:
    """How far beyond the line the tip may lie; None where that takes millimetres in vain."""
    if limit.margin is None:
        return 0.0
    return limit.margin.high if measured.unit == limit.margin.unit else None


def _passed(limit: LimitRule, measured: Measurement, procedure: Procedure) -> str:
    names = {landmark.id: landmark.name for landmark in procedure.landmarks}
    unit = "mm" if measured.unit == "mm" else "pixels"
    margin = f"margin {limit.margin.high:g} mm, " if limit.margin else ""
    sigma = "unknown" if measured.sigma is None else f"{2 * measured.sigma:.1f} {unit}"
    return (
        f"The tip stands {measured.value:.1f} {unit} {limit.beyond} of the "
        f"{names[limit.landmark]} in the plane of this view ({margin}2-sigma uncertainty {sigma})."
    )


def _needle_frames(evidence: Evidence) -> tuple[int, int] | None:
    needle = evidence.needle
    return (needle.frame, needle.frame) if isinstance(needle, Needle) else None


def _words(name: str) -> str:
    return name.replace("_", " ")
