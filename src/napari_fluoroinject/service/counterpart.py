"""The destination of results as the sender sees it: keep these, are they kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError, UnreachableError
from napari_fluoroinject.spool.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_fluoroinject.endpoints.base import Counterpart, Receipt


def send_each(
    sink: Counterpart, files: Mapping[str, Path]
) -> Iterator[tuple[str, Receipt | FluoroinjectError]]:
    """Send files; what is refused does not hold up the rest.

    Yields for each the SOP Instance UID, and the receipt or why it is not kept. Where the
    destination is not there, that holds for all that are left.

    Parameters
    ----------
    sink
        The destination.
    files
        What it is to keep, by SOP Instance UID.
    """
    from napari_fluoroinject.endpoints.base import NotSent

    left, uids = dict(files), {file: uid for uid, file in files.items()}
    fault: FluoroinjectError = UnreachableError(f"{sink} gave no answer; expected one for each")
    try:
        for answer in sink.send(list(files.values())):
            if isinstance(answer, NotSent):
                uid = uids.get(answer.item, "") if isinstance(answer.item, Path) else ""
            else:
                uid = answer.sop_instance_uid
            if left.pop(uid, None) is not None:
                yield uid, answer.error if isinstance(answer, NotSent) else answer
    except FluoroinjectError as error:
        fault = error
    for uid in left:
        yield uid, fault


def kept_of(sink: Counterpart, files: Mapping[str, Path]) -> frozenset[str]:
    """Ask the destination which objects it keeps; returns their SOP Instance UIDs.

    Parameters
    ----------
    sink
        The destination.
    files
        The objects, by SOP Instance UID.

    Raises
    ------
    FluoroinjectError
        It cannot be asked.
    """
    from napari_fluoroinject.dicom.misfiled import place_of
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.folder import Folder

    if isinstance(sink, Folder):
        return _in_folder(Path(str(sink)), files)
    found: set[str] = set()
    for study, series in {place_of(file) for file in files.values()}:
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
        answers = sink.query(Query(level="IMAGE", keys=keys))
        found |= {one.get("SOPInstanceUID", "") for one in answers}
    return frozenset(found & files.keys())


def _in_folder(folder: Path, files: Mapping[str, Path]) -> frozenset[str]:
    """Objects that lie in a folder under their UID, byte by byte."""
    there = {uid: folder / f"{uid}.dcm" for uid in files}
    return frozenset(
        uid
        for uid, path in there.items()
        if path.is_file() and file_sha256(path) == file_sha256(files[uid])
    )
