"""An archive reached over DICOMweb: query (QIDO), retrieve (WADO) and store (STOW), PS3.18."""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from dicomweb_client import DICOMwebClient

from napari_fluoroinject.dicom.content import is_uid
from napari_fluoroinject.dicom.grey import native_samples, stored_values
from napari_fluoroinject.endpoints import qido, stow, wado
from napari_fluoroinject.endpoints.base import (
    NotSent,
    Query,
    Receipt,
    Storable,
    Wanted,
    all_kept,
    uids_of,
)
from napari_fluoroinject.endpoints.found import LOOP_KEYS, references
from napari_fluoroinject.endpoints.headers import UNIQUE_KEYS
from napari_fluoroinject.endpoints.landing import landed, loop_in_memory, made, scratch
from napari_fluoroinject.endpoints.web_answers import (
    PIXEL_KEYS,
    frame_format,
    tells_pixels,
    texts,
)
from napari_fluoroinject.endpoints.web_session import Limits, WebSession
from napari_fluoroinject.errors import EndpointError, RefusedError
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from napari_fluoroinject.dicom.pixels import PixelFormat
    from napari_fluoroinject.errors import UnreadableObjectError
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.settings.network import Tls

_SCHEME = "dicomweb+"
_MOST_FORMATS = 1000


