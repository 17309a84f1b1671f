"""What PS3.15 Annex E says is to be done with an attribute or a content item."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Deed = Literal["D", "Z", "X", "U"]
"""Dummy value, zero length, removed, UID replaced (PS3.15 table E.1-1a)."""
EDITION = "2026d"
"""Of the tables, see `make_tables`."""

_CURVES, _OVERLAYS = 0x5000, 0x6000
_GROUPS_THAT_REPEAT = range(0, 0x100, 2)
"""Groups 50xx and 60xx: PS3.5 7.6 ends at 1E, table E.1-1 does not."""
_OVERLAY_DATA, _OVERLAY_COMMENTS = 0x3000, 0x4000

_CREATED = (0x00700082, 0x00700083)
"""Presentation Creation Date and Time: table E.1-1 removes them, but every presentation state
requires a value (type 1, PS3.3 C.11.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The basic action on an attribute: one deed, or several of which the IOD's type chooses.

    `temporal`: the options for longitudinal temporal information keep or change it instead.
    """

    deeds: tuple[Deed, ...]
    temporal: bool = False


def action_of(tag: int) -> Action | None:
    """Return what table E.1-1 says of an attribute; None where it names none.

    Parameters
    ----------
    tag
        Of a standard attribute; private ones are not in the table: all of them are removed.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group - _CURVES in _GROUPS_THAT_REPEAT:
        return _REMOVED
    if group - _OVERLAYS in _GROUPS_THAT_REPEAT and element in (_OVERLAY_DATA, _OVERLAY_COMMENTS):
        return _REMOVED
    if tag in _CREATED:
        return Action(deeds=("D",), temporal=True)
    return _profile().get(tag)


def every_tag() -> tuple[int, ...]:
    """Return the tags of table E.1-1 but for groups that repeat, in its order."""
    return tuple(_profile())


def chosen(action: Action, required: str | None) -> Deed:
    """Choose of a compound action what keeps the object valid.

    Parameters
    ----------
    action
        Of an attribute.
    required
        Type of the attribute in its object: `1`, `1C`, `2`, `2C`, `3`; None where it is not
        known: then what is valid for every type.
    """
    if "U" in action.deeds:  # references are kept whole
        return "U"
    if required == "3":
        return action.deeds[0]
    if required in ("2", "2C") and "Z" in action.deeds:
        return "Z"
    return action.deeds[-1]


def type_of(sop_class_uid: str, keyword: str) -> str | None:
    """Return the type of an attribute on top of an object; None where the class is not known.

    Parameters
    ----------
    sop_class_uid, keyword
        Of the object; of an attribute with a compound action.
    """
    known = _required().get(sop_class_uid)
    return None if known is None else known.get(keyword, "3")


def content_action(code: str, scheme: str, value_type: str) -> Action | None:
    """Return what table E.3.4-1 says of a content item; None where it names none.

    Parameters
    ----------
    code, scheme
        Of its concept name.
    value_type
        `TEXT`, `PNAME` and so on.
    """
    return _content().get((code, scheme, value_type))


_REMOVED = Action(deeds=("X",))
_DEEDS: dict[str, tuple[Deed, ...]] = {
    "D": ("D",),
    "Z": ("Z",),
    "X": ("X",),
    "U": ("U",),
    "Z/D": ("Z", "D"),
    "X/Z": ("X", "Z"),
    "X/D": ("X", "D"),
    "X/Z/D": ("X", "Z", "D"),
    "X/Z/U*": ("X", "Z", "U"),
}


def _rows(name: str) -> list[list[str]]:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


@cache
def _profile() -> dict[int, Action]:
    return {
        int(tag, 16): Action(deeds=_DEEDS[deeds], temporal=bool(temporal))
        for tag, deeds, temporal, _ in _rows("profile.tsv")
    }


@cache
def _content() -> dict[tuple[str, str, str], Action]:
    return {
        (code, scheme, kind): Action(deeds=_DEEDS[deeds], temporal=bool(temporal))
        for code, scheme, kind, deeds, temporal, _ in _rows("content.tsv")
    }


@cache
def _required() -> dict[str, dict[str, str]]:
    return {
        uid: {name: kind for name, _, kind in (one.partition("=") for one in told)}
        for uid, *told in _rows("required.tsv")
    }
