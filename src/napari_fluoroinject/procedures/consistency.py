"""What types cannot say of a procedure: that it speaks only of what it defines."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, get_args

from napari_fluoroinject.model.expected import EXPECTED, expected_settings
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.measurement import CONTACT_LINES, LANDMARK_OF
from napari_fluoroinject.model.procedure import Region
from napari_fluoroinject.model.sourced import Sourced
from napari_fluoroinject.procedures.units import wide_views, wrong_limits, wrong_units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.likeness import Feature
    from napari_fluoroinject.model.procedure import Procedure


def inconsistencies(procedure: Procedure) -> list[str]:
    """Return every fault, each with its path; none where the procedure is sound."""
    return [
        *_twice(procedure),
        *_unknown_views(procedure),
        *_unknown_landmarks(procedure),
        *_wrong_patterns(procedure),
        *_missing_landmarks(procedure),
        *_untold_warnings(procedure),
        *_untold_expected(procedure),
        *_faulty_facts(procedure),
        *_no_region(procedure),
        *wrong_units(procedure),
        *wide_views(procedure),
    ]


def _twice(procedure: Procedure) -> Iterator[str]:
    named: tuple[tuple[str, list[str]], ...] = (
        ("views", [view.name for view in procedure.views]),
        ("landmarks", [landmark.id for landmark in procedure.landmarks]),
        ("warnings", [warning.id for warning in procedure.warnings]),
        ("sources", [source.id for source in procedure.sources]),
    )
    for name, ids in named:
        for one in sorted({i for i in ids if ids.count(i) > 1}):
            yield f"{name}: {one!r} stands there more than once"


def _unknown_views(procedure: Procedure) -> Iterator[str]:
    known = {view.name for view in procedure.views}
    seen = {f"landmarks.{i}": rule.views for i, rule in enumerate(procedure.landmarks)}
    seen |= {f"limits.{i}": rule.views for i, rule in enumerate(procedure.limits)}
    for at, views in seen.items():
        for view in views:
            if view not in known:
                yield f"{at}.views: no view {view!r}; there are {sorted(known)}"


def _unknown_landmarks(procedure: Procedure) -> Iterator[str]:
    kinds = {landmark.id: landmark.kind for landmark in procedure.landmarks}
    for index, limit in enumerate(procedure.limits):
        if kinds.get(limit.landmark) != "line":
            lines = sorted(name for name, kind in kinds.items() if kind == "line")
            yield f"limits.{index}.landmark: no line {limit.landmark!r}; there are {lines}"
    for name in {*LANDMARK_OF.values(), *CONTACT_LINES} & set(kinds):
        if kinds[name] != "line":
            yield f"landmarks: {name!r} is of kind {kinds[name]}; measures need a line"
    within = procedure.target.within if procedure.target else None
    if within is not None and kinds.get(within) != "area":
        areas = sorted(name for name, kind in kinds.items() if kind == "area")
        yield f"target.within: no area {within!r}; there are {areas}"


def _wrong_patterns(procedure: Procedure) -> Iterator[str]:
    warned = {warning.id for warning in procedure.warnings}
    for kind, patterns in (("expected", procedure.expected), ("abnormal", procedure.abnormal)):
        for pattern in patterns:
            if pattern.kind != kind:
                yield f"{kind}: {pattern.id!r} is of kind {pattern.kind}"
            if pattern.warning is not None and pattern.warning not in warned:
                yield f"{kind}: {pattern.id!r} raises {pattern.warning!r}, not among the warnings"


def _missing_landmarks(procedure: Procedure) -> Iterator[str]:
    """What is to be measured of an expected spread, or besides, can be marked."""
    known = {landmark.id for landmark in procedure.landmarks}
    asked = [*procedure.measures, *(m for pattern in procedure.expected for m in pattern.measures)]
    for measure in dict.fromkeys(asked):
        needed = LANDMARK_OF.get(measure)
        if needed is not None and needed not in known:
            yield f"landmarks: {measure} is measured against {needed!r}, which is not among them"
    if "line_contact" in asked and not known & set(CONTACT_LINES):
        yield f"landmarks: line_contact is measured against one of {', '.join(CONTACT_LINES)}"


def _untold_warnings(procedure: Procedure) -> Iterator[str]:
    """A warning of a pattern has its limits, and the landmarks of a look; no other has limits."""
    for index, rule in enumerate(procedure.warnings):
        likeness = LIKENESSES.get(rule.id)
        wanted = frozenset[str]() if likeness is None else likeness.settings
        yield from _wrong_settings(f"warnings.{index}", rule.id, rule.settings, wanted)
        if likeness is not None:
            yield from _unmarked_looks(rule.id, likeness.looks, procedure)


def _untold_expected(procedure: Procedure) -> Iterator[str]:
    """So has an expected pattern that this version can tell; no other pattern has limits."""
    for index, pattern in enumerate(procedure.expected):
        wanted = expected_settings(pattern.id)
        yield from _wrong_settings(f"expected.{index}", pattern.id, pattern.settings, wanted)
        if pattern.id in EXPECTED:
            yield from _unmarked_looks(pattern.id, EXPECTED[pattern.id], procedure)
    for index, pattern in enumerate(procedure.abnormal):
        yield from _wrong_settings(f"abnormal.{index}", pattern.id, pattern.settings, frozenset())


def _wrong_settings(
    at: str, of: str, settings: dict[str, Sourced] | None, wanted: frozenset[str]
) -> Iterator[str]:
    for name in sorted(wanted.symmetric_difference(settings or {})):
        told = "is missing" if name in wanted else "is no setting of it"
        yield f"{at}.settings: {name!r} {told} ({of})"
    yield from wrong_limits(at, settings or {})


def _unmarked_looks(
    of: str, looks: tuple[tuple[Feature, ...], ...], procedure: Procedure
) -> Iterator[str]:
    known = {landmark.id for landmark in procedure.landmarks}
    needed = [[f.landmarks for f in look if f.landmarks and not f.extra] for look in looks]
    if not any(all(known & set(one) for one in look) for look in needed):
        asked = " or ".join(
            " with ".join("/".join(one) for one in dict.fromkeys(look)) for look in needed
        )
        yield f"landmarks: {of} is told by {asked}, not among them"


def _faulty_facts(procedure: Procedure) -> Iterator[str]:
    """A fact that is stated somewhere says where, and a range begins with its lower end."""
    for at, fact in _facts(procedure, at=""):
        if getattr(fact, "grade", None) == "S" and not getattr(fact, "sources", ()):
            yield f"{at}: graded S, stated in a source, but names none"
        if isinstance(fact, Sourced) and fact.low > fact.high:
            yield f"{at}: low {fact.low:g} is above high {fact.high:g}"


def _no_region(procedure: Procedure) -> Iterator[str]:
    """Only where nobody stated a procedure is it not known where it is."""
    if procedure.region == "unknown" and procedure.key != "generic":
        known = ", ".join(one for one in get_args(Region) if one != "unknown")
        yield f"region: seen 'unknown'; expected one of {known}"


def _facts(value: Any, *, at: str) -> Iterator[tuple[str, Any]]:
    """Every value of the schema, however deep, with its path."""
    if is_dataclass(value):
        yield at.lstrip("."), value
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _facts(one, at=f"{at}.{name}")
