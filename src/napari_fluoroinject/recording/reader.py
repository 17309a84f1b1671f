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
    """Frames of a segment, each checked when it is read."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        rows, columns = self._segment.head.shape
        return len(self._segment.records), rows, columns

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns).

        Raises
        ------
        UnreadableObjectError
            It is not what was written: the disk has changed it.
        """
        record = self._segment.records[index]
        if not is_whole(record, self._segment.head.shape):
            raise UnreadableObjectError(
                f"{self._segment.name}, frame {index + 1}",
                seen="other bytes than were recorded",
                expected="those: the disk may be failing",
            )
        return _native(record["pixels"])

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns), in memory."""
        frames = [self.frame(index) for index in range(len(self._segment.records))]
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
        times_s = chosen.times_s
        if last_s is not None:
            first = int(np.searchsorted(times_s, times_s[-1] - last_s))
            chosen = Segment(head=chosen.head, records=chosen.records[first:], name=chosen.name)
            times_s = times_s[first:]
        digest = _digest(chosen)
        uid = f"2.25.{UUID(bytes=digest[:16]).int}"
        return CineLoop(
            frames=RecordedFrames(chosen),
            times_s=times_s - times_s[0],
            intensity=chosen.head.intensity,
            reference=LoopReference(
                study_instance_uid=f"{uid}.1",
                series_instance_uid=f"{uid}.2",
                sop_instance_uid=uid,
                sop_class_uid="",
            ),
            sha256=digest.hex(),
            notes=(NO_STUDY, *self.notes),
        )


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


def _digest(segment: Segment) -> bytes:
    """SHA-256 over the head of every frame, each of which holds the CRC of its pixels."""
    digest = hashlib.sha256(repr(segment.head.shape).encode())
    for name in ("index", "time_s", "wall_ns", "crc"):
        digest.update(np.ascontiguousarray(segment.records[name]).tobytes())
    return digest.digest()


def _native(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of our own: the file may be on a disk that goes away."""
    own = np.array(pixels, pixels.dtype.newbyteorder("="), copy=True)
    own.flags.writeable = False
    return own
