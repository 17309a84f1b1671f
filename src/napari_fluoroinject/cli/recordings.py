"""`fluoroinject recordings`: which runs were recorded, and a run of them written as DICOM."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads it off the option
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    finish,
    printable,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.cli.live_options import (
    AccessionOption,
    AnglesOption,
    GaugeOption,
    HandOption,
    LengthOption,
    ResearchOption,
    SideOption,
    StepOption,
    StudyOption,
    TextOption,
    Wanted,
    WorklistOption,
    check_peer,
    papers_of,
    query_of,
)
from napari_fluoroinject.errors import FluoroinjectError, StorageError, UnreadableObjectError

if TYPE_CHECKING:
    from napari_fluoroinject.live.desk import Papers
    from napari_fluoroinject.live.fates import Fate
    from napari_fluoroinject.live.runs import Run
    from napari_fluoroinject.settings import Settings

_KEPT = {
    "recording": "only in the recording",
    "written": "written beside it",
    "waiting": "waits to be handed over to {}",
    "handed": "handed over to {}",
}
"""What became of a run, in words."""


def recordings(  # noqa: PLR0913 - one parameter per option of the command
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A recording, or a folder of them (else live.record)."
        ),
    ] = None,
    *,
    run: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Write this run of one recording.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder that the run is written to.")] = None,
    hand_to: HandOption = None,
    worklist: WorklistOption = None,
    accession: AccessionOption = None,
    study: StudyOption = None,
    step: StepOption = None,
    research: ResearchOption = False,
    side: SideOption = None,
    angles: AnglesOption = None,
    known_length: LengthOption = None,
    gauge: GaugeOption = None,
    no_text: TextOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="The list as one document.")] = False,
    config: ConfigOption = None,
) -> None:
    """List recordings of live feeds and their runs, or write a run as DICOM.

    A run is written under the patient of a worklist item, or with --research under one that is
    visibly nobody. Nothing recorded is changed or deleted by it.
    """
    settings = settings_from(config)
    folder = folder or settings.live.record
    if run is None:
        if out is not None or hand_to is not None or research:
            raise typer.BadParameter("no run is named; expected --run N of one recording")
        _list(folder, as_json=as_json)
        return
    wanted = Wanted(
        worklist=worklist,
        accession=accession,
        study=study,
        step=step,
        research=research,
        angles=angles,
        known_length=known_length,
        gauge=gauge,
        no_text=no_text,
        side=side,
    )
    _write((folder, run), wanted, settings, out=out, hand_to=hand_to or settings.live.hand_to)


def _list(root: Path, *, as_json: bool) -> None:
    from napari_fluoroinject.live.runs import recordings_in

    with wrong_usage(UnreadableObjectError):
        folders = recordings_in(root)
    listed: list[dict[str, Any]] = []
    failures = []
    for one in folders:
        try:
            listed.append(_recording(one))
        except FluoroinjectError as error:
            failures.append((one.name, str(error)))
    if as_json:
        typer.echo(json.dumps(listed))
    else:
        for entry in listed:
            typer.echo(printable(f"{entry['recording']}  {entry['frames']} frames"))
            for one_run in entry["runs"]:
                typer.echo(_line(one_run))
        if not folders:
            typer.echo(f"no recording in {printable(str(root))}")
        _tell_what_to_do([run["kept"] for entry in listed for run in entry["runs"]])
    finish(failures)


def _recording(folder: Path) -> dict[str, Any]:
    from napari_fluoroinject.live.fates import fate_of, waiting_in
    from napari_fluoroinject.live.runs import runs_of
    from napari_fluoroinject.recording import Recording

    waiting = waiting_in(folder.resolve().parent)
    runs = [
        _as_json(run) | _fate(fate_of(folder.resolve(), run.number, waiting))
        for run in runs_of(folder)
    ]
    return {"recording": str(folder), "frames": Recording.open(folder).frames, "runs": runs}


def _fate(fate: Fate) -> dict[str, Any]:
    return {"kept": fate.where, "to": fate.to or None}


def _tell_what_to_do(kept: list[str]) -> None:
    """Name what brings runs on their way that are not."""
    if "recording" in kept:
        typer.echo(
            "runs that are only in their recording: `recordings RECORDING --run N` writes one, "
            "with the order that is its own, and --out or --hand-to"
        )
    if "waiting" in kept:
        typer.echo("runs that wait: the next `live` of these recordings hands them over")


def _as_json(run: Run) -> dict[str, Any]:
    began = datetime.fromtimestamp(run.began_wall_ns * 1e-9, UTC)
    return {
        "run": run.number,
        "began": began.isoformat(timespec="milliseconds"),
        "frames": run.frames,
        "seconds": round(run.seconds, 3),
        "rows": run.shape[0],
        "columns": run.shape[1],
        "ended_by": run.why,
        "notes": list(run.notes),
    }


def _line(run: dict[str, Any]) -> str:
    said = f"; {run['notes'][-1]}" if run["notes"] else ""
    return printable(
        f"  run {run['run']}: {run['began']}  {run['frames']} frames  {run['seconds']:.1f} s  "
        f"{run['columns']} x {run['rows']}  ended: {run['ended_by']}  "
        f"{_KEPT[run['kept']].format(run['to'])}{said}"
    )


def _write(
    which: tuple[Path, int],
    wanted: Wanted,
    settings: Settings,
    *,
    out: Path | None,
    hand_to: str | None,
) -> None:
    from napari_fluoroinject.dicom.write import write_objects
    from napari_fluoroinject.live.desk import write_run
    from napari_fluoroinject.live.handing import Outgoing

    folder, number = which
    papers = _with_order(papers_of(wanted, settings), wanted, settings)
    if out is None and hand_to is None:
        raise typer.BadParameter("nowhere to write it; expected --out, --hand-to, or both")
    check_peer(hand_to, settings)
    with wrong_usage(UnreadableObjectError):
        encoded = write_run(folder, number, papers)
    uid = str(encoded.dataset.SOPInstanceUID)
    if out is not None:
        write_objects([replace(encoded, name=uid)], out)
        typer.echo(f"written: {printable(str(out / f'{uid}.dcm'))}")
    if hand_to is None:
        return
    outgoing = Outgoing(folder.resolve().parent, settings)
    order = outgoing.add(encoded, hand_to, of=(folder.resolve(), number))
    outgoing.round()
    if order.exists():
        raise StorageError(
            f"not handed over yet: {outgoing.told.error}; it is kept and tried again with the "
            "next `live` of these recordings"
        )
    typer.echo(f"handed over: {uid}")


def _with_order(papers: Papers, wanted: Wanted, settings: Settings) -> Papers:
    from napari_fluoroinject.live.ordering import find_order

    query = query_of(wanted, settings)
    if query is None and not papers.research:
        raise typer.BadParameter(
            "nobody is named whose run it is; expected --accession or --study of a worklist, or "
            "--research"
        )
    return papers if query is None else replace(papers, order=find_order(query, settings))
