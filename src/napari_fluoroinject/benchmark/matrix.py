"""The matrix: every procedure by what was tried on it, no cell empty without its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.study_rules import missing_views
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.procedures.page import sections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.benchmark.trials import Outcome
    from napari_fluoroinject.benchmark.written import Written
    from napari_fluoroinject.model.procedure import Procedure

COLUMNS = (
    "data",
    "phantom",
    "view check",
    "needle and target",
    "spread",
    "expected pattern",
    "twins warned",
    "SR",
    "page",
)
TWIN_OF_PATTERN = {"no_visible_contrast": "no_contrast"}
"""Twins that bear another name than the abnormal pattern they show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One procedure's cells by column; `open` are those in which something is still missing."""

    key: str
    cells: dict[str, str]
    open: frozenset[str]


Cell = tuple[str, bool]
"""What stands in a cell, and whether nothing is missing there."""


def row(key: str, outcomes: Sequence[Outcome], written: Written | None) -> Row:
    """Condense what came of one procedure's loops into its row."""
    procedure = procedures.get(key)
    mine = [one for one in outcomes if one.trial.key == key]
    intended = [one for one in mine if one.trial.twin == "none"]
    cells: dict[str, Cell] = {
        "data": _data(procedure),
        "phantom": _phantom(procedure),
        "view check": _views(procedure, intended),
        "needle and target": _needle(procedure, intended),
        "spread": _spread(procedure, intended),
        "expected pattern": _expected(procedure, intended),
        "twins warned": _twins(mine),
        "SR": _sr(written),
        "page": _page(procedure),
    }
    return Row(
        key=key,
        cells={name: text for name, (text, _) in cells.items()},
        open=frozenset(name for name, (_, done) in cells.items() if not done),
    )


