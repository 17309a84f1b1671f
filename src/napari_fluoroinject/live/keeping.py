"""What a feed tells, kept: where its runs begin and end, and remarks beside the recording."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_fluoroinject.live.receiver import Received
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.runs import RunKeeper, Turn

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.endpoints.base import FeedNote
    from napari_fluoroinject.live.slot import Shot
    from napari_fluoroinject.recording.remarks import RemarkLog, Said

log = logging.getLogger(__name__)

ENDED = "the feed has ended"
LOST = "the feed was lost"
_LOOK_EVERY_S = 0.25
_JOIN_S = 10.0
_MOST_SAID = 50
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is looked at now and then: what came, whether all of it was looked at, the maps."""

    received: Callable[[], Received]
    idle: Callable[[], bool]
    maps: Callable[[], MapsTold]


class Keeping:
    """The thread that alone decides on the runs of a feed and writes remarks.

    Parameters
    ----------
    sight
        Of the feed.
    log
        Where remarks are written; None = nowhere, nothing is recorded. It is closed with this.
    longest_hold_s
        A longer pause ends a run.
    ended
        Called with the number of each run that has ended and is recorded; it must not take long.

    Attributes
    ----------
    runs
        How many have ended.
    area
        What the picture area is, in words; empty as long as that is not known.
    """

    def __init__(
        self,
        sight: Sight,
        log: RemarkLog | None,
        *,
        longest_hold_s: float,
        ended: Callable[[int], None] | None,
    ) -> None:
        self.runs, self.area = 0, ""
        self._sight, self._log, self._ended = sight, log, ended
        self._keeper = RunKeeper(longest_hold_s=longest_hold_s)
        self._said: deque[str] = deque(maxlen=_MOST_SAID)
        self._maps_told, self._failing = MapsTold(), ""
        self._lost: int | None = None
        self._judged = -1
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._keep, name="fluoroinject-station", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self._keeper.running

    @property
    def said(self) -> tuple[str, ...]:
        """The last remarks, oldest first."""
        return tuple(self._said)

    def hear(self, shot: Shot, look: Look) -> None:
        """Take in what a frame is; never waits."""
        self._work.put(partial(self._follow, shot.index, shot.pixels.shape, look))

    def note(self, note: FeedNote, last: Shot | None) -> None:
        """Take in what the feed told after a frame; never waits."""
        self._work.put(partial(self._take_note, note, last))

    def end_run(self, why: str) -> None:
        """End the run that goes on, once all that was heard before is kept; never waits."""
        self._work.put(partial(self._end, why))

    def close(self, why: str) -> None:
        """Keep what was heard, end the run that goes on, and end."""
        self._work.put(self._look_around)
        self.end_run(why)
        self._work.put(None)
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._log is not None:
            self._log.close()

    def _keep(self) -> None:
        looked_s, told_end = 0.0, False
        while True:
            try:
                work = self._work.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                work = self._look_around
            if work is None:
                return
            self._do(work)
            now_s = time.monotonic()
            if now_s - looked_s >= _LOOK_EVERY_S:
                looked_s = now_s
                self._do(self._look_around)
                if not told_end and self._sight.received().ended and self._sight.idle():
                    told_end = True
                    # behind what was heard of the last frames
                    self._work.put(partial(self._end, ENDED))

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the edge of the thread: a remark is not worth the feed
            log.warning("a remark on a feed was lost: %s", type(error).__name__)
            log.debug("keeping runs failed", exc_info=error)

    def _follow(self, frame: int, shape: tuple[int, ...], look: Look) -> None:
        if self._lost is not None and frame > self._lost:
            self._lost = None
            self._end(LOST)
        self._judged = frame
        self._turn(self._keeper.look(frame, look, shape))
        self._end_lost()
        if look.area is not None:
            self.area = look.area.form
        for text in look.said:
            self._say("seen", text, frame, look.time_s)

    def _take_note(self, note: FeedNote, last: Shot | None) -> None:
        frame = None if last is None else last.index
        if note.event == "lost":
            self._lost = frame
            self._end_lost()
        self._say("feed", note.text, frame, None if last is None else last.time_s)

    def _end_lost(self) -> None:
        """End the run that the loss of the feed ended, once its last frame was looked at."""
        if self._lost is not None and (self._sight.idle() or self._judged >= self._lost):
            self._lost = None
            self._end(LOST)

    def _look_around(self) -> None:
        """Tell what is new of the disk and of the maps."""
        self._end_lost()
        failing = self._sight.received().recording_error
        if failing != self._failing:
            self._failing = failing
            self._say("recording", failing or "recording goes on", None, None)
        told, before = self._sight.maps(), self._maps_told
        self._maps_told = told
        if told.onset_frame is not None and told.onset_frame != before.onset_frame:
            text = f"contrast seen from frame {told.onset_frame + 1} on"
            self._say("contrast", text, told.onset_frame, None)
        for one in told.warnings:
            if one not in before.warnings:
                self._say("contrast", f"{one.id}: {one.text}", one.raised_frame, None)
        if told.message and told.message != before.message:
            self._say("seen", told.message, None, None)

    def _end(self, why: str) -> None:
        self._turn(self._keeper.end(why))

    def _turn(self, turns: tuple[Turn, ...]) -> None:
        for turn in turns:
            if not turn.why:
                self._write("run", "a run begins", turn.frame, turn.time_s)
                continue
            self._write("run_end", turn.why, turn.frame, turn.time_s)
            self.runs += 1
            if self._ended is not None and self._log is not None:
                self._await_disk()
                self._ended(self.runs)

    def _await_disk(self) -> None:
        """Wait until the frames that came by now are on disk, or given up."""
        came, give_up_s = self._sight.received().frames, time.monotonic() + _JOIN_S
        while time.monotonic() < give_up_s:
            told = self._sight.received()
            if told.recorded + told.unrecorded >= came:
                return
            time.sleep(_POLL_S)

    def _say(self, said: Said, text: str, frame: int | None, time_s: float | None) -> None:
        if not self._said or self._said[-1] != text:
            self._said.append(text)
        self._write(said, text, frame, time_s)

    def _write(self, said: Said, text: str, frame: int | None, time_s: float | None) -> None:
        if self._log is not None:
            self._log.add(said, text, frame=frame, time_s=time_s)
