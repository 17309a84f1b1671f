"""The procedure's rules applied to what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.evidence import Evidence
from napari_fluoroinject.analysis.geometry_rules import (
    off_target_unjudged,
    past_limit_unjudged,
    tip_off_target,
    tip_past_limit,
)
from napari_fluoroinject.analysis.measures.views import angle_contradiction
from napari_fluoroinject.analysis.pattern_rules import pattern_like, patterns_unjudged
from napari_fluoroinject.analysis.process_rules import order_violation, wrong_level_or_side
from napari_fluoroinject.analysis.study_rules import dose_alert, missing_view, study_unjudged
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.procedure import Procedure, WarningRule
from napari_fluoroinject.model.report import Assessable, Finding

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop

LARGEST_RESIDUAL = 1.5
"""A frame whose residual is above this multiple of what is usual in the loop is not assessable."""
CONTRADICTING_SHIFT_PX = 1.0
"""A mask shift of the header that differs by more from what was measured is told: below it the
edges of bone that are left stand within the blur of the maps."""
MOST_RUNS_TOLD = 6
"""So many runs of lost frames are named in words; the report names every frame."""


def assess(evidence: Evidence, procedure: Procedure) -> Assessable:
    """Count the frames that could be judged and say why the others could not."""
    judged = evidence.motion.locked & (evidence.motion.residual <= LARGEST_RESIDUAL)
    other = evidence.motion.other_scene
    lost = np.flatnonzero(~judged & ~other)
    reasons = []
    if other.any():
        reasons.append(
            f"{_listed(np.flatnonzero(other).tolist())} show another scene (view, place, "
            "magnification or patient) than the one that was assessed"
        )
    if len(lost):
        reasons.append(f"{_listed(lost.tolist())} could not be registered to the mask frames")
    reasons += _mask_reasons(evidence)
    if not _subtractable(evidence, procedure):
        reasons.append(_too_few(evidence))
        judged = np.zeros_like(judged)
    if evidence.illegible:
        reasons.append(evidence.illegible)
        judged = np.zeros_like(judged)
    if contradiction := angle_contradiction(evidence.loop.view, evidence.annotation):
        reasons.append(contradiction)
    warned = any(rule.id == "contrast_not_seen" for rule in procedure.warnings)
    if _nothing_seen(evidence) and not warned:
        reasons.append(
            "no contrast was seen to arrive: where any that was injected went, and whether into a "
            "vessel, cannot be told; what was there from the first frame on does not show"
        )
    reasons += [*_not_judged(evidence, procedure), *evidence.doubts]
    if evidence.run_off.reason:
        extent = "not assessed" if evidence.run_off.score is None else "assessed in part only"
        reasons.append(f"vascular uptake: {extent} ({evidence.run_off.reason})")
    return Assessable(
        frames=int(judged.sum()),
        of=evidence.loop.shape[0],
        reasons=tuple(reasons),
        not_judged=tuple(np.flatnonzero(~judged).tolist()),
    )


def judge(evidence: Evidence, procedure: Procedure) -> tuple[Finding, ...]:
    """Apply the procedure's rules in its order."""
    rules = (rule for rule in procedure.warnings if rule.id in RULES)
    found = (RULES[rule.id](evidence, rule, procedure) for rule in rules)
    return tuple(finding for finding in found if finding is not None)


