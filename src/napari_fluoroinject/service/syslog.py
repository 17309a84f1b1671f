"""Sends the audit trail to a repository by syslog over TLS; what is not taken waits."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.tls import client_context
from napari_fluoroinject.errors import EndpointError, SettingsError, StorageError
from napari_fluoroinject.service.atna import message
from napari_fluoroinject.settings.network import Tls
from napari_fluoroinject.spool.audit_check import entries
from napari_fluoroinject.spool.disk import fsync, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_fluoroinject.settings.network import ServiceSettings
    from napari_fluoroinject.spool.audit_entry import Entry

log = logging.getLogger(__name__)

_PRIORITY = 10 * 8 + 5  # security/authorization, notice: as IHE ITI-20 has it
_MESSAGE_ID = "DICOM+RFC3881"  # PS3.15 A.6
_BATCH = 200
_PATIENCE_S = 15.0
_PAUSE_S = (5.0, 300.0)
"""Between two looks at the trail, and at most after the repository was not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An audit repository: where it is, and the certificates of both sides."""

    host: str
    port: int
    tls: Tls


def repository_of(settings: ServiceSettings) -> Repository | None:
    """Return the repository that the settings name; None where they name none.

    Raises
    ------
    SettingsError
        It is named without certificates: the trail goes over TLS or not at all.
    """
    if settings.audit_host is None:
        return None
    if settings.audit_tls is None:
        raise SettingsError(
            "service.audit_host: an audit repository without TLS; expected audit_tls = {ca = ..., "
            "certificate = ..., key = ...}"
        )
    return Repository(host=settings.audit_host, port=settings.audit_port, tls=settings.audit_tls)


def send_new(folder: Path, repository: Repository, *, source: str) -> int:
    """Send the lines that the repository has not taken yet, in order; how many.

    A line counts as taken when the repository has read it and closed the connection in an orderly
    way; the place is then kept in `sent.json`, on disk. After a crash in between the same lines
    are sent once more: each bears its number and hash.

    Parameters
    ----------
    folder
        Of the trail.
    repository
        Where to.
    source
        AE title of the listener.

    Raises
    ------
    EndpointError
        Nobody takes them; what was not taken stays due.
    StorageError
        The trail cannot be read or is broken, or the place cannot be kept.
    """
    due, sent = _due(folder), 0
    while batch := list(islice(due, _BATCH)):
        with _connection(repository) as connection:
            for entry in batch:
                connection.sendall(frame(entry, source=source))
            _finish(connection)
        _keep_place(folder, batch[-1])
        sent += len(batch)
    return sent


def frame(entry: Entry, *, source: str) -> bytes:
    """Return a line as a syslog message (RFC 5424) with its length before it (RFC 5425)."""
    host = "".join(c for c in socket.gethostname() if 33 <= ord(c) <= 126) or "-"
    head = f"<{_PRIORITY}>1 {entry.at} {host} fluoroinject {os.getpid()} {_MESSAGE_ID} - "
    # RFC 5424, 6.4: a byte order mark says that UTF-8 follows
    text = head.encode("ascii") + b"\xef\xbb\xbf" + message(entry, source=source, host=host)
    return f"{len(text)} ".encode("ascii") + text


@contextmanager
def forwarding(folder: Path, repository: Repository, *, source: str) -> Iterator[threading.Thread]:
    """Send new lines every few seconds, in a thread of its own, until the context ends.

    Whether the repository is there changes nothing for whoever notes: lines wait in the trail.
    """
    end = threading.Event()
    thread = threading.Thread(
        target=_forward, args=(folder, repository, source, end), name="audit sender"
    )
    thread.start()
    try:
        yield thread
    finally:
        end.set()
        thread.join()


def unsent(folder: Path) -> int:
    """How many lines no repository has taken yet.

    Raises
    ------
    StorageError
        As `entries`.
    """
    return sum(1 for _ in _due(folder))


def _forward(folder: Path, repository: Repository, source: str, end: threading.Event) -> None:
    pause_s, told = _PAUSE_S[0], ""
    while True:
        try:
            send_new(folder, repository, source=source)
            pause_s, told = _PAUSE_S[0], ""
        except (EndpointError, StorageError) as error:
            pause_s = min(2 * pause_s, _PAUSE_S[1])
            if str(error) != told:
                log.warning("the audit trail waits: %s", error)
            told = str(error)
        if end.wait(pause_s):
            return


@contextmanager
def _connection(repository: Repository) -> Iterator[ssl.SSLSocket]:
    where = f"{repository.host}:{repository.port}"
    context = client_context(repository.tls)
    # with 1.2 both sides have accepted each other when the handshake ends; a client of 1.3 learns
    # later that it was refused, and OpenSSL takes the refusal for an orderly close
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    name = repository.tls.name or repository.host
    try:
        with (
            socket.create_connection(
                (repository.host, repository.port), timeout=_PATIENCE_S
            ) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            yield connection
    except OSError as error:
        raise EndpointError(
            f"the audit repository {where} takes nothing: {error.strerror or error}; expected "
            "syslog over TLS (RFC 5425) there: its lines wait in the audit trail"
        ) from error


def _finish(connection: ssl.SSLSocket) -> None:
    """Say that this was all, and wait until the other side has read it and says so too.

    RFC 5425 4.4: the receiver answers with a close_notify of its own. TCP alone does not tell what
    was read, so that everything else raises.
    """
    connection.unwrap().close()


def _due(folder: Path) -> Iterator[Entry]:
    """Lines after the last that was taken, which must still be there."""
    number, digest = _place(folder)
    lines = entries(folder, after=max(0, number - 1))
    if number:
        last = next(lines, None)
        if last is None or last.hash != digest:
            raise StorageError(
                f"{folder}: line {number} of the audit trail was sent and is gone or changed; "
                "expected it to be there: see fluoroinject audit --verify"
            )
    yield from lines


def _place(folder: Path) -> tuple[int, str]:
    """Number and hash of the last line that was taken; 0 = none, or its note was damaged."""
    try:
        kept = json.loads((folder / "sent.json").read_bytes())
        return int(kept["number"]), str(kept["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _keep_place(folder: Path, last: Entry) -> None:
    kept = json.dumps({"number": last.number, "hash": last.hash}).encode()
    try:
        write_whole(folder / "sent.json", kept)
        fsync(folder / "sent.json")
        fsync(folder)
    except OSError as error:
        raise StorageError(f"{error.filename or folder}: {error.strerror}") from error
