"""STOW-RS: several objects in one request, and the server's word for every one (PS3.18 10.5)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import dcmwrite

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.scan import scan
from napari_fluoroinject.endpoints.base import NotSent, Receipt, Storable
from napari_fluoroinject.endpoints.multipart import Body, size_bytes
from napari_fluoroinject.endpoints.web_answers import fault, outcome
from napari_fluoroinject.errors import RefusedError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_fluoroinject.endpoints.web_session import WebSession

BATCH_BYTES = 64 << 20
"""Of one request, unless one object alone is larger: many servers have limits of 100 MB or so."""
BATCH_OBJECTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An object ready to be sent: what was given, its file or bytes, its SOP Instance UID."""

    item: Storable
    content: Path | bytes
    uid: str


def prepared(item: Storable) -> Outgoing:
    """Check that an object is one.

    Raises
    ------
    UnreadableObjectError
        It is not, or has no valid UID.
    """
    if isinstance(item, Path):
        try:
            return Outgoing(item=item, content=item, uid=scan(item).sop_instance_uid)
        except OSError as error:
            raise UnreadableObjectError(
                item.name, seen=error.strerror or "no file", expected="a DICOM file"
            ) from error
    with one_error("an object in memory"):
        buffer = io.BytesIO()
        dcmwrite(buffer, item, enforce_file_format=True)
        return Outgoing(item=item, content=buffer.getvalue(), uid=str(item.SOPInstanceUID))


def batches(items: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Divide objects into requests, in their order."""
    batch: list[Outgoing] = []
    total = 0
    for item in items:
        size = size_bytes(item.content)
        if batch and (total + size > BATCH_BYTES or len(batch) == BATCH_OBJECTS):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch


def send(
    session: WebSession, root: str, objects: Iterable[Storable]
) -> Iterator[Receipt | NotSent]:
    """Send objects, several in one request, and tell of each whether it is kept.

    Raises
    ------
    UnreachableError
        Nobody answers: what was not told of was perhaps not sent.
    """
    ready = []
    for item in objects:
        try:
            ready.append(prepared(item))
        except UnreadableObjectError as error:
            yield NotSent(item=item, error=error)
    for batch in batches(ready):
        yield from _sent(session, root, batch)


def _sent(
    session: WebSession, root: str, batch: Sequence[Outgoing]
) -> Iterator[Receipt | NotSent]:
    body = Body(objects=[one.content for one in batch])
    headers = {"Content-Type": body.content_type, "Accept": "application/dicom+json"}
    try:
        response = session.request("POST", f"{root}/studies", data=body, headers=headers)
        answers = session.datasets(response.json) if response.content else []
    except RefusedError as refused:
        yield from (NotSent(item=one.item, error=refused) for one in batch)
        return
    found = outcome(answers[0] if answers else {})
    for one in batch:
        error = fault(found, one.uid, status=response.status_code, peer=session.peer)
        if error is not None:
            yield NotSent(item=one.item, error=error)
        else:
            status = found.kept[one.uid]
            yield Receipt(sop_instance_uid=one.uid, destination=root, status=status)
