"""Objects at endpoints as a person asks for them: is it there, find, fetch, store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.dicom.find import OTHER_DOCUMENTS, files_of
from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import NotSent, Query, Receipt
from napari_fluoroinject.errors import (
    EndpointError,
    FluoroinjectError,
    RefusedError,
    StorageError,
    UnreachableError,
)
from napari_fluoroinject.sources import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from napari_fluoroinject.endpoints.base import Counterpart, Level
    from napari_fluoroinject.model.cine import LoopReference
    from napari_fluoroinject.settings import Settings

LEVELS: dict[str, Level] = {"study": "STUDY", "series": "SERIES", "image": "IMAGE"}
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
COLUMNS: dict[Level, tuple[str, ...]] = {
    "STUDY": (
        *("PatientID", "PatientName", "StudyDate", "AccessionNumber", "ModalitiesInStudy"),
        *("StudyDescription", "NumberOfStudyRelatedInstances", "StudyInstanceUID"),
    ),
    "SERIES": (
        *("Modality", "SeriesNumber", "SeriesDescription", "NumberOfSeriesRelatedInstances"),
        *("StudyInstanceUID", "SeriesInstanceUID"),
    ),
    "IMAGE": (
        *("Modality", "InstanceNumber", "NumberOfFrames", "SOPClassUID"),
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    ),
}
"""What is asked for at each level, and shown."""
ASKED_ONLY: dict[Level, tuple[str, ...]] = {
    "STUDY": (),
    "SERIES": ("PatientID",),
    "IMAGE": ("PatientID", "Rows", "Columns"),
}
"""What is asked for besides, and not shown."""
_NOT_OBJECTS = ("QueryRetrieveLevel", "SpecificCharacterSet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Files that are there now, and (UID, message) of what is not."""

    files: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Receipts, (file, message) of what is not kept, and what was left out, counted by kind."""

    receipts: tuple[Receipt, ...]
    failures: tuple[tuple[str, str], ...]
    skipped: Mapping[str, int]


def echo(endpoint: str, *, settings: Settings | None = None) -> str:
    """Ask whether an endpoint answers; returns what it is called.

    Raises
    ------
    FluoroinjectError
        It does not, or there can be no such endpoint.
    """
    from napari_fluoroinject.endpoints.pacs import Pacs

    counterpart, _ = connect(endpoint, settings)
    if isinstance(counterpart, Pacs):
        counterpart.echo()
    else:
        counterpart.query(Query(level="STUDY", keys={"StudyInstanceUID": "1.2.3.4"}))
    return str(counterpart)


def check_keywords(keys: Mapping[str, str]) -> None:
    """Check what is to be asked for; raises EndpointError as `querying.check_keys`."""
    from napari_fluoroinject.endpoints.querying import check_keys

    check_keys(keys)


def find_objects(
    endpoint: str,
    keys: Mapping[str, str],
    *,
    level: Level | None = None,
    settings: Settings | None = None,
) -> tuple[Level, tuple[Mapping[str, str], ...]]:
    """Query an endpoint; returns the level, and each entity by DICOM keyword.

    Parameters
    ----------
    endpoint
        Name, URL or folder; UIDs may stand behind a `?`.
    keys
        Keywords with the text that must match; empty to ask for the value.
    level
        None = objects where a UID is given, else studies.
    settings
        Names, certificates and tokens.

    Raises
    ------
    FluoroinjectError
        No such endpoint, nobody answers, or the query is refused.
    """
    counterpart, query = connect(endpoint, settings)
    asked = {**query.keys, **keys}
    chosen: Level = level or ("IMAGE" if any(asked.get(uid) for uid in _UIDS) else "STUDY")
    every = dict.fromkeys((*COLUMNS[chosen], *ASKED_ONLY[chosen]), "")
    found = counterpart.query(Query(level=chosen, keys=every | asked))
    told = tuple({k: v for k, v in one.items() if k not in _NOT_OBJECTS} for one in found)
    return chosen, told


def fetch_objects(
    endpoint: str,
    uids: Sequence[str],
    *,
    out: Path,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Fetched:
    """Bring studies, series or objects into a folder; what is there is kept, the rest is named.

    Parameters
    ----------
    endpoint
        Name, URL or folder; UIDs of the study or series may stand behind a `?`.
    uids
        Of studies, series or objects; none = what the endpoint's own query names.
    out
        Folder, made if absent; files are named `<SOP Instance UID>.dcm`.
    settings, progress
        As everywhere.

    Raises
    ------
    EndpointError, SettingsError
        There can be no such endpoint, or nothing is asked for.
    """
    counterpart, query = connect(endpoint, settings)
    if not uids and not query.keys:
        raise EndpointError(f"{endpoint}: nothing is asked for; expected UIDs")
    files: dict[Path, None] = {}
    failures: list[tuple[str, str]] = []
    for index, uid in enumerate(uids or ("",)):
        try:
            for path, fraction in _fetch(counterpart, uid, query, out=out):
                files[path] = None
                progress(path.name, (index + fraction) / max(len(uids), 1))
        except FluoroinjectError as error:
            failures.append((uid or endpoint, str(error)))
            if isinstance(error, UnreachableError | StorageError):
                failures += [(rest, "not asked for any more") for rest in uids[index + 1 :]]
                break
        except KeyboardInterrupt as stop:
            stop.add_note(
                f"{len(files)} objects are in {out}; the same command goes on from there"
            )
            raise
    return Fetched(files=tuple(files), failures=tuple(failures))


def preview_frame(
    endpoint: str, reference: LoopReference, index: int, *, settings: Settings | None = None
) -> npt.NDArray[Any]:
    """Return stored values of one frame, (rows, columns), without the rest of its loop.

    Raises
    ------
    RefusedError
        The endpoint gives no single frames: only DICOMweb does.
    FluoroinjectError
        No such endpoint, nobody answers, or not with that frame.
    """
    from napari_fluoroinject.endpoints.dicomweb import DicomWeb

    counterpart, _ = connect(endpoint, settings)
    if not isinstance(counterpart, DicomWeb):
        raise RefusedError(
            f"{counterpart} gives no single frames; expected a DICOMweb endpoint: retrieve the "
            "loop to see it"
        )
    with counterpart:
        return counterpart.frame(reference, index)


def store_objects(
    endpoint: str,
    paths: Sequence[Path],
    *,
    settings: Settings | None = None,
    progress: Progress = silent,
    told: Callable[[Receipt | NotSent], None] = lambda _one: None,
) -> Stored:
    """Send files, and all DICOM files below folders; one that is refused does not end the rest.

    Parameters
    ----------
    endpoint
        Name, URL or folder.
    paths
        Files and folders.
    settings, progress
        As everywhere.
    told
        Called with each answer as it comes: an end from outside does not take these back.

    Raises
    ------
    EndpointError, SettingsError
        There can be no such endpoint.
    """
    counterpart, _ = connect(endpoint, settings)
    skipped: Counter[str] = Counter()
    failures = [
        (str(path), "no such file or folder; expected DICOM files")
        for path in paths
        if not path.exists()
    ]
    files = list(_objects([path for path in paths if path.exists()], skipped))
    receipts: list[Receipt] = []
    count = 0
    try:
        for one in counterpart.send(files):
            count += 1
            told(one)
            progress(str(files[count - 1].name), count / len(files))
            if isinstance(one, NotSent):
                failures.append((str(one.item), str(one.error)))
            else:
                receipts.append(one)
    except FluoroinjectError as error:
        failures += [(str(file), str(error)) for file in files[count:]]
    except KeyboardInterrupt as stop:
        stop.add_note(f"{len(receipts)} of {len(files)} objects are kept by {counterpart}")
        raise
    return Stored(receipts=tuple(receipts), failures=tuple(failures), skipped=dict(skipped))


def _objects(paths: Sequence[Path], skipped: Counter[str]) -> Iterator[Path]:
    """Files that claim to be DICOM, or were named by themselves."""
    for path, named in files_of(paths):
        if not named and path.suffix.lower() in OTHER_DOCUMENTS:
            skipped[path.suffix.lower()] += 1
        else:
            yield path


def _fetch(
    counterpart: Counterpart, uid: str, query: Query, *, out: Path
) -> Iterator[tuple[Path, float]]:
    """Yield each file and the fraction that is there."""
    wanted, count = _named(counterpart, uid, query)
    for number, path in enumerate(counterpart.retrieve(wanted, out), 1):
        yield path, number / max(count, number)


def _named(counterpart: Counterpart, uid: str, query: Query) -> tuple[Query, int]:
    """What a UID names there, study, series or object; and how many objects that is."""
    refused: RefusedError | None = None
    for keyword in _UIDS if uid else ("",):
        keys = dict(query.keys) | ({keyword: uid} if uid else {})
        asked = Query(level="IMAGE", keys=dict.fromkeys(_UIDS, "") | keys)
        try:
            count = len(counterpart.query(asked))
        except RefusedError as error:  # of one level; another may be answered
            refused = error
            continue
        if count:
            return Query(level="IMAGE", keys=keys), count
    if refused is not None:
        raise refused
    raise RefusedError(f"{counterpart} has no study, series or object of this UID")
