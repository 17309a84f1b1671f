"""An association with a peer that is opened, used and ended in every case."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pynetdicom import evt

from napari_fluoroinject.endpoints.dimse import new_ae
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator, Sequence

    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
    from pynetdicom.presentation import PresentationContext

    from napari_fluoroinject.endpoints.pacs import Pacs

Handlers = list[Any]
"""(event, function) and (event, function, arguments) tuples, as pynetdicom takes them."""


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
    opened: list[socket.socket] = []
    try:
        association = new_ae(peer.calling).associate(
            peer.host,
            peer.port,
            list(contexts),
            ae_title=peer.called,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, _note_socket, [opened]), *handlers],
            tls_args=_tls_arguments(peer),
        )
        if not association.is_established:
            raise _not_established(peer, association)
        try:
            yield association
        except BaseException:
            association.abort()
            raise
        association.release()
    finally:
        # pynetdicom forgets to close a socket that its peer has already shut down
        for connection in opened:
            connection.close()


def _tls_arguments(peer: Pacs) -> tuple[ssl.SSLContext, str] | None:
    if peer.tls is None:
        return None
    from napari_fluoroinject.endpoints.tls import client_context

    return client_context(peer.tls), peer.tls.name or peer.host


def _not_established(peer: Pacs, association: Association) -> EndpointError:
    if association.is_rejected:
        answer = association.acceptor.primitive
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
    secured = "" if peer.tls is None else ", and that both sides trust the other's certificate"
    return UnreachableError(
        f"nobody answers as {peer}; expected a DICOM application entity: see address, port "
        f"and firewall{secured}"
    )


def _note_socket(event: Event, opened: list[socket.socket]) -> None:
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        opened.append(connection.socket)
