"""What a change of the plan does to what is marked, and what there is to choose from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    check_annotation,
    check_landmarks,
)
from napari_fluoroinject.model.levels import check_level
from napari_fluoroinject.viewer.draft import Draft, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.model.geometry import Side
    from napari_fluoroinject.model.procedure import Procedure

REGIONS = ("lumbar", "cervical", "thoracic", "sacral", "spine", "unknown")
"""In the order of a list; the commonest first."""
_TITLES = {"spine": "Any part of the spine", "unknown": "Not stated"}
_VERTEBRAE = {"C": 7, "T": 12, "L": 6, "S": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A plan with another procedure: the draft that it makes, and what that no longer holds.

    `lost` names each mark, view or level that the new procedure does not know.
    """

    draft: Draft
    lost: tuple[str, ...]


def grouped(
    procedures: Iterable[Procedure], typed: str = ""
) -> tuple[tuple[str, tuple[Procedure, ...]], ...]:
    """Procedures that hold every typed word in name or key, by region, each with its title."""
    words = typed.casefold().split()
    found = [
        one
        for one in procedures
        if all(
            word in f"{one.name} {one.key} {one.region} {' '.join(one.cpt)}".casefold()
            for word in words
        )
    ]
    groups = (
        (
            _TITLES.get(region, region.capitalize()),
            tuple(one for one in sorted(found, key=lambda p: p.name) if one.region == region),
        )
        for region in REGIONS
    )
    return tuple((title, members) for title, members in groups if members)


def summary(procedure: Procedure, *, whose: str = "") -> tuple[str, ...]:
    """The few lines that tell procedures apart, and how far they are checked.

    Parameters
    ----------
    procedure
        Which.
    whose
        That it is the site's own, in words; empty where it ships.
    """
    lines = []
    if procedure.target is not None:
        lines.append(f"Target: {procedure.target.name}.")
    if procedure.views:
        needed = ", ".join(view.name for view in procedure.views if view.needed)
        more = ", ".join(view.name for view in procedure.views if not view.needed)
        lines.append(f"Views: {needed or 'none needed'}{f' (also {more})' if more else ''}.")
    lines.append(f"Expected spread: {procedure.expected_spread}")
    signed = "reviewed by a clinician" if procedure.clinician_signed_off else ""
    lines.append(f"Evidence: {signed or 'not signed off by a clinician'}; each fact has a grade.")
    if whose:
        lines.append(f"This is {whose}.")
    return tuple(lines)


def levels_of(region: str) -> tuple[str, ...]:
    """Levels that a procedure of this region may have: vertebrae, then what lies between two."""
    names = [f"{letter}{n}" for letter, count in _VERTEBRAE.items() for n in range(1, count + 1)]
    # a sixth lumbar vertebra is rare; nobody else has what lies above and below it
    usual = [name for name in names if name != "L6"]
    between = [f"{upper}-{lower}" for upper, lower in pairwise(usual)]
    return tuple(name for name in (*names, *between) if _fits(name, region))


def with_procedure(draft: Draft, procedure: Procedure) -> Change:
    """Choose a procedure: what it knows stays, what it does not know is named and left out."""
    level = draft.plan.level
    lost = []
    if level is not None and not _fits(level, procedure.region):
        lost.append(f"level {level}")
        level = None
    views = {view.name for view in procedure.views}
    changed = replace(draft, plan=replace(draft.plan, procedure=procedure.key, level=level))
    for marked in draft.runs:
        own = marked.annotation
        kept = tuple(one for one in own.marks if _knows(procedure, Annotation(marks=(one,))))
        lost += [one.landmark.replace("_", " ") for one in own.marks if one not in kept]
        view = own.view if own.view is None or not views or own.view in views else None
        if view != own.view:
            lost.append(f"view {own.view}")
        own = replace(own, marks=kept, view=view)
        changed = changed.with_annotation(marked.sop_instance_uid, own)
    if changed.runs != draft.runs:
        return Change(draft=changed, lost=tuple(dict.fromkeys(lost)))
    return Change(draft=replace(changed, runs=draft.runs), lost=tuple(dict.fromkeys(lost)))


def with_view(draft: Draft, uid: str, view: str | None) -> Draft:
    """Say which view a run shows; None = told by its angles."""
    return draft.with_annotation(uid, replace(draft.marked(uid).annotation, view=view))


def plan_fault(plan: Plan, procedure: Procedure) -> str:
    """Why a plan cannot be used, what was expected; empty where it can."""
    said = Annotation(
        level=plan.level,
        side=plan.side,
        agent=plan.agent,
        gauge=plan.gauge,
        needle_length_mm=plan.needle_length_mm,
    )
    try:
        check_annotation(said, region=procedure.region)
    except AnnotationError as error:
        return str(error)
    return ""


def side_words(side: Side | None, recorded: Sequence[tuple[str, str | None]]) -> str:
    """What the headers say of the side, where that is not what was said; else empty.

    Parameters
    ----------
    side
        As the operator said it.
    recorded
        Name and header's laterality of each run of the study.
    """
    told = [(name, one) for name, one in recorded if one is not None]
    if side is None:
        sides = {one for _, one in told}
        if len(sides) == 1:
            return f"The file says {sides.pop()}; it is taken only if you say so."
        return ""
    against = [f"{name}: {one}" for name, one in told if one != side]
    if not against:
        return ""
    return f"\N{WARNING SIGN} Said {side}, but the file says otherwise ({', '.join(against)})."


def _fits(level: str, region: str) -> bool:
    try:
        check_level(level, region=region)
    except AnnotationError:
        return False
    return True


def _knows(procedure: Procedure, annotation: Annotation) -> bool:
    try:
        check_landmarks(annotation, procedure)
    except AnnotationError:
        return False
    return True