def markdown(rows: Sequence[Row]) -> str:
    """The matrix as a table; a cell in which something is missing is set in italics."""
    lines = [
        f"| procedure | {' | '.join(COLUMNS)} |",
        f"|---{'|---' * len(COLUMNS)}|",
    ]
    for one in rows:
        cells = [
            f"*{one.cells[name]}*" if name in one.open else one.cells[name] for name in COLUMNS
        ]
        lines.append(f"| {one.key} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _data(procedure: Procedure) -> Cell:
    """A procedure that could be read has passed all checks of its facts."""
    facts = (
        f"{len(procedure.views)} views, {len(procedure.landmarks)} landmarks, "
        f"{len(procedure.limits)} limits, {len(procedure.warnings)} warnings, "
        f"{len(procedure.sources)} sources"
    )
    signed = "" if procedure.clinician_signed_off else "; not reviewed by a clinician"
    return f"{facts}{signed}", True


def _phantom(procedure: Procedure) -> Cell:
    spec = SPECS.get(procedure.key)
    if spec is None:
        return "no scene", False
    views = [view.name for view in procedure.views if view.name not in spec.views]
    patterns = [
        pattern.id
        for pattern in procedure.abnormal
        if TWIN_OF_PATTERN.get(pattern.id, pattern.id) not in spec.twins
    ]
    lacking = [*(f"view {name}" for name in views), *(f"twin {name}" for name in patterns)]
    told = f"{len(spec.views)} views, {len(spec.twins)} twins"
    needed = any(view.needed for view in procedure.views if view.name in views)
    return (f"{told}; without {', '.join(lacking)}" if lacking else told), not (needed or patterns)


def _views(procedure: Procedure, intended: Sequence[Outcome]) -> Cell:
    """Whether angles tell each view, and whether a needed one is missed when it is left out."""
    told: list[str] = []
    sound = True
    for view in dict.fromkeys(one.trial.view for one in intended):
        mine = [one for one in intended if one.trial.view == view]
        right = sum(one.view_told == view for one in mine)
        rule = next((rule for rule in procedure.views if rule.name == view), None)
        if rule is None or rule.oblique is None:
            told.append(f"{view}: set by looking, the data give no angle")
            continue
        others = [one for one in {o.trial.view for o in intended} if one != view]
        missed = not rule.needed or view in missing_views(procedure, others).missing
        told.append(f"{view} {right} of {len(mine)}{'' if missed else ', not missed'}")
        sound = sound and right == len(mine) and missed
    return "; ".join(told) or "no loop", sound and bool(told)


def _needle(procedure: Procedure, intended: Sequence[Outcome]) -> Cell:
    leads = [one for one in intended if one.contacts[0]]
    if leads:
        return _contacts(leads)
    shown = [one for one in intended if one.needle_shown]
    if not shown:
        return "no loop", False
    tips = [one.tip_px for one in shown if one.tip_px is not None]
    targets = [one.target_px for one in shown if one.target_px is not None]
    lines = [error for one in shown for error in one.lines_px.values()]
    had = [error for error in lines if error is not None]
    parts = [f"found {len(tips)} of {len(shown)}"]
    parts += [f"tip {_figures(tips)}", f"target {_figures(targets)}"] if tips else []
    if lines:
        parts.append(f"lines {_figures(had)}" if had else "no line measured")
    elif not procedure.limits:
        parts.append("the data give no line")
    else:
        parts.append("no line in these views")
    return ", ".join(parts) + " px", len(tips) == len(shown) and len(had) == len(lines)


def _contacts(leads: Sequence[Outcome]) -> Cell:
    there, found, disordered = (sum(one.contacts[i] for one in leads) for i in range(3))
    errors = [error for one in leads for error in one.contacts_px]
    text = f"contacts {found} of {there}, {_figures(errors)} px, out of order {disordered}"
    return text, found == there and disordered == 0


def _figures(errors: Sequence[float]) -> str:
    if not errors:
        return "none"
    return f"{np.median(errors):.1f} (at most {max(errors):.1f})"


def _spread(procedure: Procedure, intended: Sequence[Outcome]) -> Cell:
    if not procedure.expected:
        return "no contrast is given", True
    asked = {name for pattern in procedure.expected for name in pattern.measures}
    had = {name for one in intended for name, known in one.measured.items() if known}
    lacking = sorted(asked - had)
    told = f"{len(asked & had)} of {len(asked)} measures"
    without = ", ".join(name.replace("_", " ") for name in lacking)
    return (f"{told}; without {without}" if lacking else told), not lacking


def _expected(procedure: Procedure, intended: Sequence[Outcome]) -> Cell:
    if not procedure.expected:
        return "no contrast is given", True
    states = [one.pattern for one in intended if one.pattern is not None]
    judged = [state for state in states if state != "not judged"]
    shown = sum(state == "shown" for state in judged)
    text = f"shown in {shown} of {len(judged)} loops that could be judged, of {len(states)}"
    return text, bool(judged) and shown == len(judged)


def _twins(outcomes: Sequence[Outcome]) -> Cell:
    told: list[str] = []
    sound = True
    names = dict.fromkeys(one.trial.twin for one in outcomes)
    for name in names:
        mine = [one for one in outcomes if one.trial.twin == name and one.expected]
        if not mine:
            continue
        warned = sum(set(one.expected) <= set(one.raised) for one in mine)
        told.append(f"{name} {warned}/{len(mine)}")
        sound = sound and warned == len(mine)
    intended = [one for one in outcomes if not one.expected]
    false = sum(bool(set(one.raised) - set(one.allowed)) for one in intended)
    told.append(f"other warnings in {false} of {len(intended)} others")
    return "; ".join(told), sound and not false


def _sr(written: Written | None) -> Cell:
    if written is None:
        return "not written", False
    return written.told, written.valid


def _page(procedure: Procedure) -> Cell:
    return f"[{procedure.key}](procedures/{procedure.key}.md)", bool(sections(procedure))
