"""Warnings from how contrast spread: what it resembles, never what it is.

A pattern is told by features, each a measure against a limit of the rule's settings. A feature
scores 1 where its limit is reached with one standard deviation to spare, so that a spread at the
limit does not warn or keep silent by its noise; a look scores as its weakest feature, and a
pattern as its best look. Scores grow and fall with what was measured, so that an operating point
can be chosen from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.model.likeness import LIKENESSES, Feature
from napari_fluoroinject.model.measurement import MEASURES, Measurement
from napari_fluoroinject.model.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.procedure import Procedure, WarningRule
    from napari_fluoroinject.model.sourced import Sourced

SPARE_SIGMAS = 1.0
"""A feature counts as it stands so many standard deviations on the unlikely side."""
MOST_SCORE = 10.0
"""Scores end here: what lies ten times within a limit is no surer than what lies nine times."""
_SPOKEN_UNITS = {"{levels}": "levels", "{levels}/mL": "levels/mL", "{pixels}": "pixels"}
"""Units (UCUM) as settings and sentences have them; others stand as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """How much a spread resembles a pattern.

    `score` is 1 where the procedure's threshold is reached, None where it could not be judged, and
    then `why` says what was missing. `told` are the measures of the look that resembles most, each
    with its feature, in the order of the look.
    """

    score: float | None
    why: str = ""
    told: tuple[tuple[Feature, Measurement], ...] = ()


def resemblance(
    measured: Iterable[Measurement], rule: WarningRule, procedure: Procedure
) -> Resemblance:
    """Judge by measurements how much a spread resembles the pattern of a rule.

    Only looks whose landmarks the procedure has are tried.

    Parameters
    ----------
    measured
        What was measured in one loop, with or without a value.
    rule
        Gives a number for every setting of its pattern, and the threshold of the score.
    procedure
        Whose landmarks say in which views they are marked.
    """
    found = tuple(measured)
    tried = [
        _look(look, found, rule, procedure)
        for look in LIKENESSES[rule.id].looks
        if _known(look, procedure)
    ]
    judged = [one for one in tried if one.score is not None]
    if not judged:
        whys = dict.fromkeys(one.why for one in tried)
        return Resemblance(score=None, why=" or ".join(whys) or "the procedure has no landmark")
    return max(judged, key=lambda one: one.score or 0.0)


def pattern_like(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    """Warn where the spread resembles the rule's pattern by all features of one look."""
    found = resemblance(evidence.measured, rule, procedure)
    if found.score is None or found.score < 1.0:
        return None
    frames = last_frames(evidence.motion, LAST_FRAMES)
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=_said(found, rule),
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
                whys.setdefault(found.why, []).append(_words(rule.id))
    return [f"{', '.join(names)}: not judged ({why})" for why, names in whys.items()]


def _known(look: tuple[Feature, ...], procedure: Procedure) -> bool:
    """Whether the procedure has what the look is measured against."""
    marked = {landmark.id for landmark in procedure.landmarks}
    return all(
        feature.extra or not feature.landmarks or bool(marked & set(feature.landmarks))
        for feature in look
    )


def _look(
    look: tuple[Feature, ...],
    measured: tuple[Measurement, ...],
    rule: WarningRule,
    procedure: Procedure,
) -> Resemblance:
    scores: list[float] = []
    told: list[tuple[Feature, Measurement]] = []
    missing: list[str] = []
    for feature in look:
        one = _measured(feature, measured, procedure)
        if not isinstance(one, str) and _unit(one) != _limit(feature, rule).unit:
            one = f"it takes {_limit(feature, rule).unit}, and there are {_unit(one)}"
        if not isinstance(one, str):
            scores.append(_score(feature, one, rule))
            told.append((feature, one))
        elif not feature.extra:
            missing.append(one)
    if missing:
        return Resemblance(score=None, why=", ".join(dict.fromkeys(missing)))
    return Resemblance(score=min(scores) / rule.threshold.low, told=tuple(told))


def _measured(
    feature: Feature, measured: tuple[Measurement, ...], procedure: Procedure
) -> Measurement | str:
    """What a feature is told by, of several areas the one that holds most; else why not."""
    against = [
        one
        for one in measured
        if one.id == feature.measure
        and (not feature.landmarks or one.of is None or one.of in feature.landmarks)
    ]
    known = [one for one in against if one.value is not None]
    if known and feature.views and known[0].view not in feature.views:
        shown = "is not known" if known[0].view is None else f"is {known[0].view}"
        return f"it is judged in {', '.join(feature.views)}, and this view {shown}"
    fitting = [one for one in known if _in_view(one, procedure)]
    if fitting:
        return max(fitting, key=lambda one: one.value or 0.0)
    if known:
        views = dict.fromkeys(view for one in known for view in _views(one, procedure))
        return f"it is judged in {', '.join(views)}, and this view is {known[0].view}"
    return next((one.reason for one in against), f"{_words(feature.measure)}: not measured")


def _views(one: Measurement, procedure: Procedure) -> tuple[str, ...]:
    return next((mark.views for mark in procedure.landmarks if mark.id == one.of), ())


def _in_view(one: Measurement, procedure: Procedure) -> bool:
    """Whether a landmark is one of the view; where the view is not known, the mark says so."""
    return one.of is None or one.view is None or one.view in _views(one, procedure)


def _score(feature: Feature, one: Measurement, rule: WarningRule) -> float:
    """1 where the limit is reached with the spare, more the farther it is passed, at least 0."""
    limit, spare = _number(feature, rule), SPARE_SIGMAS * (one.sigma or 0.0)
    value = one.value or 0.0
    if feature.bound == "least":
        return min(max(value - spare, 0.0) / limit, MOST_SCORE)
    return min(limit / max(value + spare, limit / MOST_SCORE), MOST_SCORE)


def _limit(feature: Feature, rule: WarningRule) -> Sourced:
    return (rule.settings or {})[feature.setting]


def _number(feature: Feature, rule: WarningRule) -> float:
    """The limit as a number; of a range the end that warns sooner."""
    limit = _limit(feature, rule)
    return limit.low if feature.bound == "least" else limit.high


def _unit(one: Measurement) -> str:
    return _SPOKEN_UNITS.get(one.unit, one.unit)


def _said(found: Resemblance, rule: WarningRule) -> str:
    numbers = "; ".join(_told(feature, one, rule) for feature, one in found.told)
    view = found.told[0][1].view
    where = "in this view, whose name is not known" if view is None else f"in the {view} view"
    return (
        f"The pattern resembles {LIKENESSES[rule.id].resembles}; review the run. Of the contrast "
        f"that shows {where} at the end: {numbers}. Other spreads can look alike in one view."
    )


def _told(feature: Feature, one: Measurement, rule: WarningRule) -> str:
    digits = 0 if one.unit == "%" else 1
    of = "" if one.of is None else f" ({_words(one.of)})"
    sigma = "" if one.sigma is None else f" +- {one.sigma:.{digits}f}"
    limit = f"{_number(feature, rule):g} {_unit(one)} at {feature.bound}"
    value = f"{one.value:.{digits}f}{sigma} {_unit(one)}"
    return f"{MEASURES[one.id]}{of} {value} (the pattern takes {limit})"


def _words(name: str) -> str:
    return name.replace("_like", "-like").replace("_", " ")
