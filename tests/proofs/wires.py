"""A caller made of bytes: it says exactly what it is told, right or wrong."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from dataclasses import dataclass, field

from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.command import echo_request

VERIFICATION, XA = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.12.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
RELEASE = pdu.framed(pdu.RELEASE_RQ, bytes(4))
SOURCE = "127.0.0.1"


def element(number: int, value: bytes) -> bytes:
    """One element of a command set."""
    return struct.pack("<HHI", 0, number, len(value)) + value


def uid(text: str) -> bytes:
    """A UID as a command set holds it."""
    value = text.encode()
    return value + b"\0" * (len(value) % 2)


def store_request(instance: str | None, *, sop_class: str | None = XA, field: int = 1) -> bytes:
    """The command set of a C-STORE, without what is None."""
    body = element(0x0100, struct.pack("<H", field)) + element(0x0110, b"\1\0")
    body += element(0x0700, b"\0\0") + element(0x0800, b"\1\0")
    if sop_class is not None:
        body = element(0x0002, uid(sop_class)) + body
    if instance is not None:
        body += element(0x1000, uid(instance))
    return element(0, struct.pack("<I", len(body))) + body


@dataclass
class Caller:
    """One connection, and an association on it if it is asked for."""

    port: int
    title: str = "CARM"
    called: str = "FLUOROINJECT"
    source: str = SOURCE
    patience_s: float = 30.0
    context: ssl.SSLContext | None = None
    longest: int = 16_384
    heard: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", self.port), self.patience_s, source_address=(self.source, 0)
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            try:
                self.socket = self.context.wrap_socket(self.socket, server_hostname="localhost")
            except BaseException:
                self.socket.close()
                raise

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def associate(self, sop_class: str = VERIFICATION, syntax: str = EXPLICIT) -> Caller:
        """Ask for one presentation context; raises where it is not given."""
        self.socket.sendall(pdu.request_of(self.called, self.title, sop_class, syntax))
        kind, body = self.read()
        if kind != pdu.ASSOCIATE_AC:
            raise ConnectionError(f"PDU {kind} {body.hex()} instead of an association")
        start = body.index(b"\x51\0\0\4") + 4
        self.longest = int.from_bytes(body[start : start + 4], "big")
        return self

    def read(self) -> tuple[int, bytes]:
        """The next PDU."""
        head = self._exactly(6)
        return head[0], self._exactly(int.from_bytes(head[2:], "big"))

    def status(self) -> int:
        """Status of the next response."""
        kind, body = self.read()
        if kind != pdu.P_DATA:
            raise ConnectionError(f"PDU {kind} {body.hex()} instead of a response")
        start = body.index(b"\0\0\0\x09\2\0\0\0") + 8
        return int.from_bytes(body[start : start + 2], "little")

    def say(self, data: bytes, *, command: bool) -> None:
        """Send a command or a data set."""
        for one in pdu.p_data(1, data, command=command, longest_bytes=self.longest):
            self.socket.sendall(one)

    def echo(self) -> float:
        """C-ECHO in an association that stands; how long it took, in seconds."""
        begin = time.monotonic()
        self.say(echo_request(1), command=True)
        if self.status() != 0:
            raise ConnectionError("C-ECHO was refused")
        return time.monotonic() - begin

    def store(self, instance: str, data_set: bytes) -> int:
        """C-STORE; the status."""
        self.say(store_request(instance), command=True)
        self.say(data_set, command=False)
        return self.status()

    def release(self) -> None:
        """End the association."""
        self.socket.sendall(RELEASE)
        self.read()

    def hears(self, patience_s: float) -> str:
        """What the listener does: `abort`, `reject`, `closed`, `silence`, or another PDU."""
        self.socket.settimeout(patience_s)
        try:
            kind, _ = self.read()
        except TimeoutError:
            return "silence"
        except OSError:
            return "closed"
        return {pdu.ABORT: "abort", pdu.ASSOCIATE_RJ: "reject"}.get(kind, f"PDU {kind}")

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            some = self.socket.recv(count - len(got))
            if not some:
                raise ConnectionError("the listener hung up")
            got += some
        return got


def echo(port: int, **options: object) -> float:
    """Connect, associate, C-ECHO, release; how long it took, in seconds."""
    begin = time.monotonic()
    with Caller(port, **options) as caller:  # type: ignore[arg-type] # as the caller takes them
        caller.associate().echo()
        caller.release()
    return time.monotonic() - begin
