"""Levels of the spine as people name them: a vertebra (L4), or two and what is between (L4-L5)."""

from __future__ import annotations

import re

from napari_fluoroinject.errors import AnnotationError

_COUNTS = {"C": 7, "T": 12, "L": 6, "S": 5}
"""Vertebrae from head to tail."""
_MORE = 1
"""Some people have one vertebra more, such as an L6."""
_SPINE = tuple(f"{letter}{n}" for letter, count in _COUNTS.items() for n in range(1, count + 1))
_REGIONS = {"cervical": "C", "thoracic": "T", "lumbar": "L", "sacral": "S"}
_FORM = re.compile(r"([CTLS]\d+)(?:[-/]([CTLS]?)(\d+))?")


def check_level(text: str, *, region: str | None = None) -> None:
    """Check that a level exists, and belongs to a region or borders on it.

    Parameters
    ----------
    text
        `L4`, or two vertebrae from head to tail: `L4-L5`, `L4/5`, `C7-T1`.
    region
        Of a procedure; what is no region of the spine, or None, takes every level.

    Raises
    ------
    AnnotationError
        There is no such level, or it lies elsewhere.
    """
    ends = _ends(text)
    if not ends:
        raise AnnotationError(
            f"level {text!r} is none of the spine; expected a vertebra such as L4 or S1, or two "
            "from head to tail such as L4-L5 or C7-T1"
        )
    letter = _REGIONS.get(region or "")
    if letter is None:
        return
    first, last = _SPINE.index(f"{letter}1"), _SPINE.index(f"{letter}{_COUNTS[letter]}")
    # blocks of a region's joints and roots begin at the neighbour: T12 and S1 of the lumbar spine
    if not any(first - 1 <= end <= last + 1 for end in ends):
        raise AnnotationError(
            f"level {text} does not belong to a {region} procedure; expected one from "
            f"{_SPINE[max(first - 1, 0)]} to {_SPINE[min(last + 1, len(_SPINE) - 1)]}"
        )


def check_ladder(first: str | None, count: int, *, region: str | None = None) -> None:
    """Check that vertebrae that are counted from one on exist, and touch a region.

    Parameters
    ----------
    first
        The vertebra from which they are counted towards the feet; None = not said.
    count
        How many they are.
    region
        Of a procedure; what is no region of the spine, or None, takes every vertebra.

    Raises
    ------
    AnnotationError
        `first` is no single vertebra, there are fewer below it, or none of them is of the region.
    """
    begin = 0
    if first is not None:
        ends = _ends(first)
        if len(ends) != 1:
            raise AnnotationError(
                f"level {first!r} is no single vertebra; expected that of the first point, such "
                "as L1"
            )
        begin = ends[0]
    if begin + count > len(_SPINE) + _MORE:
        raise AnnotationError(
            f"seen {count} vertebrae from {first or 'an unnamed one'} on; expected "
            f"{len(_SPINE) + _MORE - begin} at most: the spine has no more"
        )
    letter = _REGIONS.get(region or "")
    if letter is None or first is None:
        return
    shown = _SPINE[begin : begin + count]
    if not any(name.startswith(letter) for name in shown):
        raise AnnotationError(
            f"{count} vertebrae from {first} on hold none of a {region} procedure; expected one "
            f"from {letter}1 to {letter}{_COUNTS[letter]} among them: give the level of the first "
            "point"
        )


def _ends(text: str) -> tuple[int, ...]:
    """Places of the one or two vertebrae in the spine; empty where the text is no level."""
    form = _FORM.fullmatch(text)
    if form is None:
        return ()
    upper, letter, number = form.groups()
    names = [upper] if number is None else [upper, f"{letter or upper[0]}{number}"]
    ends = tuple(_SPINE.index(name) for name in names if name in _SPINE)
    whole = len(ends) == len(names)
    return ends if whole and ends == tuple(sorted(set(ends))) else ()
