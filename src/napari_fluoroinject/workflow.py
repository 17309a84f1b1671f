"""The whole product on one page: find loops, analyse them, draw, encode and keep the results."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.analysis.study import study_of
from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.dicom.annotation_file import annotation_from
from napari_fluoroinject.dicom.decoded import with_decoded, write_decoded
from napari_fluoroinject.dicom.decoder import DecoderWish, check_decoder
from napari_fluoroinject.dicom.outputs import EXTRAS, Extra, Outputs
from napari_fluoroinject.dicom.read import LoopFiles, read_loop
from napari_fluoroinject.dicom.seg import SegProfile
from napari_fluoroinject.dicom.site_codes import CodeBook, site_codes
from napari_fluoroinject.dicom.sr_annotation import ReportClass
from napari_fluoroinject.errors import (
    UnreadableObjectError,
)
from napari_fluoroinject.model.annotation import (
    Annotation,
    MaskWish,
    NeedleTrajectory,
    annotation_text,
    check_annotation,
    check_landmarks,
)
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.model.on_loop import check_on_loop
from napari_fluoroinject.model.study import DoseReference, DoseReport, Recorded, Study
from napari_fluoroinject.procedures.checklist import checklist, evidence_of, of_agent
from napari_fluoroinject.results import (
    LoopResult,
    save,
)
from napari_fluoroinject.sources import (
    Progress,
    check_one_for_all,
    check_writable,
    decoder_for,
    fetched,
    for_each,
    loops_in,
    only_loop,
    silent,
)
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_fluoroinject.analysis.replay import Replay, ReplayedFrame
    from napari_fluoroinject.analysis.two_views.together import SeenTwice, Stated
    from napari_fluoroinject.analysis.two_views.triangulate import NoTriangulation
    from napari_fluoroinject.dicom.cine_object import Kind, Packing
    from napari_fluoroinject.model.cine import CineLoop, LoopReference
    from napari_fluoroinject.model.patient import Patient
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)

_SAID_BESIDE = ("needle", "target_px", "gauge", "level", "side", "mask", "mask_frames")
"""Fields of an annotation that can be said without a file of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What a person asked for; None = not said, and never guessed.

    `site_procedures` is a folder with procedures of the site's own, `dose_reference` its own
    75th percentiles for this one, `codes_file` its codes in place of the private ones. `also`
    names the objects that are written beside the usual ones.
    """

    procedure: str | None = None
    site_procedures: Path | None = None
    dose_reference: DoseReference | None = None
    level: str | None = None
    side: Side | None = None
    needle: NeedleTrajectory | None = None
    target_px: Point | None = None
    gauge: int | None = None
    mask: MaskWish | None = None
    mask_frames: tuple[int, ...] | None = None
    annotation_file: Path | None = None
    on: Wish = "auto"
    decoder: DecoderWish = "auto"
    seg_profile: SegProfile = "strict"
    report_class: ReportClass = "comprehensive"
    also: frozenset[Extra] = frozenset()
    codes_file: Path | None = None

    @classmethod
    def by(cls, settings: Settings, procedure: str | None = None) -> AnalysisRequest:
        """What a site has set for all its analyses; the command line and the viewer add to it.

        Parameters
        ----------
        settings
            The site's.
        procedure
            Key of the procedure; None = the one that the site has set, if any.
        """
        defaults = settings.defaults
        key = procedure or defaults.procedure
        doses = settings.dose.get(key or "")
        also = defaults.also.split()
        return cls(
            procedure=key,
            site_procedures=settings.site_procedures,
            dose_reference=None if doses is None else DoseReference(**doses),
            on=defaults.on,
            decoder=defaults.decoder,
            seg_profile=defaults.seg_profile,
            report_class=defaults.report_class,
            also=frozenset(name for name in EXTRAS if name in also or "all" in also),
            codes_file=settings.site_codes,
        )

    def annotation(
        self, loops: Iterable[LoopReference] = (), patient: Patient | None = None
    ) -> Annotation:
        """Return what was marked: the annotation file, overridden by what stands beside it.

        Parameters
        ----------
        loops
            On which it is used.
        patient
            Who lay there; None = not compared.

        Raises
        ------
        AnnotationError
            The file is not a valid annotation, or a report on another loop, study or patient.
        """
        annotation = Annotation()
        if self.annotation_file is not None:
            annotation = annotation_from(
                self.annotation_file, loops=loops, patient=patient, codes=self.codes()
            )
        said = {name: getattr(self, name) for name in _SAID_BESIDE}
        if self.mask is not None:
            said["mask_frames"] = self.mask_frames or ()
        elif self.mask_frames is not None:
            annotation = replace(annotation, mask=None)
        return replace(annotation, **{name: v for name, v in said.items() if v is not None})

    def codes(self) -> CodeBook:
        """Return the site's codes.

        Raises
        ------
        SettingsError
            The file is not valid.
        """
        if self.codes_file is None:
            return CodeBook()
        keys = procedures.all_keys(site=self.site_procedures)
        return site_codes(self.codes_file, procedures=keys)

    def outputs(self) -> Outputs:
        """Return which objects are written, and how; raises as `codes`."""
        return Outputs(
            also=self.also,
            seg_profile=self.seg_profile,
            report_class=self.report_class,
            codes=self.codes(),
        )


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
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Analyse every loop that the sources hold; what fails is named, the rest is done.

    The headers of all are read first: what a study shows and records is in the results of each of
    its loops.

    Parameters
    ----------
    sources
        Files, folders, URLs and names of endpoints, with UIDs behind a `?` or without. What lies
        at an endpoint is fetched into a private folder below `out`, which is gone afterwards.
    request
        What is asked for.
    out
        Folder for the results.
    settings
        Endpoints by name, certificates, tokens; None = nothing is set up.
    progress
        Told of each step.

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
    checklist(site=request.site_procedures)
    request.codes()
    origins: dict[Path, str] = {}
    doses: list[DoseReport] = []
    with fetched(sources, settings=settings, inside=out, progress=progress, origins=origins) as (
        here,
        missing,
    ):
        loops = [*missing, *loops_in(here, doses)]
        outcome = _analyze_found(loops, doses, request, out=out, progress=progress)
    named = (replace(one, endpoint=origins.get(one.sources[0])) for one in outcome.results)
    return replace(outcome, results=tuple(named))


def _analyze_found(
    loops: Sequence[LoopFiles | UnreadableObjectError],
    doses: Sequence[DoseReport],
    request: AnalysisRequest,
    *,
    out: Path,
    progress: Progress,
) -> Outcome:
    annotation = request.annotation()
    found_loops = [found for found in loops if isinstance(found, LoopFiles)]
    request.annotation([found.reference for found in found_loops])
    check_one_for_all(annotation, found_loops)
    if len(found_loops) == 1:
        _check_marked(annotation, found_loops[0], request)
    if found_loops:
        check_writable(out)
    studies = _studies(found_loops, doses, request, annotation)

    def work(found: LoopFiles, share: Progress) -> LoopResult:
        study = studies[found.reference.study_instance_uid]
        return analyze_files(found.paths, request, out=out, study=study, progress=share)

    results, failures = for_each(loops, work, progress)
    return Outcome(results=results, failures=failures)


def _check_marked(annotation: Annotation, found: LoopFiles, request: AnalysisRequest) -> None:
    """Points that cannot stand in the loop are wrong before any work, not a loop that failed."""
    placed = (annotation.needle, annotation.target_px, annotation.marks or None)
    if all(one is None for one in (*placed, annotation.mask_frames or annotation.flags or None)):
        return
    try:
        loop = read_loop(*found.paths, decoder=decoder_for(request.on, request.decoder))
    except UnreadableObjectError:
        return  # the work on it says so
    check_on_loop(annotation, loop)


def analyze_files(
    paths: Sequence[Path],
    request: AnalysisRequest,
    *,
    out: Path,
    study: Study | None = None,
    decoded: Path | None = None,
    progress: Progress = silent,
) -> LoopResult:
    """Analyse the one loop that these files are, and keep the results in a folder of its own.

    `study` is what is known of the study that it belongs to; None = nothing. `decoded` is a folder
    in which the processor has decoded its frames ahead, as `decode_ahead` does; None = nobody has.

    Raises
    ------
    FluoroinjectError
        The loop cannot be read, analysed, or written.
    """
    decoder = decoder_for(request.on, request.decoder)
    loop = read_loop(*paths, decoder=decoder if decoded is None else "cpu")
    if decoded is not None:
        loop = with_decoded(loop, decoded)
    annotation = request.annotation([loop.reference], loop.patient)
    report = analyze_read(loop, request, annotation, study=study, progress=progress)
    return keep_report(report, paths, request, out=out)


def study_beside(
    recorded: Sequence[Recorded],
    request: AnalysisRequest,
    annotation: Annotation,
    *,
    doses: Sequence[DoseReport] = (),
) -> Study:
    """Put together what is known of the one study that these loops belong to.

    Parameters
    ----------
    recorded
        What the headers of its loops record, that of the analysed loop among them.
    request, annotation
        What is asked for, and what a person said: they name the views.
    doses
        Radiation dose reports of the study.

    Raises
    ------
    ProcedureError
        Unknown procedure.
    """
    return study_of(
        recorded, doses, _asked_for(request), annotation, reference=request.dose_reference
    )


def analyze_read(
    loop: CineLoop,
    request: AnalysisRequest,
    annotation: Annotation,
    *,
    study: Study | None = None,
    progress: Progress = silent,
) -> Report:
    """Analyse a loop that was read, as the request asks, with these marks and no others.

    Raises
    ------
    FluoroinjectError
        As `analyze`.
    """
    report = analyze(
        loop,
        _asked_for(request),
        annotation,
        on=request.on,
        study=study,
        progress=progress,
    )
    return _reminded(report, site=request.site_procedures)


def keep_report(
    report: Report, paths: Sequence[Path], request: AnalysisRequest, *, out: Path
) -> LoopResult:
    """Keep a report as the request asks; `paths` are the files that its loop was read from.

    Raises
    ------
    FluoroinjectError
        As `save`; or the site's codes are not valid.
    """
    return save(report, paths, out=out, outputs=request.outputs())


def analyze_received(
    paths: Sequence[Path],
    request: AnalysisRequest,
    *,
    out: Path,
    beside: Sequence[Path] = (),
    decoded: Path | None = None,
) -> LoopResult:
    """Analyse the one loop that these files are, knowing what else came of its study.

    Parameters
    ----------
    paths
        Its files.
    request
        As `analyze_files`.
    out
        Folder for the results; `check_writable` clears what a killed run left there.
    beside
        Files of other loops and of dose reports. Those of another study, and those that cannot be
        read, tell nothing.
    decoded
        As `analyze_files`.

    Raises
    ------
    FluoroinjectError
        As `analyze_files`; also where the files are no loop, or several.
    """
    doses: list[DoseReport] = []
    own: list[LoopFiles] = []
    for one in loops_in([str(path) for path in paths]):
        if isinstance(one, UnreadableObjectError):
            raise one
        own.append(one)
    if len(own) != 1:
        raise UnreadableObjectError(
            paths[0].name, seen=f"{len(own)} cine loops", expected="the files of one"
        )
    study_uid = own[0].reference.study_instance_uid
    # all together: which single pictures make a loop depends on what else there is
    together = [
        one
        for one in loops_in([str(path) for path in (*paths, *beside)] if beside else [], doses)
        if isinstance(one, LoopFiles) and one.reference.study_instance_uid == study_uid
    ]
    annotation = request.annotation([own[0].reference])
    studies = _studies(together or own, doses, request, annotation)
    return analyze_files(own[0].paths, request, out=out, study=studies[study_uid], decoded=decoded)


def decode_ahead(paths: Sequence[Path], folder: Path, *, most_bytes: int) -> Path | None:
    """Decode the frames of a loop on the processor, ahead of an analysis that is told of it.

    Parameters
    ----------
    paths
        Its files.
    folder, most_bytes
        As `write_decoded`, which tells also what is returned.

    Raises
    ------
    UnreadableObjectError
        The loop, or a frame, cannot be read.
    OSError
        The folder cannot be written to.
    """
    return write_decoded(read_loop(*paths, decoder="cpu"), folder, most_bytes=most_bytes)


def _asked_for(request: AnalysisRequest) -> Procedure:
    return procedures.get(request.procedure or procedures.GENERIC, site=request.site_procedures)


def analyze(
    loop: CineLoop,
    procedure: str | Procedure = procedures.GENERIC,
    annotation: Annotation | None = None,
    *,
    on: Wish = "auto",
    study: Study | None = None,
    progress: Progress = silent,
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
    study
        What is known of the study that the loop belongs to, of which one loop does not tell; None
        = nothing, then views and dose are not judged.
    progress
        Told before each step.

    Raises
    ------
    FluoroinjectError
        Unknown procedure, backend not there, unreadable frames, annotation outside the picture.
    """
    known = procedures.get(procedure) if isinstance(procedure, str) else procedure
    given = annotation or Annotation()
    check_annotation(given, region=known.region)
    check_landmarks(given, known)
    check_on_loop(given, loop)
    report = analyze_loop(
        loop,
        known,
        given,
        on=choose(on),
        study=study,
        progress=progress,
    )
    return _reminded(report, site=None)


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
    return replay_loop(
        only_loop(source),
        on=backend,
        mask_frames=mask_frames or MASK_FRAMES,
        told=told,
    )


