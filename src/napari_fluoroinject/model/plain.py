"""Typed values from plain ones (objects, lists, numbers, text of JSON) and back, exactly."""

from __future__ import annotations

import dataclasses
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_MOST_TOLD = 200
"""Characters of a wrong value in an error."""


class PlainError(ValueError):
    """A plain value is not what its place asks for; the message has path, seen and expected."""

    def __init__(self, at: str, seen: object, expected: str) -> None:
        told = f"seen {f'{seen!r}':.{_MOST_TOLD}}; expected {expected}"
        super().__init__(f"{at}: {told}" if at else told)


def typed(kind: Any, value: Any, *, at: str = "") -> Any:
    """Turn a plain value into one of `kind`; nothing is rounded, cut or guessed.

    Parameters
    ----------
    kind
        A frozen dataclass, or what its fields may be: `tuple[T, ...]`, `tuple[A, B]`, a `Literal`,
        `T | None`, `float`, `int`, `str`.
    value
        As `json.loads` gives it.
    at
        Path of the value, for errors.

    Raises
    ------
    PlainError
        Another type, an unknown or a missing key, a number that is not finite.
    """
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, at)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _choice(inner, value, at)
    if origin is tuple:
        return _items(inner, value, at)
    if origin in (Union, UnionType):
        return _optional(inner, value, at)
    return _scalar(kind, value, at)


def plain(value: Any) -> Any:
    """Turn a typed value into a plain one; what is None or empty by default is left out."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != field.default
        }
    return [plain(one) for one in value] if isinstance(value, tuple) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: Any, value: Any, at: str) -> Any:
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields]
    if not isinstance(value, dict):
        raise PlainError(at, value, f"an object of {', '.join(names)}")
    if unknown := sorted(set(value) - set(names)):
        raise PlainError(at, f"unknown key {', '.join(unknown)}", f"keys of {', '.join(names)}")
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    if missing := [name for name in needed if name not in value]:
        raise PlainError(at, value, f"{', '.join(missing)} beside it")
    hints = _hints(kind)
    prefix = f"{at}." if at else ""
    return kind(**{n: typed(hints[n], one, at=f"{prefix}{n}") for n, one in value.items()})


def _choice(choices: tuple[Any, ...], value: Any, at: str) -> Any:
    if value not in choices or isinstance(value, bool):
        raise PlainError(at, value, " or ".join(map(str, choices)))
    return value


def _items(kinds: tuple[Any, ...], value: Any, at: str) -> tuple[Any, ...]:
    many = kinds[-1] is Ellipsis
    if not isinstance(value, list) or not (many or len(value) == len(kinds)):
        raise PlainError(at, value, "a list" if many else _numbered(kinds))
    inner = [kinds[0]] * len(value) if many else kinds
    pairs = zip(inner, value, strict=True)
    return tuple(typed(kind, one, at=f"{at}[{i}]") for i, (kind, one) in enumerate(pairs))


def _numbered(kinds: tuple[Any, ...]) -> str:
    if kinds == (float, float):
        return "a [row, column] point of finite numbers"
    return f"a list of {len(kinds)}"


def _optional(kinds: tuple[Any, ...], value: Any, at: str) -> Any:
    """`T | None`: the only union that there is."""
    (kind,) = [one for one in kinds if one is not NoneType]
    return None if value is None else typed(kind, value, at=at)


def _scalar(kind: Any, value: Any, at: str) -> Any:
    expected = {float: "a finite number", int: "a whole number", str: "a text"}[kind]
    fits = type(value) in ((int, float) if kind is float else (kind,))
    if not fits:
        raise PlainError(at, value, expected)
    if kind is not float:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise PlainError(at, value, expected)
    return number
