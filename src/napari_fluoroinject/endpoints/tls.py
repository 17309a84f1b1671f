"""TLS on both sides of a connection: 1.2 at least, and nobody without a certificate."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.settings.network import Tls


_HOST_NAMES = ("DNS", "IP Address")


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return what a listener speaks: its certificate, and callers that `tls.ca` vouches for.

    PS3.15 B.12 (BCP 195): TLS 1.2 at least, mutual authentication.

    Raises
    ------
    EndpointError
        If there is no certificate, or a file cannot be used.
    """
    if tls.certificate is None:
        raise EndpointError(
            "a listener with TLS shows a certificate; expected `certificate` and `key` in "
            "[listen.tls]"
        )
    return _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return what a caller speaks: it checks chain and host name, and shows its certificate.

    The name to be checked is `server_name`; without it no connection is made.

    Raises
    ------
    EndpointError
        If a file cannot be used.
    """
    return _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), tls)


def server_name(tls: Tls, host: str) -> str:
    """The name that the certificate of the peer at `host` must bear."""
    return tls.name or host


def certificate_names(connection: ssl.SSLSocket) -> tuple[str, ...]:
    """Names of hosts in the peer's certificate, in lower case (RFC 6125, 6.4.4).

    Those are its alternative names that are DNS names or addresses; its common names where it has
    no alternative names at all.
    """
    shown = connection.getpeercert() or {}
    alternatives: Any = shown.get("subjectAltName", ())
    names = [name for kind, name in alternatives if kind in _HOST_NAMES]
    if not alternatives:
        subject: Any = shown.get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]
    return tuple(str(name).lower() for name in names)


def _loaded(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(tls.ca, error, "certificates of authorities that are trusted") from error
    if tls.certificate is not None:
        try:
            # without a password here OpenSSL would ask for one at the terminal, and wait
            context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            expected = f"a certificate and its key ({tls.key}), without a password"
            raise _unusable(tls.certificate, error, expected) from error
    return context


def _unusable(path: Path, error: OSError, expected: str) -> EndpointError:
    why = error.strerror or type(error).__name__
    return EndpointError(f"{path}: cannot be used for TLS: {why}; expected {expected} (PEM)")
