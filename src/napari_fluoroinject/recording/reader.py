"""Gives the frames of a recording back, also while it is still being made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import CineLoop, LoopReference
from napari_fluoroinject.recording.segment import (
    SUFFIX,
    SegmentHead,
    decode_head,
    is_whole,
    record_type,
    sent_s,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.model.arrays import DoubleArray, StoredArray

NO_STUDY = (
    "Recorded from a live feed: it names no patient and no study, so that results cannot be "
    "written back."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """Frames of one size and type that were recorded one after another.

    Attributes
    ----------
    head
        What they have in common.
    records
        Whole frames, (frames,), as `record_type` says; they lie on disk.
    """

    head: SegmentHead
    records: npt.NDArray[np.void]
    name: str

    @property
    def times_s(self) -> DoubleArray:
        """Seconds of the feed's own clock, (frames,)."""
        return np.array(self.records["time_s"], np.float64)

    @property
    def sent_s(self) -> DoubleArray:
        """Seconds since 1970 of the sender's clock, (frames,); NaN = it does not tell."""
        return sent_s(self.records)


class RecordedFrames:
    """Frames of segments of one size and type, each checked when it is read."""

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self._segments = segments
        self._ends = np.cumsum([len(one.records) for one in segments])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        rows, columns = self._segments[0].head.shape
        return int(self._ends[-1]), rows, columns

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns).

        Raises
        ------
        UnreadableObjectError
            It is not what was written: the disk has changed it.
        """
        index = range(int(self._ends[-1]))[index]
        which = int(np.searchsorted(self._ends, index, side="right"))
        segment = self._segments[which]
        place = index - (int(self._ends[which - 1]) if which else 0)
        record = segment.records[place]
        if not is_whole(record, segment.head.shape):
            raise UnreadableObjectError(
                f"{segment.name}, frame {place + 1}",
                seen="other bytes than were recorded",
                expected="those: the disk may be failing",
            )
        return _native(record["pixels"])

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns), in memory."""
        frames = [self.frame(index) for index in range(int(self._ends[-1]))]
        stacked: npt.NDArray[Any] = np.stack(frames)
        stacked.flags.writeable = False
        return stacked


class Recording:
    """A folder of segments, as far as they are whole now.

    `notes` tell of segments that could not be read.
    """

    def __init__(self, segments: tuple[Segment, ...], notes: tuple[str, ...] = ()) -> None:
        self.segments = segments
        self.notes = notes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what is there; frames themselves are read when they are asked for.

        Raises
        ------
        UnreadableObjectError
            There is no whole frame.
        """
        segments, notes = [], []
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                segment = _segment(path)
            except (UnreadableObjectError, OSError) as error:
                notes.append(f"A segment was left out: {error}.")
                continue
            if len(segment.records):
                segments.append(segment)
        if not segments:
            raise UnreadableObjectError(
                folder.name, seen="no whole frame", expected="a recording of a live feed"
            )
        return cls(tuple(segments), tuple(notes))

    @property
    def frames(self) -> int:
        """Whole frames in all segments."""
        return sum(len(segment.records) for segment in self.segments)

    def between(self, first: int, last: int | None = None) -> tuple[Segment, ...]:
        """What was recorded of the frames `first` to `last`, by the feed's count.

        Parameters
        ----------
        first, last
            Both included; `last` None = to the end. Of frames of several sizes those like the
            first.
        """
        found: list[Segment] = []
        for one in self.segments:
            index = one.records["index"]
            chosen = index >= first if last is None else (index >= first) & (index <= last)
            places = np.flatnonzero(chosen)
            if not places.size or (found and _kind(found[0]) != _kind(one)):
                continue
            records = one.records[places[0] : places[-1] + 1]
            found.append(Segment(head=one.head, records=records, name=one.name))
        return tuple(found)

    def loop(self, segment: int = -1, *, last_s: float | None = None) -> CineLoop:
        """The frames of a segment as a loop without calibration, patient or study.

        Its UIDs are made from what was recorded: no archive knows them.

        Parameters
        ----------
        segment
            Which one; the last as usual.
        last_s
            Only the frames of so many seconds before the last one; None = all.
        """
        chosen = self.segments[segment]
        if last_s is not None:
            times_s = chosen.times_s
            first = int(np.searchsorted(times_s, times_s[-1] - last_s))
            chosen = Segment(head=chosen.head, records=chosen.records[first:], name=chosen.name)
        return self.joined((chosen,))

    def joined(self, segments: tuple[Segment, ...]) -> CineLoop:
        """Segments of one size and type, as `between` gives them, as one such loop."""
        digest = _digest(segments)
        uid = f"2.25.{UUID(bytes=digest[:16]).int}"
        times_s = np.concatenate([one.times_s for one in segments])
        return CineLoop(
            frames=RecordedFrames(segments),
            times_s=times_s - times_s[0],
            intensity=segments[0].head.intensity,
            reference=LoopReference(
                study_instance_uid=f"{uid}.1",
                series_instance_uid=f"{uid}.2",
                sop_instance_uid=uid,
                sop_class_uid="",
            ),
            sha256=digest.hex(),
            synthetic=segments[0].head.synthetic,
            notes=(NO_STUDY, *self.notes),
        )


def _kind(segment: Segment) -> tuple[tuple[int, int], str]:
    return segment.head.shape, segment.head.dtype


def _segment(path: Path) -> Segment:
    head, begin = decode_head(path)
    kind = record_type(head)
    count = (path.stat().st_size - begin) // kind.itemsize
    if not count:
        return Segment(head=head, records=np.empty(0, kind), name=path.name)
    records: npt.NDArray[Any] = np.memmap(path, kind, "r", offset=begin, shape=(count,))
    # a disk that lost its power may have kept the length of a file and not its content
    while count and not is_whole(records[count - 1], head.shape):
        count -= 1
    return Segment(head=head, records=records[:count], name=path.name)


def _digest(segments: tuple[Segment, ...]) -> bytes:
    """SHA-256 over the head of every frame, each of which holds the CRC of its pixels."""
    digest = hashlib.sha256(repr(segments[0].head.shape).encode())
    for segment in segments:
        for name in ("index", "time_s", "wall_ns", "crc"):
            digest.update(np.ascontiguousarray(segment.records[name]).tobytes())
    return digest.digest()


def _native(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of our own: the file may be on a disk that goes away."""
    own = np.array(pixels, pixels.dtype.newbyteorder("="), copy=True)
    own.flags.writeable = False
    return own
