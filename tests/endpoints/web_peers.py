"""Web servers on loopback that answer as a test says, and certificates for them."""

from __future__ import annotations

import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = Callable[["Request"], None]

JSON = "application/dicom+json"


class Request(BaseHTTPRequestHandler):
    """One request; `body` is what came with it."""

    protocol_version = "HTTP/1.1"
    timeout = 5.0  # no test waits for a client that says nothing
    body: bytes

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with suppress(ConnectionError, ssl.SSLError):  # the client may have had enough
            self.server.answer(self)

    do_POST = do_GET  # noqa: N815 - as the base class calls it

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer; header names are written with underscores."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def begin(self, content_type: str) -> None:
        """Send the head of an answer whose length is not told; it ends with the connection."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def web_server(answer: Answer, *, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve; gives `host:port`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        block_on_close = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            if context is None:
                super().finish_request(request, client_address)
                return
            request.settimeout(5.0)
            with (
                suppress(OSError),  # whom a client does not trust
                context.wrap_socket(request, server_side=True) as wrapped,
            ):
                super().finish_request(wrapped, client_address)

    with Server(("127.0.0.1", 0), Request) as server:
        server.answer = answer
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Authority:
    """A certificate authority in a folder; `certificate` is its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text(_CONFIGURATION)
        self._openssl(
            *("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"),
        )

    def issue(
        self, name: str, *, address: str = "127.0.0.1", expired: bool = False
    ) -> tuple[Path, Path]:
        """Return certificate and key of somebody with this name and address."""
        at = self._folder / name
        self._openssl(
            *("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr"),
            *("-subj", f"/CN={name}"),
        )
        (self._folder / "names").write_text(f"subjectAltName=DNS:{name},IP:{address}\n")
        first, last = ("20200101000000Z", "20200102000000Z" if expired else "20991231000000Z")
        self._openssl(
            *("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"{name}.csr"),
            *("-startdate", first, "-enddate", last, "-extfile", "names"),
            *("-create_serial", "-out", f"{name}.pem"),
        )
        return at.with_suffix(".pem"), at.with_suffix(".key")

    def context(self, name: str, *, callers: bool = False, **how: Any) -> ssl.SSLContext:
        """What a server of this name speaks; `callers` must show a certificate of ours."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, **how))
        if callers:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_CONFIGURATION = """
[ca]
default_ca = this
[this]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
unique_subject = no
policy = anyone
[anyone]
commonName = supplied
"""
