"""STOW-RS: several objects in one request, and the server's word for every one (PS3.18 10.5)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import dcmwrite

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.scan import scan
from napari_fluoroinject.endpoints.multipart import Body, size_bytes
from napari_fluoroinject.endpoints.web_answers import check_kept, outcome
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from napari_fluoroinject.endpoints.base import Storable
    from napari_fluoroinject.endpoints.web_session import WebSession

BATCH_BYTES = 64 << 20
"""Of one request, unless one object alone is larger: many servers have limits of 100 MB or so."""
BATCH_OBJECTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An object ready to be sent: its file or its bytes, and its SOP Instance UID."""

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
            return Outgoing(content=item, uid=scan(item).sop_instance_uid)
        except OSError as error:
            raise UnreadableObjectError(
                item.name, seen=error.strerror or "no file", expected="a DICOM file"
            ) from error
    with one_error("an object in memory"):
        buffer = io.BytesIO()
        dcmwrite(buffer, item, enforce_file_format=True)
        return Outgoing(content=buffer.getvalue(), uid=str(item.SOPInstanceUID))


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


def send(session: WebSession, url: str, batch: Sequence[Outgoing]) -> Mapping[str, int]:
    """Send objects in one request; returns 0x0000 or a warning for the UID of each.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or an object is not kept, or nothing is said about it. The status of the
        answer alone is no proof: 202 says that some failed, and 200 with an empty body nothing.
    """
    body = Body(objects=[one.content for one in batch])
    headers = {"Content-Type": body.content_type, "Accept": "application/dicom+json"}
    response = session.request("POST", url, data=body, headers=headers)
    answers = session.datasets(response.json) if response.content else []
    found = outcome(answers[0] if answers else {})
    check_kept(found, [one.uid for one in batch], status=response.status_code, peer=session.peer)
    return found.kept
