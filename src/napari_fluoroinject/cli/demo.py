"""`fluoroinject demo`: the main job from C-arm to archive, on a synthetic loop."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fluoroinject.cli.console import finish, progress
from napari_fluoroinject.cli.readable import line, section, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.workflow import Outcome

SCENE = "esi_il_lumbar"
TWIN = "vascular_mixed"
SEED = 101
"""A scene whose run-off is plain to see; others are fainter, and some are missed."""
C_ARM = "CARM"
FRAMES = 90
SIZE = 512


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
        outcome, told = _through_the_network(loop, out, tell)
    for result in outcome.results:
        typer.echo(_scene(truth))
        typer.echo("\n" + statement(result.summary, title=get(SCENE).name))
        typer.echo("\n" + section("What happened", told))
        typer.echo("\n" + _files(result.folder, loop, out))
    typer.echo(f"\n{time.monotonic() - begin:.0f} s in all. {_INTENDED_USE}")
    finish(outcome.failures)


_INTENDED_USE = "Research software, not a medical device: no warning is not a clearance."


def _make_loop(folder: Path, seed: int) -> tuple[Path, dict[str, Any]]:
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(seed=seed, twin=TWIN, frames=FRAMES, size=SIZE)
    loop, truth, *_ = make_phantom_files(SCENE, settings, out=folder)
    return loop, json.loads(truth.read_text(encoding="utf-8"))


def _through_the_network(
    loop: Path, out: Path, tell: Callable[[str, float], None]
) -> tuple[Outcome, list[str]]:
    """C-arm -> receiver -> spool -> analysis -> archive -> query; (outcome, what was done)."""
    from napari_fluoroinject.endpoints.archive import Archive
    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
    from napari_fluoroinject.spool.store import Spool
    from napari_fluoroinject.workflow import AnalysisRequest, analyze_sources

    with (
        Spool(out / "spool", digest=dataset_sha256) as spool,
        Spool(out / "archive", digest=dataset_sha256) as shelf,
        Receiver(spool) as receiver,
        Archive(shelf) as archive,
    ):
        tell("C-STORE from the simulated C-arm", 0.2)
        received = _push(loop, receiver)
        outcome = analyze_sources(
            [str(received)],
            AnalysisRequest(procedure=SCENE),
            out=out / "results",
            progress=lambda step, fraction: tell(step, 0.25 + 0.65 * fraction),
        )
        tell("C-STORE of the results, C-FIND", 0.95)
        pacs = Pacs(
            host="127.0.0.1",
            port=archive.port,
            called=archive.station.ae_title,
            calling=receiver.station.ae_title,
        )
        objects = [file for result in outcome.results for file in result.files]
        told = [
            line("C-STORE", f"{C_ARM} sent the loop to {receiver.station.ae_title}; kept durably"),
            line("spool", str(received)),
            *_archive(pacs, [loop, *objects]),
        ]
    return outcome, told


def _push(loop: Path, receiver: Receiver) -> Path:
    """Send the loop as a C-arm would; return where the receiver keeps it."""
    from napari_fluoroinject.endpoints.pacs import Pacs

    c_arm = Pacs(
        host="127.0.0.1",
        port=receiver.port,
        called=receiver.station.ae_title,
        calling=C_ARM,
    )
    (receipt,) = c_arm.store([loop])
    # acknowledged means kept; in a second demo in the same folder it was kept before
    return receiver.spool.path_of(receipt.sop_instance_uid)


def _archive(pacs: Pacs, files: Sequence[Path]) -> list[str]:
    """Store loop and results, then ask the archive what it has; what was done, line by line."""
    from napari_fluoroinject.endpoints.base import Query

    receipts = pacs.store(files)
    lines = [line("C-STORE", f"loop and results, {len(receipts)} objects, kept by {pacs}")]
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
