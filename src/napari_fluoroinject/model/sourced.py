"""Facts with their evidence: every number and sentence of a procedure says where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Grade = Literal["S", "M", "D"]
"""S stated in the named source, M from memory (unverified), D derived or proposed here."""


class Checked:
    """Mix-in of every rule: an unknown key in a procedure file is an error with its path."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Checked):
    """A sentence with its evidence."""

    text: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced(Checked):
    """A number or range with its evidence; `low` equals `high` for one number."""

    low: float
    high: float
    unit: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Checked):
    """A reference that facts cite by its id.

    `kind` is what sort of text it is (primary, review, guideline, textbook, secondary, ...), for
    a fact is worth no more than the text it stands in.
    """

    id: str
    citation: str
    kind: str = ""
    url: str = ""
