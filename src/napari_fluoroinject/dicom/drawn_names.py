"""Names by which what this software draws is known again, in any language of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from napari_fluoroinject.model.annotation import Mark

MarkPart = Literal["point", "line", "area", "beyond"]
"""How a mark is drawn, and the point on the far side of it."""

_PREFIX = "fluoroinject"
NEEDLE = f"{_PREFIX}:needle"
NEEDLE_TIP = f"{_PREFIX}:needle tip"
MARKED_NEEDLE = f"{_PREFIX}:marked needle"
TARGET = f"{_PREFIX}:target"
TARGET_RING = f"{_PREFIX}:target ring"
OUTLINE = f"{_PREFIX}:outline"
RUN_OFF = f"{_PREFIX}:run-off"
WARNING = f"{_PREFIX}:warning"
FOLLOWED = "+followed"
"""Has a sign that no quoted word has."""
DRAWN = frozenset(
    (NEEDLE, NEEDLE_TIP, MARKED_NEEDLE, TARGET, TARGET_RING, OUTLINE, RUN_OFF, WARNING)
)
"""What is not named after a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMark:
    """What the name of a drawn mark says."""

    part: MarkPart
    landmark: str
    level: str | None


def mark_name(mark: Mark, part: MarkPart) -> str:
    """Name a mark as it was drawn by a person; ASCII, whatever its landmark is called."""
    level = () if mark.level is None else (quote(mark.level, safe=""),)
    return ":".join((_PREFIX, part, quote(mark.landmark, safe=""), *level))


def followed(name: str) -> str:
    """Name the same thing moved along with the anatomy: seen so, but not marked so."""
    return f"{name}{FOLLOWED}"


def named_mark(name: str) -> NamedMark | None:
    """Read a name of `mark_name`; None for every other."""
    prefix, *parts = name.split(":")
    if prefix != _PREFIX or len(parts) not in (2, 3) or parts[0] not in get_args(MarkPart):
        return None
    if parts[-1].endswith(FOLLOWED):
        return None
    return NamedMark(
        part=cast("MarkPart", parts[0]),
        landmark=unquote(parts[1]),
        level=unquote(parts[2]) if len(parts) == 3 else None,
    )
