"""The maps of a feed, in a thread of their own: late maps cost neither pictures nor recording."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.analysis.following import FrameStatus
from napari_fluoroinject.analysis.live import (
    MASK_FRAMES,
    MOST_MASK_FRAMES,
    SETTLING_FRAMES,
    LiveMaps,
    warm_up,
)
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError, FluoroinjectError
from napari_fluoroinject.live.pictures import LiveMap, MapPicture, map_picture
from napari_fluoroinject.live.prompt import step_back
from napari_fluoroinject.live.slot import Handover, Shot
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import unknown_scale

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend, Wish
    from napari_fluoroinject.model.cine import IntensityScale

log = logging.getLogger(__name__)

PICTURE_EVERY_S = 0.1
"""Pictures of the maps are made at most so often."""
_ROW = 16
"""Frames that may wait: laying the mask takes some tenths of a second."""
_WAIT_S = 0.1
_LONGEST_REST_S = 0.1
"""After each frame they rest as long as it took, at most so long: half a core is the screen's."""
_JOIN_S = 30.0
"""Compiling kernels cannot be interrupted."""
_KEPT = SETTLING_FRAMES + MOST_MASK_FRAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsTold:
    """How the running maps stand.

    Attributes
    ----------
    state
        What they do now, in words of a person.
    message
        What went wrong last, and what to do; empty where nothing did.
    frames, lost
        Frames that are in the maps, and those whose place was not found.
    status
        What the last frame told; None before the first.
    device
        Where they are computed; empty before that is known.
    """

    state: str = "getting ready, the first time it takes up to a minute"
    message: str = ""
    frames: int = 0
    lost: int = 0
    status: FrameStatus | None = None
    device: str = ""


