"""WADO-RS: whole objects streamed into files, and single frames (PS3.18 10.4)."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pydicom.uid import ExplicitVRLittleEndian

from napari_fluoroinject.endpoints.landing import land
from napari_fluoroinject.endpoints.multipart import PartReader, boundary_of
from napari_fluoroinject.errors import RefusedError, StorageError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from napari_fluoroinject.endpoints.web_session import WebSession

_TRIES = 2
_WHOLE = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_FRAME = (
    f'multipart/related; type="application/octet-stream"; transfer-syntax={ExplicitVRLittleEndian}'
)
"""Decoded by the server, whatever the loop is stored in."""


def retrieve(session: WebSession, url: str, uid: str, folder: Path) -> Path:
    """Bring one object into a folder, in constant memory; a transfer that breaks is begun again.

    dicomweb-client would hold it in memory several times over.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or not with one object.
    UnreadableObjectError, ConflictError, StorageError
        As `landing.land`.
    """
    for last in (False, True):
        try:
            return land(_received(session, url, folder), folder, uid=uid)
        except UnreachableError:
            if last:
                raise
    raise AssertionError("unreachable")


def frame(session: WebSession, url: str) -> bytes:
    """Return what came for one frame: its pixels, uncompressed, little endian.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, or not with a frame.
    """
    limit = session.limits.answer_bytes
    with _asked(session, url, _FRAME) as response:
        return b"".join(_only_part(session, response, limit))


def _received(session: WebSession, url: str, folder: Path) -> Path:
    part: Path | None = None
    try:
        with (
            _asked(session, url, _WHOLE) as response,
            tempfile.NamedTemporaryFile(
                dir=folder, prefix=".", suffix=".part", delete=False
            ) as file,
        ):
            part = Path(file.name)
            _write(session, response, file)
        return part
    except BaseException as error:
        if part is not None:
            with suppress(OSError):
                part.unlink()
        if isinstance(error, OSError):
            raise StorageError(
                f"{folder}: cannot be written to: {error.strerror or error}"
            ) from error
        raise


def _write(session: WebSession, response: requests.Response, file: IO[bytes]) -> None:
    limit = session.limits.object_bytes
    if response.headers.get("Content-Type", "").startswith("application/dicom"):
        # some servers send the one object as it is (PS3.18 CP 2040)
        chunks = session.chunks(response, limit)
    else:
        chunks = _only_part(session, response, limit)
    for chunk in chunks:
        file.write(chunk)


@contextmanager
def _asked(session: WebSession, url: str, accept: str) -> Iterator[requests.Response]:
    with session.request("GET", url, headers={"Accept": accept}, stream=True) as response:
        yield response


def _only_part(session: WebSession, response: requests.Response, limit: int) -> Iterator[bytes]:
    boundary = boundary_of(response.headers.get("Content-Type", ""), peer=session.peer)
    chunks = session.chunks(response, limit)
    count = 0
    for part in PartReader(chunks, boundary, peer=session.peer).parts():
        count += 1
        if count > 1:
            break
        yield from part
    if count != 1:
        raise RefusedError(
            f"{session.peer} answered with {'several parts' if count else 'no part'}; expected "
            "the one that was asked for"
        )
    # to the end, within reason: only then the connection serves again
    for _ in islice(chunks, 4):
        pass
