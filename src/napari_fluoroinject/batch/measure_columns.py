"""Columns of the measures: one row for each measure of each loop, with a value or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.batch.column import LoopRecord, told
from napari_fluoroinject.batch.loop_columns import IDENTITY
from napari_fluoroinject.model.measurement import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("loop", "study_instance_uid", "sop_instance_uid", "procedure", "level", "side")

MEASURE_COLUMNS = (
    *(column for column in IDENTITY if column.name in _NAMES),
    told(
        "measure",
        "category",
        "measured.id",
        "What was measured",
        values=tuple(MEASURES.items()),
    ),
    told("of", "category", "measured.of", "The landmark that it refers to; empty = none"),
    told("view", "category", "measured.view", "The view in which; empty where it is not known"),
    told("value", "number", "measured.value", "Its value, in `unit`; empty where there is none"),
    told("sigma", "number", "measured.sigma", "1 sigma, in `unit`; empty where it is not known"),
    told("unit", "text", "measured.unit", "UCUM unit of value and sigma"),
    told("reason", "text", "measured.reason", "Why there is no value"),
)
"""Every column of `measures.csv` and `measures.parquet`, in order."""


def measures(record: LoopRecord) -> Iterator[LoopRecord]:
    """Give a record for each measure of a loop: its summary holds this one as `measured`.

    Parameters
    ----------
    record
        Of the loop; one without results has none.
    """
    if record.summary is None:
        return
    for one in record.summary["measured"]:
        yield LoopRecord(
            ended=record.ended, summary={**record.summary, "measured": one}, judged=record.judged
        )
