"""An association with a peer that is opened, used and ended in every case."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.endpoints.dimse import new_ae
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
    _close_for_good(ae)
    association = ae.associate(
        peer.host,
        peer.port,
        list(contexts),
        ae_title=peer.called,
        ext_neg=list(roles),
        evt_handlers=list(handlers),
        tls_args=_tls_arguments(peer),
    )
    if not association.is_established:
        raise _not_established(peer, association)
    try:
        yield association
    except BaseException:
        if association.is_established:
            association.abort()
        raise
    if association.is_established:
        association.release()


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


def _close_for_good(ae: AE) -> None:
    """Let sockets be closed where pynetdicom leaves them open.

    It forgets those that were refused, or that the peer has shut down.
    """
    make = ae._create_socket  # noqa: SLF001 - the one place where sockets are made

    def made(*arguments: Any) -> AssociationSocket:
        held = make(*arguments)
        shut = held._shutdown_socket  # noqa: SLF001 - as above

        def shut_and_close() -> None:
            connection = held.socket
            shut()
            if connection is not None:
                connection.close()

        held._shutdown_socket = shut_and_close  # type: ignore[method-assign] # noqa: SLF001
        return held

    ae._create_socket = made  # type: ignore[method-assign,assignment] # noqa: SLF001 - as above
