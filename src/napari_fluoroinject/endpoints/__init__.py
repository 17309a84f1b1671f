"""The other side: one module per kind of counterpart, none knowing another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from napari_fluoroinject.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.endpoints.base import Counterpart, Query
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.settings.network import Endpoint

_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
STUDY_KEYS = (
    *("StudyDate", "ModalitiesInStudy", "StudyDescription", "AccessionNumber", "PatientID"),
    "InstitutionName",
)
"""What many studies can be asked for by."""


def connect(
    address: str, settings: Settings | None = None, *, also: Sequence[str] = ()
) -> tuple[Counterpart, Query]:
    """Return the counterpart at an address, and the query that the address holds.

    Nothing is sent yet.

    Parameters
    ----------
    address
        A name of the settings, `pacs://CALLING:CALLED@host:port`, `dicomweb+https://host/root`, or
        the path of a file or folder; then, where not every loop is wanted,
        `?StudyInstanceUID=...` (and `&SeriesInstanceUID=`, `&SOPInstanceUID=`).
    settings
        Where names, certificates and tokens are set up; None = nothing is.
    also
        Keys that may be asked for beside UIDs.

    Raises
    ------
    EndpointError
        The URL or its query is not valid, or a certificate or token cannot be used.
    SettingsError
        A word that is no name and no folder, or a URL of a kind that nobody answers to.
    """
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.settings import Settings

    settings = settings or Settings()
    place, _, text = address.partition("?")
    if place not in settings.endpoints and Path(address).exists():
        place, text = address, ""
    endpoint = settings.endpoint(place)
    url, _, own_text = (
        (endpoint.url, "", "") if Path(endpoint.url).exists() else endpoint.url.partition("?")
    )
    keys = _keys(own_text, address, also) | _keys(text, address, also)
    return _counterpart(url, endpoint, settings), Query(level="IMAGE", keys=keys)


def _counterpart(url: str, endpoint: Endpoint, settings: Settings) -> Counterpart:
    if url.startswith("pacs://"):
        from napari_fluoroinject.endpoints.move import Inbound
        from napari_fluoroinject.endpoints.pacs import parse_pacs

        listen = settings.listen
        inbound = Inbound(
            host=listen.host,
            port=listen.port,
            ae_title=listen.ae_title,
            spool=listen.spool,
            tls=listen.tls,
        )
        return replace(
            parse_pacs(url),
            tls=endpoint.tls,
            retrieve_by=endpoint.retrieve,
            inbound=inbound,
        )
    if url.startswith("dicomweb+"):
        try:
            from napari_fluoroinject.endpoints.dicomweb import DicomWeb
        except ModuleNotFoundError as error:
            raise EndpointError(
                f"{url}: DICOMweb needs the Python package {error.name}, which is not installed; "
                "expected it: pip install 'napari-fluoroinject[dicomweb]'"
            ) from error
        return DicomWeb(url, tls=endpoint.tls, token_file=endpoint.token_file)
    from napari_fluoroinject.endpoints.folder import Folder

    try:
        return Folder(Path(url).expanduser())
    except RuntimeError as error:
        raise EndpointError(f"{url}: nobody's home; expected a path that begins with /") from error


def _keys(text: str, address: str, also: Sequence[str]) -> dict[str, str]:
    keys = dict(parse_qsl(text, keep_blank_values=True))
    unknown = sorted(keys.keys() - {*_KEYS, *also})
    if unknown:
        raise EndpointError(
            f"{address}: {unknown[0]!r} cannot be asked for; expected one of "
            f"{', '.join((*_KEYS, *also))}"
        )
    return keys
