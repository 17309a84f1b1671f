"""What became of every loop of a batch: its line in the journal beside its summary."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from napari_fluoroinject import procedures
from napari_fluoroinject.batch.column import LoopRecord
from napari_fluoroinject.batch.judged import judged
from napari_fluoroinject.errors import ProcedureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from napari_fluoroinject.batch.column import EndedLoop

LOST = "the results are gone or cannot be read: run the batch again"


def records(
    ended: Iterable[EndedLoop], out: Path, *, site: Path | None = None
) -> Iterator[LoopRecord]:
    """Read the summaries of the loops that ended, one at a time.

    Parameters
    ----------
    ended
        As the journal gives them, in the order of their keys.
    out
        Folder of the batch.
    site
        Folder with procedures of the site's own, as the batch had it.
    """
    asked = _asked_of(site)
    for one in ended:
        yield _record(one, out, asked)


def _record(
    ended: EndedLoop, out: Path, asked: Callable[[str], frozenset[str] | None]
) -> LoopRecord:
    if ended.folder is None:
        return LoopRecord(ended=ended, summary=None, judged={})
    try:
        summary = json.loads((out / ended.folder / "summary.json").read_bytes())
        found = judged(summary, asked(summary["procedure"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return LoopRecord(ended=ended, summary=None, judged={}, lost=LOST)
    return LoopRecord(ended=ended, summary=summary, judged=found)


def _asked_of(site: Path | None) -> Callable[[str], frozenset[str] | None]:
    """Tell which warnings a procedure lists; None where it is not known here."""

    @cache
    def asked(key: str) -> frozenset[str] | None:
        try:
            procedure = procedures.get(key, site=site)
        except ProcedureError:
            return None
        return frozenset(rule.id for rule in procedure.warnings)

    return asked
