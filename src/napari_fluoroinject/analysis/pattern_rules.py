"""Warnings from how contrast spread: what it resembles, never what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.looks import Limit, Shown, nearest_look, said, words
from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.procedure import Procedure, WarningRule


def resemblance(measured: Iterable[Measurement], rule: WarningRule, procedure: Procedure) -> Shown:
    """Judge by measurements how much a spread resembles the pattern of a rule.

    Parameters
    ----------
    measured
        What was measured in one loop, with or without a value.
    rule
        Gives a number for every setting of its pattern, and the threshold of the score, which is
        1 where that is reached.
    procedure
        Whose landmarks say in which views they are marked.
    """
    found = nearest_look(LIKENESSES[rule.id].looks, measured, _limits(rule), procedure)
    if found.score is None:
        return found
    return replace(found, score=found.score / rule.threshold.low)


def pattern_like(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    """Warn where the spread resembles the rule's pattern by all features of one look."""
    found = resemblance(evidence.measured, rule, procedure)
    if found.score is None or found.score < 1.0:
        return None
    frames = last_frames(evidence.motion, LAST_FRAMES)
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=_text(found, rule),
        score=found.score,
        frames=(frames[0], frames[-1]),
    )


def patterns_unjudged(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Say which patterns could not be judged and why; those with one reason share a sentence."""
    whys: dict[str, list[str]] = {}
    for rule in procedure.warnings:
        if rule.id in LIKENESSES:
            found = resemblance(evidence.measured, rule, procedure)
            if found.score is None:
                whys.setdefault(found.why, []).append(words(rule.id))
    return [f"{', '.join(names)}: not judged ({why})" for why, names in whys.items()]


def _limits(rule: WarningRule) -> dict[str, Limit]:
    """The rule's limits; of a range the end that warns sooner."""
    return {
        name: Limit(value=one.low if name.startswith("least_") else one.high, unit=one.unit)
        for name, one in (rule.settings or {}).items()
    }


def _text(found: Shown, rule: WarningRule) -> str:
    numbers = "; ".join(map(said, found.told))
    view = found.told[0].one.view
    where = "in this view, whose name is not known" if view is None else f"in the {view} view"
    return (
        f"The pattern resembles {LIKENESSES[rule.id].resembles}; review the run. Of the contrast "
        f"that shows {where} at the end: {numbers}. Other spreads can look alike in one view."
    )
