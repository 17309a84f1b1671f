"""The maps of a feed, in a thread of their own: late maps cost neither pictures nor recording."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.analysis.following import FrameStatus
from napari_fluoroinject.analysis.live_looks import Beside
from napari_fluoroinject.analysis.live_run import LiveRun, LiveWarning, RunPhase
from napari_fluoroinject.analysis.live_warm import warm_up_run
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError, FluoroinjectError
from napari_fluoroinject.live.pictures import LiveMap, MapPicture, map_picture, put_into
from napari_fluoroinject.live.prompt import step_back
from napari_fluoroinject.live.slot import Handover, Shot
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import unknown_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.analysis.live_run import RunStatus
    from napari_fluoroinject.compute.backend import Backend, Wish
    from napari_fluoroinject.model.cine import IntensityScale

log = logging.getLogger(__name__)

PICTURE_EVERY_S = 0.1
"""Pictures of the maps are made at most so often."""
_ROW = 16
"""Frames that may wait: some come while those since the begin of contrast go into the maps."""
_WAIT_S = 0.1
_LONGEST_REST_S = 0.1
"""After each frame they rest as long as it took, at most so long: half a core is the screen's."""
_JOIN_S = 30.0
"""Compiling kernels cannot be interrupted."""
_REMARKS = 8
_STATES: dict[str, str] = {
    "searching": "looking for the X-ray picture",
    "settling": "gathering the mask: contrast must not have started",
    "waiting": "waiting for contrast",
    "following": "following contrast",
}


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
        What the last frame that was placed told; None before the first.
    device
        Where they are computed; empty before that is known.
    phase
        What the last frame was used for.
    onset_frame, onset_time_s
        Number and time in the feed at which contrast began; None before.
    mask_frames
        Frames of the feed that the mask is made of; empty before there is one.
    warnings
        Of this run. That there is none says nothing: only run-off is looked for, and only in
        what the pictures show.
    area
        Where the X-ray picture is, in words; empty before it is known.
    held
        Whether the last image is held: no exposure comes.
    quantitative
        Whether opacity can be measured, not only compared; None before the first frame.
    remarks
        The last things that happened, oldest first: the mask was renewed, brightness stepped, the
        table moved.
    """

    state: str = "getting ready, the first time it takes up to a minute"
    message: str = ""
    frames: int = 0
    lost: int = 0
    status: FrameStatus | None = None
    device: str = ""
    phase: RunPhase = "searching"
    onset_frame: int | None = None
    onset_time_s: float | None = None
    mask_frames: tuple[int, ...] = ()
    warnings: tuple[LiveWarning, ...] = ()
    area: str = ""
    held: bool = False
    quantitative: bool | None = None
    remarks: tuple[str, ...] = ()


class RunningMaps(Closing):
    """Follows a feed with `LiveRun`, and gives every frame to it.

    Contrast starts when it is seen, or when `begin` is called, which may be done again for another
    injection. Masks are laid and run-off is looked for in threads beside: frames go on meanwhile.

    Parameters
    ----------
    intensity
        What stored values mean; None = unknown.
    on
        Where the array work runs.
    automatic
        Whether the begin of contrast is found; else it is told by `begin`.
    rest
        Whether they rest after each frame and wait for others where the cores are busy, so that
        half a core is left to a screen.
    mm_per_px
        What a pixel of the feed measures; None = not known.
    heard
        Called with each frame and what it told, from the thread of the maps.

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
        automatic: bool = True,
        rest: bool = True,
        mm_per_px: float | None = None,
        heard: Callable[[Shot, RunStatus], None] | None = None,
    ) -> None:
        self.kind: LiveMap = "arrival"
        self._intensity, self._on = intensity, on
        self._automatic, self._rest = automatic, rest
        self._mm_per_px, self._heard = mm_per_px, heard
        self._row = Handover(_ROW)
        self._told = MapsTold()
        self._picture: MapPicture | None = None
        self._backend: Backend | None = None
        self._follows: LiveRun | None = None
        self._shape: tuple[object, ...] = ()
        self._remarks: deque[str] = deque(maxlen=_REMARKS)
        self._pictured_at_s, self._pictured = 0.0, ("none", -1)
        self._begins, self._stopping = threading.Event(), threading.Event()
        self._masks, self._looks = (
            ThreadPoolExecutor(1, f"fluoroinject-{name}", initializer=step_back)
            for name in ("masks", "looks")
        )
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
        for beside in (self._masks, self._looks):
            beside.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        if self._rest:
            step_back()
        try:
            self._get_ready()
            while not self._stopping.is_set():
                shot = self._row.take(wait_s=_WAIT_S)
                began_s = time.monotonic()
                if shot is not None:
                    self._follow(shot)
                if self._begins.is_set():
                    self._begins.clear()
                    self._start_contrast()
                self._draw()
                if self._rest:
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

    def _get_ready(self) -> None:
        """Choose the device, and have its kernels compiled before the first frame comes."""
        self._backend = choose(self._on)
        for dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
            warm_up_run(unknown_scale(dtype), dtype, on=self._backend)
        self._row.skip()  # what waited meanwhile is not what is on the screen
        self._say(
            state="waiting for the first frame",
            device=f"{self._backend.name} ({self._backend.device})",
        )

    def _follow(self, shot: Shot) -> None:
        run = self._run_for(shot)
        try:
            status = run.add(shot.pixels, shot.time_s, index=shot.index)
        except ValueError as error:
            self._say(message=f"Frame {shot.index + 1} is in no map: {error}.")
            return
        self._tell(run, status)
        if self._heard is not None:
            self._heard(shot, status)

    def _run_for(self, shot: Shot) -> LiveRun:
        """The run that a frame belongs to; a new one where it has another size or type."""
        kind = (shot.pixels.shape, shot.pixels.dtype)
        if self._follows is None or kind != self._shape:
            if self._follows is not None:
                self._say(message="The picture has another size now: the maps begin anew.")
            assert self._backend is not None  # noqa: S101 - chosen before the first frame
            scale = self._intensity or unknown_scale(shot.pixels.dtype)
            self._follows = LiveRun(
                scale,
                (shot.pixels.shape[0], shot.pixels.shape[1]),
                on=self._backend,
                automatic=self._automatic,
                mm_per_px=self._mm_per_px,
                beside=Beside(masks=self._masks, looks=self._looks),
            )
            self._shape = kind
            self._picture, self._pictured = None, ("none", -1)
            self._say(quantitative=scale.quantitative)
        return self._follows

    def _start_contrast(self) -> None:
        """Begin the maps now, by a person's word."""
        if self._follows is None:
            self._say(message="No frame has come yet: contrast cannot start before the mask.")
            return
        try:
            self._follows.begin()
        except AnalysisError as error:
            self._say(message=f"Contrast cannot start yet: {error}.")
            return
        frames, lost = self._follows.mapped
        self._say(message="", frames=frames, lost=lost)
        if frames:
            self._say(state=_STATES["following"], phase="following")

    def _tell(self, run: LiveRun, status: RunStatus) -> None:
        frames, lost = run.mapped
        self._remarks.extend((*status.look.said, *status.remarks))
        area, held = status.look.area, status.look.held
        self._say(
            state="the last image is held" if held else _STATES[status.phase],
            frames=frames,
            lost=lost,
            status=status.status or self._told.status,
            phase=status.phase,
            onset_frame=status.onset_frame,
            onset_time_s=status.onset_time_s,
            mask_frames=status.mask_frames,
            warnings=status.warnings,
            area="" if area is None else area.form,
            held=held,
            remarks=tuple(self._remarks),
        )

    def _draw(self) -> None:
        """Make the picture of the maps anew, if there is something new and it is time."""
        now_s, kind = time.monotonic(), self.kind
        if kind == "none":
            self._picture, self._pictured = None, ("none", -1)
            return
        new = (kind, self._told.frames)
        if new == self._pictured or now_s - self._pictured_at_s < PICTURE_EVERY_S:
            return
        run = self._follows
        snapshot = None if run is None else run.snapshot()
        picture = None if snapshot is None else map_picture(snapshot, kind)
        if run is not None and picture is not None and run.area is not None:
            picture = put_into(picture, run.area.first_px, run.shape)
        self._picture = picture
        self._pictured, self._pictured_at_s = new, now_s

    def _say(self, **changes: Any) -> None:
        self._told = replace(self._told, **changes)
