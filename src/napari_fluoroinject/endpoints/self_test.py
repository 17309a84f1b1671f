"""Whether the guards of a listener act, tried on a private port before the real one is opened."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.command import echo_request
from napari_fluoroinject.endpoints.listener import Listener
from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.association import Message
    from napari_fluoroinject.endpoints.limits import Limits
    from napari_fluoroinject.endpoints.parts import Part

_VERIFICATION, _IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.1.2"
_DEADLINE_S = 0.25
"""Shortened, so that a restart takes less than a second."""
_PATIENCE_S = 5.0
_HALVES = 20


class _Probed:
    """Answers C-ECHO, and nothing else."""

    ae_title = "SELFTEST"
    callers_known = 0
    offered: Mapping[str, Sequence[str]] = {_VERIFICATION: (_IMPLICIT,)}
    roles: Mapping[str, pdu.Role] = {}

    def admits(self, peer: Peer) -> bool:
        return peer.ae_title == self.ae_title

    def accepted(self, peer: Peer) -> None:
        del peer

    def rejected(self, peer: Peer, why: str) -> None:
        del peer, why

    def new_part(self, message: Message, peer: Peer) -> Part:
        del message, peer
        raise pdu.PeerError("an object in a self-test")

    def store(self, message: Message, peer: Peer) -> tuple[int, str]:
        del message, peer
        raise pdu.PeerError("an object in a self-test")

    def answer(
        self, message: Message, peer: Peer, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes | None]]:
        del message, peer, cancelled
        raise pdu.PeerError("a request in a self-test")


def check_guards(limits: Limits, context: ssl.SSLContext | None = None) -> None:
    """Try the guards: over-long and half PDUs, strangers, silent handshakes; under a second.

    Parameters
    ----------
    limits
        Of the listener; only its deadlines are shortened for the trial.
    context
        Of TLS, where the listener speaks it.

    Raises
    ------
    EndpointError
        One does not act: nothing may be served then.
    """
    hasty = replace(
        limits, request_s=_DEADLINE_S, pdu_s=_DEADLINE_S, handshake_s=_DEADLINE_S, linger_s=0.1
    )
    _try_plain(hasty)
    if context is not None:
        _try_tls(hasty, context)


def _try_plain(limits: Limits) -> None:
    listener = Listener("127.0.0.1", 0, entity=_Probed(), limits=limits)
    listener.start()
    with closing(listener), ExitStack() as stack:
        halves = [stack.enter_context(_call(listener)) for _ in range(_HALVES)]
        for half in halves:
            half.sendall(b"\1\0\0")
        _require(_echoes(listener), "C-ECHO while half PDUs stand")
        long = stack.enter_context(_call(listener))
        long.sendall(b"\1\0" + (limits.longest_request_bytes + 1).to_bytes(4, "big"))
        by_header = pdu.aborted(pdu.INVALID_PARAMETER)  # by the deadline it would be another
        _require(_heard(long) == by_header, "the limit of a PDU's length")
        stranger = stack.enter_context(_call(listener))
        stranger.sendall(_request("STRANGER"))
        refused = bytes((pdu.ASSOCIATE_RJ,))
        _require(_heard(stranger)[:1] == refused, "the refusal of who is not listed")
        left = all(_is_left(half) for half in halves)
        _require(left, "the deadline of a PDU")


def _try_tls(limits: Limits, context: ssl.SSLContext) -> None:
    listener = Listener("127.0.0.1", 0, entity=_Probed(), limits=limits, context=context)
    listener.start()
    with closing(listener), ExitStack() as stack:
        silent = stack.enter_context(_call(listener))
        plain = stack.enter_context(_call(listener))
        plain.sendall(_request(_Probed.ae_title))
        accepted = bytes((pdu.ASSOCIATE_AC,))
        _require(_heard(plain)[:1] != accepted, "the refusal of who speaks no TLS")
        _require(_is_left(silent), "the deadline of a TLS handshake")


def _call(listener: Listener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.port), _PATIENCE_S)


def _request(calling: str) -> bytes:
    return pdu.request_of(_Probed.ae_title, calling, _VERIFICATION, _IMPLICIT)


def _echoes(listener: Listener) -> bool:
    with _call(listener) as peer:
        peer.sendall(_request(_Probed.ae_title))
        if peer.recv(1) != bytes((pdu.ASSOCIATE_AC,)):
            return False
        for one in pdu.p_data(1, echo_request(1), command=True, longest_bytes=0):
            peer.sendall(one)
        peer.sendall(pdu.framed(pdu.RELEASE_RQ, bytes(4)))
        return pdu.framed(pdu.RELEASE_RP, bytes(4)) in _heard(peer)


def _heard(peer: socket.socket) -> bytes:
    """Everything the listener says until it hangs up; empty if it does so without a word."""
    heard, deadline = b"", time.monotonic() + _PATIENCE_S
    try:
        while time.monotonic() < deadline and (some := peer.recv(4096)):
            heard += some
    except ConnectionError:
        pass
    except OSError:
        return b""
    return heard


def _is_left(peer: socket.socket) -> bool:
    begin = time.monotonic()
    _heard(peer)
    return time.monotonic() - begin < _PATIENCE_S


def _require(acts: bool, guard: str) -> None:
    if not acts:
        raise EndpointError(
            f"{guard} does not act; expected it to, so nothing is served: reinstall fluoroinject, "
            "and report it if that does not help"
        )
