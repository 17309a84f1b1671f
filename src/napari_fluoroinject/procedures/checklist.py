"""The checklist before a procedure: reminders as data, a site's own before those that ship."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.model.checklist import Checklist, Reminder
from napari_fluoroinject.procedures.page import GRADES, Section, said, source_line
from napari_fluoroinject.procedures.reading import cited, read_table, validated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from napari_fluoroinject.model.annotation import AgentKind
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.procedures.page import Line

_FILE = "checklist.toml"
_TITLES = {
    "before": "Before",
    "agent": "Contrast agent",
    "repeat": "Repeating, and steroid",
}


@cache
def checklist(*, site: Path | None = None) -> Checklist:
    """Return the checklist.

    Parameters
    ----------
    site
        Folder with a site's own procedures: reminders of `shared/checklist.toml` in it take the
        place of those with the same id, or stand beside them. The result is signed off by a
        clinician where each file that it comes from is.

    Raises
    ------
    ProcedureError
        A file is not valid; every fault with its path.
    """
    known = procedures.all_keys(site=site)
    whole = _read(files(procedures.__name__) / "shared" / _FILE, known)
    own = None if site is None else site / "shared" / _FILE
    if own is None or not own.is_file():
        return whole
    added = _read(own, known)
    reminders = {one.id: one for one in (*whole.reminders, *added.reminders)}
    sources = {one.id: one for one in (*whole.sources, *added.sources)}
    wanted = cited(tuple(reminders.values()))
    return replace(
        whole,
        clinician_signed_off=whole.clinician_signed_off and added.clinician_signed_off,
        reminders=tuple(reminders.values()),
        sources=tuple(one for one in sources.values() if one.id in wanted),
    )


def applying(listed: Checklist, procedure: Procedure) -> tuple[Reminder, ...]:
    """Return the reminders that are for a procedure, in their order."""
    return tuple(
        one for one in listed.reminders if not one.procedures or procedure.key in one.procedures
    )


def of_agent(
    listed: Checklist, procedure: Procedure, agent: AgentKind | None
) -> tuple[Reminder, ...]:
    """Return the reminders that speak of the contrast agent that was said; none without one.

    One about a warning is given where the procedure watches for that.
    """
    warned = {rule.id for rule in procedure.warnings}
    return tuple(
        one
        for one in applying(listed, procedure)
        if one.agent is not None
        and one.agent == agent
        and (one.watched is None or one.watched in warned)
    )


def sections(listed: Checklist, procedure: Procedure) -> tuple[Section, ...]:
    """Return the checklist of a procedure block by block, every reminder with its evidence."""
    reminders = applying(listed, procedure)
    wanted = cited(reminders) | cited((procedure.bleeding_risk,))
    sources = {one.id: one for one in (*procedure.sources, *listed.sources) if one.id in wanted}
    unsigned = "no: reminders to be checked; they block nothing"
    signed = "yes" if listed.clinician_signed_off else unsigned
    blocks = [(f"Checklist: {procedure.name}", [("reviewed by a clinician", signed)])]
    for kind, title in _TITLES.items():
        lines = [line(one) for one in reminders if one.kind == kind]
        if kind == "before" and procedure.bleeding_risk is not None:
            lines.append(("bleeding risk class", said(procedure.bleeding_risk)))
        blocks.append((title, lines))
    blocks.append(("Sources", [source_line(sources[one]) for one in sorted(sources)]))
    blocks.append(("Grades", list(GRADES.items())))
    return tuple(Section(title=title, lines=tuple(lines)) for title, lines in blocks if lines)


def line(reminder: Reminder) -> Line:
    """Return a reminder as a labelled line."""
    return reminder.id.replace("_", " "), evidence_of(reminder)


def evidence_of(reminder: Reminder) -> str:
    """Return the sentence of a reminder with its number, grade and sources."""
    text = reminder.text
    if reminder.low is not None and reminder.high is not None:
        low, high = f"{reminder.low:g}", f"{reminder.high:g}"
        unit = "" if reminder.unit in ("1", "") else f" {reminder.unit}"
        text = f"{text}: {low if low == high else f'{low} to {high}'}{unit}"
    return said(replace(reminder, text=text))


def _read(file: Traversable, known: tuple[str, ...]) -> Checklist:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProcedureError(f"{_FILE}: cannot be read: {error}") from error
    fields = read_table(text, name=_FILE)
    own = {one.get("id"): one for one in fields.get("sources", []) if isinstance(one, dict)}
    shared = [one for one in procedures.shared_sources() if one.id not in own]
    listed: Checklist = validated(
        Checklist, fields | {"sources": [*own.values(), *shared]}, name=_FILE
    )
    if faults := list(_faults(listed, known)):
        raise ProcedureError(f"{_FILE}: {'; '.join(faults)}")
    wanted = cited(listed.reminders)
    return replace(listed, sources=tuple(s for s in listed.sources if s.id in wanted))


def _faults(listed: Checklist, known: tuple[str, ...]) -> Iterator[str]:
    ids: list[Any] = [one.id for one in listed.reminders]
    sources = {one.id for one in listed.sources}
    for index, one in enumerate(listed.reminders):
        at = f"reminders.{index} ({one.id})"
        if ids.count(one.id) > 1:
            yield f"{at}: stands there more than once"
        if one.grade == "S" and not one.sources:
            yield f"{at}: graded S, stated in a source, but names none"
        yield from (f"{at}: no source {s!r}" for s in one.sources if s not in sources)
        yield from (f"{at}: no procedure {k!r}" for k in one.procedures if k not in known)
        if (one.low is None) != (one.high is None) or (one.low or 0) > (one.high or 0):
            yield f"{at}: seen low {one.low}, high {one.high}; expected both, or neither"
