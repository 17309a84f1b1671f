"""How far contrast shows the pattern that its procedure expects; it clears nothing.

What was not judged is said so: an unfit image, contrast that was not seen, marks that are
missing. Where a warning was raised of what the same contrast resembles, or of a run-off that is
among it, that warning stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.findings import assess, unfit
from napari_fluoroinject.analysis.looks import Limit, Shown, Told, nearest_look, said, words
from napari_fluoroinject.model.expectation import ExpectedPattern, ToldFeature
from napari_fluoroinject.model.expected import EXPECTED
from napari_fluoroinject.model.likeness import LIKENESSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.procedure import Pattern, Procedure
    from napari_fluoroinject.model.report import Finding

FIRST = ("vascular_uptake", "contrast_not_seen", *LIKENESSES)
"""Warnings beside which no expected pattern is judged: they say that contrast is elsewhere, too,
or nowhere, and nothing may weaken them."""
NO_CLEARANCE = "This does not exclude other spread or vessels."


def expected_patterns(
    evidence: Evidence, procedure: Procedure, findings: Sequence[Finding]
) -> tuple[ExpectedPattern, ...]:
    """Judge each pattern that a procedure expects, in its order.

    Parameters
    ----------
    evidence
        What was measured in one loop.
    procedure
        Whose expected patterns have the limits.
    findings
        The warnings that were raised of the loop.
    """
    why = _why_not(evidence, procedure, findings)
    return tuple(
        _unjudged(pattern, why) if why else _judged(pattern, evidence, procedure)
        for pattern in procedure.expected
    )


def _why_not(evidence: Evidence, procedure: Procedure, findings: Sequence[Finding]) -> str:
    """Why no expected pattern may be judged in this loop; empty where one may."""
    if reasons := unfit(evidence, procedure):
        return f"image unfit: {'; '.join(reasons)}"
    if assess(evidence, procedure).frames == 0:
        return "image unfit: no frame could be judged"
    first = [words(found.id) for found in findings if found.id in FIRST]
    if first:
        return f"a warning comes first: {', '.join(first)}"
    if evidence.run_off.alarmed:
        return "a run-off, which may be in a vessel, is among the contrast"
    if evidence.injection.onset_frame is None:
        return "no contrast was seen to arrive"
    return ""


def _judged(pattern: Pattern, evidence: Evidence, procedure: Procedure) -> ExpectedPattern:
    looks = EXPECTED.get(pattern.id, ())
    if not looks:
        return _unjudged(pattern, "this version cannot tell it")
    found = nearest_look(looks, evidence.measured, _limits(pattern), procedure)
    if found.score is None:
        return _unjudged(pattern, found.why)
    shown = found.score >= 1.0
    return ExpectedPattern(
        pattern=pattern.id,
        name=pattern.name,
        state="shown" if shown else "not shown",
        score=found.score,
        told=tuple(map(_feature, found.told)),
        text=_text(pattern, found),
    )


def _unjudged(pattern: Pattern, why: str) -> ExpectedPattern:
    return ExpectedPattern(
        pattern=pattern.id,
        name=pattern.name,
        state="not judged",
        score=None,
        text=f"The expected pattern ({_name(pattern)}) was not judged: {why}.",
        reason=why,
    )


def _limits(pattern: Pattern) -> dict[str, Limit]:
    """The pattern's limits; of a range the end that asks for more."""
    return {
        name: Limit(value=one.high if name.startswith("least_") else one.low, unit=one.unit)
        for name, one in (pattern.settings or {}).items()
    }


def _feature(told: Told) -> ToldFeature:
    return ToldFeature(
        measure=told.one.id,
        of=told.one.of,
        view=told.one.view,
        value=told.one.value or 0.0,
        sigma=told.one.sigma,
        unit=told.one.unit,
        bound=told.feature.bound,
        limit=told.limit.value,
        reached=told.score >= 1.0,
    )


def _text(pattern: Pattern, found: Shown) -> str:
    view = found.told[0].one.view
    where = "this view, whose name is not known," if view is None else f"the {view} view"
    reached = [said(one) for one in found.told if one.score >= 1.0]
    short = [said(one) for one in found.told if one.score < 1.0]
    parts = [f"{where} shows: {'; '.join(reached)}." if reached else f"{where} shows nothing."]
    if short:
        parts.append(f"Outside its limits, or within by less than 1 sigma: {'; '.join(short)}.")
    return f"Of the expected pattern ({_name(pattern)}) {' '.join(parts)} {NO_CLEARANCE}"


def _name(pattern: Pattern) -> str:
    return f"{pattern.name[:1].lower()}{pattern.name[1:]}"
