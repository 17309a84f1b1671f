"""An archive reached over DIMSE: is it there, what does it hold, give that, keep this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pynetdicom.presentation import build_context

from napari_fluoroinject.endpoints.base import NotSent, Query, Receipt, Storable, Wanted, all_kept
from napari_fluoroinject.endpoints.calling import associated
from napari_fluoroinject.endpoints.commitment import holds
from napari_fluoroinject.endpoints.dimse import SUCCESS, VERIFICATION, refusal, status_of
from napari_fluoroinject.endpoints.landing import loop_in_memory, scratch
from napari_fluoroinject.endpoints.move import Inbound
from napari_fluoroinject.endpoints.querying import query_levels
from napari_fluoroinject.endpoints.retrieval import retrieve
from napari_fluoroinject.endpoints.sending import send
from napari_fluoroinject.endpoints.worklist import WorklistQuery, worklist
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.settings.network import Retrieve, Tls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.scheduled import ScheduledProcedure

_LOOP_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacs:
    """An application entity elsewhere: its address, its title, and the title we call ourselves.

    `tls` None = plain DICOM. `retrieve_by` is how objects are asked for, `inbound` where we listen
    for C-MOVE.
    """

    host: str
    port: int
    called: str
    calling: str = "FLUOROINJECT"
    tls: Tls | None = None
    retrieve_by: Retrieve = "auto"
    inbound: Inbound = field(default_factory=Inbound)

    def __str__(self) -> str:
        return f"{self.called} at {self.host}:{self.port}"

    def echo(self) -> None:
        """Verify that the peer is there and takes our associations.

        Raises
        ------
        UnreachableError, RefusedError
            If nobody answers, or the peer does not want us.
        """
        with associated(self, [build_context(VERIFICATION)]) as association:
            response = association.send_c_echo()
            status = status_of(response, peer=str(self), request="C-ECHO", association=association)
            if status != SUCCESS:
                raise refusal(response, peer=str(self), request="C-ECHO")

    def query(self, query: Query) -> tuple[Mapping[str, str], ...]:
        """Return the peer's answers, each as keyword and text; no answer is an empty tuple.

        Levels above the query's are walked where their UIDs are not given.

        Raises
        ------
        UnreachableError, RefusedError
            If nobody answers, or the query fails; a refusal is never an empty answer.
        EndpointError
            If a keyword is not a DICOM keyword, or its value is not text.
        """
        return query_levels(self, query)

    def find(self, query: Query) -> Iterator[LoopReference]:
        """Return the references of the objects that match, asked at image level."""
        keys = dict.fromkeys(_LOOP_KEYS, "") | dict(query.keys)
        for answer in self.query(Query(level="IMAGE", keys=keys)):
            yield LoopReference(
                study_instance_uid=answer.get("StudyInstanceUID", ""),
                series_instance_uid=answer.get("SeriesInstanceUID", ""),
                sop_instance_uid=answer["SOPInstanceUID"],
                sop_class_uid=answer.get("SOPClassUID", ""),
            )

    def fetch(self, reference: LoopReference) -> CineLoop:
        """Retrieve one loop and read it; its frames are in memory, nothing stays on disk.

        Raises
        ------
        UnreachableError, RefusedError
            Nobody answers, or the loop is not given.
        UnreadableObjectError
            What came is no loop.
        """
        with scratch() as folder:
            return loop_in_memory(tuple(retrieve(self, reference, folder)))

    def worklist(self, query: WorklistQuery | None = None) -> tuple[ScheduledProcedure, ...]:
        """Return what is scheduled; see `worklist.worklist`."""
        return worklist(self, query or WorklistQuery())

    def holds(self, uids: Iterable[str], *, study: str = "") -> frozenset[str]:
        """Return which of these objects the peer finds; see `commitment.holds`."""
        return holds(self, uids, study=study)

    def retrieve(self, wanted: Wanted, folder: Path) -> Iterator[Path]:
        """Bring objects into a folder; see `retrieval.retrieve`."""
        return retrieve(self, wanted, folder)

    def send(self, objects: Iterable[Storable]) -> Iterator[Receipt | NotSent]:
        """Send every object; one that is refused does not end the rest. See `sending.send`."""
        return send(self, objects)

    def store(self, objects: Iterable[Storable]) -> tuple[Receipt, ...]:
        """Send every object; files are sent as they stand, in chunks.

        Raises
        ------
        UnreachableError, RefusedError
            At the first object that the peer does not keep.
        UnreadableObjectError
            If a file is not a DICOM file.
        """
        return all_kept(self.send(objects))


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
