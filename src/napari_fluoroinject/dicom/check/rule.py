"""What a rule of the checker is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from napari_fluoroinject.dicom.check.fault import Fault, Severity
from napari_fluoroinject.dicom.check.subject import Subject

PRODUCT = "promise of this product"
"""Section of rules that the standard does not make."""


class Found(NamedTuple):
    """One place where a rule is broken."""

    where: str
    seen: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A pure function over an object; `kinds` of objects it is for, empty = all."""

    id: str
    section: str
    find: Callable[[Subject], Iterable[Found]]
    kinds: frozenset[str] = frozenset()
    severity: Severity = "error"

    def faults(self, subject: Subject) -> tuple[Fault, ...]:
        """Return what is wrong by this rule."""
        if self.kinds and subject.kind not in self.kinds:
            return ()
        return tuple(
            Fault(
                rule=self.id,
                severity=self.severity,
                where=found.where,
                seen=found.seen,
                expected=found.expected,
                section=self.section,
            )
            for found in self.find(subject)
        )
