"""An audit repository: a syslog server over mutual TLS, and the certificates of both sides."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.settings.network import Tls


def certificates(folder: Path, *, name: str = "repository.test") -> tuple[Tls, Tls]:
    """Make an authority, and return what the client and the server show and trust."""
    authority = Authority(folder)
    return replace(authority.tls("client"), name=name), authority.tls(name)


class AuditRepository:
    """Keeps every syslog message that it reads; a context manager.

    Parameters
    ----------
    tls
        Its certificates.
    port
        0 takes a free one.
    deaf_after
        Resets a connection after so many messages, once.
    farewell
        Whether it closes with TLS's own farewell, as not every server does.
    """

    def __init__(
        self, tls: Tls, *, port: int = 0, deaf_after: int | None = None, farewell: bool = True
    ) -> None:
        self.messages: list[bytes] = []
        self.connections = 0
        self._deaf_after = deaf_after
        self._farewell = farewell
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_verify_locations(tls.ca)
        assert tls.certificate is not None
        self._context.load_cert_chain(tls.certificate, tls.key)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with plain, suppress(OSError):
                plain.settimeout(20)
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self.connections += 1
                    self._read(connection)

    def _read(self, connection: ssl.SSLSocket) -> None:
        with connection.makefile("rb") as stream:
            while True:
                length = b""
                while (one := stream.read(1)) not in (b" ", b""):
                    length += one
                if not one:
                    break
                self.messages.append(stream.read(int(length)))
                if self._deaf_after is not None and len(self.messages) >= self._deaf_after:
                    self._deaf_after = None
                    linger = b"\x01\0\0\0\0\0\0\0"  # close() resets
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
        if self._farewell:
            connection.unwrap()