class RunningMaps(Closing):
    """Follows a feed with `LiveMaps`.

    Contrast starts when `begin` is called: the mask is then made of the frames just before. It
    may be called again for another injection. With `mask_frames` the maps begin by themselves
    after so many frames.

    Parameters
    ----------
    intensity
        What stored values mean; None = unknown.
    on
        Where the array work runs.
    mask_frames
        After how many mask frames the maps begin by themselves; None = when `begin` is called.

    Attributes
    ----------
    kind
        Which map `picture` shows; may be set from any thread.
    """

    def __init__(
        self,
        *,
        intensity: IntensityScale | None = None,
        on: Wish = "auto",
        mask_frames: int | None = MASK_FRAMES,
    ) -> None:
        self.kind: LiveMap = "arrival"
        self._intensity, self._on, self._mask_frames = intensity, on, mask_frames
        self._row = Handover(_ROW)
        self._told = MapsTold()
        self._picture: MapPicture | None = None
        self._backend: Backend | None = None
        self._maps: LiveMaps | None = None
        self._before: deque[Shot] = deque(maxlen=_KEPT)
        self._frames_in = self._lost = 0
        self._pictured_at_s, self._pictured = 0.0, ("none", -1)
        self._begins, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fluoroinject-maps", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def put(self, shot: Shot) -> None:
        """Offer a frame; never waits."""
        self._row.put(shot)

    def begin(self) -> None:
        """Say that contrast starts now."""
        self._begins.set()

    @property
    def told(self) -> MapsTold:
        """How they stand; may be read from any thread."""
        return self._told

    @property
    def missed(self) -> int:
        """Frames that came while the maps were too late for them: they are in no map."""
        return self._row.missed

    @property
    def picture(self) -> MapPicture | None:
        """The map of `kind`, a tenth of a second old at most; None before there is one."""
        return self._picture

    def stop(self) -> None:
        """Ask for its end, and wait for nothing."""
        self._stopping.set()

    def close(self) -> None:
        """End it, and wait for that."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        step_back()
        try:
            while not self._stopping.is_set():
                shot = self._row.take(wait_s=_WAIT_S)
                began_s = time.monotonic()
                if shot is not None:
                    self._follow(shot)
                if self._begins.is_set():
                    self._begins.clear()
                    self._start_contrast()
                self._draw()
                self._stopping.wait(min(time.monotonic() - began_s, _LONGEST_REST_S))
        except FluoroinjectError as error:
            self._say(state="stopped", message=str(error))
        except Exception as error:  # the edge of the thread: a person gets a sentence
            log.debug("running maps failed", exc_info=error)
            self._say(
                state="stopped",
                message=f"The maps failed: unexpected {type(error).__name__}; pictures and "
                "recording go on: please report it with this line",
            )

    def _follow(self, shot: Shot) -> None:
        maps = self._maps_for(shot)
        try:
            status = maps.add(shot.pixels, shot.time_s)
        except ValueError as error:
            self._say(message=f"Frame {shot.index + 1} is in no map: {error}.")
            return
        self._before.append(shot)
        self._count(status)

    def _maps_for(self, shot: Shot) -> LiveMaps:
        """The maps that a frame belongs to; new ones where it has another size or type."""
        if self._backend is None:
            self._backend = choose(self._on)
            warm_up(shot.pixels, self._scale(shot), on=self._backend)
            self._row.skip()  # what waited meanwhile is not what is on the screen
            self._say(device=f"{self._backend.name} ({self._backend.device})")
        last = self._before[-1] if self._before else None
        if last is not None and _kind(last) != _kind(shot):
            self._before.clear()
            self._maps = None
            self._say(message="The picture has another size now: the maps begin anew.")
        if self._maps is None:
            self._maps = self._new(shot, self._mask_frames)
            self._begin_anew()
        return self._maps

    def _new(self, shot: Shot, mask_frames: int | None) -> LiveMaps:
        assert self._backend is not None  # noqa: S101 - chosen at the first frame
        shape = (shot.pixels.shape[0], shot.pixels.shape[1])
        return LiveMaps(self._scale(shot), shape, on=self._backend, mask_frames=mask_frames)

    def _start_contrast(self) -> None:
        """Lay the mask of the frames just before, in new maps."""
        if not self._before:
            self._say(message="No frame has come yet: contrast cannot start before the mask.")
            return
        kept = tuple(self._before)
        maps = self._new(kept[-1], None)
        for shot in kept:
            maps.add(shot.pixels, shot.time_s)
        try:
            maps.begin()
        except AnalysisError as error:
            self._say(message=f"Contrast cannot start yet: {error}.")
            return
        self._maps = maps
        self._begin_anew()
        self._say(state="following contrast", message="")

    def _begin_anew(self) -> None:
        self._frames_in = self._lost = 0
        self._picture, self._pictured = None, ("none", -1)
        self._say(frames=0, lost=0)

    def _count(self, status: FrameStatus) -> None:
        if status.phase == "following":
            self._frames_in += status.locked
            self._lost += not status.locked
            state = "following contrast"
        else:
            state = "gathering the mask: contrast must not have started"
        self._say(state=state, frames=self._frames_in, lost=self._lost, status=status)

    def _draw(self) -> None:
        """Make the picture of the maps anew, if there is something new and it is time."""
        now_s, kind = time.monotonic(), self.kind
        if kind == "none":
            self._picture, self._pictured = None, ("none", -1)
            return
        new = (kind, self._frames_in)
        if new == self._pictured or now_s - self._pictured_at_s < PICTURE_EVERY_S:
            return
        snapshot = None if self._maps is None else self._maps.maps()
        self._picture = None if snapshot is None else map_picture(snapshot, kind)
        self._pictured, self._pictured_at_s = new, now_s

    def _scale(self, shot: Shot) -> IntensityScale:
        return self._intensity or unknown_scale(shot.pixels.dtype)

    def _say(self, **changes: Any) -> None:
        self._told = replace(self._told, **changes)


def _kind(shot: Shot) -> tuple[object, ...]:
    return shot.pixels.shape, shot.pixels.dtype
