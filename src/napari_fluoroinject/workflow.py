"""The whole product on one page: find loops, analyse them, draw, encode and keep the results."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.dicom.seg import SegProfile
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.model.annotation import Annotation, NeedleTrajectory, parse_annotation
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.model.summary import summarize

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.cine_object import Kind, Packing
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import PhantomSettings

log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def _silent(_step: str, _fraction: float) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What a person asked for; None = not said, and never guessed."""

    procedure: str | None = None
    level: str | None = None
    side: Side | None = None
    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    annotation_file: Path | None = None
    on: Wish = "auto"
    seg_profile: SegProfile = "strict"

    def annotation(self) -> Annotation:
        """Return what was marked: the annotation file, overridden by what stands beside it.

        Raises
        ------
        AnnotationError
            The file is not a valid annotation.
        """
        annotation = Annotation()
        if self.annotation_file is not None:
            text = self.annotation_file.read_text(encoding="utf-8")
            annotation = parse_annotation(text, name=self.annotation_file.name)
        said = {name: getattr(self, name) for name in Annotation.__dataclass_fields__}
        return replace(annotation, **{name: v for name, v in said.items() if v is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResult:
    """What one loop left behind: its folder, its summary, and the files of its DICOM objects."""

    folder: Path
    summary: dict[str, Any]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did: a result for each loop, and (name, message) for each failure."""

    results: tuple[LoopResult, ...]
    failures: tuple[tuple[str, str], ...]


def analyze_sources(
    sources: Sequence[str],
    request: AnalysisRequest,
    *,
    out: Path,
    progress: Progress = _silent,
) -> Outcome:
    """Analyse every loop that files and folders hold; what fails is named, the rest is done.

    Raises
    ------
    FluoroinjectError
        The request itself is wrong (unknown procedure, backend not there, invalid annotation).
    """
    procedures.get(request.procedure or procedures.GENERIC)
    choose(request.on)
    request.annotation()
    results: list[LoopResult] = []
    failures: list[tuple[str, str]] = []
    loops = list(_loops(sources))
    for index, found in enumerate(loops):
        if isinstance(found, UnreadableObjectError):
            failures.append((found.source, str(found)))
            continue
        name = found.paths[0].name
        share = _Share(progress, name, index, len(loops))
        try:
            results.append(analyze_files(found.paths, request, out=out, progress=share))
        except Exception as error:  # the edge of the worker: one loop never ends the run
            log.debug("analysis failed", exc_info=True)
            failures.append((name, _told(error)))
    return Outcome(results=tuple(results), failures=tuple(failures))


def analyze_files(
    paths: Sequence[Path],
    request: AnalysisRequest,
    *,
    out: Path,
    progress: Progress = _silent,
) -> LoopResult:
    """Analyse the one loop that these files are, and keep the results in a folder of its own.

    Raises
    ------
    FluoroinjectError
        The loop cannot be read, analysed, or written.
    """
    report = analyze(
        read_loop(*paths),
        request.procedure or procedures.GENERIC,
        request.annotation(),
        on=request.on,
        progress=progress,
    )
    return save(report, paths, out=out, seg_profile=request.seg_profile)


def analyze(
    loop: CineLoop,
    procedure: str = procedures.GENERIC,
    annotation: Annotation | None = None,
    *,
    on: Wish = "auto",
    progress: Progress = _silent,
) -> Report:
    """Measure needle, contrast spread and run-off in one loop.

    Parameters
    ----------
    loop
        The cine loop, as `read_loop` gives it.
    procedure
        Key of a procedure; `generic` knows no target and no expected spread.
    annotation
        What a person marked; nothing is guessed in its place.
    on
        `auto`, `cpu` or `cuda`; never another than the one asked for.
    progress
        Told before each step.

    Raises
    ------
    FluoroinjectError
        Unknown procedure, backend not there, unreadable frames, annotation outside the picture.
    """
    return analyze_loop(
        loop,
        procedures.get(procedure),
        annotation or Annotation(),
        on=choose(on),
        progress=progress,
    )


def save(
    report: Report, source_paths: Sequence[Path], *, out: Path, seg_profile: SegProfile = "strict"
) -> LoopResult:
    """Write picture, DICOM objects and summary of a report under `out`.

    The summary is written last: where it stands, all the rest is complete.

    Parameters
    ----------
    report
        The analysed loop.
    source_paths
        The files it was read from; identity is copied from them once their hash was checked.
    out
        Folder for the results; a folder named by the loop's SOP Instance UID is made in it.
    seg_profile
        `strict` (no invented geometry) or `viewer` (nominal geometry, marked as such).

    Raises
    ------
    IdentityMismatchError
        The source files are not those of the report any more.
    """
    from napari_fluoroinject.dicom.write import encode_results, write_objects
    from napari_fluoroinject.rendering.overview import draw_overview

    folder = out / report.loop.reference.sop_instance_uid
    folder.mkdir(parents=True, exist_ok=True)
    objects = encode_results(report, source_paths, seg_profile=seg_profile)
    written = write_objects(objects, folder)
    _write(folder / "overview.png", draw_overview(report))
    summary = summarize(
        report,
        tuple(
            {
                "file": w.file,
                "sop_class_uid": w.sop_class_uid,
                "sop_instance_uid": w.sop_instance_uid,
            }
            for w in written
        ),
    )
    _check(summary)
    _write(folder / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    return LoopResult(
        folder=folder, summary=summary, files=tuple(folder / w.file for w in written)
    )


def make_phantom_files(
    key: str,
    settings: PhantomSettings,
    *,
    out: Path,
    kind: Kind = "xa",
    packing: Packing = "uncompressed",
) -> tuple[Path, ...]:
    """Write a synthetic loop as DICOM with its truth beside it.

    Returns the paths of the loop, `truth.json` and `truth.npz`.

    Raises
    ------
    PhantomError
        No such scene, twin or view.
    """
    import numpy as np

    from napari_fluoroinject.dicom.cine_object import (
        PACKINGS,
        encode_cine,
        phantom_identity,
        write_cine,
    )
    from napari_fluoroinject.phantom import make_phantom

    phantom = make_phantom(key, settings=settings)
    out.mkdir(parents=True, exist_ok=True)
    loop_path = out / f"{key}_{settings.twin}_{settings.seed}.dcm"
    identity = phantom_identity(key, settings.seed)
    encoded = encode_cine(
        phantom.loop, kind=kind, identity=identity, transfer_syntax=PACKINGS[packing]
    )
    write_cine(encoded, loop_path)
    truth = (json.dumps(phantom.truth.to_json(), indent=1) + "\n").encode()
    _write(out / "truth.json", truth)
    np.savez_compressed(out / "truth.npz", allow_pickle=False, **phantom.truth.to_npz())
    return loop_path, out / "truth.json", out / "truth.npz"


def _loops(sources: Sequence[str]) -> Iterator[LoopFiles | UnreadableObjectError]:
    """Find the loops of all sources; one that does not exist is one failure, not the end.

    They are searched together: the single frames of a series may be named one by one.
    """
    there = [Path(source) for source in sources if Path(source).exists()]
    for source in sources:
        if not Path(source).exists():
            yield UnreadableObjectError(
                source, seen="no such file or folder", expected="a DICOM file or a folder of them"
            )
    yield from find_loops(there)


def _told(error: Exception) -> str:
    """Our own errors speak for themselves; of others the kind must be named, too."""
    own = isinstance(error, FluoroinjectError)
    return str(error) if own else f"unexpected {type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class _Share:
    """Progress of one loop as its share of all of them."""

    progress: Progress
    name: str
    index: int
    of: int

    def __call__(self, step: str, fraction: float) -> None:
        self.progress(f"{self.name}: {step}", (self.index + fraction) / self.of)


def _check(summary: dict[str, Any]) -> None:
    """Hold the summary against its schema: what other programs read is never malformed."""
    from jsonschema import Draft202012Validator

    from napari_fluoroinject.model.summary import summary_schema

    Draft202012Validator(summary_schema()).validate(summary)


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or none: a reader never sees half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
