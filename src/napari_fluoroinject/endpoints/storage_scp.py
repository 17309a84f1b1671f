"""A Storage SCP that acknowledges only what is whole and is what was announced."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from napari_fluoroinject.endpoints.allow import (
    Caller,
    Peer,
    check_title,
    is_loopback,
    legible,
    parse_callers,
)
from napari_fluoroinject.endpoints.answers import EVENTS, answers
from napari_fluoroinject.endpoints.dimse import SUCCESS, TRANSFER_SYNTAXES, VERIFICATION
from napari_fluoroinject.endpoints.judge import (
    CONFLICT,
    FAULT_OF_OURS,
    NO_SUCH_SOP_CLASS,
    OUT_OF_RESOURCES,
    NotKeptError,
    Received,
    Shelf,
    keep,
    uid_or_words,
)
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.listener import Listener, no_port
from napari_fluoroinject.endpoints.parts import (
    Ledger,
    Part,
    dataset_start,
    meta_information,
    named_syntax,
)
from napari_fluoroinject.endpoints.pdu import PeerError, Role
from napari_fluoroinject.endpoints.tls import server_context
from napari_fluoroinject.errors import EndpointError, StorageError
from napari_fluoroinject.settings.network import ListenSettings, Tls
from napari_fluoroinject.spool.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from napari_fluoroinject.endpoints.association import Message

log = logging.getLogger(__name__)

_LONGEST_META_BYTES = 4096
_UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An object that was not kept: the status its sender got, and why; a 0xC111 is an alarm."""

    status: int
    reason: str
    sop_instance_uid: str
    caller: str
    address: str


