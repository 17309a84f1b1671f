"""Attribute matching of C-FIND (PS3.4 C.2.2.2) on the headers of stored objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

_WILD = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_RANGED = {"DA", "TM", "DT"}


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
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in asked)
        # person names are matched without regard to case, as PS3.4 C.2.2.2.1 allows
        return re.fullmatch(pattern, own, re.IGNORECASE if vr == "PN" else re.NOFLAG) is not None
    return own == asked
