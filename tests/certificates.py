"""Certificates for tests: an authority, and whom it vouches for."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from napari_fluoroinject.settings.network import Tls

_DAY = dt.timedelta(days=1)


@dataclass
class Authority:
    """Signs certificates; its files lie in `folder`."""

    folder: Path
    name: str = "authority"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        subject = _subject(self.name)
        made = (
            _begun(subject, subject, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.ca = self.folder / f"{self.name}.pem"
        self.ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def tls(self, name: str, *, trusts: Authority | None = None, expired: bool = False) -> Tls:
        """Whoever bears `name`, and whom it trusts (this authority, unless said otherwise)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        made = (
            _begun(_subject(name), _subject(self.name), key.public_key(), expired=expired)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        ending = "-expired" if expired else ""
        certificate = self.folder / f"{self.name}-{name}{ending}.pem"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = certificate.with_suffix(".key")
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Tls(ca=(trusts or self).ca, certificate=certificate, key=private)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    expired: bool = False,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now - _DAY if expired else now + _DAY)
    )
