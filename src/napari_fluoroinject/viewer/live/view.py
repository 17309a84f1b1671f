"""Brings the newest frame of a feed to the screen, at the screen's own pace."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QObject, Qt, QThread, QTimer

from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.viewer.colormaps import colormap
from napari_fluoroinject.viewer.live.banner import Banner, Shown, banner
from napari_fluoroinject.viewer.live.words import warning_words

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_fluoroinject.live.pictures import LiveMap, MapPicture
    from napari_fluoroinject.live.receiver import Receiver
    from napari_fluoroinject.live.slot import Shot
    from napari_fluoroinject.live.station import Maps
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.viewer.colormaps import MapName

TICK_MS = 33
"""At most 30 frames a second are shown."""
LIVE = "LIVE"
MAP_NAMES: dict[LiveMap, str] = {
    "none": "",
    "opacity": "LIVE · opacity",
    "arrival": "LIVE · arrival time",
    "time_to_peak": "LIVE · time to peak",
}
_MAP_OPACITY = 0.75
_SHOWN_PERCENT = (0.5, 99.5)
_SAMPLED = 4
_AGES = 4096
_RATED_S = 2.0


class LiveView(QObject):
    """Shows a feed in a viewer of its own, from a timer of the main thread.

    Nothing is queued: each tick takes the newest frame, and those between are not shown. Frozen,
    it loops recorded frames by their own times, while the feed goes on.

    Parameters
    ----------
    model
        Where the layers go.
    told
        Called at each tick with what stands over the picture.

    Attributes
    ----------
    shown
        Frames that were brought to the screen.
    ages_s
        How old the last ones were when they were drawn.
    """

    def __init__(self, model: ViewerModel, told: Callable[[Banner], None]) -> None:
        super().__init__()
        self.model = model
        self.shown = 0
        self.ages_s: deque[float] = deque(maxlen=_AGES)
        self._told = told
        self._receiver: Receiver | None = None
        self._maps: Maps | None = None
        self._layer: Image | None = None
        self._map_layer: Image | None = None
        self._map_shown: MapPicture | None = None
        self._shot: Shot | None = None
        self._undrawn: Shot | None = None
        self._drawn_s: deque[float] = deque(maxlen=_AGES)
        self._frozen: CineLoop | None = None
        self._frozen_at_s, self._frozen_frame = 0.0, -1
        self.clock: Callable[[], float] = time.perf_counter
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)

    def watch(self, receiver: Receiver, maps: Maps | None = None) -> None:
        """Show this feed from now on."""
        self._receiver, self._maps, self.clock = receiver, maps, receiver.clock
        self._shot = self._undrawn = self._frozen = None
        self.shown = 0
        self.ages_s.clear()
        self._drawn_s.clear()
        self._timer.start()

    def leave(self) -> None:
        """Show no feed any more; the last picture stays, and is said to be the last."""
        self._timer.stop()
        if self._receiver is not None:
            self.tick()

    @property
    def frozen(self) -> bool:
        """Whether recorded frames are shown instead of the newest one."""
        return self._frozen is not None

    def freeze(self, loop: CineLoop) -> None:
        """Loop these frames by their own times, until `thaw`."""
        self._frozen, self._frozen_at_s, self._frozen_frame = loop, self.clock(), -1
        self.tick()

    def thaw(self) -> None:
        """Show the newest frame again."""
        self._frozen = None
        if self._shot is not None:
            self._put(self._shot.pixels)
        self.tick()

    def tick(self) -> None:
        """Bring what is due to the screen.

        Raises
        ------
        RuntimeError
            Called outside the main thread: napari would take it, and crash later.
        """
        application = QCoreApplication.instance()
        if application is None or QThread.currentThread() is not application.thread():
            raise RuntimeError("a live picture was set outside the main thread; expected there")
        receiver = self._receiver
        if receiver is None:
            return
        shot = receiver.slot.take()
        if self._frozen is not None:
            self._loop_on(self._frozen)
        elif shot is not None:
            self._put(shot.pixels)
            self._undrawn = shot
            self.shown += 1
        self._shot = shot or self._shot
        self._lay_map()
        now_s = self.clock()
        told = receiver.told
        fresh = told.freshness(now_s, began_s=receiver.began_s)
        warning = "" if self._maps is None else warning_words(self._maps.told)
        on_screen = self._on_screen(now_s)
        self._told(banner(fresh, told, on_screen, now_s=now_s, warning=warning))

    def drawn(self) -> None:
        """Note that the canvas was drawn: what was put there last is seen from now on."""
        if self._undrawn is not None:
            now_s = self.clock()
            self.ages_s.append(now_s - self._undrawn.at_s)
            self._drawn_s.append(now_s)
            self._undrawn = None

    def brighten(self) -> None:
        """Set the contrast limits by the picture that is shown."""
        if self._layer is not None:
            self._layer.contrast_limits = _limits(np.asarray(self._layer.data))

    def _on_screen(self, now_s: float) -> Shown:
        rate_hz = sum(now_s - one <= _RATED_S for one in self._drawn_s) / _RATED_S
        if self._frozen is not None and self._frozen.times_s is not None:
            times_s = self._frozen.times_s
            before_s = float(times_s[-1] - times_s[max(0, self._frozen_frame)])
            return Shown(frozen_s=float(times_s[-1]), frozen_at_s=before_s, rate_hz=rate_hz)
        shot = self._shot
        if shot is None:
            return Shown()
        return Shown(age_s=now_s - shot.at_s, time_s=shot.time_s, rate_hz=rate_hz)

    def _loop_on(self, loop: CineLoop) -> None:
        times_s = loop.times_s
        if times_s is None:
            return
        gap_s = float(times_s[-1]) / max(1, len(times_s) - 1)
        at_s = (self.clock() - self._frozen_at_s) % max(float(times_s[-1]) + gap_s, 1e-3)
        frame = max(0, int(np.searchsorted(times_s, at_s, side="right")) - 1)
        if frame == self._frozen_frame:
            return
        self._frozen_frame = frame
        try:
            self._put(loop.frames.frame(frame))
        except UnreadableObjectError:
            return  # the next one may be whole; opening the recording tells

    def _put(self, pixels: npt.NDArray[Any]) -> None:
        layer = self._layer
        if layer is not None and (layer.data.shape, layer.data.dtype) == (
            pixels.shape,
            pixels.dtype,
        ):
            layer.data = pixels
            return
        self._clear()
        # explicit limits: else napari looks through every picture for them
        self._layer = self.model.add_image(
            pixels,
            name=LIVE,
            colormap="gray",
            contrast_limits=_limits(pixels),
            **_plain(),
        )
        self.model.reset_view()

    def _lay_map(self) -> None:
        maps, layer = self._maps, self._layer
        picture = None if maps is None or self._frozen is not None else maps.picture
        if picture is self._map_shown:
            return
        self._map_shown = picture
        if layer is None or picture is None or picture.levels.shape != layer.data.shape:
            self._drop_map()
        elif self._map_layer is not None and self._map_layer.name == MAP_NAMES[picture.kind]:
            self._map_layer.data = picture.levels
        else:
            self._drop_map()
            colours: MapName = "magma" if picture.kind == "opacity" else "viridis"
            self._map_layer = self.model.add_image(
                picture.levels,
                name=MAP_NAMES[picture.kind],
                colormap=colormap(colours),
                contrast_limits=(0, 255),
                opacity=_MAP_OPACITY,
                **_plain(),
            )

    def _drop_map(self) -> None:
        if self._map_layer is not None:
            self.model.layers.remove(self._map_layer)
            self._map_layer = None

    def _clear(self) -> None:
        self._drop_map()
        if self._layer is not None:
            self.model.layers.remove(self._layer)
            self._layer = None


def _plain() -> dict[str, Any]:
    """What every layer has: nothing is known in millimetres."""
    return {"units": ("pixel", "pixel"), "axis_labels": ("y", "x")}


def _limits(pixels: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(pixels[::_SAMPLED, ::_SAMPLED], _SHOWN_PERCENT)
    return float(low), float(max(high, low + 1))
