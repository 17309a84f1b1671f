"""From the text of a TOML file to checked values: every fault is told with its path."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from unicodedata import category

from pydantic import TypeAdapter, ValidationError

from napari_fluoroinject.errors import ProcedureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_LONGEST_SEEN = 80
"""Characters of a wrong value in an error."""
_MOST_PARTS = 16
"""Parts of a dotted name, and tables within tables; the schema has five."""
_DOTTED = re.compile(
    r"""(?<![\w."'-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){16,}+"""
)
"""A name of more parts than that: reading it takes time that grows with their square."""
_NUMBERS = ("low", "high")
_TRUTHS = ("clinician_signed_off", "needed")
_NAMES = ("key", "id", "name", "concept", "anatomic_region", "unit")
"""What stands on one line wherever it is shown, or goes into a code."""
_UNSHOWN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of what does not show, or rules over what does."""


def shared(name: str) -> Traversable:
    """Return a file that all procedures share."""
    return files("napari_fluoroinject.procedures") / "shared" / name


def text_of(file: Traversable) -> str:
    """Return the text of a file.

    Raises
    ------
    ProcedureError
        It cannot be read, or is not UTF-8.
    """
    try:
        # a byte order mark is what editors of Windows put there
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProcedureError(f"{file.name}: cannot be read: {error}") from error


def read_table(text: str, *, name: str) -> dict[str, Any]:
    """Read TOML whose numbers, yes and no, and texts are what they must be to be shown.

    Raises
    ------
    ProcedureError
        It is not TOML, a number or a yes or no is of another type, a text has characters that do
        not show, or tables are nested far deeper than any that is known; with the path.
    """
    if _DOTTED.search(text):
        raise ProcedureError(
            f"{name}: not valid TOML: seen a dotted name of {_MOST_PARTS} parts or more; "
            "expected such as target.tolerance.low"
        )
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise ProcedureError(f"{name}: not valid TOML: {error}") from error
    if faults := list(_odd_values(table, at=())):
        raise ProcedureError(f"{name}: {'; '.join(faults)}")
    return table


def validated(kind: Any, value: Any, *, name: str) -> Any:
    """Turn plain tables into values of `kind`.

    Raises
    ------
    ProcedureError
        A missing or unknown key, or a wrong value.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        faults = "; ".join(_faults(error))
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


def _odd_values(value: Any, *, at: tuple[str, ...]) -> Iterator[str]:
    """What a lenient reader would take for something else, or a page could not show."""
    path = ".".join(at)
    if len(at) > _MOST_PARTS:
        yield f"{path:.{_LONGEST_SEEN}}: nested too deep"
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _odd_text(name, at=path, lines=False)
            yield from _odd_values(one, at=(*at, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _odd_values(one, at=(*at, str(index)))
    else:
        key = next((one for one in reversed(at) if not one.isdigit()), "")
        yield from _odd_value(value, at=path, key=key)


def _odd_value(value: Any, *, at: str, key: str) -> Iterator[str]:
    if key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield f"{at}: seen {_short(value)}; expected a number"
    elif key in _TRUTHS and not isinstance(value, bool):
        yield f"{at}: seen {_short(value)}; expected true or false"
    elif isinstance(value, str):
        yield from _odd_text(value, at=at, lines=key not in _NAMES)


def _odd_text(text: str, *, at: str, lines: bool) -> Iterator[str]:
    allowed = "\n\t" if lines else ""
    odd = [one for one in text if category(one) in _UNSHOWN and one not in allowed]
    if odd:
        yield f"{at}: seen the character U+{ord(odd[0]):04X}; expected a text that shows as it is"


def _faults(error: ValidationError) -> Iterator[str]:
    """One clause for each wrong value, and one for all keys that a table lacks."""
    missing: dict[str, list[str]] = {}
    for one in error.errors():
        *table, last = map(str, one["loc"]) if one["loc"] else ("",)
        at = ".".join((*table, last))
        if one["type"] == "missing":
            missing.setdefault(".".join(table), []).append(last)
        elif one["type"] == "unexpected_keyword_argument":
            yield f"{at}: there is no such key, seen {_short(one['input'])}"
        else:
            yield f"{at}: {one['msg']}, seen {_short(one['input'])}"
    for where, keys in missing.items():
        yield f"{f'{where}: ' if where else ''}missing: {', '.join(keys)}"


def _short(seen: object) -> str:
    return f"{f'{seen!r}':.{_LONGEST_SEEN}}"


def _as_table(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
