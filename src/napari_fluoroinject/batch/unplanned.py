"""Sources of the last run that gave no loop, as a table of their own.

They have no UID, so that no row of `results` can name them, and their names may be a patient's:
they stand beside the tables, not in them.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.table import one_line, unwritable
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_fluoroinject.batch.outcome import Failure

NAME = "unplanned.csv"


def write_unplanned(out: Path, failures: Iterable[Failure]) -> int:
    """Write which sources could not be planned, and why; how many.

    Parameters
    ----------
    out
        Folder of the batch.
    failures
        Of its last run, of every kind.

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
    try:
        write_whole(out / NAME, text.getvalue().encode(), mode=0o600)
    except OSError as error:
        raise unwritable(out, error) from error
    return len(rows)


def count_unplanned(out: Path) -> int:
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
            return max(0, sum(1 for _ in csv.reader(table)) - 1)
    except FileNotFoundError:
        return 0
