"""An archive reached over DIMSE: is it there, what does it hold, keep this."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.valuerep import STR_VR
from pynetdicom import evt
from pynetdicom.presentation import PresentationContext, build_context

from napari_fluoroinject.endpoints.base import Query, Receipt, Storable
from napari_fluoroinject.endpoints.dimse import (
    STUDY_ROOT_FIND,
    SUCCESS,
    VERIFICATION,
    is_warning,
    new_ae,
    refusal,
    status_of,
)
from napari_fluoroinject.errors import (
    EndpointError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping

    from pynetdicom.association import Association
    from pynetdicom.events import Event

_PENDING = (0xFF00, 0xFF01)
_CONTEXTS_PER_ASSOCIATION = 128  # odd one-byte identifiers, PS3.8 9.3.2.2
_LOOP_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacs:
    """An application entity elsewhere: its address, its title, and the title we call ourselves."""

    host: str
    port: int
    called: str
    calling: str = "FLUOROINJECT"

    def __str__(self) -> str:
        return f"{self.called} at {self.host}:{self.port}"

    def echo(self) -> None:
        """Verify that the peer is there and takes our associations.

        Raises
        ------
        UnreachableError, RefusedError
            If nobody answers, or the peer does not want us.
        """
        with self._associated([build_context(VERIFICATION)]) as association:
            response = association.send_c_echo()
            if status_of(response, peer=str(self), request="C-ECHO") != SUCCESS:
                raise refusal(response, peer=str(self), request="C-ECHO")

    def query(self, query: Query) -> tuple[Mapping[str, str], ...]:
        """Return the peer's answers, each as keyword and text; no answer is an empty tuple.

        Raises
        ------
        UnreachableError, RefusedError
            If nobody answers, or the query fails; a refusal is never an empty answer.
        EndpointError
            If a keyword is not a DICOM keyword, or its value is not text.
        """
        return tuple(_text(answer) for answer in self._answers(_identifier(query)))

    def find(self, query: Query) -> Iterator[LoopReference]:
        """Return the references of the objects that match, asked at image level."""
        keys = dict.fromkeys(_LOOP_KEYS, "") | dict(query.keys)
        for answer in self.query(Query(level="IMAGE", keys=keys)):
            yield LoopReference(
                study_instance_uid=answer["StudyInstanceUID"],
                series_instance_uid=answer["SeriesInstanceUID"],
                sop_instance_uid=answer["SOPInstanceUID"],
                sop_class_uid=answer.get("SOPClassUID", ""),
            )

    def store(self, objects: Iterable[Storable]) -> tuple[Receipt, ...]:
        """Send every object; files are sent as they stand, in chunks.

        Raises
        ------
        UnreachableError, RefusedError
            At the first object that the peer does not keep.
        UnreadableObjectError
            If a file is not a DICOM file.
        """
        offers = [(item, _offer(item)) for item in objects]
        contexts = list(dict.fromkeys((sop_class, syntax) for _, (sop_class, syntax, _) in offers))
        receipts: list[Receipt] = []
        for start in range(0, len(contexts), _CONTEXTS_PER_ASSOCIATION):
            group = contexts[start : start + _CONTEXTS_PER_ASSOCIATION]
            with self._associated([build_context(*context) for context in group]) as association:
                for item, (sop_class, syntax, instance) in offers:
                    if (sop_class, syntax) in group:
                        receipts.append(self._send(association, item, instance))
        return tuple(receipts)

    def _send(self, association: Association, item: Storable, instance: str) -> Receipt:
        request = f"C-STORE of {instance}"
        try:
            response = association.send_c_store(item)
        except ValueError as error:
            raise RefusedError(
                f"{self} does not take {instance}: no presentation context for its SOP class and "
                "transfer syntax; expected one: see which storage classes it is set up for"
            ) from error
        except (RuntimeError, OSError) as error:
            raise UnreachableError(f"{self} went away before {request}: {error}") from error
        status = status_of(response, peer=str(self), request=request)
        if status != SUCCESS and not is_warning(status):
            raise refusal(response, peer=str(self), request=request)
        return Receipt(sop_instance_uid=instance, destination=str(self), status=status)

    def _answers(self, identifier: Dataset) -> Iterator[Dataset]:
        with self._associated([build_context(STUDY_ROOT_FIND)]) as association:
            for response, answer in association.send_c_find(identifier, STUDY_ROOT_FIND):
                status = status_of(response, peer=str(self), request="C-FIND")
                if status in _PENDING and answer is not None:
                    yield answer
                elif status != SUCCESS:
                    raise refusal(response, peer=str(self), request="C-FIND")

    @contextmanager
    def _associated(self, contexts: list[PresentationContext]) -> Iterator[Association]:
        opened: list[socket.socket] = []
        try:
            association = new_ae(self.calling).associate(
                self.host,
                self.port,
                contexts,
                ae_title=self.called,
                evt_handlers=[(evt.EVT_CONN_OPEN, _note_socket, [opened])],
            )
            if not association.is_established:
                raise self._not_established(association)
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

    def _not_established(self, association: Association) -> EndpointError:
        if association.is_rejected:
            answer = association.acceptor.primitive
            reason = answer.reason_str if answer is not None else "no reason given"
            return RefusedError(
                f"{self} rejected the association with {self.calling}: {reason}; expected "
                "acceptance: see that both AE titles are the ones the peer is set up for"
            )
        if association.acceptor.primitive is not None and not association.accepted_contexts:
            return RefusedError(
                f"{self} accepted none of what was offered; expected its SOP class and transfer "
                "syntax to be set up there"
            )
        return UnreachableError(
            f"nobody answers as {self}; expected a DICOM application entity: see address, port "
            "and firewall"
        )


def _note_socket(event: Event, opened: list[socket.socket]) -> None:
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        opened.append(connection.socket)


def parse_pacs(url: str) -> Pacs:
    """Read `pacs://CALLING:CALLED@host:port` (titles may be percent-encoded).

    Raises
    ------
    EndpointError
        If a part is missing or wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"{url}: {error}; {_URL_FORM}") from error
    if parts.scheme != "pacs" or not (parts.username and parts.password and parts.hostname):
        raise EndpointError(f"{url}: not the address of a PACS; {_URL_FORM}")
    if not port:
        raise EndpointError(f"{url}: no port; {_URL_FORM}")
    return Pacs(
        host=parts.hostname,
        port=port,
        called=unquote(parts.password),
        calling=unquote(parts.username),
    )


