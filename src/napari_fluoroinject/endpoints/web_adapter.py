"""Connections of a web session: closed when asked to, and in TLS as we speak it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from napari_fluoroinject.endpoints.tls import client_context

if TYPE_CHECKING:
    from napari_fluoroinject.settings.network import Tls


class Adapter(HTTPAdapter):
    """Closes its connections when it is closed, and not when the last answer is forgotten."""

    def close(self) -> None:
        """Close every connection."""
        pools = self.poolmanager.pools
        for pool in [pools[key] for key in pools.keys()]:  # noqa: SIM118 - iterating it is refused
            pool.close()
        super().close()


class TlsAdapter(Adapter):
    """Checks certificates by our own context alone, not by the list that comes with requests."""

    def __init__(self, tls: Tls | None) -> None:
        self._context = ssl.create_default_context() if tls is None else client_context(tls)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._name = None if tls is None else tls.name
        super().__init__(max_retries=0)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Add no authority: the context has them."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Connect with our context, and check the name that is set up."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        name = {} if self._name is None else {"server_hostname": self._name}
        return host, {"ssl_context": self._context, **name}
