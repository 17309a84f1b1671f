"""Columns about warnings and expected patterns: raised, judged, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.batch.column import Cell, Column, LoopRecord, found
from napari_fluoroinject.batch.judged import WARNINGS

if TYPE_CHECKING:
    from collections.abc import Callable

JUDGED = (
    ("raised", "the warning was raised"),
    ("not_raised", "it was judged and not raised: no clearance, the search misses some"),
    ("in_part", "it was judged in part only and not raised: not_judged_reasons says why"),
    ("not_judged", "it could not be judged: not_judged_reasons says why"),
    ("not_asked", "the procedure does not ask for it: it was not judged"),
)


def _warning_columns(name: str) -> tuple[Column, ...]:
    words, key = name.replace("_", " "), f"warning_{name}"
    return (
        Column(
            name=key,
            kind="boolean",
            meaning=(
                f"Warning `{words}`: true = raised, false = judged in full and not raised (no "
                "clearance), empty = not judged, judged in part only or not asked for"
            ),
            origin="summary.json: warnings, assessable.reasons",
            take=lambda r: {"raised": True, "not_raised": False}.get(r.judged.get(name, "")),
        ),
        Column(
            name=f"{key}_state",
            kind="category",
            meaning=f"What became of the warning `{words}`; empty where there are no results",
            origin="summary.json: warnings, assessable.reasons",
            take=lambda r: r.judged.get(name),
            values=JUDGED,
        ),
        Column(
            name=f"{key}_score",
            kind="number",
            unit="1",
            meaning="Its score (1 = threshold); empty where it was not raised, or not judged",
            origin=f"summary.json: warnings[id={name}].score",
            take=lambda r: _score(r, name),
        ),
    )


def _score(record: LoopRecord, name: str) -> Cell:
    raised = found(record.summary, ["warnings"]) or ()
    return next((one["score"] for one in raised if one["id"] == name), None)


def _count(states: tuple[str, ...]) -> Callable[[LoopRecord], Cell]:
    return lambda r: None if r.summary is None else sum(one in states for one in r.judged.values())


def _counted(name: str, meaning: str, *states: str) -> Column:
    return Column(
        name=name,
        kind="integer",
        unit="{warnings}",
        meaning=meaning,
        origin="summary.json: warnings, assessable.reasons",
        take=_count(states),
    )


WARNING_COLUMNS = (
    _counted("warnings_raised", "Warnings that were raised", "raised"),
    _counted(
        "warnings_not_raised", "Warnings judged in full and not raised: no clearance", "not_raised"
    ),
    _counted("warnings_in_part", "Warnings judged in part only, and not raised", "in_part"),
    _counted("warnings_not_judged", "Warnings asked for that could not be judged", "not_judged"),
    *(column for name in WARNINGS for column in _warning_columns(name)),
)
"""Every warning, with whether it was judged."""


def _shown(state: str) -> Column:
    return Column(
        name=f"expected_{state.replace(' ', '_')}",
        kind="integer",
        unit="{patterns}",
        meaning=(
            f"Expected patterns of the procedure that were {state} in this view; it says nothing "
            "of other spread or vessels"
        ),
        origin="summary.json: expected[].state",
        take=lambda r: (
            None
            if r.summary is None
            else sum(one["state"] == state for one in r.summary.get("expected", ()))
        ),
    )


EXPECTED = tuple(map(_shown, ("shown", "not shown", "not judged")))
"""Patterns that the procedure expects."""
