"""The whole product on one page: find loops, analyse them, draw, encode and keep the results."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.dicom.decoder import DecoderWish, check_decoder
from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.dicom.seg import SegProfile
from napari_fluoroinject.errors import (
    AnnotationError,
    FluoroinjectError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.annotation import (
    Annotation,
    MaskWish,
    NeedleTrajectory,
    check_annotation,
    check_landmarks,
    parse_annotation,
)
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.results import LoopResult, is_result, save
from napari_fluoroinject.spool.disk import write_whole
from napari_fluoroinject.spool.folder import recover_folders

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.replay import Replay, ReplayedFrame
    from napari_fluoroinject.dicom.cine_object import Kind, Packing
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import PhantomSettings

log = logging.getLogger(__name__)

_SAID_BESIDE = ("needle", "target_px", "gauge", "level", "side", "mask")
"""Fields of an annotation that can be said without a file of it."""
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_MOST_NAMED = 5
"""Names of loops in an error: the rest is counted."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def _silent(_step: str, _fraction: float) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What a person asked for; None = not said, and never guessed.

    `site_procedures` is a folder with procedures of the site's own.
    """

    procedure: str | None = None
    site_procedures: Path | None = None
    level: str | None = None
    side: Side | None = None
    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    mask: MaskWish | None = None
    annotation_file: Path | None = None
    on: Wish = "auto"
    decoder: DecoderWish = "auto"
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
            try:  # a byte order mark is what editors of Windows put there
                text = self.annotation_file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise AnnotationError(
                    f"{self.annotation_file.name} cannot be read: {error}; expected a file of "
                    "JSON in UTF-8"
                ) from error
            annotation = parse_annotation(text, name=self.annotation_file.name)
        said = {name: getattr(self, name) for name in _SAID_BESIDE}
        return replace(annotation, **{name: v for name, v in said.items() if v is not None})


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
        The request itself is wrong (unknown procedure, backend not there, invalid annotation,
        marks of one loop for several), or nothing can be written to `out`.
    """
    procedure = _asked_for(request)
    choose(request.on)
    check_decoder(request.decoder)
    annotation = request.annotation()
    check_annotation(annotation, region=procedure.region)
    check_landmarks(annotation, procedure)
    results: list[LoopResult] = []
    failures: list[tuple[str, str]] = []
    loops = list(_loops(sources))
    found_loops = [found for found in loops if isinstance(found, LoopFiles)]
    _check_one_for_all(annotation, found_loops)
    if found_loops:
        _check_writable(out)
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
        except KeyboardInterrupt as stop:
            stop.add_note(f"{len(results)} of {len(found_loops)} loops done")
            raise
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
        read_loop(*paths, decoder=_decoder(request)),
        _asked_for(request),
        request.annotation(),
        on=request.on,
        progress=progress,
    )
    return save(report, paths, out=out, seg_profile=request.seg_profile)


def _asked_for(request: AnalysisRequest) -> Procedure:
    return procedures.get(request.procedure or procedures.GENERIC, site=request.site_procedures)


def analyze(
    loop: CineLoop,
    procedure: str | Procedure = procedures.GENERIC,
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
        A procedure or the key of one; `generic` knows no target and no expected spread.
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
    known = procedures.get(procedure) if isinstance(procedure, str) else procedure
    given = annotation or Annotation()
    check_annotation(given, region=known.region, picture=loop.shape[1:])
    check_landmarks(given, known)
    return analyze_loop(
        loop,
        known,
        given,
        on=choose(on),
        progress=progress,
    )


def replay(
    source: str,
    *,
    on: Wish = "auto",
    mask_frames: int | None = None,
    told: Callable[[ReplayedFrame], None] = lambda _: None,
) -> Replay:
    """Feed the one loop that a file or folder holds frame by frame into the live maps.

    Parameters
    ----------
    source
        File or folder.
    on
        `auto`, `cpu` or `cuda`; never another than the one asked for.
    mask_frames
        Frames before contrast; None = the usual number.
    told
        Called after each frame.

    Raises
    ------
    FluoroinjectError
        Backend not there, no loop or several, a loop that cannot be read or has no frame times.
    """
    from napari_fluoroinject.analysis.live import MASK_FRAMES
    from napari_fluoroinject.analysis.replay import replay_loop

    backend = choose(on)
    loops = []
    for found in _loops([source]):
        if isinstance(found, UnreadableObjectError):
            raise found
        loops.append(found)
    if len(loops) != 1:
        raise UnreadableObjectError(
            source, seen=f"{len(loops)} cine loops", expected="one: name its file"
        )
    return replay_loop(
        read_loop(*loops[0].paths),
        on=backend,
        mask_frames=mask_frames or MASK_FRAMES,
        told=told,
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
    write_whole(out / "truth.json", truth)
    np.savez_compressed(out / "truth.npz", allow_pickle=False, **phantom.truth.to_npz())
    return loop_path, out / "truth.json", out / "truth.npz"


def _loops(sources: Sequence[str]) -> Iterator[LoopFiles | UnreadableObjectError]:
    """Find the loops of all sources; one that does not exist is one failure, not the end.

    They are searched together: the single frames of a series may be named one by one.
    """
    there = [Path(source) for source in sources if Path(source).exists()]
    for source in sources:
        if _ADDRESS.match(source):
            yield UnreadableObjectError(
                source,
                seen="an address on the network",
                expected="a file or a folder; this version does not fetch loops by itself",
            )
        elif not Path(source).exists():
            yield UnreadableObjectError(
                source, seen="no such file or folder", expected="a DICOM file or a folder of them"
            )
    yield from find_loops(there)


def _decoder(request: AnalysisRequest) -> DecoderWish:
    """Only where the array work is on a device may the decoder be there unasked."""
    elsewhere = request.decoder == "auto" and choose(request.on).name != "cuda"
    return "cpu" if elsewhere else request.decoder


def _check_one_for_all(annotation: Annotation, loops: Sequence[LoopFiles]) -> None:
    """Points belong to one picture, level and side to one patient's study: refuse more."""
    studies = {loop.reference.study_instance_uid for loop in loops}
    for said, of, count, one in (
        ((annotation.needle, annotation.target_px), "needle or target", len(loops), "loop"),
        ((annotation.level, annotation.side), "level or side", len(studies), "study"),
    ):
        if count > 1 and any(value is not None for value in said):
            names = ", ".join(loop.paths[0].name for loop in loops[:_MOST_NAMED])
            more = len(loops) - _MOST_NAMED
            raise AnnotationError(
                f"one {of} for {count} {'loops' if one == 'loop' else 'studies'} ({names}"
                f"{f' and {more} more' if more > 0 else ''}); expected one {one}: analyse each by "
                "itself, with its own marks"
            )


def _check_writable(out: Path) -> None:
    """Fail before the work and not after it; and put right what a killed run left there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        recover_folders(out, ours=is_result)
    except OSError as error:
        raise StorageError(
            f"{out}: results cannot be written there ({error.strerror}); expected a folder that "
            "can be written to, or made"
        ) from error


def _told(error: Exception) -> str:
    """Our own errors speak for themselves; of others the kind must be named, too."""
    if isinstance(error, FluoroinjectError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return f"unexpected {type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class _Share:
    """Progress of one loop as its share of all of them."""

    progress: Progress
    name: str
    index: int
    of: int

    def __call__(self, step: str, fraction: float) -> None:
        self.progress(f"{self.name}: {step}", (self.index + fraction) / self.of)
