"""The destination of results as the sender sees it: keep these, are they kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Counterpart, Receipt


def send_each(sink: Counterpart, files: Sequence[Path]) -> Iterator[Receipt | FluoroinjectError]:
    """Send files one after the other; what is refused does not hold up the rest.

    Yields for each file, in order, the receipt or why it is not kept. Where the destination is not
    there, that holds for all that are left.

    Parameters
    ----------
    sink
        The destination.
    files
        What it is to keep.
    """
    from napari_fluoroinject.endpoints.base import NotSent

    told = 0
    try:
        for answer in sink.send(files):
            yield answer.error if isinstance(answer, NotSent) else answer
            told += 1
    except FluoroinjectError as error:
        yield from [error] * (len(files) - told)


def kept_of(sink: Counterpart, files: Sequence[Path]) -> frozenset[str]:
    """Ask the destination which objects it keeps; returns their SOP Instance UIDs.

    Parameters
    ----------
    sink
        The destination.
    files
        The objects.

    Raises
    ------
    FluoroinjectError
        It cannot be asked.
    """
    from napari_fluoroinject.dicom.misfiled import place_of
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.folder import Folder

    if isinstance(sink, Folder):  # the same bytes again, or a conflict: no folder is searched
        return frozenset(one.sop_instance_uid for one in sink.store(files))
    found: set[str] = set()
    for study, series in {place_of(file) for file in files}:
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
        answers = sink.query(Query(level="IMAGE", keys=keys))
        found |= {one.get("SOPInstanceUID", "") for one in answers}
    return frozenset(found)
