"""One line of the audit trail: what it may say, how it is written, how it is read back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

Fact = str | int | float | bool | None

EVENTS = frozenset(
    (
        "started",
        "stopped",
        "settings changed",
        "association accepted",
        "association refused",
        "received",
        "duplicate",
        "refused",
        "conflict",
        "found",
        "missing",
        "decided",
        "analysed",
        "skipped",
        "failed",
        "again",
        "queued",
        "sent",
        "send failed",
        "commitment asked",
        "committed",
        "verified",
        "dead",
        "retried",
        "dismissed",
        "fetched",
        "stored",
        "purged",
        "repaired",
        "alarm",
    )
)
"""What may be noted."""

FACTS = frozenset(
    (
        "sop_instance_uid",
        "sop_class_uid",
        "study_instance_uid",
        "series_instance_uid",
        "source_uid",
        "transaction_uid",
        "sha256",
        "size_bytes",
        "caller",
        "called",
        "address",
        "port",
        "certificate",
        "status",
        "reason",
        "procedure",
        "basis",
        "level",
        "side",
        "destination",
        "number",
        "tries",
        "count",
        "first_at",
        "last_at",
        "warnings",
        "seconds",
        "version",
        "device",
        "pid",
        "user",
        "settings_sha256",
        "what",
        "file",
        "line_hash",
    )
)
"""Names of facts: none has room for a patient; `certificate` is a peer's, `user` the system's."""

BEGINNING = "0" * 64
"""Stands for the hash of the line before the first."""
_LONGEST_FACT = 256
_DIGITS_AND_DOTS = re.compile(r"[0-9.]{0,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line: `at` in UTC (ISO 8601), `before` the hash of the line before, `hash` its own."""

    number: int
    at: str
    event: str
    facts: Mapping[str, Fact]
    before: str
    hash: str


def checked_facts(event: str, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return what may be noted, in order and without what is None.

    Long text is cut and ends with `...`; what a terminal would obey becomes `?`, and what should
    be a UID and is none, `not a UID`: a peer chose it.

    Raises
    ------
    ValueError
        The event or the name of a fact is unknown, or a number is not finite.
    """
    if event not in EVENTS:
        raise ValueError(f"event: seen {event!r}; expected one of {', '.join(sorted(EVENTS))}")
    if unknown := sorted(facts.keys() - FACTS):
        raise ValueError(f"fact: seen {unknown[0]!r}; expected one of {', '.join(sorted(FACTS))}")
    return {name: _clean(name, facts[name]) for name in sorted(facts) if facts[name] is not None}


def sealed(*, number: int, at: str, event: str, facts: Mapping[str, Fact], before: str) -> bytes:
    """Return a line with its hash, ending in a newline: canonical JSON, ASCII."""
    body = {"n": number, "at": at, "event": event, "facts": dict(facts), "before": before}
    return _json(body | {"hash": hashlib.sha256(_json(body)).hexdigest()}) + b"\n"


def parsed(line: bytes) -> Entry:
    """Read a line without its newline.

    Raises
    ------
    ValueError
        It is not exactly what `sealed` wrote.
    """
    try:
        document = json.loads(line)
        entry = Entry(
            number=document["n"],
            at=document["at"],
            event=document["event"],
            facts=document["facts"],
            before=document["before"],
            hash=document["hash"],
        )
        again = sealed(
            number=entry.number,
            at=entry.at,
            event=entry.event,
            facts=entry.facts,
            before=entry.before,
        )
    except (KeyError, TypeError, RecursionError, UnicodeError) as error:
        raise ValueError("no line of an audit trail") from error
    if again != line + b"\n":
        raise ValueError("the line was changed: its content and its hash do not fit")
    return entry


def _clean(name: str, value: Fact) -> Fact:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name}: seen {value}; expected a finite number")
    if not isinstance(value, str):
        return value
    if name.endswith("_uid") and not _DIGITS_AND_DOTS.fullmatch(value):
        return "not a UID"
    text = "".join(c if c.isprintable() else "?" for c in value)
    return text if len(text) <= _LONGEST_FACT else text[: _LONGEST_FACT - 3] + "..."


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")
