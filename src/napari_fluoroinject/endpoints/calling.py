"""An association with a peer that is opened, used and ended in every case."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA

from napari_fluoroinject.endpoints.dimse import new_ae
from napari_fluoroinject.endpoints.tls_faults import TO_DO, kind_of
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from pynetdicom import AE
    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
    from pynetdicom.presentation import PresentationContext
    from pynetdicom.transport import AssociationSocket

    from napari_fluoroinject.endpoints.pacs import Pacs

PDU_DEADLINE_S = 30.0
"""For one PDU, header and body together: 128 KiB over the slowest line worth having."""
LONGEST_PDU_BYTES = 262_144
"""Twice what we advertise."""
_PDU_HEADER_BYTES = 6
_SEND_DEADLINE_S = 60.0
_AHEAD = 64
"""PDUs that may wait to be sent: 8 MB."""
_PAUSE_S = 0.001
_DATA_TRANSFER = "Sta6"  # PS3.8 9.2.1


@contextmanager
def associated(
    peer: Pacs,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[Any] = (),
) -> Iterator[Association]:
    """Open an association; it is released at the end, and aborted where something went wrong.

    Parameters
    ----------
    peer
        Whom to call, and as whom.
    contexts
        Presentation contexts to propose, 128 at most.
    roles
        Where we want to be the provider (PS3.7 D.3.3.4).
    handlers
        Further event handlers.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the peer does not want us or what is proposed.
    """
    ae = new_ae(peer.calling)
    faults: list[OSError] = []
    sockets = _guard_sockets(ae, faults)
    try:
        association = _called(ae, peer, contexts, roles=roles, handlers=handlers)
        if not association.is_established:
            raise _not_established(peer, association, faults)
        _pace(association)
        try:
            yield association
        except BaseException:
            if association.is_established:
                association.abort()
            raise
        if association.is_established:
            association.release()
    finally:
        for held in sockets:
            if held.socket is not None:
                held.socket.close()


def _called(
    ae: AE,
    peer: Pacs,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    handlers: Sequence[Any],
) -> Association:
    tls = _tls_arguments(peer)
    try:
        return ae.associate(
            peer.host,
            peer.port,
            list(contexts),
            ae_title=peer.called,
            ext_neg=list(roles),
            evt_handlers=list(handlers),
            tls_args=tls,
        )
    except (socket.gaierror, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not the name of a host"
        raise UnreachableError(
            f"{peer}: the host {peer.host!r} is not found ({why}); expected a name that this "
            "machine can resolve, or an address"
        ) from error


def _tls_arguments(peer: Pacs) -> tuple[ssl.SSLContext, str] | None:
    if peer.tls is None:
        return None
    from napari_fluoroinject.endpoints.tls import client_context

    return client_context(peer.tls), peer.tls.name or peer.host


def _rejection(association: Association) -> A_ASSOCIATE | None:
    """Return the peer's A-ASSOCIATE-RJ; None where it sent none.

    A rejection that comes before the caller's thread has seen the connection stands unread in the
    queue: it closes the connection, which then counts as never made.
    """
    if association.is_rejected:
        answer: A_ASSOCIATE | None = association.acceptor.primitive
        return answer
    unread: Any = association.dul.receive_pdu(wait=False)
    return unread if isinstance(unread, A_ASSOCIATE) and unread.result else None


def _not_established(
    peer: Pacs, association: Association, faults: Sequence[OSError]
) -> EndpointError:
    answer = _rejection(association)
    if association.is_rejected or answer is not None:
        reason = answer.reason_str if answer is not None else "no reason given"
        return RefusedError(
            f"{peer} rejected the association with {peer.calling}: {reason}; expected "
            "acceptance: see that both AE titles are the ones the peer is set up for"
        )
    if association.acceptor.primitive is not None and not association.accepted_contexts:
        return RefusedError(
            f"{peer} accepted none of what was offered; expected its SOP class and transfer "
            "syntax to be set up there"
        )
    kinds = [kind for kind in map(kind_of, faults) if kind is not None]
    if peer.tls is not None and kinds:
        told = UnreachableError(f"no TLS with {peer}: {kinds[0]}; expected {TO_DO[kinds[0]]}")
        told.__cause__ = faults[0]
        return told
    secured = "" if peer.tls is None else ", and that both sides trust the other's certificate"
    return UnreachableError(
        f"nobody answers as {peer}; expected a DICOM application entity: see address, port "
        f"and firewall{secured}"
    )


def _pace(association: Association) -> None:
    """Let what is sent wait for the line: pynetdicom would read a whole file ahead of it."""
    dul = association.dul
    send, waits = dul.send_pdu, True

    def paced(primitive: Any) -> None:
        nonlocal waits
        give_up = time.monotonic() + 2 * _SEND_DEADLINE_S
        while waits and isinstance(primitive, P_DATA) and dul.to_provider_queue.qsize() > _AHEAD:
            there = dul.is_alive() and dul.state_machine.current_state == _DATA_TRANSFER
            waits = there and time.monotonic() < give_up
            time.sleep(_PAUSE_S)
        send(primitive)

    dul.send_pdu = paced  # type: ignore[method-assign]  # its one seam


def _guard_sockets(ae: AE, faults: list[OSError]) -> list[AssociationSocket]:
    """Give sockets limits, and let those be closed that pynetdicom leaves open.

    It forgets those that were refused or that the peer has shut down, and waits for ever for the
    rest of a PDU, of any length: a peer whose line is cut would keep a caller for good. Returns
    the sockets, as they are made; into `faults` goes why one could not connect or read, which
    pynetdicom keeps to itself.
    """
    sockets: list[AssociationSocket] = []
    make = ae._create_socket  # noqa: SLF001 - the one place where sockets are made

    def made(*arguments: Any) -> AssociationSocket:
        held = make(*arguments)
        shut = held._shutdown_socket  # noqa: SLF001 - as above

        def shut_and_close() -> None:
            fault = sys.exception()
            if isinstance(fault, OSError):
                faults.append(fault)
            connection = held.socket
            shut()
            if connection is not None:
                connection.close()

        held._shutdown_socket = shut_and_close  # type: ignore[method-assign] # noqa: SLF001 - see above
        held.recv = _Reader(held, faults).recv  # type: ignore[method-assign]  # its one seam
        sockets.append(held)
        return held

    ae._create_socket = made  # type: ignore[method-assign,assignment] # noqa: SLF001 - as above
    return sockets


class _Reader:
    """Reads as pynetdicom asks: six bytes of header, then the body that it announces."""

    def __init__(self, held: AssociationSocket, faults: list[OSError]) -> None:
        self._held = held
        self._faults = faults
        self._deadline = 0.0

    def recv(self, nr_bytes: int) -> bytearray:
        """Return so many bytes, or fewer where the peer closed.

        Raises
        ------
        OSError
            The PDU is too long or too slow; pynetdicom then closes the connection.
        """
        connection = self._held.socket
        if connection is None:
            raise OSError("a connection that is closed")
        if nr_bytes > LONGEST_PDU_BYTES:
            raise OSError(f"a PDU of {nr_bytes} bytes; expected {LONGEST_PDU_BYTES} at most")
        if nr_bytes == _PDU_HEADER_BYTES:
            self._deadline = time.monotonic() + PDU_DEADLINE_S
        buffer = bytearray(nr_bytes)
        view, got = memoryview(buffer), 0
        while got < nr_bytes:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{got} of {nr_bytes} bytes of a PDU in {PDU_DEADLINE_S} s")
            connection.settimeout(left)
            try:
                read = connection.recv_into(view[got:])
            except OSError as error:  # with TLS 1.3 a caller learns here that it is not let in
                self._faults.append(error)
                raise
            if not read:
                return buffer[:got]
            got += read
        connection.settimeout(_SEND_DEADLINE_S)
        return buffer
