"""Points, needles and frames as people write them: on a command line, or in a list of sources."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import NeedleTrajectory

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import Point

_MOST_DIGITS = 9
_FRAME = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""As JSON and people write numbers: Python would also take 1_0, other scripts, and nan."""
_PART = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_LONGEST_TOLD = 60


def point_of(text: str) -> Point:
    """Read `R,C`, row and column.

    Raises
    ------
    AnnotationError
        It is none.
    """
    row, column = _numbers(text, 2, "R,C")
    return row, column


def needle_of(text: str) -> NeedleTrajectory:
    """Read `R,C,R,C` or `R,C,R,C,FRAME`, hub, then tip.

    Raises
    ------
    AnnotationError
        It is none.
    """
    form = "R,C,R,C or R,C,R,C,FRAME (hub, then tip)"
    points, frame = text, "0"
    if text.count(",") == 4:
        points, _, frame = text.rpartition(",")
    if not _FRAME.fullmatch(frame.strip()):
        raise AnnotationError(
            f"{_short(text)} is not {form}: frames are whole numbers from 0, of "
            f"{_MOST_DIGITS} digits at most"
        )
    hub_row, hub_column, tip_row, tip_column = _numbers(points, 4, form)
    return NeedleTrajectory(
        hub_px=(hub_row, hub_column), tip_px=(tip_row, tip_column), frame=int(frame)
    )


def frames_of(text: str) -> tuple[int, ...]:
    """Read frames, rising and counted from 0: `0-7` or `0,2,5-8`.

    Raises
    ------
    AnnotationError
        They are none.
    """
    frames: list[int] = []
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        first = int(found[1]) if found else -1
        last = int(found[2] or found[1]) if found else -1
        if found is None or last < first or (frames and first <= frames[-1]):
            raise AnnotationError(
                f"{_short(text)} are no frames: expected whole numbers from 0 and ranges, rising, "
                "each once, for example 0-7 or 0,2,5-8"
            )
        frames += range(first, last + 1)
    return tuple(frames)


def _numbers(text: str, count: int, form: str) -> tuple[float, ...]:
    parts = [part.strip() for part in text.split(",")]
    plain = all(map(_NUMBER.fullmatch, parts))
    values = tuple(map(float, parts)) if plain else ()
    if len(values) != count or not all(isfinite(value) for value in values):
        raise AnnotationError(
            f"{_short(text)} is not {form}: expected {count} numbers with commas between"
        )
    return values


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}...")
