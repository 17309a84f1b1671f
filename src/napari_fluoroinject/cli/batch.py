"""`fluoroinject batch`: a great many loops in, results, tables and one page out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.analyze import parse_also
from napari_fluoroinject.cli.batch_progress import Stop, note, shown
from napari_fluoroinject.cli.console import (
    ConfigOption,
    check_folder,
    finish,
    printable,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.errors import (
    AnnotationError,
    ProcedureError,
    SettingsError,
)
from napari_fluoroinject.settings import (  # noqa: TC001 - typer reads annotations when it runs
    Decoder,
    Device,
    ReportClass,
    SegProfile,
)
from napari_fluoroinject.settings.batch import (
    LEAST_MEMORY_MB,
    MOST_ASSOCIATIONS,
    MOST_WORKERS,
)

if TYPE_CHECKING:
    from napari_fluoroinject.batch.outcome import Failure
    from napari_fluoroinject.batch.whole import BatchReport, BatchWish
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.workflow import AnalysisRequest

_GO_ON = "give the same command again to go on"
_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Files, folders, lists of sources (.csv, .jsonl, .txt), endpoints "
        "(pacs://..., dicomweb+https://..., names of the settings file) with ?Keyword=value.",
    ),
]
_Out = Annotated[
    Path, typer.Option(help="Folder for the results, one folder per loop; name it again to go on.")
]
_ProcedureOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY|auto",
        help="See `procedures`; auto: as each loop's header says; without it: generic, no rules.",
    ),
]
_SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="A Dask cluster, tcp://host:8786, in place of this machine alone."
    ),
]
_WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_WORKERS,
        help="Loops at once on this machine; without it as many as it has processors, and memory "
        "for. 0: one loop after another, without Dask.",
    ),
]
_TimeOption = Annotated[
    float | None,
    typer.Option(metavar="S", min=1, help="Seconds that one loop may take; without it 600."),
]
_MemoryOption = Annotated[
    int | None,
    typer.Option(
        metavar="MB",
        min=LEAST_MEMORY_MB,
        help="Memory that the work on one loop may take; without it 4096.",
    ),
]
_AssociationsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_ASSOCIATIONS,
        help="Studies that are fetched at once from archives; without it 2.",
    ),
]
_RetryOption = Annotated[
    bool, typer.Option("--retry", help="Try again what failed or was set aside.")
]
_AS_OF_ANALYZE = typer.Option(help="As of `analyze`.")
_AlsoOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME|all", help="As of `analyze`.")
]


def batch(  # noqa: PLR0913 - one parameter per option of the command
    sources: _Sources,
    *,
    out: _Out,
    procedure: _ProcedureOption = None,
    scheduler: _SchedulerOption = None,
    workers: _WorkersOption = None,
    time_limit: _TimeOption = None,
    memory_limit: _MemoryOption = None,
    associations: _AssociationsOption = None,
    retry: _RetryOption = False,
    on: Annotated[Device | None, typer.Option(help="Where the array work runs.")] = None,
    decoder: Annotated[Decoder | None, _AS_OF_ANALYZE] = None,
    seg_profile: Annotated[SegProfile | None, _AS_OF_ANALYZE] = None,
    report_class: Annotated[ReportClass | None, _AS_OF_ANALYZE] = None,
    also: _AlsoOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Tell the outcome as JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Analyse a great many loops on all processors or a cluster; stop and go on at any time.

    Results are those of `analyze`; loops that are done are not done again. Beside them: tables
    for pandas, with a data dictionary, and a page on all of them.
    """
    check_folder(out)
    settings = settings_from(config)
    from napari_fluoroinject.workflow import AnalysisRequest

    site = AnalysisRequest.by(settings, procedure)
    request = replace(
        site,
        on=on or site.on,
        decoder=decoder or site.decoder,
        seg_profile=seg_profile or site.seg_profile,
        report_class=report_class or site.report_class,
        also=parse_also(also or settings.defaults.also.split()),
    )
    if scheduler is not None and workers is not None:
        raise typer.BadParameter("--workers are of this machine; a --scheduler has its own")
    from napari_fluoroinject.batch.task import Limits
    from napari_fluoroinject.batch.whole import BatchWish

    own = settings.batch
    wish = BatchWish(
        out=out,
        scheduler=scheduler,
        workers=own.workers if workers is None else workers,
        limits=Limits(
            time_s=time_limit or own.time_limit_s,
            memory_bytes=(memory_limit or own.memory_limit_mb) << 20,
        ),
        associations=associations or own.associations,
        retry=retry,
    )
    with wrong_usage(ProcedureError, AnnotationError, SettingsError):
        report = _run(sources, request, wish, settings)
    _tell(report, out, as_json=as_json)


