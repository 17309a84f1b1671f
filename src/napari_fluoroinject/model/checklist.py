"""The schema of the checklist: what to ask before a procedure, each reminder with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.model.annotation import AgentKind
from napari_fluoroinject.model.procedure import WarningId
from napari_fluoroinject.model.sourced import Checked, Source, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder(Statement):
    """Something to be asked or known before a procedure; it reminds and never blocks.

    `low` to `high` in `unit` is a number that the text speaks of, None where there is none.
    `procedures` are the keys of those that it is for, empty = every one. One with an `agent` is
    given with the results, too, where contrast of this kind was said and the procedure watches
    for `watched`. `recorded` names what headers may tell of it.
    """

    id: str
    kind: Literal["before", "agent", "repeat"]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    procedures: tuple[str, ...] = ()
    watched: WarningId | None = None
    agent: AgentKind | None = None
    recorded: Literal["allergies", "pregnancy"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist(Checked):
    """All reminders, and the sources that they cite."""

    clinician_signed_off: bool
    reminders: tuple[Reminder, ...]
    sources: tuple[Source, ...] = ()
