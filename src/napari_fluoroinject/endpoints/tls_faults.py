"""What went wrong in a TLS handshake, in our words and never in a peer's."""

from __future__ import annotations

import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPIRED = "its certificate has expired"
OTHER_NAME = "its certificate is of another name"
NOT_TRUSTED = "its certificate is of no authority that is trusted here"
NOT_VALID = "its certificate is not valid"
NO_CERTIFICATE = "it shows no certificate"
NO_TLS = "it speaks no TLS"
TOO_OLD = "it speaks no TLS of version 1.2 or newer"
WANTS_OURS = "it asks for a certificate, and we show none"
OURS_REFUSED = "it does not accept our certificate"
BROKEN_OFF = "it broke off the TLS handshake"
NOT_AGREED = "TLS could not be agreed on"

TO_DO: Mapping[str, str] = MappingProxyType(
    {
        EXPIRED: "one that is valid now: have it renewed there, and see the clock here",
        OTHER_NAME: "the one that is called: see host, or `name` of the endpoint's tls",
        NOT_TRUSTED: "one that `ca` vouches for: see `ca` of the endpoint's tls",
        NOT_VALID: "one that `ca` vouches for: have it looked at there",
        NO_CERTIFICATE: "one: see its settings",
        NO_TLS: "TLS 1.2 or newer: see that this is its port for TLS, or call without TLS",
        TOO_OLD: "TLS 1.2 or newer: have it set up there",
        WANTS_OURS: "to be let in: see `certificate` and `key` of the endpoint's tls",
        OURS_REFUSED: "to be let in: see `certificate` and `key`, and have the peer trust them",
        BROKEN_OFF: "TLS 1.2 or newer: see that this is its port for TLS, and that it trusts our "
        "certificate",
        NOT_AGREED: "TLS 1.2 or newer: see its versions and ciphers",
    }
)
"""What a caller expected instead, and what is to be done."""

_EXPIRED = frozenset((10,))
_UNTRUSTED = frozenset((2, 18, 19, 20, 21))
_OTHER_NAME = frozenset((62, 63, 64))
"""Codes of OpenSSL's X509_V_ERR."""
_BY_REASON = (
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", NO_CERTIFICATE),
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("HTTP_REQUEST", NO_TLS),
    ("UNKNOWN_PROTOCOL", NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", NO_TLS),
    ("RECORD_LAYER_FAILURE", NO_TLS),
    ("UNSUPPORTED_PROTOCOL", TOO_OLD),
    ("ALERT_PROTOCOL_VERSION", TOO_OLD),
    ("ALERT_CERTIFICATE_REQUIRED", WANTS_OURS),
    ("ALERT_UNKNOWN_CA", OURS_REFUSED),
    ("CERTIFICATE", OURS_REFUSED),
    ("UNEXPECTED_EOF", BROKEN_OFF),
)
"""The first whose text is part of OpenSSL's reason counts."""


def kind_of(error: OSError) -> str | None:
    """Return what a peer did wrong in TLS, as one of the sentences above.

    None where TLS had no part in it: nobody answered, or not in time.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_fault(error.verify_code)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)):
        return BROKEN_OFF
    if not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or ""
    return next((kind for part, kind in _BY_REASON if part in reason), NOT_AGREED)


def _certificate_fault(code: int) -> str:
    if code in _EXPIRED:
        return EXPIRED
    if code in _OTHER_NAME:
        return OTHER_NAME
    return NOT_TRUSTED if code in _UNTRUSTED else NOT_VALID
