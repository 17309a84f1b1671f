"""One live feed with all that belongs to it: received, recorded, mapped, and its runs kept."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.compute.backend import Wish
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.live.keeping import ENDED, Keeping, Sight
from napari_fluoroinject.live.pictures import LiveMap
from napari_fluoroinject.live.receiver import Freshness, Received, Receiver
from napari_fluoroinject.live.running import MapsTold, RunningMaps
from napari_fluoroinject.live.runs import LONGEST_HOLD_S
from napari_fluoroinject.live.watching import Watching
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import Recorder, RemarkLog, new_folder
from napari_fluoroinject.recording.recorder import RESERVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.analysis.live_run import RunStatus
    from napari_fluoroinject.endpoints.base import Feed, FeedNote, Frame
    from napari_fluoroinject.live.connect import Connected
    from napari_fluoroinject.live.pictures import MapPicture
    from napari_fluoroinject.live.receiver import Takes
    from napari_fluoroinject.live.slot import Shot

_ASK_EVERY_S = 0.05


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
        self._settings = settings
        recorder, log = self._recorder(connected)
        self.maps: Maps = maps or RunningMaps(
            intensity=connected.intensity,
            on=settings.on,
            automatic=settings.automatic,
            rest=settings.rest,
            mm_per_px=settings.mm_per_px,
            heard=mapped,
        )
        self.maps.kind = settings.kind
        self._keeping = Keeping(
            Sight(
                received=lambda: self.receiver.told,
                idle=lambda: self._watching.idle,
                maps=lambda: self.maps.told,
            ),
            log,
            longest_hold_s=settings.longest_hold_s,
            ended=ended,
        )
        self._watching = Watching(connected.intensity, self._keeping.hear)
        self._patient = connected.patient and maps is None
        feed = _Patient(connected.feed, self._ready) if self._patient else connected.feed
        self.receiver = Receiver(
            feed,
            recorder=recorder,
            others=(self.maps, self._watching, *others),
            noted=self._keeping.note,
        )

    def start(self) -> None:
        """Begin to receive; what can wait is asked for once the maps are ready for it."""
        self._keeping.start()
        self._watching.start()
        self.maps.start()
        self.receiver.start()

    def begin(self) -> None:
        """Say that contrast starts now."""
        self.maps.begin()

    def end_run(self) -> None:
        """End the run that goes on; the next exposure begins another."""
        self._keeping.end_run("ended by a person")

    @property
    def told(self) -> Told:
        """How it stands; may be read from any thread."""
        received, now_s = self.receiver.told, self.receiver.clock()
        last_s = received.last_at_s
        return Told(
            received=received,
            freshness=received.freshness(
                now_s, began_s=self.receiver.began_s if self._ready() else now_s
            ),
            age_s=None if last_s is None else now_s - last_s,
            maps=self.maps.told,
            missed=self.maps.missed,
            running=self._keeping.running,
            runs=self._keeping.runs,
            room_bytes=self._room(),
            said=self._keeping.said,
            area=self._keeping.area,
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
        self._keeping.close(why)

    def _ready(self) -> bool:
        """Whether the maps can take frames, or never will, or nobody waits for them."""
        maps = self.maps.told
        return not self._patient or bool(maps.device) or maps.state == "stopped"

    def _recorder(self, connected: Connected) -> tuple[Recorder | None, RemarkLog | None]:
        root = self._settings.recordings
        if root is None:
            return None, None
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
            log = RemarkLog(folder)
        except StorageError as error:
            self.refused = str(error)
            return None, None
        self.folder = folder
        return recorder, log

    def _room(self) -> int | None:
        if self.folder is None:
            return None
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return None
        return max(0, free - self._settings.reserve_bytes)


class _Patient(Closing):
    """A feed that is asked for its first frame when somebody is ready for it."""

    def __init__(self, feed: Feed, ready: Callable[[], bool]) -> None:
        self._feed, self._ready = feed, ready
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame | FeedNote]:
        while not self._closed.wait(_ASK_EVERY_S):
            if self._ready():
                yield from self._feed
                return

    def close(self) -> None:
        self._closed.set()
        if isinstance(self._feed, Closing):
            self._feed.close()
