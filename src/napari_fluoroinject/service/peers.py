"""Whom the service speaks to, checked before anything is received."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.errors import SettingsError

if TYPE_CHECKING:
    from napari_fluoroinject.settings import Settings


def check_peers(settings: Settings) -> None:
    """Refuse a destination or a worklist that there is not.

    Parameters
    ----------
    settings
        `service.send_to`, `service.worklist`, and the endpoints that they may name.

    Raises
    ------
    SettingsError
        A name that no endpoint has, or a worklist that is no PACS.
    """
    _endpoint_url(settings, settings.service.send_to, at="send_to")
    url = _endpoint_url(settings, settings.service.worklist, at="worklist")
    if url is not None and not url.startswith("pacs://"):
        raise SettingsError(
            f"service.worklist: seen {url!r}; expected a PACS: pacs://CALLING:CALLED@host:port"
        )


def _endpoint_url(settings: Settings, named: str | None, *, at: str) -> str | None:
    if named is None:
        return None
    try:
        return settings.endpoint(named).url
    except SettingsError as error:
        raise SettingsError(f"service.{at}: {error}") from error
