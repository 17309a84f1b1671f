"""Queries and reports of a caller, given to functions that are written for pynetdicom's events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_FIND, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.presentation import PresentationContextTuple

from napari_fluoroinject.endpoints import command as commands
from napari_fluoroinject.endpoints.pdu import PeerError

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.allow import Peer
    from napari_fluoroinject.endpoints.association import Message
    from napari_fluoroinject.endpoints.command import Command

log = logging.getLogger(__name__)

EVENTS = {commands.C_FIND: evt.EVT_C_FIND, commands.N_EVENT_REPORT: evt.EVT_N_EVENT_REPORT}
"""What can be answered so, by command field."""
_PENDING = (0xFF00, 0xFF01)
_UNABLE = {commands.C_FIND: 0xC001, commands.N_EVENT_REPORT: 0x0110}
"""Status when the function itself fails (PS3.4 C.4.1.1.4, PS3.7 annex C)."""


def answers(
    function: Callable[[Any], Any], message: Message, peer: Peer, cancelled: Callable[[], bool]
) -> Iterator[tuple[int, bytes | None]]:
    """Status and encoded data set of each response.

    Parameters
    ----------
    function
        Takes a pynetdicom event; returns, or yields, status and data set.
    message
        The request, whole.
    peer
        Who asks: `event.assoc.requestor` has its `ae_title` and `address`.
    cancelled
        Behind `event.is_cancelled`.
    """
    asked = message.command
    if asked is None:
        raise TypeError("a message without a command; expected it to be read before")
    event = _event(asked, message, peer, cancelled)
    last = _PENDING[0]  # that nothing was found is told by the final response alone
    for status, data in _results(function, event, _UNABLE[asked.field]):
        last = status
        yield status, _encoded(data, message.context.transfer_syntax)
    if last in _PENDING:
        yield 0x0000, None


def _results(
    function: Callable[[Any], Any], event: evt.Event, unable: int
) -> Iterator[tuple[int, Dataset | None]]:
    several: Iterator[Any] | None = None
    while True:
        try:
            if several is None:
                result = function(event)
                several = result if isinstance(result, Iterator) else iter([result])
            status, data = next(several)
        except StopIteration:
            return
        except (PeerError, OSError):  # of the connection, which a look for C-CANCEL reads
            raise
        except Exception:
            # the edge of a worker: the peer gets a status
            log.exception("a request could not be answered")
            yield unable, None
            return
        yield (int(status.Status) if isinstance(status, Dataset) else int(status)), data


def _event(
    asked: Command, message: Message, peer: Peer, cancelled: Callable[[], bool]
) -> evt.Event:
    request: C_FIND | N_EVENT_REPORT
    if asked.field == commands.C_FIND:
        request = C_FIND()
        request.Identifier = BytesIO(bytes(message.data))
    else:
        request = N_EVENT_REPORT()
        request.AffectedSOPInstanceUID = asked.sop_instance_uid
        request.EventTypeID = asked.event_type
        request.EventInformation = BytesIO(bytes(message.data))
    request.MessageID = asked.message
    request.AffectedSOPClassUID = asked.sop_class_uid
    context = PresentationContextTuple(
        message.context.identifier,
        UID(message.context.abstract_syntax),
        UID(message.context.transfer_syntax),
    )
    association: Any = SimpleNamespace(
        requestor=SimpleNamespace(ae_title=peer.ae_title, address=peer.address)
    )
    attributes = {"request": request, "context": context, "_is_cancelled": lambda _: cancelled()}
    return evt.Event(association, EVENTS[asked.field], attributes)


def _encoded(data: Dataset | None, transfer_syntax: str) -> bytes | None:
    if not data:
        return None
    syntax = UID(transfer_syntax)
    return encode(data, syntax.is_implicit_VR, syntax.is_little_endian)
