"""One live feed with all that belongs to it: received, recorded, mapped, and its runs kept."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.compute.backend import Wish
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.live.pictures import LiveMap
from napari_fluoroinject.live.receiver import Freshness, Received, Receiver
from napari_fluoroinject.live.running import MapsTold, RunningMaps
from napari_fluoroinject.live.runs import LONGEST_HOLD_S, RunKeeper, Turn
from napari_fluoroinject.live.watching import Watching
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import Recorder, RemarkLog, new_folder
from napari_fluoroinject.recording.recorder import RESERVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.analysis.live_run import RunStatus
    from napari_fluoroinject.endpoints.base import FeedNote
    from napari_fluoroinject.live.connect import Connected
    from napari_fluoroinject.live.pictures import MapPicture
    from napari_fluoroinject.live.receiver import Takes
    from napari_fluoroinject.live.slot import Shot
    from napari_fluoroinject.recording.remarks import Said

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_JOIN_S = 10.0
_MOST_SAID = 50
ENDED = "the feed has ended"
LOST = "the feed was lost"
_POLL_S = 0.02


class Maps(Protocol):
    """Running maps, made here or elsewhere."""

    kind: LiveMap

    @property
    def told(self) -> MapsTold:
        """How they stand."""
        ...

    @property
    def missed(self) -> int:
        """Frames that are in no map."""
        ...

    @property
    def picture(self) -> MapPicture | None:
        """The map of `kind`."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def put(self, shot: Shot, /) -> None:
        """Offer a frame; never waits."""
        ...

    def begin(self) -> None:
        """Say that contrast starts now."""
        ...

    def stop(self) -> None:
        """Ask for its end."""
        ...

    def close(self) -> None:
        """End it, and wait for that."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """How a feed is taken.

    Attributes
    ----------
    recordings
        Folder in which a folder is made for the recording; None = nothing is recorded.
    on
        Where the maps are made.
    automatic
        Whether the begin of contrast is found; else it is told by `begin`.
    kind
        Which map is made at first.
    rest
        Whether the maps rest after each frame, so that half a core is left to a screen.
    mm_per_px
        What a pixel of the feed measures; None = not known.
    longest_hold_s
        A longer pause ends a run.
    reserve_bytes
        So much is left free on the disk.
    """

    recordings: Path | None = None
    on: Wish = "auto"
    automatic: bool = True
    kind: LiveMap = "arrival"
    rest: bool = True
    mm_per_px: float | None = None
    longest_hold_s: float = LONGEST_HOLD_S
    reserve_bytes: int = RESERVE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a station stands.

    Attributes
    ----------
    received, freshness, age_s
        What came; `age_s` of the newest frame, None before the first.
    maps, missed
        What the maps tell, and frames that came too fast for them.
    running, runs
        Whether a run goes on, and how many have ended.
    room_bytes
        So much can still be recorded; None = nothing is recorded.
    said
        The last remarks, oldest first.
    area
        What the picture area is, in words; empty as long as that is not known.
    """

    received: Received
    freshness: Freshness
    age_s: float | None
    maps: MapsTold
    missed: int
    running: bool
    runs: int
    room_bytes: int | None
    said: tuple[str, ...]
    area: str = ""