def triangulate(
    sources: tuple[str, str], annotations: tuple[Path, Path], *, stated: Stated
) -> SeenTwice | NoTriangulation:
    """Find in space what is marked in two loops of one study, or say why there is nothing.

    Parameters
    ----------
    sources
        A file or folder of one loop each.
    annotations
        Files with the marks of the first loop and of the second.
    stated
        Errors of the poses and whatever else no file tells.

    Raises
    ------
    FluoroinjectError
        No loop or several, a loop or marks that cannot be read or do not belong to the loop.
    """
    from napari_fluoroinject.analysis.two_views.together import see_twice

    first, second = map(only_loop, sources)
    marked = []
    for loop, file in zip((first, second), annotations, strict=True):
        annotation = annotation_from(file, loops=[loop.reference], patient=loop.patient)
        check_on_loop(annotation, loop)
        marked.append(annotation)
    return see_twice((first, second), (marked[0], marked[1]), stated=stated)


def recorded_in(source: str) -> tuple[Recorded, ...]:
    """Return what the headers of each loop that a file or folder holds record of its study.

    Raises
    ------
    UnreadableObjectError
        No loop lies there, or one cannot be read.
    """
    found = list(loops_in([source]))
    for one in found:
        if isinstance(one, UnreadableObjectError):
            raise one
    if not found:
        raise UnreadableObjectError(source, seen="no cine loop", expected="one or more")
    return tuple(one.recorded for one in found if isinstance(one, LoopFiles))


