"""Attribute matching of C-FIND (PS3.4 C.2.2.2) on the headers of stored objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

_WILD = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_RANGED = {"DA", "TM", "DT"}
_LONGEST = 1024
"""Longer texts are no keys (PS3.5 6.2: a name has 3 x 64 characters), and take long to match."""


def matches(header: Dataset, wanted: Iterable[DataElement]) -> bool:
    """Whether a header has what every wanted element asks for; an empty element asks nothing."""
    return all(_element_matches(header, element) for element in wanted)


def texts(element: DataElement | None) -> tuple[str, ...]:
    """The values of an element as text; none where it is absent, empty or a sequence."""
    if element is None or element.is_empty or element.VR == "SQ":
        return ()
    value = element.value
    many = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    return tuple(str(one) for one in many)


def glob(own: str, asked: str) -> bool:
    """Whether a text is what was asked for, where `*` is any text and `?` one character.

    A peer chooses the pattern: nothing is tried again but from the last `*` on, so that the time
    is at most the product of both lengths, where a regular expression may take for ever.
    """
    if own == asked or set(asked) == {"*"}:
        return True
    if max(len(own), len(asked)) > _LONGEST:
        return False
    at = place = 0
    star, resume = -1, 0
    while at < len(own):
        if asked[place : place + 1] == "*":
            star, resume, place = place, at, place + 1
        elif asked[place : place + 1] in ("?", own[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not asked[place:].strip("*")


def _element_matches(header: Dataset, element: DataElement) -> bool:
    asked = texts(element)
    if not asked:
        return True
    own = texts(header.get(element.tag))
    if element.VR == "UI":
        return not set(asked).isdisjoint(own)
    return any(_value_matches(one, asked[0], element.VR) for one in own)


def _value_matches(own: str, asked: str, vr: str) -> bool:
    if vr in _RANGED and "-" in asked:
        first, last = asked.split("-", 1)
        # a shorter bound covers everything it begins: 2026 as last bound holds all of 2026
        return own[: len(first)] >= first and (not last or own[: len(last)] <= last)
    if vr in _WILD:
        # person names are matched without regard to case, as PS3.4 C.2.2.2.1 allows
        return glob(own.lower(), asked.lower()) if vr == "PN" else glob(own, asked)
    return own == asked
