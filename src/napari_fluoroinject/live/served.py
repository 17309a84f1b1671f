"""Maps that another process makes: `fluoroinject live --serve`, met over OpenIGTLink."""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_fluoroinject.analysis.live_run import LiveWarning
from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.live.pictures import LiveMap, MapPicture
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.live.serving import FORMAT, MAP, PICTURE, STATUS
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.live.slot import Shot

log = logging.getLogger(__name__)

RECOGNISED_WITHIN_S = 1.5
"""Our server tells its status three times a second."""
_JOIN_S = 5.0
_ELSEWHERE = "the maps are made by the process that serves them: contrast is begun there"


class ServedMaps(Closing):
    """The map and the status that a `Serving` sends; in place of `RunningMaps`.

    Parameters
    ----------
    host, port
        Where it serves.

    Attributes
    ----------
    kind
        `none` hides the map; which one is served is chosen there.
    recording
        Whether every frame is recorded there; False before that is known.
    folder
        Of that recording, where it lies on this machine and can be read; else None.
    """

    def __init__(self, host: str, port: int) -> None:
        from napari_fluoroinject.endpoints.igtl import IgtlFeed

        self.kind: LiveMap = "arrival"
        self.recording = False
        self.folder: Path | None = None
        self._feed = IgtlFeed(host, port, device=MAP, said=self._hear)
        self._told, self._missed = MapsTold(state="waiting for the served maps"), 0
        self._legend: dict[str, Any] | None = None
        self._levels: npt.NDArray[Any] | None = None
        self._picture: MapPicture | None = None
        self._recognised = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fluoroinject-served", daemon=True)

    def start(self) -> None:
        """Begin to listen; once is enough."""
        if self._thread.ident is None:
            self._thread.start()

    def recognised(self, *, within_s: float) -> bool:
        """Whether it is our server that answers there."""
        return self._recognised.wait(within_s)

    def put(self, _shot: Shot) -> None:
        """Take a frame, of which nothing is made here."""

    def begin(self) -> None:
        """Contrast is begun where the maps are made."""
        self._told = MapsTold(state=self._told.state, message=_ELSEWHERE)

    @property
    def told(self) -> MapsTold:
        """How they stand there."""
        return self._told

    @property
    def missed(self) -> int:
        """Frames that are in no map."""
        return self._missed

    @property
    def picture(self) -> MapPicture | None:
        """The served map; None before there is one, and where none is to be shown."""
        return None if self.kind == "none" else self._picture

    def stop(self) -> None:
        """Ask for its end, and wait for nothing."""
        self._feed.close()

    def close(self) -> None:
        """End it, and wait for that."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            for item in self._feed:
                if isinstance(item, Frame):
                    self._show(item)
        except Exception as error:  # the edge of the thread: the picture goes on
            log.debug("served maps failed", exc_info=error)
            self._told = MapsTold(state="stopped", message="The served maps ended.")

    def _show(self, frame: Frame) -> None:
        if frame.pixels.dtype == "uint8" and frame.pixels.ndim == 2:
            self._levels = frame.pixels.copy()
            self._combine()

    def _combine(self) -> None:
        """The map, once its levels and what they mean have come, in whatever order."""
        legend, levels = self._legend, self._levels
        if legend is None or levels is None:
            self._picture = None
            return
        self._picture = MapPicture(
            kind=legend["kind"],
            levels=levels,
            low=float(legend["low"]),
            high=float(legend["high"]),
            unit=str(legend["unit"]),
        )

    def _hear(self, name: str, text: str) -> None:
        if name != STATUS:
            return
        try:
            self._take(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            log.debug("a status was not understood", exc_info=error)

    def _take(self, status: dict[str, Any]) -> None:
        if status["format"] != FORMAT:
            return
        legend, maps = status["map"], status["maps"]
        if legend is not None and legend["kind"] not in ("opacity", "arrival", "time_to_peak"):
            raise ValueError("another kind of map")
        known = {one.name for one in fields(LiveWarning)}
        warnings = tuple(
            LiveWarning(**{name: one[name] for name in known}) for one in maps["warnings"]
        )
        self._told = MapsTold(
            state=f"{maps['state']} (served)",
            message=str(maps["message"]),
            frames=int(maps["frames"]),
            lost=int(maps["lost"]),
            device=str(maps["device"]),
            onset_frame=maps["onset_frame"],
            warnings=warnings,
            remarks=tuple(map(str, status["said"])),
        )
        self._missed = int(status["missed"])
        self.recording = bool(status.get("recording")) and not status["recording_error"]
        self.folder = _readable(status.get("folder"))
        if legend != self._legend:
            self._legend = legend
            self._combine()
        self._recognised.set()


def _readable(folder: object) -> Path | None:
    path = Path(folder) if isinstance(folder, str) else None
    return path if path is not None and os.access(path, os.R_OK | os.X_OK) else None


def served_maps(
    source: str, *, within_s: float = RECOGNISED_WITHIN_S
) -> tuple[str, ServedMaps] | None:
    """The address of the picture and the maps, where our own server answers; None where not.

    Parameters
    ----------
    source
        What a person typed.
    within_s
        How long its status is awaited.
    """
    if not source.strip().startswith("igtl://"):
        return None
    try:
        parts = urlsplit(source.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if host is None or port is None or parts.path.strip("/") not in ("", PICTURE):
        return None
    maps = ServedMaps(host, port)
    maps.start()
    if maps.recognised(within_s=within_s):
        return f"igtl://{parts.netloc}/{PICTURE}", maps
    maps.close()
    return None
