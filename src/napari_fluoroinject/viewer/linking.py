"""Which frame of one run was taken when a frame of another was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop

LinkBasis = Literal["acquisition time", "time from the first frame", "frame number"]


def linked_frame(shown: CineLoop, frame: int, beside: CineLoop) -> tuple[int, LinkBasis]:
    """Return the frame of the run beside that goes with a frame of the shown one, and by what.

    Where both say when they were taken and their times overlap it is the frame taken nearest to
    the same moment; else that at the same time from its run's first frame; where one tells no
    times, that of the same number.
    """
    frames = beside.shape[0]
    if shown.times_s is None or beside.times_s is None:
        return min(frame, frames - 1), "frame number"
    time_s = float(shown.times_s[frame])
    offset_s = _offset_s(shown, beside)
    if offset_s is None:
        return _nearest(beside, time_s), "time from the first frame"
    return _nearest(beside, time_s + offset_s), "acquisition time"


def _offset_s(shown: CineLoop, beside: CineLoop) -> float | None:
    """How much later the shown run began; None where the clocks say nothing of one moment."""
    ours, theirs = shown.setup.started, beside.setup.started
    if ours is None or theirs is None or shown.times_s is None or beside.times_s is None:
        return None
    if (ours.tzinfo is None) != (theirs.tzinfo is None):
        return None  # a clock of unknown zone cannot be compared with one that tells it
    offset_s = (ours - theirs).total_seconds()
    overlaps = offset_s <= beside.times_s[-1] and -offset_s <= shown.times_s[-1]
    return offset_s if overlaps else None


def _nearest(loop: CineLoop, time_s: float) -> int:
    times_s = loop.times_s
    return 0 if times_s is None else int(np.abs(times_s - time_s).argmin())