class DicomWeb(Closing):
    """A DICOMweb service; a context manager that closes the connection kept between requests.

    Parameters
    ----------
    url
        `dicomweb+https://host[:port]/root`, or `dicomweb+http://...` to this machine only.
    tls
        Whom to trust and who we are; None = the authorities of the system, or `SSL_CERT_FILE`.
    token_file
        Holds a bearer token; read anew when it is refused.
    limits
        What the server may take of us.

    Raises
    ------
    EndpointError
        The URL, a certificate or the token cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        tls: Tls | None = None,
        token_file: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._root = _root(url)
        self._session = WebSession(self._root, tls=tls, token_file=token_file, limits=limits)
        self._client = DICOMwebClient(self._root, session=self._session, permissive_uid=True)
        # the session tries again by itself, and only what changes nothing over there
        self._client.set_http_retry_params(retry=False)
        self._formats: dict[str, PixelFormat] = {}

    def __str__(self) -> str:
        return self._root

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._session.close()

    def query(self, query: Query) -> tuple[Mapping[str, str], ...]:
        """Return the service's answers, each as keyword and text; no answer is an empty tuple.

        Raises
        ------
        UnreachableError, RefusedError
            Nobody answers, or the query is refused; a refusal is never an empty answer.
        EndpointError
            A keyword is not a DICOM keyword, or its value is not text.
        """
        return qido.search(self._client, self._session, query)

    def find(self, query: Query) -> Iterator[LoopReference | UnreadableObjectError]:
        """References of the loops that match, asked at image level.

        Raises
        ------
        UnreachableError, RefusedError, EndpointError
            As `query`.
        """
        keys = dict.fromkeys(LOOP_KEYS, "") | dict(query.keys)
        yield from references(self.query(Query(level="IMAGE", keys=keys)))

    def fetch(self, reference: LoopReference) -> CineLoop:
        """Bring a loop into memory.

        Raises
        ------
        UnreachableError, RefusedError, UnreadableObjectError, StorageError
            As `retrieve`.
        """
        with scratch() as folder:
            return loop_in_memory(list(self.retrieve(reference, folder)))

    def retrieve(self, wanted: Wanted, folder: Path) -> Iterator[Path]:
        """Bring objects into a folder as `<SOP Instance UID>.dcm`; what is there is kept.

        Raises
        ------
        UnreachableError, RefusedError
            Nobody answers, or not with the object.
        UnreadableObjectError
            What came is not the whole object.
        ConflictError, StorageError
            The folder has other content under that name, or cannot be written to.
        """
        for study, series, instance in self._listed(wanted):
            url = self._url(study, series, instance)
            yield landed(made(folder), instance) or wado.retrieve(
                self._session, url, instance, folder
            )

    def frame(self, reference: LoopReference, index: int) -> npt.NDArray[Any]:
        """Stored values of one frame, (rows, columns), without the rest of the loop.

        Parameters
        ----------
        reference
            Of a loop that was found.
        index
            From 0; a loop of single frames has them in the order of its reference.

        Raises
        ------
        EndpointError
            The loop has no such frame.
        UnreachableError, RefusedError
            Nobody answers, or not with that frame.
        UnreadableObjectError
            Pixels of a kind that is not read.
        """
        several = reference.frame_instance_uids
        number = 1 if several else index + 1
        if index < 0 or (several and index >= len(several)):
            raise _no_such_frame(reference, index, len(several) or None)
        place = (
            reference.study_instance_uid,
            reference.series_instance_uid,
            several[index] if several else reference.sop_instance_uid,
        )
        url = self._url(*place)
        pixels = self._format(*place)
        if number > pixels.frames:
            raise _no_such_frame(reference, index, pixels.frames)
        raw = wado.frame(self._session, f"{url}/frames/{number}")
        size = pixels.frame_samples * pixels.sample_dtype.itemsize
        if not size <= len(raw) <= size + 1:  # one byte makes the length even
            raise RefusedError(
                f"{self._session.peer} sent {len(raw)} bytes for a frame; expected {size}: it "
                "does not decode this loop. Retrieve it as a whole"
            )
        samples = np.frombuffer(raw, pixels.sample_dtype, pixels.frame_samples)
        single: npt.NDArray[Any] = stored_values(native_samples(samples, pixels), pixels)[0]
        return single

    def send(self, objects: Iterable[Storable]) -> Iterator[Receipt | NotSent]:
        """Tell of every object whether it is kept; several go in one request. See `stow.send`."""
        return stow.send(self._session, self._root, objects)

    def store(self, objects: Iterable[Storable]) -> tuple[Receipt, ...]:
        """Send every object; files are read while they are sent.

        Raises
        ------
        UnreachableError, RefusedError
            Nobody answers, or an object is not kept: what it says of every one is judged.
        UnreadableObjectError
            An object is none.
        """
        return all_kept(self.send(objects))

    def _listed(self, wanted: Wanted) -> Iterator[tuple[str, str, str]]:
        if isinstance(wanted, LoopReference):
            study, series = wanted.study_instance_uid, wanted.series_instance_uid
            for uid in uids_of(wanted):
                yield study, series, uid
            return
        keys = {key: text for key, text in wanted.keys.items() if text}
        for answer in self.query(Query(level="IMAGE", keys=keys)):
            yield answer["StudyInstanceUID"], answer["SeriesInstanceUID"], answer["SOPInstanceUID"]

    def _format(self, study: str, series: str, instance: str) -> PixelFormat:
        """What the pixels of an object mean; kept for its next frame."""
        if instance not in self._formats:
            uids = dict(zip(UNIQUE_KEYS.values(), (study, series, instance), strict=True))
            # some servers read the whole loop for its metadata, but not for a query
            found = self.query(Query(level="IMAGE", keys=dict.fromkeys(PIXEL_KEYS, "") | uids))
            told = found[0] if found else {}
            if not tells_pixels(told):
                ask = partial(self._client.retrieve_instance_metadata, study, series, instance)
                told = texts(self._session.datasets(ask)[0])
            if len(self._formats) >= _MOST_FORMATS:
                self._formats.clear()
            self._formats[instance] = frame_format(told, source=instance)
        return self._formats[instance]

    def _url(self, study: str, series: str, instance: str) -> str:
        if not all(map(is_uid, (study, series, instance))):
            raise RefusedError(
                f"{self._session.peer} names an object by a UID that is none; expected digits and "
                "dots (PS3.5 9.1): nothing is asked for by it"
            )
        return f"{self._root}/studies/{study}/series/{series}/instances/{instance}"


def _no_such_frame(reference: LoopReference, index: int, count: int | None) -> EndpointError:
    of = "" if count is None else f" of {count}"
    return EndpointError(
        f"{reference.sop_instance_uid} has no frame {index}{of}; expected one from 0 on"
    )


_URL_FORM = "expected dicomweb+https://host[:port]/root, or dicomweb+http:// to a loopback address"


def _root(url: str) -> str:
    """The URL of the service itself, checked."""
    try:
        parts = urlsplit(url.removeprefix(_SCHEME))
        _ = parts.port
    except ValueError as error:
        raise EndpointError(f"{url}: {error}; {_URL_FORM}") from error
    if parts.username or parts.password:
        raise EndpointError(
            "a DICOMweb URL holds a user or password, which logs would show; expected neither: "
            "set `token_file` or a client certificate"
        )
    if not url.startswith(_SCHEME) or parts.scheme not in ("https", "http") or not parts.hostname:
        raise EndpointError(f"{url}: not the address of a DICOMweb service; {_URL_FORM}")
    if parts.query or parts.fragment:
        raise EndpointError(f"{url}: a query or fragment does not belong there; {_URL_FORM}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise EndpointError(
            f"{url}: patient data would cross the network for all to read; {_URL_FORM}"
        )
    return parts.geturl().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
