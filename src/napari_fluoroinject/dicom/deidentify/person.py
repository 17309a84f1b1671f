"""Whose object it is: what tells the patient of one header from that of another."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SEPARATOR = "\\"
"""Of values (PS3.5 6.2): none holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a header says of its patient, case of the name and padding aside; empty = nothing."""

    identifier: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""

    @property
    def key(self) -> str:
        """All of it in one text; empty where neither ID nor name is told: that is nobody."""
        told = (self.identifier, self.issuer, self.name, self.birth_date)
        return "\n".join(told) if self.identifier or self.name else ""

    def is_unlike(self, other: Person) -> bool:
        """Whether both headers tell something, and tell it differently."""
        pairs = ((getattr(self, one.name), getattr(other, one.name)) for one in fields(self))
        return any(mine and its and mine != its for mine, its in pairs)


def person_of(dataset: Dataset) -> Person:
    """Read the patient of a header or of an item (PS3.3 C.7.1.1).

    The ID alone is unique only for one issuer, and departments give it twice; a name alone is
    nobody's own.

    Parameters
    ----------
    dataset
        Not yet cleaned.
    """
    return Person(
        identifier=_told(dataset, "PatientID"),
        issuer=_told(dataset, "IssuerOfPatientID"),
        name=_told(dataset, "PatientName"),
        birth_date=_told(dataset, "PatientBirthDate"),
    )


def _told(dataset: Dataset, keyword: str) -> str:
    value: Any = dataset.get(keyword)
    if value is None:
        return ""
    several = isinstance(value, list | tuple) or hasattr(value, "append")
    plain = _SEPARATOR.join(map(str, value)) if several else str(value)
    plain = plain.strip(" ^=\0")
    return plain.casefold() if keyword == "PatientName" else plain
