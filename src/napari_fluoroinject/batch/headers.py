"""The one pass over all files: each is opened once, and put to its study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.order import Unplanned
from napari_fluoroinject.batch.walk import walk
from napari_fluoroinject.dicom.place import place_of
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.spool.gathered import Gathered

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.spool.gathered import Gathering


def gather(
    source: str,
    into: Gathering,
    *,
    line: int,
    out: Path,
    skipped: Counter[str],
    told: Callable[[int], bool] = lambda _: True,
) -> Iterator[Unplanned]:
    """Put every image and dose report of a file or folder to its study.

    Parameters
    ----------
    source
        The file or folder.
    into
        Where they are put; what it knows of a former run and did not change is not opened.
    line
        Number of the source there.
    out
        Where the batch writes: left out.
    skipped
        Counts what holds neither image nor dose report, by what it is.
    told
        Called at each file with how many there were; tells whether to go on.

    Yields
    ------
    What cannot be read, with the reason.
    """
    path = Path(source)
    if not path.exists():
        yield Unplanned(source=source, reason="seen no such file or folder; expected one")
        return
    for count, found in enumerate(walk(path.absolute(), out=out, skipped=skipped), 1):
        if not told(count):
            return
        try:
            if isinstance(found, UnreadableObjectError):
                raise found
            one = _looked_at(*found, into, line=line)
            if one.kind not in ("image", "dose"):
                skipped[one.kind] += 1
        except UnreadableObjectError as error:
            where = error.source if isinstance(found, UnreadableObjectError) else str(found[0])
            yield Unplanned(source=where, reason=f"seen {error.seen}; expected {error.expected}")


def _looked_at(path: Path, named: bool, into: Gathering, *, line: int) -> Gathered:
    try:
        seen = os.stat(path)  # noqa: PTH116 - a call for every one of a million files
    except OSError as error:
        raise UnreadableObjectError(
            path.name, seen=error.strerror or "an error", expected="a file that can be read"
        ) from error
    known = into.known(path, seen, line=line, named=named)
    if known is not None:
        return known
    placed = place_of(path, named=named)
    one = Gathered(
        path=path,
        kind=placed.what or placed.kind,
        study=placed.study,
        sop=placed.sop,
        line=line,
        named=named,
    )
    into.note(one, seen)
    return one
