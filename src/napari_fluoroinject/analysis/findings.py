"""The procedure's rules applied to what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.procedure import Procedure, WarningRule
from napari_fluoroinject.model.report import Assessable, Finding
from napari_fluoroinject.model.spread import RunOff

LARGEST_RESIDUAL = 1.5
"""A frame whose residual is above this multiple of the loop's median is not assessable."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """All that a rule may look at."""

    loop: CineLoop
    annotation: Annotation
    motion: Motion
    injection: Injection
    needle: Needle | NoNeedle
    run_off: RunOff


def assess(evidence: Evidence, procedure: Procedure) -> Assessable:
    """Count the frames that could be judged and say why the others could not."""
    judged = evidence.motion.locked & (evidence.motion.residual <= LARGEST_RESIDUAL)
    lost = int((~judged).sum())
    blind = not _subtractable(evidence, procedure)
    reasons = []
    if lost:
        reasons.append(f"{_frames(lost)} could not be registered to the mask frames")
    if blind:
        reasons.append(_too_few(evidence))
    elif evidence.run_off.reason:
        reasons.append(f"run-off search: {evidence.run_off.reason}")
    return Assessable(
        frames=0 if blind else int(judged.sum()),
        of=evidence.loop.shape[0],
        reasons=tuple(reasons),
    )


def judge(evidence: Evidence, procedure: Procedure) -> tuple[Finding, ...]:
    """Apply the procedure's rules in its order."""
    found = (RULES[rule.id](evidence, rule, procedure) for rule in procedure.warnings)
    return tuple(finding for finding in found if finding is not None)


def _vascular_uptake(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    run_off = evidence.run_off
    score = run_off.score / rule.threshold.low
    if run_off.kind is None or score < 1.0:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=f"Possible vascular uptake: {run_off.kind} tubular run-off; review the run.",
        score=score,
        frames=run_off.frames,
    )


def _contrast_not_seen(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    if evidence.injection.onset_frame is not None or not evidence.injection.mask_frames:
        return None
    if evidence.run_off.alarmed:  # a run-off is contrast that was seen
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text="No contrast was seen in the field: if some was injected, find out where it went.",
        score=1.0,
        frames=None,
    )


def _tip_off_target(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    needle, target = evidence.needle, evidence.annotation.target_px
    mm_per_px = evidence.loop.mm_per_px
    if target is None or mm_per_px is None or not isinstance(needle, Needle):
        return None
    tip = evidence.motion.in_reference_pose(needle.tip_px, needle.frame)
    distance_mm = length_px(tip, target) * mm_per_px
    margin_mm = 2.0 * needle.tip_uncertainty_px * mm_per_px
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


def _image_unfit(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    reasons = _unfit(evidence, procedure)
    if not reasons:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=f"Image unfit for a full assessment: {'; '.join(reasons)}.",
        score=1.0,
        frames=None,
    )


def _unfit(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Say why this loop cannot carry a full assessment, one clause each."""
    reasons = []
    if not evidence.loop.intensity.quantitative:
        reasons.append(f"{_meaning(evidence.loop)}: opacity is relative only")
    if not _subtractable(evidence, procedure):
        reasons.append(_too_few(evidence))
    if float(np.mean(~evidence.motion.locked)) > 0.2:
        reasons.append("more than a fifth of the frames could not be registered")
    if evidence.loop.times_s is None and evidence.loop.shape[0] > 1:
        reasons.append("the file gives no frame times: nothing can be said in seconds")
    if evidence.loop.lossy:
        reasons.append("the pixels were compressed with loss")
    return reasons


def _too_few(evidence: Evidence) -> str:
    count = len(evidence.injection.mask_frames)
    return f"{_frames(count)} before contrast: too few for a subtraction"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _meaning(loop: CineLoop) -> str:
    if loop.intensity.relationship == "display":
        return "pixel values were processed for display"
    return "what pixel values say of the beam is not known"


def _subtractable(evidence: Evidence, procedure: Procedure) -> bool:
    needed = next((r.threshold.low for r in procedure.warnings if r.id == "image_unfit"), 1.0)
    return len(evidence.injection.mask_frames) >= needed


Rule = Callable[[Evidence, WarningRule, Procedure], Finding | None]

RULES: dict[str, Rule] = {
    "vascular_uptake": _vascular_uptake,
    "contrast_not_seen": _contrast_not_seen,
    "tip_off_target": _tip_off_target,
    "image_unfit": _image_unfit,
}
"""How each warning that a procedure may list is judged."""
