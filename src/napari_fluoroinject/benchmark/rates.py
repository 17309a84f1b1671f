"""How often each warning comes where it must and where it must not, and what could be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.benchmark.operating import (
    CAVEAT,
    FALSE_ALARM_RATES,
    comparable,
    sensitivity_at,
)
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.phantom.catalogue import SPECS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.benchmark.trials import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One warning over many loops.

    `due` loops must raise it, `warned` of them did and in `unjudged` its score could not be had;
    `other` loops must not, `false` of them did. `sensitivity_at` tells, for rates of false alarms,
    what a threshold of that rate would find; empty where the warning has no score of its own.
    """

    id: str
    due: int
    warned: int
    unjudged: int
    other: int
    false: int
    sensitivity_at: dict[float, float]


def rates(outcomes: Sequence[Outcome]) -> tuple[Rate, ...]:
    """Condense outcomes by warning; loops whose procedure has no such warning have no say."""
    ids = dict.fromkeys(name for one in outcomes for name in (*one.expected, *one.raised))
    return tuple(_rate(name, outcomes) for name in sorted(ids))


def _rate(name: str, outcomes: Sequence[Outcome]) -> Rate:
    due = [one for one in outcomes if name in one.expected]
    other = [one for one in outcomes if name not in one.allowed and _applies(name, one)]
    scored = name == "vascular_uptake" or name in LIKENESSES
    return Rate(
        id=name,
        due=len(due),
        warned=sum(name in one.raised for one in due),
        unjudged=sum(one.scores.get(name) is None for one in due) if scored else 0,
        other=len(other),
        false=sum(name in one.raised for one in other),
        sensitivity_at=_operating(name, due, other) if scored and due and other else {},
    )


def _applies(name: str, outcome: Outcome) -> bool:
    """Whether the scene's procedure can raise the warning at all."""
    twins = SPECS[outcome.trial.key].twins.values()
    return (
        name in outcome.scores
        or name in outcome.raised
        or any(name in twin.warnings for twin in twins)
    )


def _operating(name: str, due: Sequence[Outcome], other: Sequence[Outcome]) -> dict[float, float]:
    hits, misses = _scores(name, due), _scores(name, other)
    return {rate: sensitivity_at(hits, misses, rate)[0] for rate in FALSE_ALARM_RATES}


def _scores(name: str, outcomes: Sequence[Outcome]) -> list[float]:
    return comparable([one.scores.get(name) for one in outcomes])


def markdown(rows: Sequence[Rate]) -> str:
    """The rates as a table, and that they are no clinical figures."""
    heads = [f"at {rate:.0%} false" for rate in FALSE_ALARM_RATES]
    lines = [
        f"| warning | warned, of loops that must | not judged | false, of others | "
        f"{' | '.join(heads)} |",
        f"|---|---|---|---|{'---|' * len(heads)}",
    ]
    for one in rows:
        found = f"{one.warned} of {one.due}{_share(one.warned, one.due)}"
        false = f"{one.false} of {one.other}{_share(one.false, one.other)}"
        points = [
            f"{one.sensitivity_at[rate]:.2f}" if one.sensitivity_at else "-"
            for rate in FALSE_ALARM_RATES
        ]
        lines.append(f"| {one.id} | {found} | {one.unjudged} | {false} | {' | '.join(points)} |")
    return "\n".join([*lines, "", CAVEAT])


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.2f})" if whole else ""
