"""Health, counters and the status page of a service, over HTTP on loopback."""

from __future__ import annotations

import json
import logging
import secrets
import sys
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.service import metrics
from napari_fluoroinject.service.health import alarms
from napari_fluoroinject.service.numbers import Sources
from napari_fluoroinject.service.reading import Reader
from napari_fluoroinject.service.status_page import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Sources", "StatusServer", "start"]

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost", "[::1]")
_PATIENCE_S = 5.0
"""For one request: nobody holds a thread by saying nothing."""
_THREADS = 16


@contextmanager
def start(root: Path, *, port: int, sources: Sources | None = None) -> Iterator[StatusServer]:
    """Serve `/` (page), `/healthz` and `/metrics` until the context ends.

    Parameters
    ----------
    root
        Folder of the spool.
    port
        On 127.0.0.1; 0 takes a free one.
    sources
        What only the running service knows; None = what the spool says alone.

    Raises
    ------
    EndpointError
        The port cannot be had.
    """
    reader = Reader(root, sources or Sources())
    try:
        server = StatusServer(reader, port)
    except OSError as error:
        reader.close()
        raise EndpointError(
            f"the status page cannot be served on {HOST}:{port}: {error.strerror}; expected a "
            "free port: choose another as status_port, or 0 for none"
        ) from error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="status"
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        reader.close()


class StatusServer(ThreadingHTTPServer):
    """Answers on 127.0.0.1 alone; `port` is where.

    Parameters
    ----------
    reader
        Of the numbers.
    port
        0 takes a free one.
    """

    request_queue_size = 32
    daemon_threads = False  # its end waits for every answer, of five seconds at most

    def __init__(self, reader: Reader, port: int) -> None:
        self.reader = reader
        self._free = threading.BoundedSemaphore(_THREADS)
        super().__init__((HOST, port), _Request)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - theirs
        """Whether a thread is free for it; else the connection is closed."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, which is free again afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - theirs
        """Note that somebody went away in the middle, or a fault of ours."""
        fault = sys.exc_info()[1]
        log.warning("a request for the status was not answered: %s", type(fault).__name__)


class _Request(BaseHTTPRequestHandler):
    """One request; only GET and HEAD, only by a name of this machine."""

    server: StatusServer
    server_version = "fluoroinject"
    sys_version = ""
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        """Answer with the content."""
        self._answer(content=True)

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self._answer(content=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of stderr."""
        log.debug(format, *args)

    def send_error(self, code: int, *_: str | None, **__: str | None) -> None:
        """Refuse in one plain line, without what was asked for."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else code
        phrase = HTTPStatus(status).phrase
        self._send(status, "text/plain; charset=utf-8", f"{phrase}\n", content=True)

    def _answer(self, *, content: bool) -> None:
        if not self._named_as_this_machine():
            # a page of somebody else whose name was made to lead here (DNS rebinding)
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = self.path.partition("?")[0]
        numbers = self.server.reader.numbers()
        if path == "/metrics":
            self._send(200, metrics.CONTENT_TYPE, metrics.exposition(numbers), content=content)
        elif path == "/healthz":
            found = alarms(numbers)
            healthy = not any(one.stops for one in found)
            starts = any(runs is None for runs in numbers.parts.values())
            told = {
                "status": ("starting" if starts else "up") if healthy else "failing",
                "reasons": [{"id": one.id, "text": one.text} for one in found if one.stops],
                "notices": [{"id": one.id, "text": one.text} for one in found if not one.stops],
                "version": numbers.version,
            }
            text = json.dumps(told, indent=1) + "\n"
            self._send(200 if healthy else 503, "application/json", text, content=content)
        elif path == "/":
            nonce = secrets.token_urlsafe(16)
            text = page(numbers, nonce=nonce)
            self._send(200, "text/html; charset=utf-8", text, content=content, nonce=nonce)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _named_as_this_machine(self) -> bool:
        host = self.headers.get_all("Host") or []
        names = {f"{name}{end}" for name in _NAMES for end in ("", f":{self.server.port}")}
        return len(host) == 1 and host[0].lower() in names

    def _send(
        self, status: int, kind: str, text: str, *, content: bool, nonce: str | None = None
    ) -> None:
        body = text.encode()
        self.send_response(status)
        inline = (
            f"; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'"
            "; img-src data:"
            if nonce
            else ""
        )
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            (
                "Content-Security-Policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors 'none'{inline}",
            ),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if content and self.command != "HEAD":
            self.wfile.write(body)
