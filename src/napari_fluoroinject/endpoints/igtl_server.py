"""Serves pictures and texts to OpenIGTLink clients: our viewer, 3D Slicer."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.compute.kernels.crc64 import crc64
from napari_fluoroinject.endpoints.igtl_client import Client, Row
from napari_fluoroinject.endpoints.igtl_pack import (
    check_name,
    check_picture,
    pack_picture,
    pack_text,
)
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from napari_fluoroinject.endpoints.igtl_pack import Packed

log = logging.getLogger(__name__)

_MOST_CLIENTS = 32
_LOOK_S = 0.5
_PAUSE_S = 0.05
_END_S = 1.0
_END_LOSSLESS_S = 10.0
_JOIN_S = 15.0


class IgtlServer(Closing):
    """Sends what is put to every client; it listens from the moment it is made.

    One thread serves all clients and never waits for one. What clients send is read and passed
    over; one that takes nothing for `igtl_client.STUCK_S` is let go.

    Parameters
    ----------
    host, port
        Where it listens; port 0 takes a free one.
    expose
        Whether an address that other machines reach is allowed: OpenIGTLink knows no TLS and no
        password.
    lossless
        For proofs: `put` waits for slow clients, which otherwise miss pictures. Each client gets
        what is put while it is connected, once; otherwise it begins with the newest of each name.
    version
        Of the headers it sends. Every client reads 1; from 2 on messages are numbered, so that a
        client can tell what it missed.

    Attributes
    ----------
    port
        Where it listens.

    Raises
    ------
    EndpointError
        The address or port cannot be had, or others reach it and `expose` is not set.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        expose: bool = False,
        lossless: bool = False,
        version: int = 1,
    ) -> None:
        self._lossless, self._version = lossless, version
        self._listening = _listening(host, port, expose=expose)
        self.port = int(self._listening.getsockname()[1])
        self._changed = threading.Condition()
        self._row: Row[tuple[str, Callable[[], Packed]]] = Row(every=lossless)
        self._numbers: Counter[str] = Counter()
        self._newest: dict[str, Callable[[], Packed]] = {}
        self._clients: dict[socket.socket, Client] = {}
        self._closing = False
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="fluoroinject-igtl", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return len(self._clients)

    def put(self, name: str, pixels: npt.NDArray[Any], wall_s: float | None = None) -> None:
        """Send a picture, (rows, columns) uint8, uint16 or int16, as image device `name`.

        Never waits, unless lossless: a client that is late gets the newest of each name. `wall_s`
        = when it was taken, in seconds since 1970; None = not known. An array that may be written
        to is copied. Raises ValueError for another array, or for a name of more than 20 ASCII
        characters.
        """
        check_picture(pixels)
        still = pixels.copy() if pixels.flags.writeable else pixels
        self._add(name, partial(pack_picture, name, still, wall_s))

    def say(self, name: str, text: str) -> None:
        """Send a text (STRING message), the newest of each name; never waits, unless lossless."""
        self._add(name, partial(pack_text, name, text, time.time()))

    def close(self) -> None:
        """Send what waits, a second at most (lossless: ten), let all go, and listen no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._ring()
        self._thread.join(_JOIN_S)

    def _add(self, name: str, pack: Callable[..., Packed]) -> None:
        check_name(name)
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._closing or not self._row.full)
            self._numbers[name] += 1
            number = self._numbers[name]
            # packed once, where the first client needs it: nobody waits for that in `put`
            self._row.add(name, (name, cache(partial(pack, number=number, version=self._version))))
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # full: it is awake anyway; closed: nobody is there any more
            self._bell.send(b"!")

    def _run(self) -> None:
        crc64(np.zeros(1, np.uint8))  # compiled now: the first client would wait for that
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            try:
                while not self._closing:
                    self._turn(selector)
                selector.unregister(self._listening)
                self._listening.close()
                self._end(selector)
            except Exception as error:  # the edge of the thread: nobody may wait for it
                log.warning("serving over OpenIGTLink ended: unexpected %s", type(error).__name__)
                log.debug("serving failed", exc_info=error)
            finally:
                with self._changed:
                    self._closing = True
                    self._changed.notify_all()
                for client in self._clients.values():
                    client.close()
                self._clients.clear()
                for one in (self._listening, self._bell, self._ear):
                    one.close()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        """Wait for something to do, and do it."""
        for key, events in selector.select(_LOOK_S):
            if key.fileobj is self._ear:
                with suppress(OSError):
                    self._ear.recv(4096)
            elif key.fileobj is self._listening:
                self._accept(selector)
            elif key.fileobj in self._clients:
                client = self._clients[key.fileobj]
                if events & selectors.EVENT_READ:
                    client.read()
                if events & selectors.EVENT_WRITE:
                    client.write()
        self._hand_out()
        self._look_after(selector)

    def _hand_out(self) -> None:
        """Give what was put to every client; lossless only while all have room."""
        while not (self._lossless and any(client.row.full for client in self._clients.values())):
            with self._changed:
                taken = self._row.take()
                self._changed.notify_all()
            if taken is None:
                return
            name, pack = taken
            if not self._lossless:
                self._newest[name] = pack
            for client in self._clients.values():
                client.row.add(name, pack())

    def _look_after(self, selector: selectors.BaseSelector) -> None:
        for connection, client in tuple(self._clients.items()):
            client.write()
            if client.gone:
                selector.unregister(connection)
                del self._clients[connection]
                client.close()
                log.info("an OpenIGTLink client is gone")
            else:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.busy else 0)
                if selector.get_key(connection).events != wanted:
                    selector.modify(connection, wanted)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError | ConnectionError):
                time.sleep(_PAUSE_S)  # no descriptors: the caller would wake us without end
            return
        if len(self._clients) >= _MOST_CLIENTS:
            connection.close()
            return
        client = Client(connection, every=self._lossless)
        for name, pack in self._newest.items():
            client.row.add(name, pack())
        self._clients[connection] = client
        selector.register(connection, selectors.EVENT_READ)

    def _end(self, selector: selectors.BaseSelector) -> None:
        """Send what waits, but for clients that do not take it."""
        until_s = time.monotonic() + (_END_LOSSLESS_S if self._lossless else _END_S)
        while len(self._row) or any(client.busy for client in self._clients.values()):
            if time.monotonic() > until_s:
                return
            self._turn(selector)


def _listening(host: str, port: int, *, expose: bool) -> socket.socket:
    from napari_fluoroinject.endpoints.allow import is_loopback

    if not expose and not is_loopback(host):
        raise EndpointError(
            f"{host}: other machines reach this address, and OpenIGTLink knows no TLS and no "
            "password; expected an address of this machine such as 127.0.0.1, or that exposing it "
            "is asked for"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise EndpointError(
            f"{host}:{port}: {why}; expected a free port of an address of this machine"
        ) from error
    listening.setblocking(False)
    return listening
