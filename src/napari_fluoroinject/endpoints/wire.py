"""A connection that gives whole PDUs, each of a greatest length and by a deadline."""

from __future__ import annotations

import mmap
import selectors
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.pdu import PeerError

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.limits import Limits

_STEP_BYTES = 16 << 10
_MOST_LINGERED_BYTES = 4 << 20


class Wire:
    """One accepted connection.

    Parameters
    ----------
    connection
        Its socket, TLS or not; owned from here on.
    limits
        Of the listener.
    """

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._buffer: mmap.mmap | None = None

    def read_first(self) -> tuple[int, bytes]:
        """Type and body of the first PDU, which is due at once.

        Raises
        ------
        PeerError, OSError
            As `read`.
        """
        deadline = time.monotonic() + self._limits.request_s
        kind, length = self._header(bytearray(pdu.HEADER_BYTES), 0, deadline)
        if kind not in (pdu.ASSOCIATE_RQ, pdu.ABORT):
            raise PeerError(f"a PDU of type {kind} at first", reason=pdu.UNRECOGNIZED_PDU)
        self._check_length(length, self._limits.longest_request_bytes)
        body = bytearray()
        while len(body) < length:  # grows by what has come: an announced length reserves nothing
            piece = bytearray(min(_STEP_BYTES, length - len(body)))
            got = self._some(memoryview(piece), deadline)
            body += piece[:got]
        return kind, bytes(body)

    def read(self) -> tuple[int, memoryview]:
        """Type and body of the next PDU; the body is valid until the next one.

        Raises
        ------
        PeerError
            If the PDU is too long.
        OSError
            If it is too slow, or the peer has gone (ConnectionError).
        """
        if self._buffer is None:
            # not of the heap: pages that no PDU touched cost nothing, and all go back at the end
            self._buffer = mmap.mmap(-1, self._limits.longest_pdu_bytes)
        begin = bytearray(pdu.HEADER_BYTES)
        got = self._some(memoryview(begin), time.monotonic() + self._limits.idle_s)
        deadline = time.monotonic() + self._limits.pdu_s
        kind, length = self._header(begin, got, deadline)
        self._check_length(length, len(self._buffer))
        view = memoryview(self._buffer)[:length]
        self._fill(view, 0, deadline)
        return kind, view

    def has_more(self) -> bool:
        """Whether the peer has sent something that was not read."""
        held = self._connection.pending() if isinstance(self._connection, ssl.SSLSocket) else 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            return bool(held or selector.select(0))

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises
        ------
        OSError
            If the peer does not take it in time, or has gone.
        """
        self._connection.settimeout(self._limits.send_s)
        self._connection.sendall(data)

    def send_last(self, data: bytes) -> None:
        """Send it if it can be, and give the peer a moment to read it; never raises."""
        with suppress(OSError, ValueError):
            self._connection.settimeout(self._limits.linger_s)
            self._connection.sendall(data)
            # closed with unread bytes, the peer's system would throw away what was just sent
            socket.socket.shutdown(self._connection, socket.SHUT_WR)
            deadline, left = time.monotonic() + self._limits.linger_s, _MOST_LINGERED_BYTES
            trash = bytearray(_STEP_BYTES)
            while left > 0 and (wait := deadline - time.monotonic()) > 0:
                self._connection.settimeout(wait)
                read = socket.socket.recv_into(self._connection, trash)
                if not read:
                    break
                left -= read

    def _header(self, header: bytearray, got: int, deadline: float) -> tuple[int, int]:
        self._fill(memoryview(header), got, deadline)
        return header[0], int.from_bytes(header[2:], "big")

    def _fill(self, view: memoryview, got: int, deadline: float) -> None:
        while got < len(view):
            got += self._some(view[got:], deadline)

    def _some(self, view: memoryview, deadline: float) -> int:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        got = self._connection.recv_into(view)
        if not got:
            raise ConnectionAbortedError("gone")
        return got

    @staticmethod
    def _check_length(length: int, longest: int) -> None:
        if length > longest:
            raise PeerError(f"a PDU of {length} bytes; expected {longest} at most")
