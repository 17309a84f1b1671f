"""Frames a few at a time, so that no step holds a second loop in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

CHUNK_FRAMES = 16
"""Of 512 x 512 pixels these are 17 MB of 32-bit numbers."""


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most `CHUNK_FRAMES` that cover `count` frames in order."""
    for start in range(0, count, CHUNK_FRAMES):
        yield slice(start, min(start + CHUNK_FRAMES, count))


def picked(frames: FloatArray, used: BoolArray) -> FloatArray:
    """The frames that are used, (used, rows, columns); a view where they are one run."""
    places = used.nonzero()[0]
    if len(places) and places[-1] - places[0] + 1 == len(places):
        run: FloatArray = frames[places[0] : places[-1] + 1]
        return run
    some: FloatArray = frames[used]
    return some
