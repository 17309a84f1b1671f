"""What a batch works on: an order for each loop, study by study, while others are worked on."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.fetch import Patience
from napari_fluoroinject.batch.headers import gather
from napari_fluoroinject.batch.manifest import is_manifest, lines_of
from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder, Unplanned
from napari_fluoroinject.batch.remote import Fetching, Remote
from napari_fluoroinject.batch.study import Known, orders_of
from napari_fluoroinject.batch.wishes import Line, check_request
from napari_fluoroinject.confined.asked import asked_of, request_from
from napari_fluoroinject.endpoints.landing import scratch
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.sources import Progress, is_remote, silent
from napari_fluoroinject.spool.gathered import Gathering

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from napari_fluoroinject.workflow import AnalysisRequest

INDEX = "files.sqlite"
"""Name of the index of files by study, in the batch's own folder."""
_LINES_KEPT = 64
_TOLD_EVERY = 500


def _never(_: LoopOrder) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """How sources become orders.

    Attributes
    ----------
    settings
        Of the site: endpoints by name, procedure codes and protocol texts for `auto`.
    out
        Folder of the results.
    associations
        How many studies are fetched at once from archives.
    done
        Tells whether the journal holds the end of an order whose `origin` is the same: then a
        study is not fetched again. Called with orders that have no files.
    progress
        Told of each step.
    patience
        How long an archive that does not answer is asked again.
    """

    settings: Settings
    out: Path
    associations: int = 2
    done: Callable[[LoopOrder], bool] = _never
    progress: Progress = silent
    patience: Patience = field(default_factory=Patience)


def planned(sources: Sequence[str], request: AnalysisRequest, how: Planning) -> Plan:
    """Plan a batch: an iterator of orders, and of what cannot be planned.

    Parameters
    ----------
    sources
        Files, folders, lists of sources (`.csv`, `.jsonl`, `.txt`), endpoints with queries.
    request
        What is asked for all; procedure `auto` = the header of each loop decides.
    how
        Where, and by which settings.

    Raises
    ------
    FluoroinjectError
        The request is wrong whatever the loops are, a list has no line that can be used, or the
        batch's folder cannot be written.
    """
    check_request(request)
    return Plan(sources, request, how)


class Plan(Closing):
    """Orders, one after another; a context manager that keeps what was fetched while it is open.

    Local files come first: all headers are looked at once, and put to their studies in an index
    on disk, since a study may lie in several folders. Then each study's loops are searched as
    `analyze` does. Then studies of archives are fetched, some ahead, and planned in the same way.

    Attributes
    ----------
    left_out
        Counts what was seen and is no loop, by what it is: copies, results, other objects.
    studies
        How many studies lie here; None until all headers were looked at.
    """

    def __init__(self, sources: Sequence[str], request: AnalysisRequest, how: Planning) -> None:
        self.left_out: Counter[str] = Counter()
        self.studies: int | None = None
        self._how = how
        self._stopping = threading.Event()
        self._base = Line(source="", where="the sources", request=request)
        self._stack = ExitStack()
        self._remote: list[Line] = []
        self._lines = lru_cache(_LINES_KEPT)(self._line)
        self._index = self._stack.enter_context(Gathering(how.out / JOB_FOLDER / INDEX))
        # what a killed run has fetched goes now, whatever this one is to fetch
        private = self._stack.enter_context(scratch(how.out / JOB_FOLDER))
        self._known = Known(
            settings=how.settings,
            line=self._lines,
            studies_of=self._index.studies_of,
            twins=self._index.twins,
            skipped=self.left_out,
        )
        fetching = Fetching(
            scratch=private,
            associations=how.associations,
            done=how.done,
            patience=how.patience,
        )
        self._distant = Remote(fetching, self._index, self._known)
        self._stack.callback(self._distant.close)
        self._told = self._all(sources)
        self._base_number: int | None = None

    def __iter__(self) -> Iterator[LoopOrder | Unplanned]:
        """Go on where one stopped."""
        return self

    def __next__(self) -> LoopOrder | Unplanned:
        """Return the next order, or what cannot be planned."""
        return next(self._told)

    def ended(self, order: LoopOrder) -> None:
        """Hear that an order's files are needed no more: what was fetched for it alone goes.

        To be called for each order, in any thread, also for one that was not worked on.

        Parameters
        ----------
        order
            As it was given.
        """
        self._distant.ended(order)

    def stop(self) -> None:
        """Look at no more files, wait for no fetch and for no room; called in any thread."""
        self._stopping.set()
        self._distant.stop()

    def close(self) -> None:
        """Remove what was fetched, and let go of the index."""
        self._told.close()
        self._stack.close()

    def _all(self, sources: Sequence[str]) -> Generator[LoopOrder | Unplanned, None, None]:
        yield from self._gathered(sources)
        if self._stopping.is_set():
            return
        self.studies = self._index.count_studies()
        for study in self._index.studies():
            yield from orders_of(self._index.files(study), self._known)
        for line in self._remote:
            yield from self._distant.orders(line, self._number(line))

    def _gathered(self, sources: Sequence[str]) -> Iterator[Unplanned]:
        """Look at every header that lies here; what lies elsewhere is put by."""
        for one in sources:
            if not is_manifest(one):
                base = self._base
                yield from self._take(Line(source=one, where=base.where, request=base.request))
                continue
            for line in lines_of(Path(one), self._base.request, self._how.settings):
                if self._stopping.is_set():
                    return
                if isinstance(line, Unplanned):
                    yield line
                else:
                    yield from self._take(line)

    def _take(self, line: Line) -> Iterator[Unplanned]:
        if is_remote(line.source, self._how.settings):
            self._remote.append(line)
            return

        def tell(count: int) -> bool:
            if count % _TOLD_EVERY == 0:
                self._how.progress(f"looked at {count} files of {Path(line.source).name}", 0.0)
            return not self._stopping.is_set()

        yield from gather(
            self._how.settings.resolve(line.source),
            self._index,
            line=self._number(line),
            out=self._how.out,
            skipped=self.left_out,
            told=tell,
        )

    def _number(self, line: Line) -> int:
        """Number of a source in the index; all that ask for nothing of their own share one."""
        if line.request == self._base.request:
            if self._base_number is None:
                self._base_number = self._add(self._base)
            return self._base_number
        return self._add(line)

    def _add(self, line: Line) -> int:
        asked = json.dumps(asked_of(line.request), sort_keys=True)
        return self._index.add_line(line.where, asked)

    def _line(self, number: int) -> Line:
        where, asked = self._index.line(number)
        return Line(source="", where=where, request=request_from(json.loads(asked)))
