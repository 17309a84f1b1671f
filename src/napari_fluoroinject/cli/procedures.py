"""`fluoroinject procedures`: what is known about a procedure, each fact with its source."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.console import wrong_usage
from napari_fluoroinject.cli.readable import line, section
from napari_fluoroinject.errors import ProcedureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.procedure import Grade, Procedure, Sourced, ViewRule

_GRADES: dict[Grade, str] = {
    "S": "stated in the source",
    "M": "from memory, unverified",
    "D": "derived or proposed by this project",
}


def procedures(
    key: Annotated[str | None, typer.Argument(help="One procedure in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the procedures, or show one in full with its sources."""
    from napari_fluoroinject.procedures import every, get

    if key is None:
        listed = every()
        typer.echo(_json([asdict(one) for one in listed]) if as_json else _list(listed))
        return
    with wrong_usage(ProcedureError):
        procedure = get(key)
    typer.echo(_json(asdict(procedure)) if as_json else page(procedure))


def page(procedure: Procedure) -> str:
    """One procedure as a page that a clinician can check: every number with grade and source."""
    blocks = [
        _head(procedure),
        section("Views", [_view(view) for view in procedure.views]),
        section("Target", list(_target(procedure))),
        section("Limits", [line("do not pass", limit) for limit in procedure.limits]),
        section("Contrast", list(_contrast(procedure))),
        section(
            "How often",
            [
                line(name.replace("_", " "), _sourced(incidence))
                for name, incidence in (procedure.incidences or {}).items()
            ],
        ),
        section("Warnings", list(_warnings(procedure))),
        section("Sources", [line(one.id, one.citation) for one in procedure.sources]),
        section("Grades", [line(grade, text) for grade, text in _GRADES.items()]),
    ]
    return "\n\n".join(block for block in blocks if block)


def _list(listed: tuple[Procedure, ...]) -> str:
    width = max(len(one.key) for one in listed)
    lines = [f"  {one.key:<{width}}  {one.name}{_unsigned(one)}" for one in listed]
    return section("Procedures", lines) + "\n\nOne in full: fluoroinject procedures KEY"


def _unsigned(procedure: Procedure) -> str:
    return "" if procedure.clinician_signed_off else " (not reviewed by a clinician)"


def _head(procedure: Procedure) -> str:
    value, scheme, meaning = procedure.concept
    lines = [
        line("key", procedure.key),
        line("region", procedure.region),
        line("code", f"({value}, {scheme}, {meaning})"),
        line("reviewed by a clinician", "yes" if procedure.clinician_signed_off else "no"),
    ]
    if procedure.anatomic_region is not None:
        value, scheme, meaning = procedure.anatomic_region
        lines.insert(3, line("anatomic region", f"({value}, {scheme}, {meaning})"))
    return section(procedure.name, lines)


def _view(view: ViewRule) -> str:
    parts = [view.role]
    if view.oblique_deg is not None:
        low, high = view.oblique_deg
        parts.append(f"oblique {low:g} to {high:g} deg (towards the needle's side positive)")
    if view.tilt:
        parts.append(view.tilt)
    return line(view.name, f"{'; '.join(parts)} {_cited(view.grade, view.sources)}")


def _target(procedure: Procedure) -> Iterator[str]:
    target = procedure.target
    if target is None:
        return
    yield line("where the tip belongs", target.name)
    for landmark in target.landmarks:
        yield line("landmark", landmark)
    if target.tolerance is not None:
        yield line("tolerance", _sourced(target.tolerance))


def _contrast(procedure: Procedure) -> Iterator[str]:
    yield line("expected spread", procedure.expected_spread)
    if procedure.test_volume is not None:
        yield line("test volume", _sourced(procedure.test_volume))


def _warnings(procedure: Procedure) -> Iterator[str]:
    for warning in procedure.warnings:
        yield line(
            warning.id.replace("_", " "),
            f"{warning.severity}; raised from {_sourced(warning.threshold)}",
        )


def _sourced(fact: Sourced) -> str:
    number = f"{fact.low:g}" if fact.low == fact.high else f"{fact.low:g} to {fact.high:g}"
    note = f" ({fact.note})" if fact.note else ""
    return f"{number} {fact.unit}{note} {_cited(fact.grade, fact.sources)}"


def _cited(grade: Grade, sources: tuple[str, ...]) -> str:
    return f"[{grade}{': ' if sources else ''}{', '.join(sources)}]"


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
