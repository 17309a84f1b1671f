"""A run of a recording as it is written to DICOM: fresh exposures, cut to the X-ray picture."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.live.runs import run_of
from napari_fluoroinject.model.geometry import Side
from napari_fluoroinject.model.recorded import RecordedRun
from napari_fluoroinject.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.live.runs import Run
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.recording.reader import Segment

LEAD_FRAMES = 120
"""Frames before a run, else its own first ones, from which area and rhythm are learned."""
LEAST_LEAD_FRAMES = 24
_LEAD_PAUSE_S = 0.07
_TEXTLESS = "phantom"
"""The kind of feed that shows nothing but X-rays."""
_UNCUT = "the X-ray picture was not told apart: all frames, uncut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What a person adds to a run.

    `burned_in` False says that somebody looked, and that no text stands in the picture.
    """

    side: Side | None = None
    burned_in: bool = True


def recorded_run(folder: Path, number: int, filing: Filing | None = None) -> RecordedRun:
    """Read a run of a recording, and look at it again as it was looked at live.

    Parameters
    ----------
    folder
        Of the recording.
    number
        Of the run, from 1.
    filing
        What a person adds; None = nothing.

    Raises
    ------
    StorageError
        No such run, or none of its frames is left.
    UnreadableObjectError
        The recording cannot be read, or the disk has changed a frame.
    """
    run, recording = run_of(folder, number), Recording.open(folder)
    segments = recording.between(run.first_frame, run.last_frame)
    if not segments:
        raise StorageError(f"run {number} of this recording has no frames; expected some")
    loop = recording.joined(segments)
    fresh, area = _looked_at(recording, run, loop)
    return _cut(loop, segments, (fresh, area), number=number, filing=filing or Filing())


def _looked_at(
    recording: Recording, run: Run, loop: CineLoop
) -> tuple[list[int], PictureArea | None]:
    """Which frames of the run are fresh, from 0, and the area that most of them lie in."""
    watch, at_s = Watch(loop.intensity, loop.shape[1:]), 0.0
    for lead in (_before(recording, run, loop), loop):
        # where the area is not known yet nothing is fresh: the run would lose its begin
        known = False
        for _, look in () if lead is None else _looks(watch, lead, LEAD_FRAMES, from_s=at_s):
            at_s, known = look.time_s + _LEAD_PAUSE_S, look.area is not None
        if known:
            break
    fresh: list[int] = []
    areas: list[PictureArea] = []
    for place, look in _looks(watch, loop, loop.shape[0], from_s=at_s):
        if look.fresh and not look.blank and look.area is not None:
            fresh.append(place)
            areas.append(look.area)
    if len(fresh) < 2:
        return list(range(loop.shape[0])), None
    boxes = Counter((one.first_px, one.shape_px) for one in areas)
    usual = boxes.most_common(1)[0][0]
    return fresh, next(one for one in reversed(areas) if (one.first_px, one.shape_px) == usual)


def _looks(
    watch: Watch, loop: CineLoop, most: int, *, from_s: float
) -> Iterator[tuple[int, Look]]:
    """What the first frames of a loop are, as if it began at `from_s`."""
    times_s = loop.times_s
    assert times_s is not None  # noqa: S101 - a recording tells them
    for place in range(min(most, loop.shape[0])):
        time_s = from_s + float(times_s[place] - times_s[0])
        with suppress(ValueError):  # not later than the one before: it was told live, too
            yield place, watch.look(loop.frames.frame(place), time_s)


def _before(recording: Recording, run: Run, loop: CineLoop) -> CineLoop | None:
    """Frames recorded just before the run; None where too few of its size are."""
    segments = recording.between(run.first_frame - LEAD_FRAMES, run.first_frame - 1)
    before = recording.joined(segments) if segments else None
    if before is None or before.shape[0] < LEAST_LEAD_FRAMES:
        return None
    return before if before.shape[1:] == loop.shape[1:] else None


def _cut(
    loop: CineLoop,
    segments: tuple[Segment, ...],
    found: tuple[list[int], PictureArea | None],
    *,
    number: int,
    filing: Filing,
) -> RecordedRun:
    fresh, area = found
    rows, columns = loop.shape[1:]
    first, shape = ((0, 0), (rows, columns)) if area is None else (area.first_px, area.shape_px)
    box = (slice(first[0], first[0] + shape[0]), slice(first[1], first[1] + shape[1]))
    assert loop.times_s is not None  # noqa: S101 - a recording tells them
    kept = _rising(loop.times_s, fresh)
    times_s = np.asarray(loop.times_s[kept], np.float64)
    stored: npt.NDArray[Any] = np.stack([loop.frames.frame(place)[box] for place in kept])
    began, clock = _began(segments, kept[0])
    head = segments[0].head
    return RecordedRun(
        stored=stored,
        times_s=times_s - times_s[0],
        intensity=loop.intensity,
        began=began,
        clock=clock,
        source=head.source,
        sha256=loop.sha256,
        number=number,
        left_out=loop.shape[0] - len(kept),
        cut=_said(area, (rows, columns)),
        burned_in=filing.burned_in and head.source != _TEXTLESS,
        lossy=_loss({one.head.lossy for one in segments}),
        side=filing.side,
        synthetic=head.synthetic,
    )


def _rising(times_s: DoubleArray, fresh: list[int]) -> list[int]:
    """Frames whose times rise; where a clock stood still, frames are left out."""
    kept = [fresh[0]]
    for place in fresh[1:]:
        if times_s[place] > times_s[kept[-1]]:
            kept.append(place)
    return kept


def _began(
    segments: tuple[Segment, ...], place: int
) -> tuple[datetime, Literal["sender", "receiver"]]:
    """When the first fresh frame was taken, in local time with its zone."""
    sent = np.concatenate([one.sent_s for one in segments])[place]
    wall_ns = np.concatenate([one.records["wall_ns"] for one in segments])[place]
    told = bool(np.isfinite(sent))
    seconds = float(sent) if told else float(wall_ns) * 1e-9
    return datetime.fromtimestamp(seconds, UTC).astimezone(), "sender" if told else "receiver"


def _loss(told: set[bool | None]) -> bool | None:
    """Of all segments of a run: what one of them lost, the run has lost."""
    if True in told:
        return True
    return False if told == {False} else None


def _said(area: PictureArea | None, whole: tuple[int, int]) -> str:
    if area is None:
        return _UNCUT
    if area.shape_px == whole:
        return ""
    row, column = area.first_px
    rows, columns = area.shape_px
    return (
        f"cut to {columns} x {rows} pixels from column {column + 1}, row {row + 1} of a picture "
        f"of {whole[1]} x {whole[0]}"
    )
