"""Sources of the last run that gave no loop, as a table of their own.

They have no UID, so that no row of `results` can name them, and their names may be a patient's:
they stand beside the tables, not in them.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from napari_fluoroinject.batch.table import one_line, unwritable
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_fluoroinject.batch.outcome import Failure

NAME = "unplanned.csv"
_STOPPED = "the run was stopped here: what else it was given is not in this table"
"""Reason in a last row that names no source."""


class Counted(NamedTuple):
    """Sources that the last run could not plan, and whether that is all of them."""

    sources: int
    whole: bool


def write_unplanned(out: Path, failures: Iterable[Failure], *, stopped: bool) -> int:
    """Write which sources could not be planned, and why; how many.

    Parameters
    ----------
    out
        Folder of the batch.
    failures
        Of its last run, of every kind.
    stopped
        Whether that was stopped before the end: the table says so.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    rows = [[one_line(one.source), one_line(one.reason)] for one in failures if one.key is None]
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(["source", "reason"])
    table.writerows(rows)
    if stopped:
        table.writerow(["", _STOPPED])
    try:
        write_whole(out / NAME, text.getvalue().encode(), mode=0o600)
    except OSError as error:
        raise unwritable(out, error) from error
    return len(rows)


def count_unplanned(out: Path) -> Counted:
    """Count the sources that the last run could not plan.

    Parameters
    ----------
    out
        Folder of the batch; without such a table there are none.

    Raises
    ------
    OSError
        The table cannot be read.
    """
    try:
        with (out / NAME).open(encoding="utf-8", newline="") as table:
            named = [bool(row and row[0]) for row in csv.reader(table)]
    except FileNotFoundError:
        named = [True]
    return Counted(sources=sum(named[1:]), whole=all(named))
