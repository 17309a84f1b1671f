"""A feed of the pictures that an OpenIGTLink server sends: PLUS, 3D Slicer, research C-arms."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.compute.kernels.crc64 import crc64
from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.igtl_line import Alarm, Line, open_line
from napari_fluoroinject.endpoints.igtl_pictures import Pictures
from napari_fluoroinject.endpoints.igtl_reading import Reading
from napari_fluoroinject.endpoints.igtl_wire import GarbledError
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.endpoints.base import FeedEvent
    from napari_fluoroinject.endpoints.igtl_reading import Message

PORT = 18944
"""The port of OpenIGTLink, where no other is named."""
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
"""Before it is tried again; the last one for ever."""
_STEADY_S = 2.0
"""A connection that held for so long is tried again without delay."""
_STALL_S = 10.0
"""A message that has begun and does not go on for so long will not."""


class IgtlFeed(Closing):
    """The pictures of one image device of an OpenIGTLink server, until it is closed.

    Every picture that comes is given, in order: a taker who is late makes the server wait. A
    picture lies in memory of its own. Messages that are no pictures are passed over; damaged ones
    are told, and it connects again. Numbers of missing pictures are given to no frame, where the
    server numbers its messages one by one.

    Parameters
    ----------
    host, port
        The server, which may be anywhere: OpenIGTLink knows no TLS and no password.
    device
        Which image device; None = the only one, or the first that sends a picture.
    silent_s
        After so many seconds without a picture that is told.
    said
        Is given device name and text of each STRING message; called by whoever iterates.
    clock
        Seconds that go on.

    Raises
    ------
    EndpointError
        No host, or no such port.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        device: str | None = None,
        silent_s: float = 2.0,
        said: Callable[[str, str], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not host or not 0 < port <= 0xFFFF:
            raise EndpointError(
                f"host {host!r}, port {port}; expected igtl://HOST:PORT with a port of 1 to 65535"
            )
        self._host, self._port = host, port
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._silent_s, self._clock = silent_s, clock
        self._pictures = Pictures(device, said)
        self._alarm = Alarm()
        self._troubles: set[str] = set()
        self._tries = 0

    def __iter__(self) -> Iterator[Frame | FeedNote]:
        """Pictures and notes as they come; it connects again for ever and ends once closed."""
        crc64(np.zeros(1, np.uint8))  # compiled now: the first picture would wait for that
        with self._alarm.heard() as ear:
            while not self._alarm.rung:
                began_s = self._clock()
                yield from self._connection(ear)
                if not self._troubles or self._clock() - began_s > _STEADY_S:
                    self._tries = 0
                self._alarm.wait(_PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)])
                self._tries += 1

    def close(self) -> None:
        """End it at once, also where it connects or waits; may be called from any thread."""
        self._alarm.ring()

    def _connection(self, ear: socket.socket) -> Iterator[Frame | FeedNote]:
        """One connection from its begin to its end."""
        try:
            line = open_line(self._host, self._port, self._alarm, ear)
            if line is None:
                return
            with line:
                if not self._troubles:
                    yield self._connected()
                yield from self._read(line)
        except GarbledError as error:
            yield from self._trouble("garbage", f"{self._where} sends {error}; it is called anew")
        except OSError as error:
            why = error.strerror or str(error)
            yield from self._trouble("lost", f"{self._where}: {why}; it is called again")

    def _read(self, line: Line) -> Iterator[Frame | FeedNote]:
        reading = Reading(self._pictures.wants)
        self._pictures.begin_anew()
        patience = _Patience(self._clock, self._silent_s)
        while not self._alarm.rung:
            count = line.receive(reading.room, patience.left_s)
            patience.came(count, within=reading.within)
            message = reading.took(count) if count else None
            if message is not None:
                yield from self._give(message, patience)
            if patience.ends():
                yield FeedNote(event="lost", text=self._no_picture())

    def _give(self, message: Message, patience: _Patience) -> Iterator[Frame | FeedNote]:
        if self._troubles:
            self._troubles.clear()
            yield self._connected()
        for item in self._pictures.take(message, self._clock()):
            if isinstance(item, FeedNote):
                yield item
                continue
            if patience.ended:
                yield FeedNote(event="connected", text=f"{self._where}: pictures come again")
            yield item
            patience.begin()

    def _connected(self) -> FeedNote:
        return FeedNote(event="connected", text=f"connected to {self._where}")

    def _no_picture(self) -> str:
        return (
            f"{self._where}: no picture for {self._silent_s:g} s, though it is connected"
            f"{self._pictures.absent()}"
        )

    def _trouble(self, event: FeedEvent, text: str) -> Iterator[FeedNote]:
        """A note, once for as long as nothing better comes."""
        if text not in self._troubles:
            self._troubles.add(text)
            yield FeedNote(event=event, text=text)


class _Patience:
    """How long nothing has come: no picture, and no byte of a message that has begun."""

    def __init__(self, clock: Callable[[], float], silent_s: float) -> None:
        self._clock, self._silent_s = clock, silent_s
        self._came_s = clock()
        self.begin()

    def begin(self) -> None:
        """Say that a picture was given, and that its taker has come back."""
        self.ended = False
        self._since_s = self._clock()

    @property
    def left_s(self) -> float:
        """How long to wait for the next bytes."""
        silent_s = _STALL_S if self.ended else self._silent_s - (self._clock() - self._since_s)
        return min(silent_s, _STALL_S - (self._clock() - self._came_s))

    def came(self, count: int, *, within: bool) -> None:
        """Count bytes; raises `GarbledError` where a message that has begun does not go on."""
        now_s = self._clock()
        if count or not within:
            self._came_s = now_s
        elif now_s - self._came_s >= _STALL_S:
            raise GarbledError(f"a part of a message, and nothing more for {_STALL_S:g} s")

    def ends(self) -> bool:
        """Whether it has just ended."""
        if self.ended or self._clock() - self._since_s < self._silent_s:
            return False
        self.ended = True
        return True
