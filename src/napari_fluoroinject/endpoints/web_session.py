"""HTTP as we speak it: to one host, within limits, in TLS, with a token, and never in logs."""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from napari_fluoroinject.endpoints.web_adapter import Adapter, TlsAdapter
from napari_fluoroinject.endpoints.web_errors import refusal, unreachable
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sized
    from pathlib import Path

    from napari_fluoroinject.settings.network import Tls

_CHUNK_BYTES = 1 << 18
_REDIRECTS = 3
_TRIES = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_TRY_AGAIN = (429, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)
_LONGEST_TOKEN = 16 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server may take of us.

    Attributes
    ----------
    answer_bytes
        Of an answer that stands in memory as a whole.
    object_bytes
        Of one that is written to a file.
    connect_s, silence_s
        Longest wait for a connection, and for the next byte.
    grace_s, least_bytes_s
        An answer may take `grace_s`, and a second more for every `least_bytes_s` that came.
    stored_bytes_s
        What is stored is answered `silence_s` later, and a second more for so many bytes of it.
    """

    answer_bytes: int = 256 << 20
    object_bytes: int = 16 << 30
    connect_s: float = 5.0
    silence_s: float = 60.0
    grace_s: float = 120.0
    least_bytes_s: float = 50_000.0
    stored_bytes_s: float = 2_000_000.0


class WebSession(requests.Session):
    """A session with one origin; every request passes the same checks.

    Environment variables and `.netrc` are not looked at, but for `SSL_CERT_FILE` and
    `SSL_CERT_DIR` where no authority is set up. Requests without a body are tried again when the
    server is busy or away; one that stores is sent once, and again only where its token was
    refused.

    Parameters
    ----------
    root
        `https://host[:port]/path`, or `http://` on loopback.
    tls
        Whom to trust and who we are; None = the authorities of the system.
    token_file
        Holds a bearer token; read anew when it is refused.
    limits
        What the server may take.
    """

    def __init__(
        self,
        root: str,
        *,
        tls: Tls | None = None,
        token_file: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__()
        _keep_urls_out_of_logs()
        self.limits = limits or Limits()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._origin = _origin(root)
        self.peer = f"{self._origin[1]}:{self._origin[2]}"
        self._token_file = token_file
        self._token = None if token_file is None else _token(token_file)
        self.adapters.clear()
        if self._origin[0] == "https":
            self.mount("https://", TlsAdapter(tls))
        else:
            self.mount("http://", Adapter(max_retries=0))

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - no look
        """Name none: requests would read the body of a redirect without limit to follow it."""
        return None

    def request(  # type: ignore[override] # options go through as they come
        self, method: str, url: str, **options: Any
    ) -> requests.Response:
        """Send a request, and return the answer of a server that carried it out.

        Its body is read, within the limits, unless `stream` is asked for: then `stream` of this
        class reads it. The status is one of 2xx, or 409 where something was to be stored.

        Raises
        ------
        UnreachableError, RefusedError
            Nobody answers, nobody whom we trust, or with another status.
        """
        whole = not options.pop("stream", False)
        response = self._persist(method, url, options)
        judged = (method, response.status_code) == ("POST", 409)
        if not 200 <= response.status_code < 300 and not judged:
            with response:
                raise refusal(self.peer, method, response.status_code)
        if whole:
            with response:
                content = b"".join(self.chunks(response, self.limits.answer_bytes))
            media = _media_fault(response, options.get("headers") or {}) if content else None
            if judged and (media or not content):
                raise refusal(self.peer, method, response.status_code)
            if media:
                raise RefusedError(f"{self.peer} answered with {media}")
            response._content = content  # noqa: SLF001 - what `content` would read without limit
            response._content_consumed = True  # noqa: SLF001  # no public way
        return response

    def datasets(self, read: Callable[[], Any]) -> list[dict[str, Any]]:
        """Return the data sets of an answer in DICOM JSON, which `read` reads.

        Raises
        ------
        UnreachableError, RefusedError
            As `request`, or it is no DICOM JSON.
        """
        try:
            found = read()
        except (ValueError, RecursionError, IndexError) as error:
            raise self._no_json() from error
        many = [found] if isinstance(found, dict) else found
        if not isinstance(many, list) or not all(isinstance(one, dict) for one in many):
            raise self._no_json()
        return many

    def _no_json(self) -> RefusedError:
        return RefusedError(
            f"{self.peer} answered with something that is no DICOM JSON (PS3.18 annex F); "
            "expected data sets: see that the URL is the root of its DICOMweb service"
        )

    def chunks(self, response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises
        ------
        UnreachableError, RefusedError
            It ends too early, comes too slowly, is longer than the limit, or compressed.
        """
        coding = response.headers.get("Content-Encoding", "identity").lower()
        if coding not in ("", "identity"):
            # 1 MB of gzip may hold 1 GB, and pixels do not get smaller by it
            raise RefusedError(
                f"{self.peer} compressed its answer ({coding[:20]}); expected it as it is, as was "
                "asked for: switch compression off for the DICOMweb service"
            )
        begun_s, total = time.monotonic(), 0
        while chunk := self._read(response):
            total += len(chunk)
            if total > limit_bytes:
                raise RefusedError(
                    f"{self.peer} sent more than {limit_bytes} bytes for one request; expected "
                    "less"
                )
            self._check_pace(begun_s, total)
            yield chunk

    def _check_pace(self, begun_s: float, total_bytes: int) -> None:
        allowed_s = self.limits.grace_s + total_bytes / self.limits.least_bytes_s
        if time.monotonic() - begun_s > allowed_s:
            raise UnreachableError(
                f"{self.peer} sent {total_bytes} bytes in {allowed_s:.0f} s; expected an answer "
                "sooner: see the network, then try again"
            )

    def _read(self, response: requests.Response) -> bytes:
        try:
            # one system call: a peer that drips bytes does not hold us until a block is full
            chunk: bytes = response.raw.read1(_CHUNK_BYTES, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            told = unreachable(self.peer, error)
            raise told from told.__cause__
        return chunk

    def _persist(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        """Try again what changes nothing over there."""
        tries = _TRIES if method == "GET" else 1
        for number in range(tries):
            last = number == tries - 1
            try:
                response = self._authorised(method, url, options)
            except UnreachableError as error:
                if last or isinstance(error.__cause__, ssl.SSLError):
                    raise
                wait_s = _FIRST_WAIT_S * 2**number
            else:
                if last or response.status_code not in _TRY_AGAIN:
                    return response
                wait_s = _asked_wait_s(response) or _FIRST_WAIT_S * 2**number
                response.close()
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise AssertionError("unreachable")

    def _authorised(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        """Send; when the token is refused, once more with the one that the file holds now."""
        response = self._redirected(method, url, options)
        if response.status_code != 401 or self._token_file is None:
            return response
        response.close()
        self._token = _token(self._token_file)
        return self._redirected(method, url, options)

    def _redirected(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        for _ in range(_REDIRECTS):
            response = self._once(method, url, options)
            if response.status_code not in _MOVED or method != "GET":
                return response
            with response:
                url = urljoin(url, response.headers.get("Location", ""))
        raise RefusedError(f"{self.peer} redirects in a circle; expected its DICOMweb service")

    def _patience_s(self, body: Sized | None) -> tuple[float, float]:
        """Longest wait for a connection, and for the answer."""
        if body is None:
            return self.limits.connect_s, self.limits.silence_s
        # the first holds for every block that is sent, too; before the answer it is all written
        return self.limits.silence_s, self.limits.silence_s + len(
            body
        ) / self.limits.stored_bytes_s

    def _once(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        if _origin(url) != self._origin:
            raise RefusedError(
                f"{self.peer} sends us on to another host; expected an answer of its own: patient "
                "data and tokens go nowhere else. See whether the URL is up to date"
            )
        headers = {k: v for k, v in (options.get("headers") or {}).items() if k != "Host"}
        headers["Accept-Encoding"] = "identity"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        own = {
            "headers": headers,
            "stream": True,
            "allow_redirects": False,
            "timeout": self._patience_s(options.get("data")),
        }
        try:
            return super().request(method, _unescaped(url), **(dict(options) | own))

        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            told = unreachable(self.peer, error)
            raise told from told.__cause__


def _media_fault(response: requests.Response, headers: Mapping[str, str]) -> str | None:
    """What came where it is none of the media types asked for: a page of a proxy, or a login."""
    media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    accepted = [one.partition(";")[0].strip() for one in headers.get("Accept", "").split(",")]
    if media in accepted:
        return None
    return (
        f"{media[:60] or 'something unnamed'}; expected {accepted[0]}: see that the URL is the "
        "root of its DICOMweb service, and that no login page or proxy answers in its place"
    )


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; RefusedError for what is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise RefusedError("seen a URL that is none; expected https://host[:port]/path") from error
    return parts.scheme, (parts.hostname or "").lower(), port


def _unescaped(url: str) -> str:
    """Write `*` and what else may stand in a query as it is: some servers decode nothing."""
    place, mark, query = url.partition("?")
    for escaped, plain in (("+", "%20"), ("%2A", "*"), ("%2C", ","), ("%3A", ":"), ("%3F", "?")):
        query = query.replace(escaped, plain)
    return place + mark + query


def _token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_TOKEN + 1)
    except OSError as error:
        raise EndpointError(
            f"{path}: the token cannot be read: {error.strerror}; expected a file with one line"
        ) from error
    token = text.strip()
    if not token or len(text) > _LONGEST_TOKEN or not all(33 <= byte < 127 for byte in token):
        raise EndpointError(
            f"{path}: holds no bearer token; expected one line without blanks, of at most "
            f"{_LONGEST_TOKEN} characters"
        )
    return token.decode("ascii")


def _asked_wait_s(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait for; None where it names none, or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _keep_urls_out_of_logs() -> None:
    """Queries hold names and numbers of patients, and these libraries log URLs and requests."""
    for name in ("urllib3", "dicomweb_client", "retrying"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
