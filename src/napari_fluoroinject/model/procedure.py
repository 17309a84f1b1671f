"""The schema of `procedures/*.toml`: what is known of a procedure, each fact with its source."""

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
class Sourced(Checked):
    """A number or range with its evidence; `low` equals `high` for one number."""

    low: float
    high: float
    unit: str
    grade: Grade
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRule(Checked):
    """A C-arm view and what it is for; ipsilateral oblique is positive, contralateral negative."""

    name: str
    role: str
    grade: Grade
    oblique_deg: tuple[float, float] | None = None
    tilt: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule(Checked):
    """Where the tip belongs, in words and by landmarks, with its tolerance."""

    name: str
    landmarks: tuple[str, ...]
    tolerance: Sourced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRule(Checked):
    """A warning that applies to a procedure, with the score from which it is raised."""

    id: str
    severity: Literal["critical", "high", "moderate", "info"]
    threshold: Sourced


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Checked):
    """A reference that the facts of a procedure cite by its id."""

    id: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure(Checked):
    """One procedure as data.

    `concept` and `anatomic_region` are (code value, scheme, meaning); `clinician_signed_off` is
    stated, never assumed.
    """

    key: str
    name: str
    region: str
    concept: tuple[str, str, str]
    anatomic_region: tuple[str, str, str] | None
    clinician_signed_off: bool
    expected_spread: str
    views: tuple[ViewRule, ...] = ()
    target: TargetRule | None = None
    limits: tuple[str, ...] = ()
    test_volume: Sourced | None = None
    incidences: dict[str, Sourced] | None = None
    warnings: tuple[WarningRule, ...] = ()
    sources: tuple[Source, ...] = ()
