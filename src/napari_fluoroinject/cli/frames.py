"""Frames as they are written on the command line: `0-7` or `0,2,5-8`, counted from 0."""

from __future__ import annotations

import re

import typer

MASK_FRAMES_FORM = "FIRST-LAST[,...]"
MASK_FRAMES_HELP = (
    "Mask frames themselves, for example 0-7 or 0,2,5-8, counted from 0 as for --needle, in place "
    "of --mask. One loop only."
)
_PART = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_LONGEST_TOLD = 60


def parse_frames(text: str | None) -> tuple[int, ...] | None:
    """Read frames, rising; None = nothing was written. Wrong usage where they are none."""
    if text is None:
        return None
    frames: list[int] = []
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        first = int(found[1]) if found else -1
        last = int(found[2] or found[1]) if found else -1
        if found is None or last < first or (frames and first <= frames[-1]):
            seen = repr(text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}...")
            raise typer.BadParameter(
                f"{seen} are no frames: expected whole numbers from 0 and ranges, rising, each "
                "once, for example 0-7 or 0,2,5-8"
            )
        frames += range(first, last + 1)
    return tuple(frames)