def unfit(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Say why this loop cannot carry a full assessment, one clause each."""
    reasons = [evidence.illegible] if evidence.illegible else []
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


def _vascular_uptake(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    run_off = evidence.run_off
    if run_off.score is None or not run_off.alarmed:
        return None
    score = run_off.score / rule.threshold.low
    if score < 1.0:  # a procedure may ask for more than the detector's alarm, never for less
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=(
            f"A {run_off.kind} tubular run-off reached the alarm threshold; review the run. "
            "The frames given show it best; it may last longer."
        ),
        score=score,
        frames=run_off.frames,
    )


def _contrast_not_seen(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    if not _nothing_seen(evidence):
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text="No contrast was seen in the field: if some was injected, find out where it went.",
        score=1.0,
        frames=None,
    )


def _nothing_seen(evidence: Evidence) -> bool:
    """Whether contrast was looked for and none was seen; a run-off is contrast, too."""
    looked = bool(evidence.injection.mask_frames) and _given_earlier_s(evidence) is None
    if evidence.illegible:  # where there is no picture, nothing can be seen to be missing
        return False
    return looked and evidence.injection.onset_frame is None and not evidence.run_off.alarmed


def _not_judged(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Which rules could not be applied and why, lest their silence passes for an answer."""
    if procedure.region == "unknown":
        return ["no procedure was stated, so only the rules that hold for every one were applied"]
    unruled = [rule.id for rule in procedure.warnings if rule.id not in RULES]
    told = [f"this version cannot judge: {', '.join(map(_words, unruled))}"] if unruled else []
    if evidence.illegible and any(rule.id == "contrast_not_seen" for rule in procedure.warnings):
        told.append(f"contrast not seen: not judged ({evidence.illegible})")
    if any(rule.id == "tip_off_target" for rule in procedure.warnings):
        told += off_target_unjudged(evidence)
    told += past_limit_unjudged(evidence, procedure)
    told += study_unjudged(evidence, procedure)
    return told + patterns_unjudged(evidence, procedure)


def _words(warning: str) -> str:
    return warning.replace("_", " ")


def _image_unfit(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    reasons = unfit(evidence, procedure)
    if not reasons:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=f"Not fit for a full assessment: {'; '.join(reasons)}.",
        score=1.0,
        frames=None,
    )


def _mask_reasons(evidence: Evidence) -> list[str]:
    """What masks of the header or of a person do to the measurement; a clause each."""
    mask, onset = evidence.mask, evidence.injection.onset_frame
    if mask.only_intervals:
        return [
            "the header subtracts frames from each other (TID) and names no mask frames: "
            "mask frames found in the picture were used"
        ]
    if mask.source == "found":
        return []
    whose = "the header's mask" if mask.source == "header" else "the mask that was chosen"
    reasons = []
    frames = sorted(evidence.injection.mask_frames)
    late = [] if onset is None else [frame for frame in frames if frame >= onset]
    if late and onset is not None:
        reasons.append(
            f"{whose} holds contrast ({_listed(late)}, onset in frame {onset + 1}): "
            "opacity and spread are too small, or missing"
        )
    if mask.unused_frames:
        lost = _listed(sorted(mask.unused_frames))
        reasons.append(f"{lost} of {whose} could not be registered and were left out")
    if frames and not evidence.motion.locked[frames].any():
        reasons.append(f"no frame of {whose} could be registered: it may not fit on the others")
    if mask.elsewhere:
        reasons.append(
            f"for {_frames(mask.elsewhere)} the header has other masks than the one that was used"
        )
    if mask.offset_px is not None and np.hypot(*mask.offset_px) > CONTRADICTING_SHIFT_PX:
        reasons.append(
            "the header's mask shift, which was used, differs from the motion that was measured"
        )
    return reasons


def _before(evidence: Evidence) -> int:
    """How many frames before contrast there are."""
    if _given_earlier_s(evidence) is not None:
        return 0
    return len(evidence.mask.quiet_frames or evidence.injection.mask_frames)


def _given_earlier_s(evidence: Evidence) -> float | None:
    """How long before the first frame contrast was given, where all of it was; else None."""
    given = [one.time_s for one in evidence.annotation.events if one.kind == "contrast"]
    if not given or evidence.injection.onset_frame is not None or max(given) > 0:
        return None
    return -max(given)


def _too_few(evidence: Evidence) -> str:
    earlier_s = _given_earlier_s(evidence)
    if earlier_s is not None:
        return (
            f"contrast was recorded {earlier_s:.1f} s before the first frame, and none was seen "
            "to arrive: no frame shows the field without it"
        )
    count = _before(evidence)
    return f"{_frames(count)} before contrast: too few for a subtraction"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _listed(frames: list[int]) -> str:
    """`frames 4, 7 to 9 and 12`, counted from 1 as people do; after some, only how many more."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    told = [str(r[0] + 1) if len(r) == 1 else f"{r[0] + 1} to {r[-1] + 1}" for r in runs]
    if len(told) > MOST_RUNS_TOLD:
        more = sum(len(run) for run in runs[MOST_RUNS_TOLD:])
        told = [*told[:MOST_RUNS_TOLD], f"{more} more"]
    words = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"{'frame' if len(frames) == 1 else 'frames'} {words}"


def _meaning(loop: CineLoop) -> str:
    if loop.intensity.relationship == "display":
        return "pixel values were processed for display"
    return "what pixel values say of the beam is not known"


def _subtractable(evidence: Evidence, procedure: Procedure) -> bool:
    needed = next((r.threshold.low for r in procedure.warnings if r.id == "image_unfit"), 1.0)
    return _before(evidence) >= needed


Rule = Callable[[Evidence, WarningRule, Procedure], Finding | None]

RULES: dict[str, Rule] = {
    "vascular_uptake": _vascular_uptake,
    "contrast_not_seen": _contrast_not_seen,
    **dict.fromkeys(LIKENESSES, pattern_like),
    "tip_past_limit": tip_past_limit,
    "tip_off_target": tip_off_target,
    "missing_view": missing_view,
    "wrong_level_or_side": wrong_level_or_side,
    "dose_alert": dose_alert,
    "order_violation": order_violation,
    "image_unfit": _image_unfit,
}
"""How each warning that a procedure may list is judged."""
