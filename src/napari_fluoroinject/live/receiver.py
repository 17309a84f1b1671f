"""The thread that receives a feed: each frame to the disk, the newest to the screen."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from napari_fluoroinject.endpoints.base import FeedNote
from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.live.buffers import Buffers
from napari_fluoroinject.live.prompt import prompt_threads
from napari_fluoroinject.live.slot import Shot, Slot
from napari_fluoroinject.live.writing import Writing
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.endpoints.base import Feed, Frame
    from napari_fluoroinject.live.writing import Records

log = logging.getLogger(__name__)

STALE_S = 0.5
"""A picture that is older is not live any more."""
_JOIN_S = 5.0
_RATED = 60
"""The rate is that of so many frames."""
_MOST_NOTES = 100

Freshness = Literal["waiting", "live", "stale", "ended", "failed"]
"""`waiting` for the first frame, `stale` without one for `STALE_S`."""


class Takes(Protocol):
    """Whoever is offered every frame and never makes the receiver wait."""

    def put(self, shot: Shot, /) -> None:
        """Take a frame, or count it as missed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a receiver has seen so far.

    Attributes
    ----------
    frames, recorded, unrecorded, refused
        Frames that came, those on disk, those that could not be kept there, and those that were
        no pictures.
    rate_hz, frame_bytes
        Frames a second and their size, of the last ones; None before there are two, or one.
    last_at_s
        When the last frame came, by the receiver's clock; None before the first.
    ended
        Whether no more will come.
    error, recording_error
        Why the feed failed, and why frames are not recorded now; empty where they did not.
    refusal
        What was wrong with the last frame that was refused.
    notes, noted
        The last things that the feed told, oldest first, and how many it told in all.
    """

    frames: int = 0
    recorded: int = 0
    unrecorded: int = 0
    refused: int = 0
    rate_hz: float | None = None
    frame_bytes: int | None = None
    last_at_s: float | None = None
    ended: bool = False
    error: str = ""
    recording_error: str = ""
    refusal: str = ""
    notes: tuple[FeedNote, ...] = ()
    noted: int = 0

    def freshness(self, now_s: float, *, began_s: float) -> Freshness:
        """How the feed stands at a moment of the receiver's clock."""
        if self.ended:
            return "failed" if self.error else "ended"
        since = began_s if self.last_at_s is None else self.last_at_s
        if now_s - since > STALE_S:
            return "stale"
        return "waiting" if self.last_at_s is None else "live"


class Receiver(Closing):
    """Receives a feed in its own thread, from `start` until its end or `close`.

    Each frame goes into the slot and to the others, which never make it wait, and to a thread that
    records it: only a disk that is slow for long makes the feed wait, a screen never does. A disk
    that is full is told in `told`, and the pictures go on.

    Parameters
    ----------
    feed
        Whoever gives frames; one that is `Closing` is closed with the receiver.
    recorder
        Keeps every frame, and is closed at the end; None = nothing is recorded.
    others
        Whoever else is offered every frame.
    noted
        Called with each thing that the feed tells, and the frame before it; must not take long.
    clock
        Seconds that go on; `Shot.at_s` is of it.

    Attributes
    ----------
    slot
        The newest frame.
    began_s
        When it was started.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        recorder: Records | None = None,
        others: tuple[Takes, ...] = (),
        noted: Callable[[FeedNote, Shot | None], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.slot = Slot()
        self.clock = clock
        self.began_s = clock()
        self._feed, self._others = feed, others
        self._writing = None if recorder is None else Writing(recorder, clock)
        self._buffers = Buffers()
        self._frames = self._refused = 0
        self._came_s: deque[float] = deque(maxlen=_RATED)
        self._notes: deque[FeedNote] = deque(maxlen=_MOST_NOTES)
        self._noted = 0
        self._tell = noted
        self._last: Shot | None = None
        self._frame_bytes: int | None = None
        self._error = self._refusal = ""
        self._ended, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="fluoroinject-receiver", daemon=True
        )

    def start(self) -> None:
        """Begin to receive."""
        self.began_s = self.clock()
        self._thread.start()

    @property
    def told(self) -> Received:
        """What came so far; may be read from any thread."""
        came, writing = tuple(self._came_s), self._writing
        span = came[-1] - came[0] if len(came) > 1 else 0.0
        return Received(
            frames=self._frames,
            recorded=0 if writing is None else writing.recorded,
            unrecorded=0 if writing is None else writing.unrecorded,
            refused=self._refused,
            rate_hz=(len(came) - 1) / span if span > 0 else None,
            frame_bytes=self._frame_bytes,
            last_at_s=came[-1] if came else None,
            ended=self._ended.is_set(),
            error=self._error,
            recording_error="" if writing is None else writing.error,
            refusal=self._refusal,
            notes=tuple(self._notes),
            noted=self._noted,
        )

    def freshness(self) -> Freshness:
        """How the feed stands now."""
        return self.told.freshness(self.clock(), began_s=self.began_s)

    def stop(self) -> None:
        """Ask for its end, and wait for nothing."""
        self._stopping.set()
        if isinstance(self._feed, Closing):
            self._feed.close()

    def close(self) -> None:
        """End it, and wait until the recording is closed; a feed that hangs is left behind."""
        self.stop()
        if self._thread.ident is None and self._writing is not None:
            self._writing.close()  # never started
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.warning("a feed does not end; its thread is left behind")

    def _run(self) -> None:
        try:
            with prompt_threads():
                for item in self._feed:
                    if self._stopping.is_set():
                        break
                    if isinstance(item, FeedNote):
                        self._note(item)
                    else:
                        self._take(item)
        except FluoroinjectError as error:
            self._error = str(error)
        except Exception as error:  # the edge of the thread: a person gets a sentence
            log.debug("a feed failed", exc_info=error)
            what = error.strerror if isinstance(error, OSError) else None
            self._error = (
                f"The feed failed: {what or type(error).__name__}; expected frames: check its "
                "cable and its address, then start again"
            )
        finally:
            if self._writing is not None:
                self._writing.close()
            self._ended.set()

    def _note(self, note: FeedNote) -> None:
        self._notes.append(note)
        self._noted += 1
        if self._tell is not None:
            self._tell(note, self._last)

    def _take(self, frame: Frame) -> None:
        at_s = self.clock()
        if frame.pixels.ndim != 2 or not frame.pixels.size or frame.pixels.dtype.kind not in "ui":
            self._refused += 1
            self._refusal = (
                f"frame {frame.index + 1} came with shape {frame.pixels.shape} and type "
                f"{frame.pixels.dtype}; expected one grey picture of whole numbers"
            )
            return
        # whoever grabs frames may write the next one into the same buffer
        pixels = self._buffers.copy(frame.pixels)
        shot = Shot(
            index=frame.index,
            time_s=frame.time_s,
            at_s=at_s,
            pixels=pixels,
            wall_s=frame.wall_s,
        )
        self.slot.put(shot)
        for other in self._others:
            other.put(shot)
        if self._writing is not None:
            self._writing.put(shot)
        self._last = shot
        self._came_s.append(at_s)
        self._frame_bytes = pixels.nbytes
        self._frames += 1
