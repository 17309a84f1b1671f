"""What the checker says: one fault of one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with an object.

    Attributes
    ----------
    rule
        Name of the rule, the same for every fault of its kind.
    severity
        `error` where the standard or the product's own promise is broken, else `warning`.
    where
        Path of keywords, items counted from 0: `SegmentSequence[0].SegmentLabel`.
    seen, expected
        What stands there and what should; values that name a person are not told.
    section
        Where the rule comes from: part and section of the standard, or what the product promises.
    """

    rule: str
    severity: Severity
    where: str
    seen: str
    expected: str
    section: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.severity}: {self.rule} at {self.where or 'the file'}: seen {self.seen}; "
            f"expected {self.expected} ({self.section})"
        )
