"""A station's picture, map and status over OpenIGTLink, for viewers on this machine and others."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from napari_fluoroinject.endpoints.allow import is_loopback
from napari_fluoroinject.endpoints.igtl_server import IgtlServer
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from napari_fluoroinject.live.pictures import MapPicture
    from napari_fluoroinject.live.slot import Shot
    from napari_fluoroinject.live.station import Station

log = logging.getLogger(__name__)

PICTURE: Final = "LIVE"
MAP: Final = "MAP"
STATUS: Final = "STATUS"
"""Names of the image devices, and of the text that tells what they show."""
FORMAT: Final = "napari-fluoroinject live/1"
EVERY_S = 0.1
_STATUS_EVERY = 3
_JOIN_S = 5.0


class Serving(Closing):
    """Serves one station; a slow client holds up nobody.

    Every frame goes out as it came, the chosen map as levels of 8 bits, and three times a second
    a JSON text that says what they are. There is no patient data in it.

    Parameters
    ----------
    host, port
        Where it listens; port 0 takes a free one. Whoever reaches another address than loopback
        can read it all: OpenIGTLink knows no password.

    Raises
    ------
    EndpointError
        The address or the port cannot be had.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = IgtlServer(host, port, expose=True)
        self._at_home = is_loopback(host)
        self.port = self._server.port
        self._station: Station | None = None
        self._shown: MapPicture | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fluoroinject-serving", daemon=True)

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return self._server.clients

    def put(self, shot: Shot) -> None:
        """Send a frame; never waits."""
        try:
            self._server.put(PICTURE, shot.pixels, shot.wall_s)
        except ValueError:  # a type that OpenIGTLink has not: told with the status
            log.debug("a picture of type %s cannot be served", shot.pixels.dtype)

    def follow(self, station: Station) -> None:
        """Serve the map and the status of this station from now on."""
        self._station = station
        self._thread.start()

    def close(self) -> None:
        """Let all clients go."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        self._server.close()

    def _run(self) -> None:
        told = 0
        while not self._stopping.wait(EVERY_S):
            station = self._station
            if station is None:
                continue
            picture = station.maps.picture
            if picture is not self._shown and picture is not None:
                self._server.put(MAP, picture.levels)
            changed, self._shown = picture is not self._shown, picture
            if changed or told % _STATUS_EVERY == 0:
                self._server.say(STATUS, json.dumps(status(station, at_home=self._at_home)))
            told += 1


def status(station: Station, *, at_home: bool = False) -> dict[str, Any]:
    """What viewers are told of a station: JSON values, free of patient data; None = unknown.

    `at_home` = they run on this machine, and may know where the recording lies.
    """
    told, picture = station.told, station.maps.picture
    received, maps = told.received, told.maps
    return {
        "format": FORMAT,
        "freshness": told.freshness,
        "frames": received.frames,
        "recorded": received.recorded,
        "unrecorded": received.unrecorded,
        "recording": station.folder is not None,
        "folder": str(station.folder.absolute()) if at_home and station.folder else None,
        "recording_error": received.recording_error,
        "run_going": told.running,
        "runs_ended": told.runs,
        "map": None
        if picture is None
        else {
            "kind": picture.kind,
            "low": picture.low,
            "high": picture.high,
            "unit": picture.unit,
        },
        "maps": {
            "state": maps.state,
            "message": maps.message,
            "frames": maps.frames,
            "lost": maps.lost,
            "device": maps.device,
            "onset_frame": maps.onset_frame,
            "warnings": [asdict(one) for one in maps.warnings],
        },
        "missed": told.missed,
        "said": list(told.said[-5:]),
    }