def make_phantom_files(
    key: str,
    settings: PhantomSettings,
    *,
    out: Path,
    kind: Kind = "xa",
    packing: Packing = "uncompressed",
) -> tuple[Path, ...]:
    """Write a synthetic loop as DICOM with its truth beside it.

    Returns the paths of the loop, `truth.json`, `truth.npz`, and `annotation.json`: what a person
    who sees everything would mark, ready for an analysis.

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
    arrays = BytesIO()
    np.savez_compressed(arrays, allow_pickle=False, **phantom.truth.to_npz())
    write_whole(out / "truth.npz", arrays.getvalue())
    annotation = annotation_text(phantom.truth.annotation).encode()
    write_whole(out / "annotation.json", annotation)
    return loop_path, out / "truth.json", out / "truth.npz", out / "annotation.json"


def _studies(
    loops: Sequence[LoopFiles],
    doses: Sequence[DoseReport],
    request: AnalysisRequest,
    annotation: Annotation,
) -> dict[str, Study]:
    """What is known of each study, by its UID."""
    uids = dict.fromkeys(loop.reference.study_instance_uid for loop in loops)
    return {
        uid: study_beside(
            [loop.recorded for loop in loops if loop.reference.study_instance_uid == uid],
            request,
            annotation,
            doses=[dose for dose in doses if dose.study_instance_uid == uid],
        )
        for uid in uids
    }


def _reminded(report: Report, *, site: Path | None) -> Report:
    """The report with the reminders that hold for what was said and recorded."""
    agent = report.annotation.agent
    reminders = of_agent(
        checklist(site=site), report.procedure, None if agent is None else agent.kind
    )
    told = [evidence_of(one) for one in reminders]
    if report.study is not None and report.study.allergies_recorded:
        told.append(
            "The headers record allergies of the patient: `fluoroinject checklist --loop FILE` "
            "shows them."
        )
    return replace(report, reminders=tuple(told))
