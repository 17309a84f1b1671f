"""C-GET: objects over the association that asks for them, straight into files of ours."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom import Dataset
from pynetdicom import dimse_messages, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext, build_context, build_role

from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.dimse import (
    CINE_CLASSES,
    CONTEXTS_PER_ASSOCIATION,
    RESULT_CLASSES,
    STUDY_ROOT_GET,
    SUCCESS,
    TRANSFER_SYNTAXES,
)
from napari_fluoroinject.endpoints.landing import land
from napari_fluoroinject.endpoints.order import Order
from napari_fluoroinject.endpoints.suboperations import (
    Events,
    Final,
    NeverError,
    Operation,
    Refused,
    carry_out,
)
from napari_fluoroinject.errors import FluoroinjectError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pynetdicom.events import Event

    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
OUT_OF_RESOURCES, MISMATCH = 0xA700, 0xA900
"""Statuses for the peer (PS3.4 B.2.3): an object that could not be written, or is another one."""
_LONGEST_COMMENT = 64  # VR LO


def get(peer: Pacs, order: Order, *, room: Path, folder: Path) -> Iterator[Path | Refused | Final]:
    """Ask for objects; each lands in `folder` once it is whole.

    Parameters
    ----------
    peer, order
        Who is asked, for what.
    room
        A private folder on the same file system, for what is arriving.
    folder
        Where whole objects go, as `<SOP Instance UID>.dcm`.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or the peer takes no C-GET.
    """
    events, landed = Events(), set[str]()
    parts = _Parts(room)
    keep = _Keeper(order=order, folder=folder, events=events, landed=landed, parts=parts)
    contexts, classes = _contexts(order)
    with (
        closing(parts),
        associated(
            peer,
            contexts,
            roles=[build_role(one, scp_role=True) for one in classes],
            handlers=[(evt.EVT_C_STORE, keep.answer), (evt.EVT_PDU_RECV, parts.expect, [events])],
        ) as association,
    ):
        if not any(one.abstract_syntax == STUDY_ROOT_GET for one in association.accepted_contexts):
            raise NeverError(f"{peer} takes no C-GET; expected it, or C-MOVE to be set up")
        operation = Operation(
            name="C-GET",
            model=STUDY_ROOT_GET,
            begin=lambda: association.send_c_get(order.identifier(), STUDY_ROOT_GET),
            look=tuple,
            complete=lambda: order.instances <= landed,
            patience_s=PATIENCE_S,
        )
        yield from carry_out(peer, association, operation, events)


def _contexts(order: Order) -> tuple[list[PresentationContext], Sequence[str]]:
    """One context for each class and syntax, so that the peer can send as it keeps them.

    Where that would be too many, one for each class with all syntaxes in it.
    """
    classes = order.classes or (*CINE_CLASSES, *RESULT_CLASSES)
    retrieve = [build_context(STUDY_ROOT_GET)]
    if len(classes) * len(TRANSFER_SYNTAXES) < CONTEXTS_PER_ASSOCIATION:
        pairs = [(one, syntax) for one in classes for syntax in TRANSFER_SYNTAXES]
        return retrieve + [build_context(*pair) for pair in pairs], classes
    classes = classes[: CONTEXTS_PER_ASSOCIATION - 1]
    return retrieve + [build_context(one, list(TRANSFER_SYNTAXES)) for one in classes], classes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Keeper:
    """Judges each object that comes; whatever it is, the peer gets a status."""

    order: Order
    folder: Path
    events: Events
    landed: set[str]
    parts: _Parts

    def answer(self, event: Event) -> Dataset:
        """Keep one object, or say why not."""
        request = event.request
        uid = str(request.AffectedSOPInstanceUID) if isinstance(request, C_STORE) else ""
        part = Path(event.dataset_path)
        try:
            self.parts.complete(part)
            if uid not in self.order.instances:
                raise _NotAskedForError
            self.events.put(land(part, self.folder, uid=uid))
            self.landed.add(uid)
        except _NotAskedForError:
            log.warning("an object that was not asked for came over C-GET, and was not kept")
            return _response(MISMATCH, "not asked for")
        except FluoroinjectError as error:
            self.events.put(Refused(sop_instance_uid=uid, reason=str(error)))
            full = isinstance(error, StorageError)
            return _response(OUT_OF_RESOURCES if full else MISMATCH, "cannot be kept")
        except Exception as error:  # the edge of a worker: the peer must get its status
            log.exception("an object could not be kept")
            self.events.put(Refused(sop_instance_uid=uid, reason=type(error).__name__))
            return _response(OUT_OF_RESOURCES, "error in the receiver")
        finally:
            part.unlink(missing_ok=True)
        return _response(SUCCESS)


class _NotAskedForError(Exception):
    """An object that the order does not name."""


def _response(status: int, comment: str = "") -> Dataset:
    response = Dataset()
    response.Status = status
    if comment:
        response.ErrorComment = comment[:_LONGEST_COMMENT]
    return response


class _Part:
    """A data set that is arriving; a write error is kept, and the rest swallowed.

    Raised, it would end the association without a word to the peer.
    """

    def __init__(self, room: Path) -> None:
        descriptor, self.name = tempfile.mkstemp(suffix=".part", dir=room)
        self.file = self
        self.failure: str | None = None
        self._open = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> int:
        """Append; never raises."""
        if self.failure is None:
            try:
                self._open.write(data)
            except OSError as error:
                self.failure = error.strerror or type(error).__name__
        return len(data)

    def flush(self) -> None:
        """Nothing is flushed per fragment: only the complete file counts."""

    def close(self) -> None:
        """Bring everything into the file; `failure` tells whether that worked."""
        try:
            self._open.close()
        except OSError as error:
            self.failure = error.strerror or type(error).__name__


class _Parts:
    """Data sets that arrive go into our folder, never into the system's for temporary files."""

    def __init__(self, room: Path) -> None:
        self._room = room
        self._parts: dict[str, _Part] = {}
        _take_over_temporary_files()

    def expect(self, _event: Event, events: Events) -> None:
        """Note that the calling thread, which reads for our association, writes here."""
        events.heard()
        _reading.parts = self

    def open(self) -> _Part:
        """Begin the file of a data set."""
        part = _Part(self._room)
        self._parts[part.name] = part
        return part

    def complete(self, path: Path) -> None:
        """Close a data set that has come as a whole.

        Raises
        ------
        StorageError
            It could not be written.
        """
        part = self._parts.pop(str(path))
        part.close()
        if part.failure is not None:
            raise StorageError(f"{self._room.parent}: cannot be written to: {part.failure}")

    def close(self) -> None:
        """Close what an association that is over left unfinished; the folder goes as a whole."""
        for part in self._parts.values():
            part.close()


_reading = threading.local()
"""The parts that the current thread receives; unset in threads of others."""


def _named_file(**options: Any) -> Any:
    parts: _Parts | None = getattr(_reading, "parts", None)
    return _others(**options) if parts is None else parts.open()


_SEAM = "NamedTemporaryFile"
_others: Callable[..., Any] = tempfile.NamedTemporaryFile
"""What stood in pynetdicom before: another part of this process may have its own files."""


def _take_over_temporary_files() -> None:
    """Put our files in the one place where pynetdicom opens some."""
    global _others  # noqa: PLW0603 - the seam is a name in their module
    current = getattr(dimse_messages, _SEAM, None)
    if current is None:
        raise StorageError(
            "this pynetdicom receives data sets in another way; expected pynetdicom 3.0: "
            "without our part files an aborted transfer would leave patient data behind"
        )
    if current is not _named_file:
        _others = current
        setattr(dimse_messages, _SEAM, _named_file)
