"""How far a spread shows all features of one look of a pattern.

A feature is a measure against a limit. It scores 1 where its limit is reached with one standard
deviation to spare, so that a spread at the limit does not count or fail by its noise; a look
scores as its weakest feature. Scores grow and fall with what was measured, so that an operating
point can be chosen from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.model.likeness import Feature
from napari_fluoroinject.model.measurement import MEASURES, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_fluoroinject.model.procedure import Procedure

SPARE_SIGMAS = 1.0
"""A feature counts as it stands so many standard deviations on the unlikely side."""
MOST_SCORE = 10.0
"""Scores end here: what lies ten times within a limit is no surer than what lies nine times."""
_MOST_DIGITS = 3
_SPOKEN_UNITS = {"{levels}": "levels", "{levels}/mL": "levels/mL", "{pixels}": "pixels"}
"""Units (UCUM) as settings and sentences have them; others stand as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The number that a feature is held against, in a unit as settings write it."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One feature as it was measured: `score` is 1 where its limit is reached with the spare."""

    feature: Feature
    one: Measurement
    limit: Limit
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How much of a pattern a spread shows.

    `score` is 1 where every feature of a look reaches its limit, None where it could not be
    judged, and then `why` says what was missing. `told` are the features of the look that comes
    nearest, in its order.
    """

    score: float | None
    why: str = ""
    told: tuple[Told, ...] = ()


def nearest_look(
    looks: Iterable[tuple[Feature, ...]],
    measured: Iterable[Measurement],
    limits: Mapping[str, Limit],
    procedure: Procedure,
) -> Shown:
    """Return how far a spread shows the look that it comes nearest to.

    Only looks whose landmarks the procedure has are tried.

    Parameters
    ----------
    looks
        Each tells the pattern alone, by all of its features together.
    measured
        What was measured in one loop, with or without a value.
    limits
        One for each feature, by the name of its setting.
    procedure
        Whose landmarks say in which views they are marked.
    """
    found = tuple(measured)
    tried = [_look(look, found, limits, procedure) for look in looks if _known(look, procedure)]
    judged = [one for one in tried if isinstance(one, Shown)]
    if judged:
        return max(judged, key=lambda one: one.score or 0.0)
    missing = [one for one in tried if not isinstance(one, Shown)]
    # what lacks less says all that it takes to judge
    least = [one for one in missing if not any(set(other) < set(one) for other in missing)]
    whys = dict.fromkeys(", ".join(one) for one in least)
    return Shown(score=None, why=" or ".join(whys) or "the procedure has no landmark")


def said(told: Told) -> str:
    """One feature in words: what was measured, and what the pattern takes."""
    one = told.one
    value, limit = one.value or 0.0, told.limit.value
    digits = _digits(value, one.sigma, limit, unit=one.unit)
    of = "" if one.of is None else f" ({words(one.of)})"
    sigma = "" if one.sigma is None else f" +- {one.sigma:.{digits}f}"
    unit = "" if one.unit == "1" else f" {spoken_unit(one)}"
    takes = f"{limit:g}{unit} at {told.feature.bound}"
    return f"{MEASURES[one.id]}{of} {value:.{digits}f}{sigma}{unit} (the pattern takes {takes})"


def spoken_unit(one: Measurement) -> str:
    """The unit of a measurement as settings and sentences have it."""
    return _SPOKEN_UNITS.get(one.unit, one.unit)


def words(name: str) -> str:
    """An identifier as people say it: `intrathecal_like` is "intrathecal-like"."""
    return name.replace("_like", "-like").replace("_", " ")


def _digits(value: float, sigma: float | None, limit: float, *, unit: str) -> int:
    """So many that a sigma is not shown as none, nor two sides of a limit as the same."""
    least = {"%": 0, "1": 2}.get(unit, 1)
    for digits in range(least, _MOST_DIGITS):
        apart = value == limit or f"{value:.{digits}f}" != f"{limit:.{digits}f}"
        if apart and (not sigma or float(f"{sigma:.{digits}f}") > 0):
            return digits
    return _MOST_DIGITS


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
    limits: Mapping[str, Limit],
    procedure: Procedure,
) -> Shown | tuple[str, ...]:
    """How far one look is shown, or what it takes to judge it."""
    told: list[Told] = []
    missing: list[str] = []
    for feature in look:
        one, limit = _measured(feature, measured, procedure), limits[feature.setting]
        if not isinstance(one, str) and spoken_unit(one) != limit.unit:
            one = f"it takes {limit.unit}, and there are {spoken_unit(one)}"
        if not isinstance(one, str):
            score = _score(feature, one, limit.value)
            told.append(Told(feature=feature, one=one, limit=limit, score=score))
        elif not feature.extra:
            missing.append(one)
    if missing:
        return tuple(dict.fromkeys(missing))
    return Shown(score=min(one.score for one in told), told=tuple(told))


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
    known = [one for one in against if one.value is not None and isfinite(one.value)]
    if known and feature.views and known[0].view not in feature.views:
        shown = "is not known" if known[0].view is None else f"is {known[0].view}"
        return f"it is judged in {', '.join(feature.views)}, and this view {shown}"
    fitting = [one for one in known if _in_view(one, procedure)]
    if fitting:
        return max(fitting, key=lambda one: one.value or 0.0)
    if known:
        views = dict.fromkeys(view for one in known for view in _views(one, procedure))
        return f"it is judged in {', '.join(views)}, and this view is {known[0].view}"
    return next(
        (one.reason for one in against if one.reason), f"{words(feature.measure)}: not measured"
    )


def _views(one: Measurement, procedure: Procedure) -> tuple[str, ...]:
    return next((mark.views for mark in procedure.landmarks if mark.id == one.of), ())


def _in_view(one: Measurement, procedure: Procedure) -> bool:
    """Whether a landmark is one of the view; where the view is not known, the mark says so."""
    return one.of is None or one.view is None or one.view in _views(one, procedure)


def _score(feature: Feature, one: Measurement, limit: float) -> float:
    """1 where the limit is reached with the spare, more the farther it is passed, at least 0."""
    spare = SPARE_SIGMAS * (one.sigma or 0.0)
    value = one.value or 0.0
    if feature.bound == "least":
        return min(max(value - spare, 0.0) / limit, MOST_SCORE)
    return min(limit / max(value + spare, limit / MOST_SCORE), MOST_SCORE)
