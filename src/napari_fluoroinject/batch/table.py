"""The results of a batch as tables: CSV for every program, Parquet with types, units, meanings.

The same records give the same bytes, with the same version of pyarrow.
"""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.batch.columns import PANDAS, TABLES, dictionary
from napari_fluoroinject.batch.measure_columns import measures
from napari_fluoroinject.errors import FluoroinjectError, StorageError
from napari_fluoroinject.spool.disk import fsync, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from napari_fluoroinject.batch.column import Cell, Column, LoopRecord

SCHEMA = "fluoroinject-batch-tables/1"
"""Name and version of the tables."""
NOTE = "Research software. Not a medical device: no warning is not a clearance."
BLOCK_ROWS = 4096
"""So many rows are in memory at once, and in one row group."""
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - wide forms count, too


def write_tables(out: Path, records: Iterable[LoopRecord]) -> int:
    """Write `results` and `measures` as CSV and Parquet, and the data dictionary; how many loops.

    Each file is whole or as it was. Memory does not grow with the number of loops.

    Parameters
    ----------
    out
        Folder of the batch.
    records
        What became of each loop, in the order of the rows; it is gone through once.

    Raises
    ------
    FluoroinjectError
        pyarrow is not installed.
    StorageError
        A file cannot be written.
    """
    count = 0
    try:
        with ExitStack() as stack:
            loops = stack.enter_context(_table(out, "results"))
            each = stack.enter_context(_table(out, "measures"))
            for record in records:
                loops.add(record)
                for one in measures(record):
                    each.add(one)
                count += 1
        _write_dictionary(out)
    except OSError as error:
        raise unwritable(out, error) from error
    return count


def unwritable(out: Path, error: OSError) -> StorageError:
    """Tell that a table cannot be written.

    Parameters
    ----------
    out, error
        Folder of the batch; what was met.
    """
    return StorageError(
        f"{error.filename or out}: the tables cannot be written ({error.strerror or error}); "
        "expected a folder that can be written to, with room on the disk"
    )


def one_line(value: str) -> str:
    """Put text on one line that no spreadsheet computes.

    Parameters
    ----------
    value
        Any text.
    """
    line = " ".join("".join(one if one.isprintable() else " " for one in value).split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def arrow() -> Any:
    """Return pyarrow with its Parquet part.

    Raises
    ------
    FluoroinjectError
        It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise FluoroinjectError(
            "the tables of a batch need pyarrow, which is not installed; "
            'pip install "napari-fluoroinject[batch]"'
        ) from error
    return pyarrow


class _Table:
    """One table on its way to disk, a block of rows at a time."""

    def __init__(self, columns: tuple[Column, ...], *, text: Any, parquet: Any) -> None:
        self._columns = columns
        self._parquet = parquet
        self._schema = parquet.schema
        # RFC 4180: CRLF between records, quotes where they are needed
        self._csv = csv.writer(text, lineterminator="\r\n")
        self._csv.writerow([column.name for column in columns])
        self._rows: list[list[Cell]] = []

    def add(self, record: LoopRecord) -> None:
        """Add a row."""
        self._rows.append([_cell(column.take(record)) for column in self._columns])
        if len(self._rows) == BLOCK_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if not self._rows:
            return
        pa = arrow()
        self._csv.writerows([_text(cell) for cell in cells] for cells in self._rows)
        arrays = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._parquet.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows.clear()


@contextmanager
def _table(out: Path, name: str) -> Iterator[_Table]:
    """Open a table; its two files appear when all went well."""
    pa, columns = arrow(), tuple(column for _, group in TABLES[name] for column in group)
    with (
        _whole(out / f"{name}.csv") as text_path,
        _whole(out / f"{name}.parquet") as parquet_path,
        text_path.open("w", encoding="utf-8", newline="") as text,
        pa.parquet.ParquetWriter(
            parquet_path,
            _schema(pa, columns),
            compression="zstd",
            use_dictionary=[one.name for one in columns if one.kind in ("category", "text")],
        ) as parquet,
    ):
        table = _Table(columns, text=text, parquet=parquet)
        yield table
        table.flush()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what stands there takes the name when all went well."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        fsync(partial)
        partial.replace(path)
        fsync(path.parent)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _schema(pa: Any, columns: tuple[Column, ...]) -> Any:
    types = {
        "text": pa.string(),
        "category": pa.dictionary(pa.int32(), pa.string()),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
    }
    fields = [
        pa.field(
            column.name,
            types[column.kind],
            metadata={
                "unit": column.unit,
                "meaning": column.meaning,
                "values": json.dumps(dict(column.values)),
                "origin": column.origin,
            },
        )
        for column in columns
    ]
    told = {"fluoroinject": json.dumps({"schema": SCHEMA, "intended_use": NOTE})}
    return pa.schema(fields, metadata=told | {"pandas": json.dumps(_for_pandas(columns))})


def _for_pandas(columns: tuple[Column, ...]) -> dict[str, Any]:
    """What pandas reads types by, so that integers with gaps stay integers."""
    kinds = {
        "text": "unicode",
        "category": "categorical",
        "integer": "int64",
        "number": "float64",
        "boolean": "bool",
    }
    return {
        "index_columns": [],
        "column_indexes": [],
        "columns": [
            {
                "name": column.name,
                "field_name": column.name,
                "pandas_type": kinds[column.kind],
                "numpy_type": PANDAS[column.kind],
                "metadata": None,
            }
            for column in columns
        ],
        "creator": {"library": "pyarrow"},
    }


def _write_dictionary(out: Path) -> None:
    """Write the data dictionary as a table and as JSON."""
    from io import StringIO

    entries = dictionary()
    text = StringIO(newline="")
    table = csv.DictWriter(text, entries[0].keys(), lineterminator="\r\n")
    table.writeheader()
    table.writerows(entries)
    write_whole(out / "data_dictionary.csv", text.getvalue().encode())
    told = {"schema": SCHEMA, "intended_use": NOTE, "columns": entries}
    content = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    write_whole(out / "data_dictionary.json", content.encode())


def _cell(value: Cell) -> Cell:
    """The value as it stands in both files: text on one line that no spreadsheet computes."""
    return (one_line(value) or None) if isinstance(value, str) else value


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
