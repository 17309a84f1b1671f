"""Where a run of exposures begins and ends within a feed, and which runs a recording holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_fluoroinject.errors import StorageError, UnreadableObjectError
from napari_fluoroinject.recording import Recording, read_remarks
from napari_fluoroinject.recording.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.recording import Remark

LONGEST_HOLD_S = 3.0
"""A pause in the exposures that is longer ends a run."""
UNFINISHED: Final = "the recording ends here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A run begins with frame `frame` (`why` empty), or has ended with it, and why."""

    frame: int
    time_s: float
    why: str = ""


class RunKeeper:
    """Tells from what frames are where runs begin and end.

    A run begins with the first fresh exposure after a held image, a blank picture or the
    connection; frames before it that nobody could judge belong to it. It ends with its last
    fresh exposure, once none came for `longest_hold_s`, and when the feed is lost, ends, or
    changes its size, and when a person says so.

    Parameters
    ----------
    longest_hold_s
        The longest pause within a run.
    """

    def __init__(self, *, longest_hold_s: float = LONGEST_HOLD_S) -> None:
        self._longest_hold_s = longest_hold_s
        self._unjudged: Turn | None = None
        self._began: Turn | None = None
        self._fresh: Turn | None = None
        self._shape: tuple[int, ...] | None = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self._began is not None

    def look(self, frame: int, look: Look, shape: tuple[int, ...]) -> tuple[Turn, ...]:
        """Take what a frame is; the turns that it makes.

        Parameters
        ----------
        frame
            Its index by the feed's count.
        look
            What it is.
        shape
            Of its pixels.
        """
        turns: tuple[Turn, ...] = ()
        if self._shape not in (None, shape):
            turns = self.end("the picture has another size")
        self._shape = shape
        now = Turn(frame=frame, time_s=look.time_s)
        if look.fresh and not look.blank:
            return (*turns, *self._exposed(now))
        if self._began is not None:
            return (*turns, *self._paused(now))
        if look.area is not None:
            self._unjudged = None
        elif self._unjudged is None:
            self._unjudged = now
        return turns

    def end(self, why: str) -> tuple[Turn, ...]:
        """End the run that goes on, if one does."""
        began, fresh = self._began, self._fresh
        self._began = self._fresh = self._unjudged = None
        if began is None or fresh is None:
            return ()
        return (Turn(frame=fresh.frame, time_s=fresh.time_s, why=why),)

    def _exposed(self, now: Turn) -> tuple[Turn, ...]:
        ended: tuple[Turn, ...] = ()
        last = self._fresh
        if last is not None and now.time_s - last.time_s > self._longest_hold_s:
            ended = self.end(self._pause)
        self._fresh = now
        if self._began is not None:
            return ended
        self._began = self._unjudged or now
        self._unjudged = None
        return (*ended, self._began)

    def _paused(self, now: Turn) -> tuple[Turn, ...]:
        last = self._fresh
        if last is None or now.time_s - last.time_s <= self._longest_hold_s:
            return ()
        return self.end(self._pause)

    @property
    def _pause(self) -> str:
        return f"no exposure for more than {self._longest_hold_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a recording.

    Attributes
    ----------
    number
        From 1, in the order of the recording.
    first_frame, last_frame
        Indices by the feed's count.
    frames, seconds
        Recorded frames, repeats included, and the time from the first to the last.
    shape
        (rows, columns).
    began_wall_ns
        When its first frame was recorded, in nanoseconds since 1970.
    why
        Why it ended.
    notes
        What was said of it.
    """

    number: int
    first_frame: int
    last_frame: int
    frames: int
    seconds: float
    shape: tuple[int, int]
    began_wall_ns: int
    why: str
    notes: tuple[str, ...] = ()


def runs_of(folder: Path) -> tuple[Run, ...]:
    """The runs of a recording; where nobody kept runs, each of its segments is one.

    Nothing is changed by it, and every recorded frame stays, also those between runs.

    Raises
    ------
    UnreadableObjectError
        There is no whole frame.
    """
    recording, remarks = Recording.open(folder), read_remarks(folder)
    spans = _spans(remarks)
    if not any(one.said == "run" for one in remarks):
        spans = [
            (int(one.records["index"][0]), int(one.records["index"][-1]), UNFINISHED)
            for one in recording.segments
        ]
    found = (_run(recording, remarks, span, number=number) for number, span in enumerate(spans, 1))
    # one of which no frame could be kept has its number all the same
    return tuple(run for run in found if run is not None)


def run_of(folder: Path, number: int) -> Run:
    """One run of a recording.

    Raises
    ------
    StorageError
        The recording has no run of this number.
    UnreadableObjectError
        There is no whole frame.
    """
    runs = {run.number: run for run in runs_of(folder)}
    if number not in runs:
        known = ", ".join(map(str, runs)) or "none: it has no run"
        raise StorageError(f"this recording has no run {number}; expected one of {known}")
    return runs[number]


def recordings_in(root: Path) -> tuple[Path, ...]:
    """The folders with a recording: `root` itself, or those in it, in the order of their names."""
    if any(root.glob(f"*{SUFFIX}")):
        return (root,)
    if not root.is_dir():
        raise UnreadableObjectError(
            str(root), seen="no such folder", expected="a recording, or a folder of recordings"
        )
    return tuple(one for one in sorted(root.iterdir()) if _begun(one))


def _begun(folder: Path) -> bool:
    """Whether a recording was begun in it; one that was killed at once leaves an empty file."""
    return any(path.stat().st_size for path in folder.glob(f"*{SUFFIX}"))


def _spans(remarks: Sequence[Remark]) -> list[tuple[int, int | None, str]]:
    """First and last frame of each run, and why it ended; last None = nobody saw its end."""
    spans: list[tuple[int, int | None, str]] = []
    began: int | None = None
    for one in remarks:
        if one.said == "run":
            if began is not None:
                spans.append((began, None if one.frame is None else one.frame - 1, UNFINISHED))
            began = one.frame
        elif one.said == "run_end" and began is not None:
            spans.append((began, one.frame, one.text))
            began = None
    return spans if began is None else [*spans, (began, None, UNFINISHED)]


def _run(
    recording: Recording,
    remarks: Sequence[Remark],
    span: tuple[int, int | None, str],
    *,
    number: int,
) -> Run | None:
    first, last, why = span
    parts = recording.between(first, last)
    if not parts:
        return None
    begin, end = parts[0].records[0], parts[-1].records[-1]
    final = int(end["index"])
    notes = (
        one.text
        for one in remarks
        if one.said not in ("run", "run_end")
        and one.frame is not None
        and first <= one.frame <= final
    )
    return Run(
        number=number,
        first_frame=int(begin["index"]),
        last_frame=final,
        frames=int(np.sum([len(one.records) for one in parts])),
        seconds=float(end["time_s"]) - float(begin["time_s"]),
        shape=parts[0].head.shape,
        began_wall_ns=int(begin["wall_ns"]),
        why=why,
        notes=tuple(dict.fromkeys(notes)),
    )
