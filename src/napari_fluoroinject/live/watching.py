"""What each frame of a feed is, told in a thread of its own: whatever becomes of the maps."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.feed.watch import Watch
from napari_fluoroinject.live.prompt import step_back
from napari_fluoroinject.live.slot import Handover, Shot
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.recording import unknown_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.analysis.feed.watch import Look
    from napari_fluoroinject.model.cine import IntensityScale

log = logging.getLogger(__name__)

_ROW = 32
_WAIT_S = 0.1
_JOIN_S = 30.0


class Watching(Closing):
    """Looks at every frame; `close` waits until the last is looked at.

    Parameters
    ----------
    intensity
        What stored values mean; None = unknown.
    heard
        Called with each frame and what it is, from the thread; must not take long.
    """

    def __init__(
        self, intensity: IntensityScale | None, heard: Callable[[Shot, Look], None]
    ) -> None:
        self._intensity, self._heard = intensity, heard
        self._row = Handover(_ROW)
        self._watch: Watch | None = None
        self._kind: tuple[object, ...] = ()
        self._offered = self._looked = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="fluoroinject-watching", daemon=True
        )

    @property
    def missed(self) -> int:
        """Frames that came too fast to be looked at."""
        return self._row.missed

    @property
    def idle(self) -> bool:
        """Whether everything that was offered by now has been looked at."""
        return self._offered <= self._looked + self._row.missed

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def put(self, shot: Shot) -> None:
        """Offer a frame; never waits."""
        self._offered += 1
        self._row.put(shot)

    def close(self) -> None:
        """End it when everything that was offered is looked at."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        step_back()
        while True:
            shot = self._row.take(wait_s=_WAIT_S)
            if shot is None:
                if self._stopping.is_set():
                    return
                continue
            try:
                self._look(shot)
            except Exception as error:  # the edge of the thread: one frame is not worth the rest
                log.debug("a frame was not looked at", exc_info=error)
            self._looked += 1

    def _look(self, shot: Shot) -> None:
        kind = (shot.pixels.shape, shot.pixels.dtype)
        if self._watch is None or kind != self._kind:
            rows, columns = shot.pixels.shape
            scale = self._intensity or unknown_scale(shot.pixels.dtype)
            self._watch, self._kind = Watch(scale, (rows, columns)), kind
        try:
            look = self._watch.look(shot.pixels, shot.time_s, index=shot.index)
        except ValueError:  # its time does not rise: nothing can be said of it
            return
        self._heard(shot, look)
