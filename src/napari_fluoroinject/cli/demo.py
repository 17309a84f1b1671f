"""`fluoroinject demo`: the main job from C-arm to archive, on a synthetic loop."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import progress
from napari_fluoroinject.cli.readable import line, section, statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.endpoints.archive import Archive
    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.endpoints.storage_scp import Station, StorageScp
    from napari_fluoroinject.settings.network import ListenSettings

SCENE = "esi_il_lumbar"
TWIN = "vascular_mixed"
SEED = 101
"""A scene whose run-off is plain to see; others are fainter, and some are missed."""
C_ARM = "CARM"
FRAMES = 90
SIZE = 512
_PATIENCE_S, _POLL_S, _USUAL_S = 600.0, 0.2, 12.0


def demo(
    out: Annotated[Path, typer.Option(help="Folder for loop, spool, archive and results.")] = Path(
        "fluoroinject-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Which synthetic patient.")] = SEED,
) -> None:
    """Push a synthetic loop from a simulated C-arm, analyse it, archive and query the results."""
    from napari_fluoroinject.procedures import get

    begin = time.monotonic()
    with progress() as tell:
        tell("making a synthetic cine loop", 0.0)
        loop, truth = _make_loop(out / "loop", seed)
        done = _through_the_network(loop, out, tell)
    typer.echo(_scene(truth))
    typer.echo("\n" + statement(done.summary, title=get(SCENE).name))
    typer.echo("\n" + section("What happened", done.told))
    typer.echo("\n" + _files(done.folder, loop, out))
    typer.echo(f"\n{time.monotonic() - begin:.0f} s in all. {_INTENDED_USE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What came of it: the folder of the results, their summary, what was done line by line."""

    folder: Path
    summary: dict[str, Any]
    told: list[str]


_INTENDED_USE = "Research software, not a medical device: no warning is not a clearance."


def _make_loop(folder: Path, seed: int) -> tuple[Path, dict[str, Any]]:
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(seed=seed, twin=TWIN, frames=FRAMES, size=SIZE)
    loop, truth, *_ = make_phantom_files(SCENE, settings, out=folder)
    return loop, json.loads(truth.read_text(encoding="utf-8"))


def _through_the_network(loop: Path, out: Path, tell: Callable[[str, float], None]) -> _Done:
    """C-arm -> receiver -> spool -> worker -> queue -> sender -> archive -> query."""
    from napari_fluoroinject.endpoints.archive import Archive
    from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
    from napari_fluoroinject.service.attended import attended
    from napari_fluoroinject.service.orders import Orders
    from napari_fluoroinject.spool.store import Spool

    with Spool(out / "archive", digest=dataset_sha256) as shelf, Archive(shelf) as archive:
        config = _site(out, archive)
        received, station = _receiver(out / "spool")
        orders = Orders(root=received.spool.absolute(), config=config.absolute())
        with attended(received, station, orders) as (receiver, check):
            tell("C-STORE from the simulated C-arm", 0.2)
            uid = _push(loop, receiver, archive)
            kept = receiver.spool.path_of(uid)
            _await(orders.root, uid, check, tell)
        tell("C-FIND in the archive", 0.95)
        pacs = _caller(archive, station.ae_title)
        results, sent = _results(orders.root, uid, out / "results")
        told = [
            line("C-STORE", f"{C_ARM} sent the loop to {station.ae_title}; kept durably"),
            line("spool", str(kept)),
            line("analysis", "in a process of its own, with limits of time and memory"),
            line("C-STORE", f"results, {sent} objects, kept by {pacs}"),
            *_archive(pacs),
        ]
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    return _Done(folder=results, summary=summary, told=told)


def _site(out: Path, archive: Archive) -> Path:
    """The settings of this demo: what every loop is, and where its results go."""
    from napari_fluoroinject.spool.disk import write_whole

    url = f"pacs://FLUOROINJECT:{archive.station.ae_title}@127.0.0.1:{archive.port}"
    config = out / "fluoroinject.toml"
    text = f"""# Written by `fluoroinject demo`: its archive, and what is done with loops.
[endpoints.archive]
url = "{url}"

[service]
analyze = "{SCENE}"
send_to = "archive"
"""
    write_whole(config, text.encode())
    return config


def _receiver(spool: Path) -> tuple[ListenSettings, Station]:
    from napari_fluoroinject.endpoints.storage_scp import station_of
    from napari_fluoroinject.settings.network import ListenSettings

    settings = ListenSettings(port=0, spool=spool)
    return settings, station_of(settings)


