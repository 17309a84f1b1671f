"""A whole batch on one page: sources in; results, tables and a page out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.ahead import DevicePool
from napari_fluoroinject.batch.due import is_settled
from napari_fluoroinject.batch.journal import Journal
from napari_fluoroinject.batch.layout import WorkerPlace, devices_here, layout
from napari_fluoroinject.batch.order import JOB_FOLDER
from napari_fluoroinject.batch.outcome import BatchOutcome, Standing, Terms
from napari_fluoroinject.batch.page import write_page
from napari_fluoroinject.batch.plan import Plan, Planning, planned
from napari_fluoroinject.batch.records import records
from napari_fluoroinject.batch.run import run_batch
from napari_fluoroinject.batch.table import write_tables
from napari_fluoroinject.batch.task import Limits, Pool, leave_token
from napari_fluoroinject.batch.unplanned import write_unplanned
from napari_fluoroinject.batch.wishes import check_request
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.dicom.decoder import check_decoder
from napari_fluoroinject.sources import Progress, check_writable, is_remote, silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.batch.column import LoopRecord
    from napari_fluoroinject.batch.order import LoopOrder
    from napari_fluoroinject.compute.backend import Wish
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.workflow import AnalysisRequest

_AHEAD, _AHEAD_OF_FETCHED = 10_000, 64
"""How many loops are planned ahead: what lies here is soon counted, what is fetched takes room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWish:
    """What a person asks of a batch, beside what is asked of each analysis.

    Attributes
    ----------
    out
        Folder of the results.
    scheduler
        Address of a Dask cluster; None = this machine.
    workers
        Loops at once on this machine; 0 = one after another without Dask; None = as many as
        there are processors, and memory for.
    limits
        Of one loop.
    associations
        How many studies are fetched at once.
    retry
        Whether what failed or was set aside is tried again.
    """

    out: Path
    scheduler: str | None = None
    workers: int | None = None
    limits: Limits = field(default_factory=Limits)
    associations: int = 2
    retry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told: of steps, of how the batch stands, of Dask's page; and who may stop it."""

    progress: Progress = silent
    watch: Callable[[Standing], None] = lambda _: None
    link: Callable[[str], None] = lambda _: None
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What a batch did.

    `left_out` counts what was seen in the sources and is no loop; `tabled` the loops of this and
    all earlier runs, which are in the tables.
    """

    outcome: BatchOutcome
    left_out: Counter[str]
    tabled: int


def batch_sources(
    sources: Sequence[str],
    request: AnalysisRequest,
    wish: BatchWish,
    *,
    settings: Settings,
    told: Listeners | None = None,
) -> BatchReport:
    """Analyse every loop of the sources that has no results yet; then write tables and page.

    Parameters
    ----------
    sources
        Files, folders, lists of sources, endpoints with queries.
    request
        What is asked for all; a list may say more for each.
    wish
        How.
    settings
        Of the site.
    told
        Who hears of it.

    Raises
    ------
    FluoroinjectError
        The request is wrong, the folder cannot be written or another batch holds it, or the
        workers are lost. What ended before is kept: the same call goes on from there.
    """
    told = told or Listeners()
    check_request(request)
    if wish.scheduler is None:
        choose(request.on)
        check_decoder(request.decoder)
    plans: list[Plan] = []
    with Journal(wish.out) as journal:
        check_writable(wish.out)
        terms = _terms(sources, wish, settings)
        leave_token(terms.out, terms.token)
        how = _planning(journal, wish, settings, told)

        def opening() -> Plan:
            plans.append(planned(sources, request, how))
            return plans[0]

        with closing(_pool(sources, request.on, wish, terms, told)) as pool:
            outcome = run_batch(
                opening, journal, pool, terms, watch=told.watch, stopping=told.stopping
            )
        ended = records(journal.ended(), wish.out, site=request.site_procedures)
        tabled = _written(ended, outcome, wish.out, told.progress)
    left_out = Counter[str]() if not plans else plans[0].left_out
    return BatchReport(outcome=outcome, left_out=left_out, tabled=tabled)


def workers_here(limits: Limits) -> int:
    """How many loops this machine can work on at once: processors, and memory for each.

    Parameters
    ----------
    limits
        Of one loop.
    """
    try:
        processors = len(os.sched_getaffinity(0))
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows and macOS
        return os.cpu_count() or 1
    return max(1, min(processors, pages // limits.memory_bytes))


def _terms(sources: Sequence[str], wish: BatchWish, settings: Settings) -> Terms:
    remote = any(is_remote(one, settings) for one in sources)
    return Terms(
        out=wish.out.absolute(),
        limits=wish.limits,
        retry=wish.retry,
        ahead=_AHEAD_OF_FETCHED if remote else _AHEAD,
    )


def _planning(journal: Journal, wish: BatchWish, settings: Settings, told: Listeners) -> Planning:
    """How sources become orders; what the journal holds is not fetched again."""

    def done(order: LoopOrder) -> bool:
        return is_settled(order, journal, out=wish.out, retry=wish.retry) is not None

    return Planning(
        settings=settings,
        out=wish.out,
        associations=wish.associations,
        done=done,
        progress=told.progress,
    )


def _written(
    ended: Iterable[LoopRecord], outcome: BatchOutcome, out: Path, progress: Progress
) -> int:
    """Write the tables and the page; how many loops are in them."""
    progress("writing the tables", 1.0)
    tabled = write_tables(out, ended)
    write_unplanned(out, outcome.failures, stopped=outcome.stopped)
    progress("writing the page", 1.0)
    write_page(out)
    return tabled


def _places(on: Wish, wish: BatchWish) -> tuple[WorkerPlace, ...]:
    """Workers of this machine, where CUDA devices are wanted and there are any; else none."""
    if wish.scheduler is not None or on not in ("auto", "cuda"):
        return ()
    return layout(on, wish.workers or workers_here(wish.limits), devices_here())


def _pool(
    sources: Sequence[str], on: Wish, wish: BatchWish, terms: Terms, told: Listeners
) -> Pool:
    from napari_fluoroinject.batch.cluster import local_pool, pool_at
    from napari_fluoroinject.batch.here import ThreadPool

    if wish.scheduler is None and wish.workers == 0:
        return ThreadPool(1)
    told.progress("starting workers", 0.0)
    places = _places(on, wish)
    if any(one.role == "decode" for one in places):
        return DevicePool(places, terms.out / JOB_FOLDER)
    if wish.scheduler is None:
        pool = local_pool(wish.workers or workers_here(wish.limits))
    else:
        here = [Path(one).absolute() for one in sources if Path(one).exists()]
        pool = pool_at(wish.scheduler, out=terms.out, sources=here, token=terms.token)
    if pool.link is not None:
        told.link(pool.link)
    return pool