def _run(
    sources: list[str], request: AnalysisRequest, wish: BatchWish, settings: Settings
) -> BatchReport:
    from napari_fluoroinject.batch.whole import Listeners, batch_sources

    with shown() as told, Stop(told).heard() as stop:
        listeners = Listeners(
            progress=told.step,
            watch=told.watch,
            link=lambda link: told.note(f"Dask's page: {link}"),
            stopping=stop,
        )
        try:
            return batch_sources(sources, request, wish, settings=settings, told=listeners)
        except KeyboardInterrupt as left:
            left.add_note(_GO_ON)
            raise


def _tell(report: BatchReport, out: Path, *, as_json: bool) -> None:
    """Print what was done, name the failures, and leave with the status that it has."""
    outcome = report.outcome
    if as_json:
        typer.echo(json.dumps(_told(report, out), indent=1))
    else:
        typer.echo(printable(_sentence(report)))
        typer.echo(f"  Results: {printable(str(out))}")
    if outcome.damaged:
        note(f"{outcome.damaged} damaged lines of the journal were left out")
    if outcome.stopped:
        stop = KeyboardInterrupt()
        stop.add_note(f"{outcome.done + outcome.kept} loops done")
        stop.add_note(_GO_ON)
        raise stop
    failures = [(one.source, _reason(one)) for one in outcome.failures]
    if not failures and not outcome.done + outcome.kept:
        failures = [("the sources", "no cine loop found; expected DICOM files of a cine loop")]
    finish(failures)


def _reason(failure: Failure) -> str:
    aside = "set aside: " if failure.state == "set_aside" else ""
    before = " (in an earlier run; --retry tries again)" if failure.before else ""
    return f"{aside}{failure.reason}{before}"


def _sentence(report: BatchReport) -> str:
    outcome = report.outcome
    told = [f"{outcome.done} loops done"]
    told += [f"{outcome.anew} of them anew: something had changed"] if outcome.anew else []
    told += [f"{outcome.kept} done before"] if outcome.kept else []
    told += [f"{outcome.copies} copies of them"] if outcome.copies else []
    told += [f"{len(outcome.failures)} failed"] if outcome.failures else []
    left_out = [f"{count} {what}" for what, count in sorted(report.left_out.items())]
    told += [f"left out: {', '.join(left_out)}"] if left_out else []
    if outcome.done:
        each = outcome.cpu_seconds / outcome.done
        told.append(
            f"{3600 * outcome.done / outcome.seconds:.0f} loops/h, "
            f"{each:.1f} core-seconds a loop, {outcome.peak_bytes >> 20} MB at most"
        )
    return "; ".join(told)


def _told(report: BatchReport, out: Path) -> dict[str, Any]:
    outcome = report.outcome
    told = {name: value for name, value in asdict(outcome).items() if name != "failures"}
    return {
        "out": str(out),
        **told,
        "left_out": dict(sorted(report.left_out.items())),
        "tabled": report.tabled,
        "failures": [asdict(one) for one in outcome.failures],
    }
