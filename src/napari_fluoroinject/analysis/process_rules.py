"""Warnings from what was done and recorded, whatever the picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.report import Finding

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.procedure import Procedure, WarningRule


def wrong_level_or_side(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    """Warn where the side that was said contradicts the one that the file records."""
    said, recorded = evidence.annotation.side, evidence.loop.laterality
    if said is None or recorded is None or "bilateral" in (said, recorded) or said == recorded:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=f"The side was given as {said}, and the file records {recorded}: find out which.",
        score=1.0,
        frames=None,
    )


def order_violation(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    """Flag medication that came before contrast where the procedure asks for contrast first."""
    if procedure.contrast_first is None:
        return None
    times = {kind: _first(evidence, kind) for kind in ("contrast", "medication")}
    medication, contrast = times["medication"], times["contrast"]
    if medication is None or (contrast is not None and contrast <= medication):
        return None
    when = "with no contrast recorded" if contrast is None else f"contrast at {contrast:.1f} s"
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=(
            f"Medication was recorded at {medication:.1f} s, {when}; this procedure asks for "
            "contrast first. This flags the record and blocks nothing."
        ),
        score=1.0,
        frames=None,
    )


def _first(evidence: Evidence, kind: str) -> float | None:
    times = [event.time_s for event in evidence.annotation.events if event.kind == kind]
    return min(times, default=None)
