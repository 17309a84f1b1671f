"""The data dictionary: every column of the tables, as one list and as a page of it.

`python -m napari_fluoroinject.batch.columns docs/data-dictionary.md` writes the page.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.loop_columns import IDENTITY, SOURCE
from napari_fluoroinject.batch.measure_columns import MEASURE_COLUMNS
from napari_fluoroinject.batch.motion_columns import NEEDLE, TIME_AND_MOTION
from napari_fluoroinject.batch.spread_columns import RUN_OFF, SPREAD
from napari_fluoroinject.batch.study_columns import DOSE, PROVENANCE
from napari_fluoroinject.batch.warning_columns import EXPECTED, WARNING_COLUMNS

if TYPE_CHECKING:
    from napari_fluoroinject.batch.column import Column, Kind

TABLES: dict[str, tuple[tuple[str, tuple[Column, ...]], ...]] = {
    "results": (
        ("Which loop", IDENTITY),
        ("Picture", SOURCE),
        ("Time and motion", TIME_AND_MOTION),
        ("Needle and target", NEEDLE),
        ("Spread", SPREAD),
        ("Run-off", RUN_OFF),
        ("Warnings", WARNING_COLUMNS),
        ("Expected patterns", EXPECTED),
        ("Dose", DOSE),
        ("Judged, and by what", PROVENANCE),
    ),
    "measures": (("Measures of the procedure", MEASURE_COLUMNS),),
}
"""The columns of each table, in order and under titles."""

PANDAS: dict[Kind, str] = {
    "text": "string",
    "category": "category",
    "integer": "Int64",
    "number": "Float64",
    "boolean": "boolean",
}
"""The types that pandas is to give a column."""


def dictionary() -> list[dict[str, str]]:
    """Return the data dictionary: one entry of plain texts for each column, in order."""
    return [
        {
            "table": table,
            "name": column.name,
            "type": column.kind,
            "pandas": PANDAS[column.kind],
            "unit": column.unit,
            "meaning": column.meaning,
            "values": "; ".join(f"{value} = {meaning}" for value, meaning in column.values),
            "origin": column.origin,
        }
        for table, groups in TABLES.items()
        for _, group in groups
        for column in group
    ]


def markdown() -> str:
    """Return the data dictionary as Markdown."""
    lines = [_HEAD]
    for title, group in (group for groups in TABLES.values() for group in groups):
        lines += [
            f"## {title}",
            "",
            *_TABLE,
        ]
        lines += [f"| {' | '.join(_cells(one))} |" for one in group]
        lines.append("")
    return "\n".join(lines)


def _cells(column: Column) -> tuple[str, ...]:
    meaning = column.meaning + _values(column)
    return (f"`{column.name}`", column.kind, column.unit, meaning, column.origin)


def _values(column: Column) -> str:
    listed = "; ".join(f"`{value}` {meaning}" for value, meaning in column.values)
    return f". {listed}" if listed else ""


_TABLE = ("| column | type | unit | meaning | from |", "|---|---|---|---|---|")
_HEAD = """\
# Data dictionary of a batch

The columns of the tables that `fluoroinject batch` leaves: `results.csv` and `results.parquet`
with one row for each loop, also those that failed or were set aside; `measures.csv` and
`measures.parquet` with one row for each measure of each loop (the last section). Written by
`python -m napari_fluoroinject.batch.columns docs/data-dictionary.md`; every batch leaves the same
list as `data_dictionary.csv` and `data_dictionary.json`. How to read the tables:
[batch.md](batch.md).

Empty (null) = unknown, not measured, not judged, or not applicable: never zero. Text that would
start a formula in a spreadsheet has an apostrophe before it. Units are UCUM. Points are (row,
column) from the top left, in pixels; frames count from 0. No column holds names, dates or
identifiers of a patient beside UIDs; **UIDs can lead back to a patient** where the archive can be
asked.

**That no warning was raised is no clearance.** A warning column is false only where it was judged
in full; its `_state` column tells judged from not judged.
"""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