class Station(Closing):
    """Receives a feed, records every frame, keeps its maps, and notes where its runs begin.

    Parameters
    ----------
    connected
        The feed.
    settings
        How it is taken.
    others
        Whoever else is offered every frame.
    ended
        Called with the number of each run that has ended and is recorded, from a thread of the
        station; it must not take long.
    mapped
        Called with each frame that went into the maps, from their thread.
    maps
        Who makes them; None = they are made here.

    Attributes
    ----------
    receiver, maps
        Of the feed.
    folder
        Of the recording; None = it is not recorded.
    refused
        Why it is not recorded; empty where it is, or nobody asked for it.
    """

    def __init__(
        self,
        connected: Connected,
        settings: StationSettings,
        *,
        others: tuple[Takes, ...] = (),
        ended: Callable[[int], None] | None = None,
        mapped: Callable[[Shot, RunStatus], None] | None = None,
        maps: Maps | None = None,
    ) -> None:
        self.folder: Path | None = None
        self.refused = ""
        self._settings, self._ended = settings, ended
        self._log: RemarkLog | None = None
        recorder = self._recorder(connected)
        self.maps: Maps = maps or RunningMaps(
            intensity=connected.intensity,
            on=settings.on,
            automatic=settings.automatic,
            rest=settings.rest,
            mm_per_px=settings.mm_per_px,
            heard=mapped,
        )
        self.maps.kind = settings.kind
        self._watching = Watching(connected.intensity, self._hear)
        self.receiver = Receiver(
            connected.feed,
            recorder=recorder,
            others=(self.maps, self._watching, *others),
            noted=self._note,
        )
        self._keeper = RunKeeper(longest_hold_s=settings.longest_hold_s)
        self._runs = 0
        self._said: deque[str] = deque(maxlen=_MOST_SAID)
        self._maps_told, self._area = MapsTold(), ""
        self._failing = ""
        self._lost: int | None = None
        self._judged = -1
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._keep, name="fluoroinject-station", daemon=True
        )

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()
        self._watching.start()
        self.maps.start()
        self.receiver.start()

    def begin(self) -> None:
        """Say that contrast starts now."""
        self.maps.begin()

    def end_run(self) -> None:
        """End the run that goes on; the next exposure begins another."""
        self._work.put(partial(self._end, "ended by a person"))

    @property
    def told(self) -> Told:
        """How it stands; may be read from any thread."""
        received, now_s = self.receiver.told, self.receiver.clock()
        last_s = received.last_at_s
        return Told(
            received=received,
            freshness=received.freshness(now_s, began_s=self.receiver.began_s),
            age_s=None if last_s is None else now_s - last_s,
            maps=self.maps.told,
            missed=self.maps.missed,
            running=self._keeper.running,
            runs=self._runs,
            room_bytes=self._room(),
            said=tuple(self._said),
            area=self._area,
        )

    def stop(self) -> None:
        """Ask for its end, and wait for nothing."""
        self.receiver.stop()
        self.maps.stop()

    def close(self) -> None:
        """End it in order: the recording is whole, and its last run has ended."""
        why = ENDED if self.receiver.told.ended else "the feed was ended"
        self.receiver.close()
        self._watching.close()
        self.maps.close()
        self._work.put(self._look_around)
        self._work.put(partial(self._end, why))
        self._work.put(None)
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._log is not None:
            self._log.close()

    def _recorder(self, connected: Connected) -> Recorder | None:
        root = self._settings.recordings
        if root is None:
            return None
        folder = new_folder(root)
        try:
            recorder = Recorder(
                folder,
                intensity=connected.intensity,
                source=connected.kind,
                synthetic=connected.synthetic,
                lossy=lambda: connected.loss,
                reserve_bytes=self._settings.reserve_bytes,
            )
            self._log = RemarkLog(folder)
        except StorageError as error:
            self.refused = str(error)
            return None
        self.folder = folder
        return recorder

    def _room(self) -> int | None:
        if self.folder is None:
            return None
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return None
        return max(0, free - self._settings.reserve_bytes)

    def _hear(self, shot: Shot, look: Look) -> None:
        self._work.put(partial(self._follow, shot.index, shot.pixels.shape, look))

    def _note(self, note: FeedNote, last: Shot | None) -> None:
        self._work.put(partial(self._take_note, note, last))

    def _keep(self) -> None:
        """The thread that alone decides on runs and writes remarks."""
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
                if not told_end and self.receiver.told.ended and self._watching.idle:
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
            self._area = look.area.form
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
        if self._lost is not None and (self._watching.idle or self._judged >= self._lost):
            self._lost = None
            self._end(LOST)

    def _look_around(self) -> None:
        """Tell what is new of the disk and of the maps."""
        self._end_lost()
        failing = self.receiver.told.recording_error
        if failing != self._failing:
            self._failing = failing
            self._say("recording", failing or "recording goes on", None, None)
        told, before = self.maps.told, self._maps_told
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
            self._runs += 1
            if self._ended is not None and self.folder is not None:
                self._await_disk()
                self._ended(self._runs)

    def _await_disk(self) -> None:
        """Wait until the frames that came by now are on disk, or given up."""
        came, give_up_s = self.receiver.told.frames, time.monotonic() + _JOIN_S
        while time.monotonic() < give_up_s:
            told = self.receiver.told
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
