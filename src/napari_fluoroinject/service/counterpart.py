"""The destination of results as the sender sees it: keep this, is it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from napari_fluoroinject.errors import FluoroinjectError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Query, Receipt, Sink


@runtime_checkable
class Asked(Protocol):
    """Whoever answers queries."""

    def query(self, query: Query, /) -> Sequence[Mapping[str, str]]:
        """Return the answers; a refusal raises, and is never empty."""
        ...


def store_each(sink: Sink, files: Sequence[Path]) -> Iterator[Receipt | FluoroinjectError]:
    """Store files one after the other; what is refused does not hold up the rest.

    Yields for each file, in order, the receipt or why it is not kept. Where the destination is not
    there, it is asked once.

    Parameters
    ----------
    sink
        The destination.
    files
        What it is to keep.
    """
    from napari_fluoroinject.endpoints.pacs import Pacs

    if isinstance(sink, Pacs):
        yield from _over_one_association(sink, files)
        return
    gone: FluoroinjectError | None = None
    for file in files:
        if gone is not None:
            yield gone
            continue
        try:
            (receipt,) = sink.store([file])
            yield receipt
        except FluoroinjectError as error:
            gone = error if isinstance(error, UnreachableError) else None
            yield error


def _over_one_association(
    sink: Sink, files: Sequence[Path]
) -> Iterator[Receipt | FluoroinjectError]:
    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.sending import NotSent, send

    if not isinstance(sink, Pacs):
        raise TypeError(f"{type(sink).__name__} where a Pacs was expected")
    told = 0
    try:
        for one in send(sink, files):
            yield one.error if isinstance(one, NotSent) else one
            told += 1
    except FluoroinjectError as error:
        yield from [error] * (len(files) - told)


def is_kept(sink: Sink, file: Path, *, uid: str) -> bool:
    """Ask the destination whether it keeps an object.

    Parameters
    ----------
    sink
        The destination.
    file
        The object.
    uid
        Its SOP Instance UID.

    Raises
    ------
    FluoroinjectError
        It cannot be asked.
    """
    from napari_fluoroinject.dicom.misfiled import place_of
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.folder import Folder
    from napari_fluoroinject.endpoints.memory import Memory

    if isinstance(sink, Memory):
        return uid in sink.objects
    if isinstance(sink, Folder):  # idempotent: the same bytes again, or a conflict
        sink.store([file])
        return True
    if not isinstance(sink, Asked):
        raise RefusedError(f"{sink} answers no queries; expected verify = 'none' for it")
    study, series = place_of(file)
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": uid}
    return any(
        one.get("SOPInstanceUID") == uid for one in sink.query(Query(level="IMAGE", keys=keys))
    )
