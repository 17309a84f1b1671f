"""Who lay there, as digests that can be compared and not be read."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Digests of what a header says of its patient; None = it does not say.

    Two of them can be compared; none of them tells a name, a number or a date.
    """

    id_digest: str | None = None
    name_digest: str | None = None
    birth_digest: str | None = None

    def unlike(self, other: Patient) -> str:
        """What both headers tell and tell differently, in words; empty where nothing is."""
        words = {"id_digest": "ID", "name_digest": "name", "birth_digest": "date of birth"}
        unlike = [
            words[field.name]
            for field in fields(self)
            if None not in (mine := getattr(self, field.name), its := getattr(other, field.name))
            and mine != its
        ]
        return " and ".join(unlike)
