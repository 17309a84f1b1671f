"""The other side: one module per kind of counterpart, none knowing another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.folder import Folder
    from napari_fluoroinject.endpoints.pacs import Pacs

_SCHEME = "pacs://"
_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def connect(address: str) -> tuple[Folder | Pacs, Query]:
    """Return the counterpart at a URL or folder path, and the query that its address holds.

    Parameters
    ----------
    address
        `pacs://CALLING:CALLED@host:port`, or the path of a file or folder; then, where not every
        loop is wanted, `?StudyInstanceUID=...` (and `&SeriesInstanceUID=`, `&SOPInstanceUID=`).

    Raises
    ------
    EndpointError
        If the URL or its query is not valid.
    """
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.folder import Folder
    from napari_fluoroinject.endpoints.pacs import parse_pacs
    from napari_fluoroinject.errors import EndpointError

    place, _, text = (address, "", "") if Path(address).exists() else address.partition("?")
    keys = dict(parse_qsl(text, keep_blank_values=True))
    unknown = sorted(keys.keys() - set(_KEYS))
    if unknown:
        raise EndpointError(
            f"{address}: {unknown[0]!r} cannot be asked for; expected one of {', '.join(_KEYS)}"
        )
    query = Query(level="IMAGE", keys=keys)
    return (parse_pacs(place) if place.startswith(_SCHEME) else Folder(place)), query
