"""A connection whose every wait ends at once when somebody rings."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_S = 5.0
_LOOK_S = 0.05


class Alarm:
    """Rings once, for good; whoever waits at a socket beside it wakes up."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._lock = threading.Lock()
        self._bell: socket.socket | None = None

    @property
    def rung(self) -> bool:
        """Whether it has rung."""
        return self._rung.is_set()

    def ring(self) -> None:
        """Ring, and wait for nobody."""
        with self._lock:
            self._rung.set()
            if self._bell is not None:
                with suppress(OSError):
                    self._bell.send(b"!")

    def wait(self, wait_s: float) -> bool:
        """Wait for it; whether it has rung."""
        return self._rung.wait(wait_s)

    @contextmanager
    def heard(self) -> Iterator[socket.socket]:
        """A socket that can be read from once it has rung."""
        bell, ear = socket.socketpair()
        with bell, ear:
            with self._lock:
                self._bell = bell
            if self.rung:
                bell.send(b"!")
            try:
                yield ear
            finally:
                with self._lock:
                    self._bell = None


class Line(Closing):
    """A connection to a server, and the alarm that ends it.

    Parameters
    ----------
    connection
        An open socket; it is closed with the line.
    ear
        Of the alarm.
    """

    def __init__(self, connection: socket.socket, ear: socket.socket) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(ear, selectors.EVENT_READ)

    def receive(self, room: memoryview, wait_s: float) -> int:
        """Read into `room`; how many bytes came, 0 where none did in time or the alarm rang.

        Raises
        ------
        OSError
            The connection has ended; ConnectionAbortedError where the server closed it in order.
        """
        for patience_s in (wait_s, None):
            with suppress(BlockingIOError):
                count = self._connection.recv_into(room)
                if not count:
                    raise ConnectionAbortedError("the server closed the connection")
                return count
            if patience_s is not None:
                self._selector.select(max(0.0, patience_s))
        return 0

    def close(self) -> None:
        """Hang up."""
        self._selector.close()
        self._connection.close()


def open_line(host: str, port: int, alarm: Alarm, ear: socket.socket) -> Line | None:
    """Connect to a server; None where the alarm rang meanwhile.

    Raises
    ------
    OSError
        Nobody answers there; the reason of the last address that was tried.
    """
    last: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, alarm):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            if not _connected(connection, address, ear):
                connection.close()
                return None
            _keep_alive(connection)
            return Line(connection, ear)
        except OSError as error:
            connection.close()
            last = error
    if last is not None:
        raise last
    return None


def _addresses(host: str, port: int, alarm: Alarm) -> list[tuple[Any, ...]]:
    """Addresses of a host; a name server that does not answer holds up nobody who hangs up."""
    with suppress(socket.gaierror, UnicodeError):
        return list(
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        )
    found: SimpleQueue[list[tuple[Any, ...]] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            found.put(error if isinstance(error, OSError) else OSError(f"no host {host!r}"))

    threading.Thread(target=look_up, name="fluoroinject-names", daemon=True).start()
    while not alarm.rung:
        with suppress(Empty):
            answer = found.get(timeout=_LOOK_S)
            if isinstance(answer, OSError):
                raise answer
            return answer
    return []


def _connected(connection: socket.socket, address: Any, ear: socket.socket) -> bool:
    """Connect; False where the alarm rang."""
    with suppress(BlockingIOError):
        connection.connect(address)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_WRITE)
        selector.register(ear, selectors.EVENT_READ)
        ready = {key.fileobj for key, _ in selector.select(CONNECT_S)}
    if ear in ready:
        return False
    if connection not in ready:
        raise TimeoutError(f"no answer within {CONNECT_S:g} s")
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
    if connection.getsockname() == connection.getpeername():
        # a port that is free may be given to whoever calls it from this machine: a call to itself
        raise ConnectionRefusedError("nobody listens there")
    return True


def _keep_alive(connection: socket.socket) -> None:
    """Let the system find out within some seconds that a silent server is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
