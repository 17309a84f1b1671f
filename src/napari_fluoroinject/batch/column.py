"""What a column of the tables is: name, type, unit, meaning, and where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Kind = Literal["text", "category", "integer", "number", "boolean"]
Cell = str | int | float | bool | None
"""A value; None = unknown, or it does not apply."""
Judged = Literal["raised", "not_raised", "in_part", "not_judged", "not_asked"]
"""What became of one warning in one loop."""
Summary = Mapping[str, Any]


class EndedLoop(Protocol):
    """What the journal tells of a loop that ended."""

    @property
    def key(self) -> str:
        """Names the loop in this batch, the same in every run; tables are in its order."""
        ...

    @property
    def state(self) -> str:
        """How it ended: done, failed or set_aside."""
        ...

    @property
    def reason(self) -> str | None:
        """Why there are no results; None where there are."""
        ...

    @property
    def fault(self) -> str | None:
        """What failed; None where nothing did."""
        ...

    @property
    def study_uid(self) -> str | None:
        """Study Instance UID, as far as it is known."""
        ...

    @property
    def loop_uid(self) -> str | None:
        """SOP Instance UID of the first frame, as far as it is known."""
        ...

    @property
    def folder(self) -> str | None:
        """Folder of the results, relative to the batch's; None where there are none."""
        ...

    @property
    def procedure(self) -> str | None:
        """Key of the procedure that was asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRecord:
    """All that a column may look at.

    `summary` is None where there are no results; `judged` is what became of each warning, empty
    without results. `lost` says why results that should be there cannot be read.
    """

    ended: EndedLoop
    summary: Summary | None
    judged: Mapping[str, Judged]
    lost: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        With its unit at the end.
    kind
        `category` is text of few values, dictionary-encoded in Parquet; none looks like a number.
    meaning
        What it says, and what its absence says.
    origin
        Where the value comes from.
    take
        Finds it.
    unit
        UCUM; empty where it has none.
    values
        Of a category: each value with its meaning; empty where the values are open.
    """

    name: str
    kind: Kind
    meaning: str
    origin: str
    take: Callable[[LoopRecord], Cell]
    unit: str = ""
    values: tuple[tuple[str, str], ...] = ()


def told(
    name: str,
    kind: Kind,
    path: str,
    meaning: str,
    *,
    unit: str = "",
    values: tuple[tuple[str, str], ...] = (),
) -> Column:
    """Make a column that stands in the summary as it is.

    Parameters
    ----------
    path
        Keys of the summary joined by dots, and positions in its lists: `needle.tip_px.0`.
    name, kind, meaning, unit, values
        As in `Column`.
    """
    keys = path.split(".")
    return Column(
        name=name,
        kind=kind,
        meaning=meaning,
        origin=f"summary.json: {path}",
        take=lambda record: found(record.summary, keys),
        unit=unit,
        values=values,
    )


def found(value: Any, keys: list[str]) -> Any:
    """Follow keys and positions into JSON values; None where the way ends.

    Parameters
    ----------
    value, keys
        Where to begin, and the way.
    """
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            return None
    return value


def joined(path: str) -> Callable[[LoopRecord], Cell]:
    """Make a `take` that joins the texts of a list of the summary; None where there are none.

    Parameters
    ----------
    path
        As in `told`.
    """
    keys = path.split(".")
    return lambda record: "; ".join(found(record.summary, keys) or ()) or None