def _caller(listener: StorageScp, calling: str) -> Pacs:
    from napari_fluoroinject.endpoints.pacs import Pacs

    return Pacs(
        host="127.0.0.1",
        port=listener.port,
        called=listener.station.ae_title,
        calling=calling,
    )


def _push(loop: Path, receiver: Receiver, archive: Archive) -> str:
    """Send the loop as a C-arm would, to the archive and to us; return its SOP Instance UID."""
    _caller(archive, C_ARM).store([loop])
    (receipt,) = _caller(receiver, C_ARM).store([loop])
    return receipt.sop_instance_uid


def _await(
    root: Path, uid: str, check: Callable[[], None], tell: Callable[[str, float], None]
) -> None:
    """Wait until the results of a loop are known to be in the archive; a failure is raised."""
    from napari_fluoroinject.errors import AnalysisError
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.jobs import Jobs
    from napari_fluoroinject.spool.queue import Queue

    with Database(root) as database:
        jobs, queue = Jobs(database), Queue(database)
        known = jobs.get(uid)
        if known is not None and known.state in ("done", "failed"):
            jobs.again(uid)  # a second demo in the same folder: its loop is here already
        begin = time.monotonic()
        while True:
            check()
            job = jobs.get(uid)
            waiting = [one for one in queue.every() if one.state != "committed"]
            if job is not None and job.state == "failed":
                raise AnalysisError(f"the loop could not be analysed: {job.reason}")
            if job is not None and job.state == "done" and not waiting:
                return
            if (passed_s := time.monotonic() - begin) > _PATIENCE_S:
                why = waiting[0].last_error if waiting else "the analysis did not end"
                raise AnalysisError(f"no results in the archive after {passed_s:.0f} s: {why}")
            step = "analysing in a process of its own"
            tell("returning the results" if waiting else step, _fraction(passed_s))
            time.sleep(_POLL_S)


def _fraction(passed_s: float) -> float:
    """How far the work may be: nobody knows, so it comes ever nearer to the end."""
    return 0.25 + 0.65 * passed_s / (passed_s + _USUAL_S)


def _results(root: Path, uid: str, out: Path) -> tuple[Path, int]:
    """Copy the results of a loop from the spool to where a person looks; how many objects."""
    from napari_fluoroinject.results import is_result
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.folder import replaced_folder
    from napari_fluoroinject.spool.queue import Queue

    with Database(root) as database:
        sent = [one for one in Queue(database).every() if one.source_uid == uid]
    with replaced_folder(out / uid, ours=is_result) as fresh:
        for file in sent[-1].path.parent.iterdir():
            shutil.copyfile(file, fresh / file.name)
    return out / uid, len(sent)


def _archive(pacs: Pacs) -> list[str]:
    """Ask the archive what it has; its answers, line by line."""
    from napari_fluoroinject.endpoints.base import Query

    lines = []
    for study in pacs.query(Query(keys=dict.fromkeys(_STUDY_KEYS, ""))):
        uid = study["StudyInstanceUID"]
        held = ", ".join(f"{key} {study[key]}" for key in _STUDY_KEYS if key != "StudyInstanceUID")
        lines.append(line("C-FIND study", f"{uid}: {held}"))
        keys = {"StudyInstanceUID": uid} | dict.fromkeys(_SERIES_KEYS, "")
        lines += [
            line(
                f"C-FIND series {one['Modality']}",
                f"{one['SeriesDescription'] or 'without description'}, objects: "
                f"{one['NumberOfSeriesRelatedInstances']}",
            )
            for one in pacs.query(Query(level="SERIES", keys=keys))
        ]
    return lines


_STUDY_KEYS = (
    "StudyInstanceUID",
    "PatientID",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
_SERIES_KEYS = (
    "SeriesInstanceUID",
    "Modality",
    "SeriesDescription",
    "NumberOfSeriesRelatedInstances",
)


def _scene(truth: dict[str, Any]) -> str:
    """What the loop was made with, so that the reader can hold the result against it."""
    expected = ", ".join(name.replace("_", " ") for name in truth["warnings_expected"])
    return section(
        "Synthetic loop, no patient",
        [
            line("made as", f"{truth['procedure']}, twin {truth['twin']}, seed {truth['seed']}"),
            line("expected warnings", expected or "none"),
        ],
    )


def _files(results: Path, loop: Path, out: Path) -> str:
    return section(
        "Files",
        [
            line("picture", str(results / "overview.png")),
            line("summary, DICOM objects", str(results)),
            line("loop and its truth", str(loop.parent)),
            line("archive", str(out / "archive")),
        ],
    )
