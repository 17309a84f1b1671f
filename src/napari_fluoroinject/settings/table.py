"""A table of a settings file against the dataclass that it fills: every fault with its path."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST = 1e15
"""Of all numbers: whatever counts bytes or seconds still fits after it was made bytes of MB."""
_LONGEST_SHOWN = 60
_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def table_faults(kind: type[Any], table: Any, *, at: str) -> list[str]:
    """Every fault of a table, in words; none where `read_table` will take it.

    Parameters
    ----------
    kind
        A dataclass whose fields are text, numbers, `Path`, `Literal`, tuples of text, mappings of
        text, other such dataclasses, or any of these or None.
    table
        As the TOML reader gives it.
    at
        Its path in the file.
    """
    if not isinstance(table, dict):
        return [f"{at}: seen {_shown(table)}; expected a table"]
    hints = get_type_hints(kind)
    faults = unknown_keys(table, tuple(hints), at=at)
    needed = [one.name for one in fields(kind) if one.default is one.default_factory is MISSING]
    faults += [f"{at}.{name}: not there; expected one" for name in needed if name not in table]
    for name, hint in hints.items():
        if name in table:
            faults += _value_faults(hint, table[name], at=f"{at}.{name}")
    return faults or _own_faults(kind, table, at=at)


def read_table(kind: type[Any], table: Mapping[str, Any], *, folder: Path | None) -> Any:
    """Return the dataclass that a table without faults fills.

    Relative paths begin in `folder`, that of the settings file.
    """
    hints = get_type_hints(kind)
    known = {one.name for one in fields(kind)}
    return kind(**{k: _read(hints[k], v, folder) for k, v in table.items() if k in known})


def unknown_keys(table: Mapping[str, Any], known: tuple[str, ...], *, at: str) -> list[str]:
    """Faults of the keys that are not known."""
    prefix = f"{at}." if at else ""
    return [
        f"{prefix}{key}: unknown key; expected one of {', '.join(known)}"
        for key in table
        if key not in known
    ]


def _own_faults(kind: type[Any], table: Mapping[str, Any], *, at: str) -> list[str]:
    """What the dataclass itself refuses; its errors begin with the name of the field."""
    try:
        read_table(kind, table, folder=None)
    except (ValueError, TypeError) as error:
        return [f"{at}.{error}"]
    return []


def _plain(hint: Any) -> Any:
    """The type without its None."""
    if get_origin(hint) in (Union, UnionType):
        return next(one for one in get_args(hint) if one is not type(None))
    return hint


def _value_faults(hint: Any, value: Any, *, at: str) -> list[str]:
    kind = _plain(hint)
    origin = get_origin(kind)
    if is_dataclass(kind):
        return table_faults(kind, value, at=at)  # type: ignore[arg-type] # a class, as hints hold
    if origin is Literal:
        choices = get_args(kind)
        expected = f"one of {', '.join(map(str, choices))}"
        return [] if value in choices else [f"{at}: seen {_shown(value)}; expected {expected}"]
    if origin is tuple:
        good = isinstance(value, list) and all(one and _is_text(one) for one in value)
        return [] if good else [f"{at}: seen {_shown(value)}; expected a list of texts"]
    if origin is not None:
        good = isinstance(value, dict) and all(_is_text(one) for one in value.values())
        return [] if good else [f"{at}: seen {_shown(value)}; expected a table of texts"]
    return _scalar_faults(kind, value, at=at)


def _scalar_faults(kind: Any, value: Any, *, at: str) -> list[str]:
    asked = str if kind is Path else kind
    good = isinstance(value, asked) or (asked is float and isinstance(value, int))
    if isinstance(value, bool) and asked is not bool:
        good = False
    if not good or (kind is Path and not value):
        return [f"{at}: seen {_shown(value)}; expected {_WORDS[asked]}"]
    if asked is str and not _is_text(value):
        return [f"{at}: seen {_shown(value)}; expected text without control characters"]
    if asked in (int, float) and not value >= 0:  # nor is nan
        return [f"{at}: seen {_shown(value)}; expected a number of 0 or more"]
    if asked in (int, float) and value > _LARGEST:
        return [f"{at}: seen {_shown(value)}; expected a number of {_LARGEST:g} at most"]
    return []


def _is_text(value: Any) -> bool:
    """Whether it is text that a path, a title or an address can be."""
    return isinstance(value, str) and all(ord(letter) >= 32 for letter in value)


def _shown(value: Any) -> str:
    """As it stands in the file, cut where nobody would read on."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _read(hint: Any, value: Any, folder: Path | None) -> Any:
    kind = _plain(hint)
    if is_dataclass(kind):
        return read_table(kind, value, folder=folder)  # type: ignore[arg-type] # a class
    if kind is Path:
        return Path(value) if folder is None else folder / value
    if get_origin(kind) is tuple:
        return tuple(value)
    return float(value) if kind is float else value
