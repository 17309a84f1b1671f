"""One client of an OpenIGTLink server: what waits for it, and what is on its way."""

from __future__ import annotations

import socket
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.igtl_pack import Packed

STUCK_S = 30.0
"""A client that takes nothing of what is on its way for so long is let go."""
_EVERY_MOST = 16
_SEND_BUFFER_BYTES = 1 << 18
"""What waits in the system grows old: a late client should get the newest."""
_READ_BYTES = 1 << 16

T = TypeVar("T")


class Row(Generic[T]):
    """What waits, by name: the newest of each, or every one.

    Parameters
    ----------
    every
        Whether nothing makes way for what is newer.
    """

    def __init__(self, *, every: bool) -> None:
        self._every = every
        self._waiting: deque[tuple[str, T]] = deque()

    @property
    def full(self) -> bool:
        """Whether nothing more should be added."""
        return len(self._waiting) >= _EVERY_MOST

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, name: str, one: T) -> None:
        """Add one, in the place of the one of that name where not every one waits."""
        if not self._every:
            for k, (waiting, _) in enumerate(self._waiting):
                if waiting == name:
                    self._waiting[k] = (name, one)
                    return
        self._waiting.append((name, one))

    def take(self) -> T | None:
        """Take the oldest out; None where there is none."""
        return self._waiting.popleft()[1] if self._waiting else None


class Client:
    """A connection that is never waited for.

    Parameters
    ----------
    connection
        Its socket.
    every
        Whether every message is sent, however late.

    Attributes
    ----------
    row
        Messages that wait until the one on its way is through.
    gone
        Whether it hung up, broke off or took nothing for too long.
    """

    def __init__(self, connection: socket.socket, *, every: bool) -> None:
        self.row: Row[Packed] = Row(every=every)
        self._connection = connection
        self._sending: deque[memoryview] = deque()
        self._moved_s = time.monotonic()
        self._over = False
        connection.setblocking(False)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not every:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    @property
    def busy(self) -> bool:
        """Whether something is on its way or waits."""
        return bool(self._sending or len(self.row))

    @property
    def gone(self) -> bool:
        """Whether it is to be let go."""
        return self._over or (bool(self._sending) and time.monotonic() - self._moved_s > STUCK_S)

    def read(self) -> None:
        """Read what it sends, and pass it over."""
        try:
            self._over = self._over or not self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            pass
        except OSError:
            self._over = True

    def write(self) -> None:
        """Send as much as it takes now, one message at most."""
        if not self._sending:
            packed = self.row.take()
            if packed is None:
                return
            self._sending.extend(packed.parts)
            self._moved_s = time.monotonic()
        try:
            while self._sending:
                count = self._connection.send(self._sending[0])
                self._moved_s = time.monotonic()
                if count == len(self._sending[0]):
                    self._sending.popleft()
                else:
                    self._sending[0] = self._sending[0][count:]
        except BlockingIOError:
            pass
        except OSError:
            self._over = True

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
