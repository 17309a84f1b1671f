"""A procedure as a page that a clinician can check: every fact with its grade and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.model.expected import EXPECTED
from napari_fluoroinject.model.measurement import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.likeness import Feature
    from napari_fluoroinject.model.procedure import (
        LandmarkRule,
        LimitRule,
        Pattern,
        Procedure,
        ViewRule,
        WarningRule,
    )
    from napari_fluoroinject.model.sourced import Grade, Source, Sourced, Statement

GRADES: dict[Grade, str] = {
    "S": "stated in the source",
    "M": "from memory, unverified",
    "D": "derived or proposed by this project",
}
Line = tuple[str, str]
"""A label and what is said under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled block of labelled lines."""

    title: str
    lines: tuple[Line, ...]


def sections(procedure: Procedure) -> tuple[Section, ...]:
    """Return the page of a procedure block by block; blocks with nothing to say are left out."""
    blocks = (
        (procedure.name, _head(procedure)),
        ("Why", _statements("indication", procedure.indications)),
        ("Views", map(_view, procedure.views)),
        ("Target", _target(procedure)),
        ("Trajectory", _trajectory(procedure)),
        ("Landmarks to mark", map(_landmark, procedure.landmarks)),
        ("Limits", _limits(procedure)),
        ("Contrast", _contrast(procedure)),
        ("Measured", ((spoken(one), MEASURES[one]) for one in procedure.measures)),
        ("How often", _numbers(procedure.incidences)),
        ("Figures", _numbers(procedure.figures)),
        ("What can go wrong", _statements("complication", procedure.complications)),
        ("Notes", _statements("note", procedure.notes)),
        ("Warnings", _warnings(procedure)),
        ("Sources", map(source_line, procedure.sources)),
        ("Grades", GRADES.items()),
    )
    told = (Section(title=title, lines=tuple(lines)) for title, lines in blocks)
    return tuple(section for section in told if section.lines)


def markdown(procedure: Procedure) -> str:
    """Return the same page as Markdown."""
    blocks: list[str] = []
    for section in sections(procedure):
        title = f"{'##' if blocks else '#'} {section.title}"
        rows = [f"| {_cell(label)} | {_cell(text)} |" for label, text in section.lines]
        blocks.append("\n".join([title, "", "| | |", "|---|---|", *rows]))
    return "\n\n".join(blocks) + "\n"


def index(procedures: tuple[Procedure, ...]) -> str:
    """Return a table of procedures in Markdown, each with a link to its page."""
    rows = [
        f"| [{one.key}]({one.key}.md) | {_cell(one.name)} | "
        f"{'yes' if one.clinician_signed_off else 'no'} |"
        for one in procedures
    ]
    head = ["# Procedures", "", "| key | procedure | reviewed by a clinician |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def spoken(name: str) -> str:
    """An identifier as people say it: `intrathecal_like` is "intrathecal-like"."""
    return name.replace("_like", "-like").replace("_", " ")


def said(statement: Statement) -> str:
    """Return a sentence with its note, grade and sources."""
    return f"{statement.text}{_noted(statement.note)} {_cited(statement.grade, statement.sources)}"


def source_line(source: Source) -> Line:
    """Return a source as a labelled line."""
    kind = f" ({source.kind})" if source.kind else ""
    return source.id, f"{source.citation}{kind}{f' {source.url}' if source.url else ''}"


def _head(procedure: Procedure) -> Iterator[Line]:
    value, scheme, meaning = procedure.concept
    yield "key", procedure.key
    yield "region", procedure.region
    yield "code", f"({value}, {scheme}, {meaning})"
    if procedure.anatomic_region is not None:
        value, scheme, meaning = procedure.anatomic_region
        yield "anatomic region", f"({value}, {scheme}, {meaning})"
    if procedure.cpt:
        yield "CPT", ", ".join(procedure.cpt)
    for name, fact in (("position", procedure.position), ("levels", procedure.levels)):
        if fact is not None:
            yield name, said(fact)
    unsigned = "no: these are facts to be checked, not instructions"
    yield "reviewed by a clinician", "yes" if procedure.clinician_signed_off else unsigned


def _view(view: ViewRule) -> Line:
    turned = (("oblique", view.oblique), ("tilt", view.tilt))
    parts = [view.role, *(f"{name} {_number(angle)}" for name, angle in turned if angle)]
    parts += [part for part in (view.until, "needed" if view.needed else "") if part]
    return view.name, f"{'; '.join(parts)}{_noted(view.note)} {_cited(view.grade, view.sources)}"


def _target(procedure: Procedure) -> Iterator[Line]:
    target = procedure.target
    if target is None:
        return
    yield "where the tip belongs", target.name
    yield from _statements("place", target.places)
    if target.within is not None:
        yield "within", spoken(target.within)
    if target.tolerance is not None:
        yield "tolerance", _number(target.tolerance)


def _trajectory(procedure: Procedure) -> Iterator[Line]:
    rule = procedure.trajectory
    if rule is None:
        return
    told = f"{rule.text}{_noted(rule.note)} {_cited(rule.grade, rule.sources)}"
    yield spoken(rule.kind), told
    yield from _numbers(rule.angles)


def _landmark(landmark: LandmarkRule) -> Line:
    seen = f"{landmark.kind} in {', '.join(landmark.views)}"
    told = f"{landmark.name}; {seen}{_noted(landmark.note)}"
    return landmark.id, f"{told} {_cited(landmark.grade, landmark.sources)}"


def _limits(procedure: Procedure) -> Iterator[Line]:
    names = {landmark.id: landmark.name for landmark in procedure.landmarks}
    for limit in procedure.limits:
        yield "line not to be passed", _limit(limit, names[limit.landmark])
    for hazard in procedure.hazards:
        where = f": {hazard.where}" if hazard.where else ""
        told = f"{hazard.name}{where}{_noted(hazard.note)}"
        yield "beware of", f"{told} {_cited(hazard.grade, hazard.sources)}"


def _limit(limit: LimitRule, name: str) -> str:
    told = f"{name}, not {limit.beyond} of it ({', '.join(limit.views)})"
    margin = "" if limit.margin is None else f"; margin {_number(limit.margin)}"
    return f"{told}{_noted(limit.note)} {_cited(limit.grade, limit.sources)}{margin}"


def _contrast(procedure: Procedure) -> Iterator[Line]:
    yield "expected spread", procedure.expected_spread
    for name, volume in (
        ("test volume", procedure.test_volume),
        ("injected volume", procedure.injected_volume),
    ):
        if volume is not None:
            yield name, _number(volume)
    if procedure.contrast_first is not None:
        yield "order", said(procedure.contrast_first)
    if procedure.bleeding_risk is not None:
        yield "bleeding risk", said(procedure.bleeding_risk)
    for kind, patterns in (("expected", procedure.expected), ("watch for", procedure.abnormal)):
        for pattern in patterns:
            yield from _pattern(kind, pattern)


def _pattern(kind: str, pattern: Pattern) -> Iterator[Line]:
    warning = "" if pattern.warning is None else f"; raises {spoken(pattern.warning)}"
    measured = ", ".join(spoken(one) for one in pattern.measures)
    told = f"; measured by {measured}" if measured else ""
    yield kind, f"{pattern.name}{warning}{told}"
    for look in pattern.looks:
        yield "", said(look)
    limits = pattern.settings or {}
    for features in EXPECTED.get(pattern.id, ()):
        yield "one view shows it by", "; ".join(_feature(one, limits) for one in features)
    for name, limit in limits.items():
        yield f"limit: {spoken(name)}", _number(limit)


def _feature(feature: Feature, limits: dict[str, Sourced]) -> str:
    """`line contact (ventral interlaminar line) at least 30 %`."""
    limit = limits[feature.setting]
    number = limit.high if feature.bound == "least" else limit.low
    unit = "" if limit.unit == "1" else f" {limit.unit}"
    of = f" ({', '.join(map(spoken, feature.landmarks))})" if feature.landmarks else ""
    views = f" in {' or '.join(feature.views)}" if feature.views else ""
    extra = ", where measured" if feature.extra else ""
    return f"{spoken(feature.measure)}{of} at {feature.bound} {number:g}{unit}{views}{extra}"


def _warnings(procedure: Procedure) -> Iterator[Line]:
    for warning in procedure.warnings:
        yield spoken(warning.id), _raised(warning)


def _raised(warning: WarningRule) -> str:
    settings = (warning.settings or {}).items()
    more = "".join(f"; {spoken(name)} {_number(value)}" for name, value in settings)
    return f"{warning.severity}; raised from {_number(warning.threshold)}{more}"


def _statements(label: str, statements: tuple[Statement, ...]) -> Iterator[Line]:
    for statement in statements:
        yield label, said(statement)


def _numbers(numbers: dict[str, Sourced] | None) -> Iterator[Line]:
    for name, number in (numbers or {}).items():
        yield spoken(name), _number(number)


def _number(fact: Sourced) -> str:
    number = f"{fact.low:g}" if fact.low == fact.high else f"{fact.low:g} to {fact.high:g}"
    unit = "" if fact.unit == "1" else f" {fact.unit}"
    return f"{number}{unit}{_noted(fact.note)} {_cited(fact.grade, fact.sources)}"


def _noted(note: str) -> str:
    return f" ({note})" if note else ""


def _cited(grade: Grade, sources: tuple[str, ...]) -> str:
    return f"[{grade}{': ' if sources else ''}{', '.join(sources)}]"
