"""A Storage SCP that acknowledges only what is whole and is what was announced."""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE

from napari_fluoroinject.dicom.scan import Structure, check_series, scan
from napari_fluoroinject.endpoints.dimse import SUCCESS, TRANSFER_SYNTAXES, VERIFICATION, new_ae
from napari_fluoroinject.endpoints.transport import (
    LimitedConnection,
    LimitedServer,
    PartsDesk,
    hang_up,
)
from napari_fluoroinject.errors import (
    ConflictError,
    EndpointError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.spool.store import Spool, file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from pynetdicom.association import Association
    from pynetdicom.events import Event

log = logging.getLogger(__name__)

OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
FAULT_OF_OURS = 0xC001
CONFLICT = 0xC111
"""Statuses of the C-STORE table (PS3.4 B.2.3): the sender keeps its copy, and may say why."""

ASSOCIATIONS = 128
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_LONGEST_UID = 64
_LONGEST_COMMENT = 64  # VR LO
_CLOSING_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An object that was acknowledged; `new` is False when it had been before."""

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    caller: str
    new: bool


def dataset_sha256(path: Path) -> str:
    """SHA-256 of the data set alone: file meta information holds its writer's version."""
    return file_sha256(path, start=_dataset_start(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where and as whom a listener answers.

    `port` 0 takes a free one. `callers` are the calling AE titles that are answered; empty means
    everyone, which is allowed on a loopback address only (EndpointError).
    """

    ae_title: str
    host: str = "127.0.0.1"
    port: int = 0
    callers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.callers and not _is_loopback(self.host):
            raise EndpointError(
                f"will not listen on {self.host} for everyone: expected a loopback address, or "
                "the AE titles of those who may call"
            )


class StorageScp:
    """A listener for C-STORE and C-ECHO, and for whatever `handlers` answer; a context manager.

    Parameters
    ----------
    spool
        Keeps what is acknowledged; must tell content by `dataset_sha256`.
    station
        Where and as whom it answers; another called AE title is refused.
    classes
        SOP classes accepted for storage.
    received
        Called in the association's thread after an object is durable, before it is acknowledged.
    """

    def __init__(
        self,
        spool: Spool,
        station: Station,
        *,
        classes: Sequence[str],
        received: Callable[[Received], None],
    ) -> None:
        self.spool = spool
        self.station = station
        self._received = received
        self._parts = PartsDesk(spool.incoming)
        self._associations: list[Association] = []
        self._lock = threading.Lock()
        self._server: LimitedServer | None = None
        self._thread: threading.Thread | None = None
        self._ae = new_ae(station.ae_title)
        self._ae.maximum_associations = ASSOCIATIONS
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = list(station.callers)
        self._ae.add_supported_context(VERIFICATION)
        for sop_class in classes:
            self._ae.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))

    def support(self, model: str) -> None:
        """Accept one more SOP class, uncompressed; its handler comes from `handlers`."""
        self._ae.add_supported_context(model)

    def handlers(self) -> list[Any]:
        """What else is answered: (event, function) pairs for pynetdicom."""
        return []

    @property
    def port(self) -> int:
        """The port that is listened on.

        Raises
        ------
        EndpointError
            If the listener was not started.
        """
        if self._server is None:
            raise EndpointError(
                f"{self.station.ae_title} does not listen; expected start() before"
            )
        return int(self._server.server_address[1])

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
            If the address or port cannot be had.
        """
        try:
            self._server = LimitedServer(
                self._ae,
                (self.station.host, self.station.port),
                self.station.ae_title,
                self._ae.supported_contexts,
                request_handler=LimitedConnection,
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, self._opened),
                    (evt.EVT_PDU_RECV, self._reads),
                    (evt.EVT_CONN_CLOSE, self._closed),
                    (evt.EVT_C_STORE, self._store),
                    *self.handlers(),
                ],
            )
        except OSError as error:
            raise EndpointError(
                f"{self.station.ae_title} cannot listen on {self.station.host}:"
                f"{self.station.port}: {error.strerror}; expected a free port: choose another, "
                "or 0 for any"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=self.station.ae_title,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end every association, and wait for their threads."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        deadline = time.monotonic() + _CLOSING_S
        for association in self._associations:
            association.abort() if association.is_established else hang_up(association)
            for thread in (association, association.dul):
                if thread.is_alive():
                    thread.join(max(0.0, deadline - time.monotonic()))
            self._parts.clear(association)
        self._server.close_connections()
        self._server = self._thread = None

    def _opened(self, event: Event) -> None:
        with self._lock:
            over = [one for one in self._associations if one.ident and not one.is_alive()]
            self._associations = [one for one in self._associations if one not in over]
            self._associations.append(event.assoc)

    def _reads(self, event: Event) -> None:
        # triggered in the thread that then decodes the PDU: data sets that begin in it are ours
        self._parts.expect(event.assoc)

    def _closed(self, event: Event) -> None:
        self._parts.clear(event.assoc)
        if not event.assoc.is_established:
            hang_up(event.assoc)

    def _store(self, event: Event) -> Dataset:
        """Judge one object and return its status; whatever happens, the peer gets one."""
        try:
            self._received(self._admit(event))
        except _NotKeptError as refused:
            log.warning("%s: object refused with 0x%04X: %s", self.station.ae_title, *refused.args)
            return _response(*refused.args)
        except Exception:
            # the edge of a worker: an exception out of here would leave part and peer behind
            log.exception("%s: object refused", self.station.ae_title)
            return _response(FAULT_OF_OURS, "error in the receiver")
        return _response(SUCCESS)

    def _admit(self, event: Event) -> Received:
        instance, sop_class = _announced(event)
        part = self._parts.take(event.dataset_path)
        part.complete()
        if part.failure:
            raise _NotKeptError(OUT_OF_RESOURCES, part.failure)
        if len(instance) > _LONGEST_UID or not _UID.fullmatch(instance):
            raise _NotKeptError(MISMATCH, "SOP Instance UID is not a valid UID")
        path = Path(part.name)
        try:
            structure = scan(path)
            if (structure.sop_instance_uid, structure.sop_class_uid) != (instance, sop_class):
                raise _NotKeptError(MISMATCH, "UIDs of command and data set differ")
            _require_series(structure)
            if structure.fault:
                self.spool.quarantine(path, uid=instance, reason=structure.fault)
                raise _NotKeptError(MISMATCH, structure.fault)
            admission = self.spool.admit(path, uid=instance)
        except UnreadableObjectError as error:
            raise _NotKeptError(CANNOT_UNDERSTAND, error.seen) from error
        except ConflictError as error:
            raise _NotKeptError(CONFLICT, "this UID is kept with other content") from error
        except StorageError as error:
            raise _NotKeptError(OUT_OF_RESOURCES, "cannot be kept durably now") from error
        return Received(
            path=admission.path,
            sop_instance_uid=instance,
            sop_class_uid=sop_class,
            caller=event.assoc.requestor.ae_title,
            new=admission.new,
        )


class _NotKeptError(Exception):
    """(status, comment) for the peer."""


def _response(status: int, comment: str = "") -> Dataset:
    response = Dataset()
    response.Status = status
    if comment:
        response.ErrorComment = comment[:_LONGEST_COMMENT]
    return response


def _require_series(structure: Structure) -> None:
    """Nobody could find, analyse or file what names no study; all else may be missing."""
    try:
        check_series(structure)
    except UnreadableObjectError as error:
        raise _NotKeptError(MISMATCH, error.seen) from error


def _announced(event: Event) -> tuple[str, str]:
    """SOP Instance and SOP Class UID of the command."""
    request = event.request
    if not isinstance(request, C_STORE):
        raise TypeError(f"{type(request).__name__} where a C-STORE was expected")
    return str(request.AffectedSOPInstanceUID), str(request.AffectedSOPClassUID)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _dataset_start(path: Path) -> int:
    """Offset of the data set: after preamble, prefix, (0002,0000) and the group it measures."""
    with path.open("rb") as file:
        head = file.read(144)
    return 144 + int.from_bytes(head[140:144], "little")