def dataset_sha256(path: Path) -> str:
    """SHA-256 of the transfer syntax and the data set.

    The same bytes say something else in another syntax; the rest of the file meta information
    tells of their writer alone.
    """
    with path.open("rb") as file:
        head = file.read(_LONGEST_META_BYTES)
    start = dataset_start(head)
    return file_sha256(path, start=start, before=named_syntax(head[:start]) + b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where and as whom a listener answers.

    `port` 0 takes a free one. `callers` are those who are answered, each as `AE`, `AE@ADDRESS` or,
    under TLS, `AE@CERTIFICATE-NAME`; empty means everyone, which without TLS is allowed on a
    loopback address only (EndpointError).
    """

    ae_title: str
    host: str = "127.0.0.1"
    port: int = 0
    callers: tuple[str, ...] = ()
    tls: Tls | None = None

    def __post_init__(self) -> None:
        check_title(self.ae_title)
        parse_callers(self.callers, tls=self.tls is not None)
        if not self.callers and self.tls is None and not is_loopback(self.host):
            raise EndpointError(
                f"will not listen on {self.host} for everyone: expected a loopback address, TLS, "
                "or the AE titles of those who may call"
            )


def station_of(settings: ListenSettings) -> Station:
    """Where and as whom to answer, by the settings of `listen`.

    Raises
    ------
    EndpointError
        They are not valid, or a certificate cannot be used.
    """
    if settings.tls is not None:
        server_context(settings.tls)
    return Station(
        ae_title=settings.ae_title,
        host=settings.host,
        port=settings.port,
        callers=settings.allow,
        tls=settings.tls,
    )


class StorageScp:
    """A listener for C-STORE and C-ECHO, and for whatever `handlers` answer; a context manager.

    Parameters
    ----------
    shelf
        Keeps what is acknowledged; its spool must tell content by `dataset_sha256`.
    station
        Where and as whom it answers; another called AE title is refused.
    classes
        SOP classes accepted for storage.
    received
        Called in the association's thread after an object is durable, before it is acknowledged;
        a StorageError from it refuses the object with 0xA700.
    limits
        What callers are granted.
    """

    def __init__(
        self,
        shelf: Shelf,
        station: Station,
        *,
        classes: Sequence[str],
        received: Callable[[Received], None],
        limits: Limits | None = None,
    ) -> None:
        self.spool = shelf.spool
        self._shelf = shelf
        self.station = station
        self.ae_title = station.ae_title
        self.limits = limits or Limits()
        self.roles: dict[str, Role] = {}
        self._answered: list[Any] = []
        self.offered: Mapping[str, Sequence[str]] = {
            VERIFICATION: _UNCOMPRESSED,
            **dict.fromkeys(classes, TRANSFER_SYNTAXES),
        }
        self._received = received
        self._callers: tuple[Caller, ...] = parse_callers(
            station.callers, tls=station.tls is not None
        )
        self._listener: Listener | None = None
        self._ledger = Ledger(self.limits.least_free_bytes)

    def support(
        self,
        model: str,
        *,
        role: Role = (1, 0),
        answered: tuple[Any, Callable[[Any], Any]] | None = None,
    ) -> None:
        """Accept one more SOP class, uncompressed; its handler comes from `handlers`.

        Parameters
        ----------
        model
            Its UID.
        role
            What the caller may be, SCU and SCP: (0, 1) for reports of a storage commitment.
        answered
            Its handler, where `handlers` has none: a pair as there.
        """
        if answered is not None:
            self._answered = [*self._answered, answered]
        self.offered = {**self.offered, model: _UNCOMPRESSED}
        self.roles[model] = role

    def handlers(self) -> list[Any]:
        """What else is answered (C-FIND, N-EVENT-REPORT): pynetdicom event and function."""
        return []

    def refused(self, refused: Refused) -> None:
        """Take note of an object that was refused; called before its sender is told."""

    @property
    def callers_known(self) -> int:
        """How many are on the list of callers."""
        return len({caller.ae_title for caller in self._callers})

    @property
    def associations(self) -> int:
        """How many are open now."""
        return 0 if self._listener is None else self._listener.associations

    @property
    def port(self) -> int:
        """The port that is listened on.

        Raises
        ------
        EndpointError
            If the listener was not started.
        """
        if self._listener is None:
            raise EndpointError(f"{self.ae_title} does not listen; expected start() before")
        return self._listener.port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen.

        Raises
        ------
        EndpointError
            If the address or port cannot be had, or the certificates not be used.
        StorageError
            If the start cannot be noted.
        """
        station = self.station
        context = None if station.tls is None else server_context(station.tls)
        try:
            self._listener = Listener(
                station.host, station.port, entity=self, limits=self.limits, context=context
            )
        except (OSError, OverflowError) as error:
            where = f"{station.host}:{station.port}"
            raise EndpointError(
                f"{self.ae_title} cannot listen on {where}: {no_port(error)}"
            ) from error
        try:
            self.listens()
            self._listener.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop listening, end every association, and wait for their threads."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def listens(self) -> None:
        """Take note of the port that was had, before the first caller is accepted."""

    def admits(self, peer: Peer) -> bool:
        """Whether this caller may call."""
        return not self._callers or any(caller.is_(peer) for caller in self._callers)

    def accepted(self, peer: Peer) -> None:
        """Take note of a caller whose association is established."""

    def rejected(self, peer: Peer, why: str) -> None:
        """Take note of a caller that is turned away."""
        caller = repr(legible(peer.ae_title)) if peer.ae_title else "a caller"
        called = f", calling {legible(peer.called)!r}" if peer.called else ""
        log.warning(
            "%s: rejected %s at %s%s: %s", self.ae_title, caller, peer.address, called, why
        )

    def new_part(self, message: Message, peer: Peer) -> Part:
        """Open the file of an object that begins to arrive, and write what comes before it."""
        asked = message.command
        if asked is None:
            raise TypeError("an object without its command; expected it to be read before")
        part = Part(self.spool.incoming, self.limits, self._ledger)
        part.write(
            meta_information(
                asked.sop_class_uid,
                asked.sop_instance_uid,
                message.context.transfer_syntax,
                caller=peer.ae_title,
            )
        )
        return part

    def store(self, message: Message, peer: Peer) -> tuple[int, str]:
        """Judge an object that has arrived; whatever happens, there is a status and a comment."""
        if message.part is None or message.command is None:
            raise TypeError("an object that did not arrive; expected a part and its command")
        try:
            if message.command.sop_class_uid != message.context.abstract_syntax:
                raise NotKeptError(NO_SUCH_SOP_CLASS, "SOP class of another presentation context")
            with self._shelf.places.judging():
                received = keep(message.part, message.command, self._shelf, peer)
            self._received(received)
        except NotKeptError as refused:
            status, comment = refused.status, refused.comment
            if isinstance(refused.__cause__, StorageError) and status == OUT_OF_RESOURCES:
                log.warning("%s: %s", self.ae_title, refused.__cause__)
        except (StorageError, MemoryError) as error:
            log.warning("%s: an object could not be noted: %s", self.ae_title, error)
            status, comment = OUT_OF_RESOURCES, "cannot be kept durably now"
        except Exception:
            # the edge of a worker: out of here the caller would get no status
            log.exception("%s: object refused", self.ae_title)
            status, comment = FAULT_OF_OURS, "error in the receiver"
        else:
            return SUCCESS, ""
        self._tell_refusal(status, comment, message.command.sop_instance_uid, peer)
        return status, comment

    def answer(
        self, message: Message, peer: Peer, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes | None]]:
        """Responses to another request, by its handler.

        Raises
        ------
        PeerError
            If there is none.
        """
        asked = message.command
        functions = {
            event: function for event, function, *_ in [*self.handlers(), *self._answered]
        }
        event = EVENTS.get(asked.field) if asked is not None else None
        if event not in functions:
            raise PeerError("a request that is not served here")
        return answers(functions[event], message, peer, cancelled)

    def _tell_refusal(self, status: int, comment: str, uid: str, peer: Peer) -> None:
        level = logging.ERROR if status == CONFLICT else logging.WARNING
        log.log(
            level,
            "%s: object of %s refused with 0x%04X: %s",
            self.ae_title,
            legible(peer.ae_title),
            status,
            comment,
        )
        try:
            self.refused(
                Refused(
                    status=status,
                    reason=comment,
                    sop_instance_uid=uid_or_words(uid),
                    caller=peer.ae_title,
                    address=peer.address,
                )
            )
        except StorageError as error:
            log.error("%s: a refusal could not be noted: %s", self.ae_title, error)
