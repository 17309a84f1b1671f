"""One association with a caller, from its request to its end, in a thread of its own."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.endpoints import command as commands
from napari_fluoroinject.endpoints import pdu
from napari_fluoroinject.endpoints.allow import Peer
from napari_fluoroinject.endpoints.command import Command
from napari_fluoroinject.endpoints.parts import Part
from napari_fluoroinject.endpoints.pdu import Agreed, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_fluoroinject.endpoints.limits import Limits
    from napari_fluoroinject.endpoints.wire import Wire

log = logging.getLogger(__name__)

_COMMAND, _LAST = 0x01, 0x02  # message control header (PS3.8 annex E)
_NO_SUCH_SOP_CLASS, _CANNOT_UNDERSTAND = 0x0122, 0xC000
VERIFICATION = "1.2.840.10008.1.1"


_REJECTIONS = {
    pdu.CALLED_UNKNOWN: "it called another AE title",
    pdu.CALLING_UNKNOWN: "it is not on the list of callers",
    pdu.BUSY: "every place is taken",
}


@dataclass(slots=True, kw_only=True)
class Message:
    """A request as it comes: its command, then its data set in a file or in memory."""

    context: Agreed
    begun_s: float
    header: bytearray = field(default_factory=bytearray)
    command: Command | None = None
    part: Part | None = None
    data: bytearray = field(default_factory=bytearray)


class Entity(Protocol):
    """Whom the caller talks to: what it offers, whom it admits, how it answers."""

    ae_title: str

    @property
    def callers_known(self) -> int:
        """How many titles are on the list of callers; 0 where everyone may call."""
        ...

    @property
    def offered(self) -> Mapping[str, Sequence[str]]:
        """Transfer syntaxes by SOP class."""
        ...

    @property
    def roles(self) -> Mapping[str, pdu.Role]:
        """SOP classes whose requestor may be SCP."""
        ...

    def admits(self, peer: Peer) -> bool:
        """Whether this caller may call."""
        ...

    def accepted(self, peer: Peer) -> None:
        """Take note of a caller whose association is established."""
        ...

    def rejected(self, peer: Peer, why: str) -> None:
        """Take note of a caller that is turned away."""
        ...

    def new_part(self, message: Message, peer: Peer) -> Part:
        """Open the file of an object that begins to arrive."""
        ...

    def store(self, message: Message, peer: Peer) -> tuple[int, str]:
        """Judge an object that has arrived; status and comment."""
        ...

    def answer(
        self, message: Message, peer: Peer, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes | None]]:
        """Status and data set of each response to another request."""
        ...


class Association:
    """Serves one caller.

    Parameters
    ----------
    wire
        The connection.
    entity
        Who answers.
    limits
        Of the listener.
    peer
        Address and certificate names; the title is not known yet.

    Attributes
    ----------
    quiet_since_s
        When a PDU was last waited for (monotonic clock); None while one is being answered.
    """

    def __init__(self, wire: Wire, entity: Entity, limits: Limits, peer: Peer) -> None:
        self.peer = peer
        self.quiet_since_s: float | None = None
        self._wire = wire
        self._entity = entity
        self._limits = limits
        self._agreed: dict[int, Agreed] = {}
        self._longest_answer_bytes = 0
        self._message: Message | None = None
        self._window = (0.0, 0)

    def run(self, take_place: Callable[[Association], bool]) -> None:
        """Serve until it is over; never raises.

        Parameters
        ----------
        take_place
            Asked once the caller is known: whether there is room.
        """
        try:
            if self._establish(take_place):
                while self._serve_one():
                    pass
        except PeerError as error:
            log.info("%s: aborted %s: %s", self._entity.ae_title, self.peer.address, error)
            self._end(pdu.aborted(error.reason))
        except OSError as error:
            why = error.strerror or str(error)
            log.info("%s: ended with %s: %s", self._entity.ae_title, self.peer.address, why)
            self._end(pdu.aborted(pdu.NOT_SPECIFIED))
        except Exception:
            # the edge of a worker: the caller gets an end, and the listener goes on
            log.exception("%s: an association broke off", self._entity.ae_title)
            self._end(pdu.aborted(pdu.NOT_SPECIFIED))
        finally:
            self._forget()

    def _establish(self, take_place: Callable[[Association], bool]) -> bool:
        kind, body = self._wire.read_first()
        if kind == pdu.ABORT:
            return False
        request = pdu.read_request(body)
        self.peer = Peer(
            ae_title=request.calling,
            address=self.peer.address,
            names=self.peer.names,
            called=request.called,
        )
        rejection = request.rejection or self._refusal(request.called)
        if rejection is None and not take_place(self):
            rejection = pdu.BUSY
        if rejection is not None:
            self._entity.rejected(self.peer, _REJECTIONS.get(rejection, "no DICOM request"))
            self._end(pdu.rejected(*rejection))
            return False
        agreed, answer = pdu.agree(
            request,
            self._entity.offered,
            roles=self._entity.roles,
            longest_pdu_bytes=self._limits.longest_pdu_bytes,
        )
        self._agreed = {context.identifier: context for context in agreed}
        self._longest_answer_bytes = request.longest_pdu_bytes
        self._entity.accepted(self.peer)
        self._wire.send(answer)
        return True

    def _refusal(self, called: str) -> tuple[int, int, int] | None:
        if called != self._entity.ae_title:
            return pdu.CALLED_UNKNOWN
        return None if self._entity.admits(self.peer) else pdu.CALLING_UNKNOWN

    def _serve_one(self) -> bool:
        """Serve the next PDU; False when it was the last."""
        self.quiet_since_s = time.monotonic()
        kind, body = self._wire.read()
        self.quiet_since_s = None
        if kind == pdu.P_DATA:
            for context, control, fragment in pdu.values(body):
                self._take(context, control, fragment)
            return True
        if kind == pdu.RELEASE_RQ and self._message is None:
            self._end(pdu.framed(pdu.RELEASE_RP, bytes(4)))
            return False
        if kind == pdu.ABORT:
            return False
        known = pdu.ASSOCIATE_RQ <= kind <= pdu.ABORT
        reason = pdu.UNEXPECTED_PDU if known else pdu.UNRECOGNIZED_PDU
        raise PeerError(f"a PDU of type {kind} in an association", reason=reason)

    def _take(self, context: int, control: int, fragment: memoryview) -> None:
        """Add a fragment to the message it belongs to, and answer the message when it is whole."""
        if not fragment and not control & _LAST:
            raise PeerError("an empty fragment")
        message = self._message_of(context)
        self._require_progress(len(fragment))
        if control & _COMMAND:
            self._take_command(message, fragment)
            if not control & _LAST:
                return
            message.command = commands.read_command(bytes(message.header))
            if message.command.has_data_set:
                self._expect_data_set(message)
                return
        else:
            self._take_data_set(message, fragment)
            if not control & _LAST:
                return
        self._answer(message)
        self._forget()

    def _message_of(self, context: int) -> Message:
        agreed = self._agreed.get(context)
        if agreed is None:
            raise PeerError(f"presentation context {context}, which was not accepted")
        if self._message is None:
            now = time.monotonic()
            self._message = Message(context=agreed, begun_s=now)
            self._window = now, 0
        if self._message.context is not agreed:
            raise PeerError("a message in two presentation contexts")
        return self._message

    def _require_progress(self, count: int) -> None:
        begin, come = self._window
        now = time.monotonic()
        if now - begin <= self._limits.window_s:
            self._window = begin, come + count
        elif come < self._limits.window_bytes:
            raise PeerError(f"{come} bytes of a message in {self._limits.window_s:.0f} s")
        else:
            self._window = now, count

    @staticmethod
    def _take_command(message: Message, fragment: memoryview) -> None:
        if message.command is not None:
            raise PeerError("a command in the middle of a data set")
        message.header += fragment
        if len(message.header) > commands.LONGEST_COMMAND_BYTES:
            raise PeerError("a command without end")

    def _expect_data_set(self, message: Message) -> None:
        asked = message.command
        if asked is not None and asked.field == commands.C_STORE:
            if not asked.sop_class_uid or not asked.sop_instance_uid:
                raise PeerError("a C-STORE that names no SOP instance")
            message.part = self._entity.new_part(message, self.peer)

    def _take_data_set(self, message: Message, fragment: memoryview) -> None:
        if message.command is None:
            raise PeerError("a data set without its command")
        if message.part is not None:
            message.part.write(fragment)
            return
        message.data += fragment
        if len(message.data) > self._limits.longest_message_bytes:
            raise PeerError("a query or report without end")

    def _answer(self, message: Message) -> None:
        asked = message.command
        if asked is None:
            raise TypeError("a message without a command; expected it to be read before")
        if asked.field == commands.C_STORE:
            status, comment = _CANNOT_UNDERSTAND, "no data set"
            if message.part is not None:
                status, comment = self._entity.store(message, self.peer)
            self._respond(message, commands.response(asked, status, comment=comment))
        elif asked.field == commands.C_ECHO:
            known = message.context.abstract_syntax == VERIFICATION
            status = 0x0000 if known else _NO_SUCH_SOP_CLASS
            self._respond(message, commands.response(asked, status))
        elif asked.field != commands.C_CANCEL:  # of what was answered already: too late
            for status, data in self._entity.answer(message, self.peer, self._is_cancelled):
                told = commands.response(asked, status, data_set=data is not None)
                self._respond(message, told, data)

    def _respond(self, message: Message, command: bytes, data: bytes | None = None) -> None:
        context, longest = message.context.identifier, self._longest_answer_bytes
        pdus = [*pdu.p_data(context, command, command=True, longest_bytes=longest)]
        if data is not None:
            pdus += pdu.p_data(context, data, command=False, longest_bytes=longest)
        self._wire.send(b"".join(pdus))

    def _is_cancelled(self) -> bool:
        """Whether the peer wants no more answers; it may say nothing else meanwhile."""
        if not self._wire.has_more():
            return False
        kind, body = self._wire.read()
        if kind != pdu.P_DATA:
            raise PeerError("no C-CANCEL before the last answer", reason=pdu.UNEXPECTED_PDU)
        said = b"".join(bytes(fragment) for _, _, fragment in pdu.values(body))
        if commands.read_command(said).field != commands.C_CANCEL:
            raise PeerError("another request before the last answer")
        return True

    def _end(self, last: bytes) -> None:
        """Say the last word; the place is free for others from here on."""
        self._forget()
        self.quiet_since_s = 0.0
        self._wire.send_last(last)

    def _forget(self) -> None:
        if self._message is not None and self._message.part is not None:
            self._message.part.discard()
        self._message = None
