"""From the text of a TOML file to checked values: every fault is told with its path."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_fluoroinject.errors import ProcedureError

_LONGEST_SEEN = 80
"""Characters of a wrong value in an error."""


def read_table(text: str, *, name: str) -> dict[str, Any]:
    """Read TOML.

    Raises
    ------
    ProcedureError
        It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise ProcedureError(f"{name}: not valid TOML: {error}") from error


def validated(kind: Any, value: Any, *, name: str) -> Any:
    """Turn plain tables into values of `kind`.

    Raises
    ------
    ProcedureError
        An unknown key or a wrong value.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        faults = "; ".join(_fault(e["loc"], e["msg"], e["input"]) for e in error.errors())
        raise ProcedureError(f"{name}: {faults}") from error


def cited(facts: Any) -> set[str]:
    """Collect every source id that some fact cites, in tables as in checked values."""
    if isinstance(facts, list | tuple):
        return set().union(*map(cited, facts))
    if not isinstance(facts, dict):
        return cited(_as_table(facts)) if is_dataclass(facts) else set()
    named = facts.get("sources")
    own = {s for s in named if isinstance(s, str)} if isinstance(named, list | tuple) else set()
    return own.union(*(cited(value) for value in facts.values()))


def _fault(at: tuple[int | str, ...], what: str, seen: object) -> str:
    return f"{'.'.join(map(str, at))}: {what}, seen {f'{seen!r}':.{_LONGEST_SEEN}}"


def _as_table(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
