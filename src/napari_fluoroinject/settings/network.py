"""What a site sets up of its network: counterparts, TLS, the listener, the service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

SCHEMES = ("pacs://", "dicomweb+https://", "dicomweb+http://")
"""Of the nodes that can be named; everything else with `://` is refused."""

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/|.*://")
"""Also where one slash is missing; one letter before the colon is a drive."""

Verify = Literal["commitment", "query", "none"]
Retrieve = Literal["auto", "get", "move"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificates of one side: whom it trusts and who it says it is (PEM files).

    `name` is the name that the peer's certificate must bear; None = the host that is called.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("key: a certificate without its key, or a key alone; expected both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A counterpart: its URL or folder, and how it is spoken to.

    `token_file` holds a bearer token (DICOMweb). `verify` is how results stored there are known to
    be kept: storage commitment, a query where it has none, or its answer alone. `retrieve` is how
    a PACS is asked for objects: C-GET, C-MOVE to our listener's address, or (auto) C-GET and where
    it takes none, C-MOVE.
    """

    url: str
    tls: Tls | None = None
    token_file: Path | None = None
    verify: Verify = "query"
    retrieve: Retrieve = "auto"

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError(f"url: seen {self.url!r}; expected a URL or a folder")
        if _ADDRESS.match(self.url) and not self.url.startswith(SCHEMES):
            raise ValueError(
                f"url: seen {self.url!r}; expected a folder, or a URL that begins with one of "
                f"{', '.join(SCHEMES)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """How `listen` receives.

    `allow` names who may call: `AE`, `AE@ADDRESS`, or `AE@CERTIFICATE-NAME` under TLS. `spool` is
    where acknowledged objects lie; `reserve_mb` the free space below which none is taken.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "FLUOROINJECT"
    allow: tuple[str, ...] = ()
    spool: Path = Path("fluoroinject-spool")
    reserve_mb: int = 64
    quarantine_mb: int = 8192
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What is done with received loops; without `analyze` they are kept and no more.

    Attributes
    ----------
    analyze
        `auto`, or the key of a procedure for every loop.
    send_to
        Name, URL or path of the endpoint that results go to; None = they stay in the spool.
    worklist
        Name or URL of the endpoint asked for modality worklist items; None = nobody is asked.
    procedure_codes, protocols
        Procedures by `VALUE^SCHEME` of the requested or performed procedure, and by a text that
        the protocol, series or study description holds (no regard to case).
    time_limit_s, memory_limit_mb, workers
        Of one analysis, and how many run at once.
    settle_s
        How long after the last picture a series of single frames is taken to be whole.
    keep_days
        How long loops and results stay after the archive has confirmed both; 0 = for ever.
    notice_after_s
        How long results wait for a destination until the status page and health tell it.
    status_port
        Of health, counters and the status page, on loopback only; 0 = none.
    audit_host, audit_port, audit_tls
        An audit repository that gets the trail by syslog over TLS; None = the file alone.
    """

    analyze: str | None = None
    send_to: str | None = None
    worklist: str | None = None
    procedure_codes: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    time_limit_s: float = 600.0
    memory_limit_mb: int = 8192
    workers: int = 1
    settle_s: float = 10.0
    keep_days: float = 0.0
    notice_after_s: float = 300.0
    status_port: int = 0
    audit_host: str | None = None
    audit_port: int = 6514
    audit_tls: Tls | None = None

    def __post_init__(self) -> None:
        for name in ("procedure_codes", "protocols"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