_URL_FORM = "expected pacs://CALLING:CALLED@host:port, for example pacs://ME:ARCHIVE@10.0.0.5:104"


def _identifier(query: Query) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = query.level
    for keyword, text in query.keys.items():
        if tag_for_keyword(keyword) is None:
            raise EndpointError(f"{keyword!r} is not a DICOM keyword; expected one of PS3.6")
        if text and dictionary_VR(keyword) not in STR_VR:
            raise EndpointError(f"{keyword} is no text and cannot be asked for; ask for its value")
        setattr(identifier, keyword, text or None)
    return identifier


def _text(answer: Dataset) -> Mapping[str, str]:
    return {
        element.keyword: "" if element.is_empty else _value(element.value)
        for element in answer
        if element.keyword and element.VR != "SQ"
    }


def _value(value: object) -> str:
    many = value if isinstance(value, list) else getattr(value, "_list", [value])
    return "\\".join(str(one) for one in many)


def _offer(item: Storable) -> tuple[str, str, str]:
    """SOP class, transfer syntax and SOP Instance UID of an object."""
    try:
        meta = read_file_meta_info(item) if isinstance(item, Path) else item.file_meta
        return (
            str(meta.MediaStorageSOPClassUID),
            str(meta.TransferSyntaxUID),
            str(meta.MediaStorageSOPInstanceUID),
        )
    except (InvalidDicomError, AttributeError, OSError) as error:
        raise UnreadableObjectError(
            str(item) if isinstance(item, Path) else "an object in memory",
            seen=f"no file meta information ({error})",
            expected="a DICOM file (PS3.10)",
        ) from error
