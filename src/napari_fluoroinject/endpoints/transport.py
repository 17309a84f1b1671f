"""A DICOM listener's sockets with limits, and its incoming data sets as files of our own.

pynetdicom 3.0 reads a PDU of any announced length without a deadline and puts chunked data sets
into the system's temporary folder, where they stay after an abort. Both are changed here without
touching other users of the library in the same process.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from socketserver import BaseServer
from typing import TYPE_CHECKING, Any

from pynetdicom import dimse_messages, evt
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.association import Association

PDU_DEADLINE_S = 5.0
"""For header and body of one PDU together: half a PDU must not hold a thread for ever."""
LONGEST_PDU_BYTES = 262_144
"""Twice what we advertise: room for an association request of 128 contexts."""
LONGEST_OBJECT_BYTES = 4 << 30
CONNECTIONS = 400
CONNECTIONS_PER_ADDRESS = 150
"""Above the largest burst measured from one C-arm host (100 associations at once)."""
_PDU_HEADER_BYTES = 6
_SEND_DEADLINE_S = 15.0


class Part:
    """A data set that is arriving: a file in our folder that remembers what went wrong.

    Stands where pynetdicom expects a named temporary file. A write error is kept and the rest of
    the object swallowed, so that the peer gets a status; raised, it would end the association
    without any.
    """

    def __init__(self, folder: Path) -> None:
        descriptor, self.name = tempfile.mkstemp(suffix=".part", dir=folder)
        self.file = self
        self.failure: str | None = None
        self._size = 0
        self._open = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> int:
        """Append; never raises."""
        self._size += len(data)
        if self._size > LONGEST_OBJECT_BYTES:
            self._fail(f"longer than {LONGEST_OBJECT_BYTES} bytes")
        elif self.failure is None:
            self._try(lambda: self._open.write(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is flushed per fragment: only the complete file counts."""

    def complete(self) -> None:
        """Bring everything that came into the file; `failure` tells whether that worked."""
        if self.failure is None:
            self._try(self._open.flush)

    def close(self) -> None:
        """Close the file; pynetdicom removes it."""
        self._try(self._open.close)

    def discard(self) -> None:
        """Close and remove the file."""
        self.close()
        Path(self.name).unlink(missing_ok=True)

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self._fail(error.strerror or type(error).__name__)

    def _fail(self, why: str) -> None:
        if self.failure is None:
            self.failure = why
            Path(self.name).unlink(missing_ok=True)


class PartsDesk:
    """Hands out the parts of one listener, and clears up after associations that went away."""

    def __init__(self, folder: Path) -> None:
        _take_over_temporary_files()
        self._folder = folder
        self._parts: dict[str, tuple[Association, Part]] = {}
        self._lock = threading.Lock()

    def expect(self, association: Association) -> None:
        """Note that the calling thread reads for `association`: its data sets belong here."""
        _reading.desk, _reading.association = self, association

    def new_part(self, association: Association) -> Part:
        """Open the file of a data set that begins to arrive."""
        part = Part(self._folder)
        with self._lock:
            self._parts[part.name] = association, part
        return part

    def take(self, path: Path) -> Part:
        """Return the complete part at `path`; from here on its association does not remove it.

        Raises
        ------
        KeyError
            If the file is not one of ours: pynetdicom has gone another way.
        """
        with self._lock:
            _, part = self._parts.pop(str(path))
        return part

    def clear(self, association: Association) -> None:
        """Remove what an association that is over left unfinished."""
        with self._lock:
            over = [name for name, (owner, _) in self._parts.items() if owner is association]
            parts = [self._parts.pop(name)[1] for name in over]
        for part in parts:
            part.discard()


class LimitedServer(ThreadedAssociationServer):
    """pynetdicom's server with a longer backlog and a cap on connections."""

    request_queue_size = 128

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection."""
        connection, address = super().get_request()
        still_open = [one for one in self._connections if one.fileno() >= 0]
        self._connections = (*still_open, connection)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn connections away before any thread is spent on them."""
        del request
        peers = [peer.requestor.address_info for peer in self.active_associations]
        same = sum(1 for peer in peers if peer is not None and peer.address == client_address[0])
        return len(peers) < CONNECTIONS and same < CONNECTIONS_PER_ADDRESS

    def shutdown(self) -> None:
        """Stop accepting, and close the port."""
        BaseServer.shutdown(self)
        self.server_close()

    def close_connections(self) -> None:
        """Close what associations have left open; for when they are over."""
        for connection in self._connections:
            connection.close()

    _connections: tuple[socket.socket, ...] = ()


class LimitedConnection(RequestHandler):
    """One connection whose PDUs have a greatest length and a deadline."""

    def _create_association(self) -> Association:
        association = super()._create_association()
        connection = association.dul.socket
        if connection is None or not isinstance(self.request, socket.socket):
            raise EndpointError("pynetdicom made an association without a socket; expected 3.0")
        # pynetdicom forgets to close a socket that its peer has already shut down
        request = self.request
        association.bind(evt.EVT_CONN_CLOSE, lambda _: request.close())
        connection.recv = _PduReader(self.request).recv  # type: ignore[method-assign] # the seam
        return association


class _PduReader:
    """Reads as pynetdicom asks: six bytes of header, then the body that it announces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def recv(self, nr_bytes: int) -> bytearray:
        """Return `nr_bytes` bytes, or fewer where the peer closed.

        Raises
        ------
        OSError
            If the PDU is too long or too slow; pynetdicom then closes the connection.
        """
        count = nr_bytes
        if count > LONGEST_PDU_BYTES:
            raise OSError(f"a PDU of {count} bytes; expected {LONGEST_PDU_BYTES} at most")
        if count == _PDU_HEADER_BYTES:
            self._deadline = time.monotonic() + PDU_DEADLINE_S
        buffer = bytearray(count)
        view, got = memoryview(buffer), 0
        while got < count:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{got} of {count} bytes of a PDU in {PDU_DEADLINE_S} s")
            self._connection.settimeout(left)
            read = self._connection.recv_into(view[got:])
            if not read:
                return buffer[:got]
            got += read
        self._connection.settimeout(_SEND_DEADLINE_S)
        return buffer


def hang_up(association: Association) -> None:
    """End an association that was never established, and the thread that waits for its request."""
    connection = association.dul.socket
    if connection is not None and connection.socket is not None:
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
    # read as the request that did not come in time
    association.dul.to_user_queue.put(None)


_reading = threading.local()
"""The desk and association that the current thread reads for; unset in threads of others."""


def _part_or_temporary_file(**options: Any) -> Any:
    desk: PartsDesk | None = getattr(_reading, "desk", None)
    if desk is None:
        return tempfile.NamedTemporaryFile(**options)
    return desk.new_part(_reading.association)


def _take_over_temporary_files() -> None:
    if not hasattr(dimse_messages, "NamedTemporaryFile"):
        raise EndpointError(
            "this pynetdicom receives data sets in another way; expected pynetdicom 3.0: "
            "without our part files an aborted transfer would leave patient data behind"
        )
    dimse_messages.NamedTemporaryFile = _part_or_temporary_file  # its one seam
