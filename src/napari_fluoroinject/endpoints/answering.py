"""Whether our own receiver answers: an association request, from this machine to itself."""

from __future__ import annotations

import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.dimse import UNCOMPRESSED, VERIFICATION
from napari_fluoroinject.endpoints.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.endpoints.storage_scp import Station

PROBE = f"HEALTH {secrets.token_hex(4)}"
"""The AE title we call ourselves with: nobody else knows it, and it leaves no trace."""
_PATIENCE_S = 5.0
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound to


def answers(station: Station, port: int) -> bool:
    """Whether the receiver accepts or rejects an association within some seconds.

    Either is an answer: who may call is a list that this probe is not on.

    Parameters
    ----------
    station, port
        Of the receiver; under TLS its own certificate is shown.
    """
    request = pdu.request_of(station.ae_title, PROBE, VERIFICATION, UNCOMPRESSED[-1])
    try:
        with _connection(station, port) as connection:
            connection.sendall(request)
            kind = connection.recv(1)[:1]
            connection.sendall(pdu.aborted(pdu.NOT_SPECIFIED))
    except OSError:
        return False
    return kind in (bytes([pdu.ASSOCIATE_AC]), bytes([pdu.ASSOCIATE_RJ]))


@contextmanager
def _connection(station: Station, port: int) -> Iterator[socket.socket]:
    host = _HERE.get(station.host, station.host)
    with socket.create_connection((host, port), timeout=_PATIENCE_S) as plain:
        if station.tls is None:
            yield plain
            return
        context = client_context(station.tls)
        context.check_hostname = False  # the name is that of the machine, not of loopback
        with context.wrap_socket(plain) as secured:
            yield secured
