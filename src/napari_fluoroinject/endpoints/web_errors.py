"""What went wrong over HTTP, in words that say what to do; URLs and bodies are never quoted."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADVICE = {
    400: "the service does not take this request: see what it supports",
    401: "see the token (or the client certificate) that is set up",
    403: "see what the account may do there",
    404: "see the root of the URL, and whether the object is there",
    405: "the service does not offer this at that URL",
    406: "the service cannot give objects as they are stored",
    409: "see the reasons in the log of the server",
    413: "the server limits the size of a request: raise its limit",
    415: "the service does not take this kind of object",
    429: "it is asked too often: try again later",
    503: "it is busy or out of space: try again later",
    507: "it is out of space",
}


def refusal(peer: str, request: str, status: int) -> RefusedError:
    """Return the error for an HTTP status that is no success."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "no status of HTTP"
    if 300 <= status < 400:
        advice = "it sends us on to another place: see whether the URL is up to date"
    elif status >= 500:
        advice = _ADVICE.get(status, "see the log of the server")
    else:
        advice = _ADVICE.get(status, "see the URL")
    return RefusedError(
        f"{peer} refused {request}: {status} {phrase}; expected success: {advice}", status=status
    )


def unreachable(peer: str, error: BaseException) -> UnreachableError:
    """Return the error for a connection that failed; its cause is the one that quotes no URL."""
    chain = tuple(_chain(error))
    told = UnreachableError(f"{peer}: {_seen(chain)}")
    # those of both libraries quote the URL, which may hold a patient's name
    below = [one for one in chain if not type(one).__module__.startswith(("requests", "urllib3"))]
    told.__cause__ = next((one for one in below if isinstance(one, ssl.SSLError)), None) or (
        below[-1] if below else None
    )
    return told


def _seen(chain: tuple[BaseException, ...]) -> str:
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({one.verify_message}); expected one for this "
                "name, from an authority that is set up: see `ca` and `name` of the endpoint, or "
                "SSL_CERT_FILE"
            )
    for one in chain:
        if isinstance(one, ssl.SSLError):
            return (
                f"no TLS connection ({one.reason or 'closed'}); expected TLS 1.2 or newer: see "
                "that the port speaks HTTPS, and whether it asks for a client certificate"
            )
    kinds = {type(one).__name__ for one in chain}
    if kinds & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "nobody answers; expected a DICOMweb service: see host, port and firewall"
    if kinds & {"ReadTimeout", "ReadTimeoutError", "TimeoutError"}:
        return "no more answer came; expected one: see whether it still runs, then try again"
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError"}:
        return "nobody answers; expected a DICOMweb service: see host, port and firewall"
    return "the connection broke; expected a whole HTTP answer: see the network, then try again"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that lie below it: causes, contexts, and errors kept as arguments."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        below = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting += [deeper for deeper in below if isinstance(deeper, BaseException)]
