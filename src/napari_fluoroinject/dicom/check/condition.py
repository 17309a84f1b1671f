"""Conditions of the tables: a sentence about an item becomes true or false.

A sentence is made of terms joined by `and` and `or` (`and` binds closer). Terms:

* `X present`, `X absent`: the attribute has a value, or none
* `X is A|B`: its (first) value is one of these
* `X contains A|B`: any of its values is
* `X names Y`: any of its values is the tag of attribute Y
* `X > 1`: it is a number above
* `X many`: it has more than one value or item

`/X` is looked up in the whole data set, `X` in the item.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pydicom.datadict import tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Condition = Callable[["Dataset", "Dataset"], bool]
"""Of an item and of the whole data set."""

_TERM = re.compile(r"(/?)([A-Za-z0-9]+) (present|absent|many|is|contains|names|>)(?: (.+))?")


def values_of(item: Dataset, keyword: str) -> list[Any]:
    """Return the values of an attribute, or its items; none where it is missing or empty."""
    tag = tag_of(keyword)
    if tag not in item:
        return []
    element = item[tag]
    value = element.value
    if value is None or value in ("", b""):
        return []
    if element.VR == "SQ":
        return list(value)
    if isinstance(value, (list, MultiValue)):
        return [one for one in value if one is not None]
    return [value]


@cache
def tag_of(keyword: str) -> BaseTag:
    """Return the tag of an attribute: pydicom looks it up faster than the keyword."""
    return Tag(keyword)


@cache
def condition(sentence: str) -> Condition:
    """Return what the sentence says.

    Raises
    ------
    ValueError
        A sentence that is not understood: a fault of the table.
    """
    either = [[_term(term) for term in part.split(" and ")] for part in sentence.split(" or ")]

    def holds(item: Dataset, whole: Dataset) -> bool:
        return any(all(term(item, whole) for term in terms) for terms in either)

    return holds


def _term(text: str) -> Condition:
    match = _TERM.fullmatch(text)
    if match is None or tag_for_keyword(match[2]) is None:
        raise ValueError(f"{text!r} is no condition")
    judge = _judge(match[3], match[4])

    def term(item: Dataset, whole: Dataset) -> bool:
        return judge(values_of(whole if match[1] else item, match[2]))

    return term


def _judge(verb: str, operand: str | None) -> Callable[[list[Any]], bool]:
    """Return what a verb says of the values."""
    if verb in ("present", "absent"):
        return lambda values: bool(values) is (verb == "present")
    if verb == "many":
        return lambda values: len(values) > 1
    if operand is None:
        raise ValueError(f"{verb!r} of what?")
    if verb == ">":
        least = float(operand)
        return lambda values: bool(values) and _number(values[0]) > least
    if verb == "names":
        tag = tag_for_keyword(operand)
        return lambda values: tag in values
    wanted = operand.split("|")
    if verb == "is":
        return lambda values: bool(values) and str(values[0]) in wanted
    return lambda values: any(str(value) in wanted for value in values)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
