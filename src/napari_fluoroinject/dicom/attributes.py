"""Attributes of a cine object, wherever its kind keeps them: on top or in functional groups."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from pydicom.multival import MultiValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def text(dataset: Dataset, keyword: str) -> str | None:
    """Text of an attribute, the first of several values; None when missing or empty.

    Control characters, which a terminal would obey, are shown as `?`.
    """
    value = _first(dataset.get(keyword))
    return _printable(str(value)).strip() or None if value is not None else None


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Texts of an attribute of several values; empty when missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    values = (value,) if isinstance(value, str) else value
    return tuple(_printable(str(entry)) for entry in values)


def number(dataset: Dataset, keyword: str) -> float | None:
    """Number of an attribute, the first of several; None when missing, empty or not finite.

    Raises
    ------
    ValueError
        The attribute holds something that is no number.
    """
    values = numbers(dataset, keyword)
    return values[0] if values and isfinite(values[0]) else None


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Numbers of an attribute of several values; empty when missing or empty.

    Raises
    ------
    ValueError
        The attribute holds something that is no number.
    """
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    values = value if isinstance(value, MultiValue | list | tuple) else (value,)
    return tuple(float(entry) for entry in values)


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """First item of a sequence; None when there is none."""
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else None


def functional_groups(header: Dataset) -> tuple[Dataset, ...]:
    """Functional groups of an enhanced object: the shared ones, then those of each frame."""
    return (*(header.get(_SHARED) or ()), *(header.get(_PER_FRAME) or ()))


def macro_items(header: Dataset, macro: str) -> tuple[Dataset, ...]:
    """Items of a functional group macro: the shared one, or one per frame in their order."""
    items = (first_item(group, macro) for group in functional_groups(header))
    return tuple(item for item in items if item is not None)


def places(header: Dataset, macro: str) -> Iterator[Dataset]:
    """Where an attribute can stand: the data set itself, then the items of a macro."""
    yield header
    yield from macro_items(header, macro)


def stated(header: Dataset, macro: str, keyword: str) -> tuple[tuple[float, ...], ...]:
    """Distinct numbers that an attribute has over the frames, in the order they first occur.

    One entry is the rule; none means unknown, several that it changes during the run.

    Raises
    ------
    ValueError
        The attribute holds something that is no number.
    """
    found = (numbers(place, keyword) for place in places(header, macro))
    return tuple(dict.fromkeys(values for values in found if values))


def only(header: Dataset, macro: str, keyword: str) -> float | None:
    """The one number that an attribute has over all frames; None when unknown or changing.

    Raises
    ------
    ValueError
        The attribute holds something that is no number.
    """
    values = stated(header, macro, keyword)
    return values[0][0] if len(values) == 1 and isfinite(values[0][0]) else None


def only_text(header: Dataset, macro: str, keyword: str) -> str | None:
    """The one text that an attribute has over all frames; None when unknown or changing."""
    found = dict.fromkeys(text(place, keyword) for place in places(header, macro))
    found.pop(None, None)
    return next(iter(found)) if len(found) == 1 else None


def _printable(value: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in value)


def _first(value: Any) -> Any:
    if isinstance(value, MultiValue | list | tuple):
        return value[0] if value else None
    return value
