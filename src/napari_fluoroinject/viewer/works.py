"""Long work of the viewer: the functions that the command line calls, too, as jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_fluoroinject import procedures
from napari_fluoroinject.endpoints.base import Receipt
from napari_fluoroinject.errors import AnalysisError, EndpointError
from napari_fluoroinject.first_look import first_look
from napari_fluoroinject.sources import check_writable
from napari_fluoroinject.subtraction import SubtractionRequest, subtract_read
from napari_fluoroinject.transfer import store_objects
from napari_fluoroinject.viewer.objects import why_not_sent, why_not_written
from napari_fluoroinject.viewer.outcome import Analysed, Kept
from napari_fluoroinject.viewer.run import FirstLook
from napari_fluoroinject.workflow import (
    AnalysisRequest,
    analyze_read,
    keep_report,
    study_beside,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_fluoroinject.dicom.outputs import Extra
    from napari_fluoroinject.endpoints.base import NotSent
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop
    from napari_fluoroinject.results import LoopResult
    from napari_fluoroinject.transfer import Stored
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job, Jobs, Progress
    from napari_fluoroinject.viewer.run import Run

_LATEST: WeakKeyDictionary[Jobs, dict[tuple[str, str], Job]] = WeakKeyDictionary()
"""The latest job of each kind on each run: a new one takes the place of the old."""


def request_for(
    bench: Bench, run: Run, *, also: frozenset[Extra] = frozenset()
) -> AnalysisRequest:
    """What an analysis of a run is asked for: the site's settings and the chosen procedure.

    Parameters
    ----------
    bench, run
        Where it is worked on, and what.
    also
        Objects that are written beside those of the settings.
    """
    plan = bench.session.draft_of(run.study_uid).plan
    # what the screen says is what is done: a site's default is no choice of this person
    request = AnalysisRequest.by(bench.settings, plan.procedure or procedures.GENERIC)
    return replace(request, also=request.also | also)


def look_at(bench: Bench, run: Run) -> Job:
    """Look at a run before anybody has marked anything: motion, onset, a proposed needle."""
    on = bench.settings.defaults.on
    gauge = bench.session.draft_of(run.study_uid).plan.gauge

    def work(progress: Progress) -> FirstLook:
        motion, injection, needle = first_look(run.loop, on=on, gauge=gauge, progress=progress)
        return FirstLook(motion=motion, injection=injection, needle=needle)

    def done(look: FirstLook) -> None:
        if bench.session.holds(run):
            bench.session.put_look(run.uid, look)

    return _alone(bench, "look", run, lambda: bench.jobs.start(f"Look at {run.name}", work, done))


def subtract(bench: Bench, run: Run) -> Job:
    """Subtract the mask frames that are chosen for a run, or those before contrast."""
    settings = bench.settings.defaults
    annotation = bench.session.draft_of(run.study_uid).annotation(run.uid)
    request = SubtractionRequest(
        mask="header" if annotation.mask == "header" else None,
        mask_frames=annotation.mask_frames,
        on=settings.on,
        decoder=settings.decoder,
    )

    def work(progress: Progress) -> SubtractedLoop:
        return subtract_read(run.loop, request, progress=progress)

    def done(made: SubtractedLoop) -> None:
        if bench.session.holds(run):
            bench.session.put_subtraction(run.uid, made)

    return _alone(
        bench, "subtract", run, lambda: bench.jobs.start(f"Subtract {run.name}", work, done)
    )


def analyze(bench: Bench, run: Run) -> Job:
    """Analyse a run with what is said of it now; an analysis of it that still runs is cancelled.

    What is said meanwhile leaves the result out of date, not lost.
    """
    session = bench.session
    draft = session.draft_of(run.study_uid)
    annotation = draft.annotation(run.uid).inputs
    request = request_for(bench, run)
    recorded = [one.recorded for one in session.runs if one.study_uid == run.study_uid]

    def work(progress: Progress) -> Report:
        study = study_beside(recorded, request, annotation)
        return analyze_read(run.loop, request, annotation, study=study, progress=progress)

    def done(report: Report) -> None:
        made_of = Analysed(report=report, procedure=draft.plan.procedure, annotation=annotation)
        if session.holds(run):
            session.put_report(run.uid, made_of)

    return _alone(
        bench, "analyze", run, lambda: bench.jobs.start(f"Analyse {run.name}", work, done)
    )


def keep(bench: Bench, run: Run, *, also: frozenset[Extra] = frozenset()) -> Job:
    """Write the results of a run into the results folder, with flags and sign-off as they are."""
    session = bench.session
    analysed, reason = session.outcome_of(run.uid).analysed, why_not_written(session, run)
    annotation = session.draft_of(run.study_uid).annotation(run.uid)
    procedure = session.draft_of(run.study_uid).plan.procedure
    request = request_for(bench, run, also=also)

    def work(progress: Progress) -> LoopResult:
        if analysed is None or reason:
            raise AnalysisError(reason)
        progress("drawing and encoding", 0.1)
        check_writable(bench.results)
        signed = _signed(analysed.report, annotation)
        return keep_report(signed, run.files, request, out=bench.results)

    def done(result: LoopResult) -> None:
        kept = Kept(
            procedure=procedure,
            annotation=annotation,
            folder=result.folder,
            files=result.files,
        )
        if session.holds(run):
            session.put_kept(run.uid, kept)

    return _alone(
        bench, "keep", run, lambda: bench.jobs.start(f"Write results of {run.name}", work, done)
    )


def send(bench: Bench, run: Run, files: Sequence[Path], destination: str) -> Job:
    """Send result files of a run; what was kept before somebody cancelled is told, too.

    Parameters
    ----------
    bench, run
        Where it is worked on, and what.
    files
        Of the kept results.
    destination
        Name of an endpoint, URL or folder.
    """
    session = bench.session
    reason = why_not_sent(session, run)
    came = _Came(bench, run, f"Send results of {run.name} to {destination.partition('?')[0]}")

    def work(progress: Progress) -> Stored:
        if reason:
            raise EndpointError(reason)
        return store_objects(
            destination, files, settings=bench.settings, progress=progress, told=came.told
        )

    def done(stored: Stored) -> None:
        came.put(stored.failures)

    def failed(message: str) -> None:
        came.put(tuple((str(file), message) for file in files))

    def ended(job: Job) -> None:  # held by the signal: nobody else holds it to the end
        if came.over(job):
            bench.jobs.changed.disconnect(ended, missing_ok=True)

    bench.jobs.changed.connect(ended)
    return bench.jobs.start(came.job, work, done, failed=failed)


class _Came:
    """Receipts of one sending, as they come; also those from before it was cancelled."""

    def __init__(self, bench: Bench, run: Run, job: str) -> None:
        self.job = job
        self._bench, self._run = bench, run
        self._receipts: list[tuple[Receipt, str]] = []

    def told(self, one: Receipt | NotSent) -> None:
        """Note a receipt; called in the thread of the job, before its end is told."""
        if isinstance(one, Receipt):
            self._receipts.append((one, datetime.now().astimezone().strftime("%H:%M:%S")))

    def put(self, failures: tuple[tuple[str, str], ...]) -> None:
        """Tell the session what came, and what did not."""
        session = self._bench.session
        kept = session.outcome_of(self._run.uid).kept if session.holds(self._run) else None
        if kept is not None:
            told = replace(
                kept,
                receipts=(*kept.receipts, *(receipt for receipt, _ in self._receipts)),
                arrived=(*kept.arrived, *(at for _, at in self._receipts)),
                failures=failures,
            )
            session.put_kept(self._run.uid, told)

    def over(self, job: Job) -> bool:
        """Whether the job of this sending has ended; a cancelled one puts what came."""
        if job.name != self.job or job.running:
            return False
        if job.state == "cancelled":
            self.put(())
        return True


def _signed(report: Report, annotation: Annotation) -> Report:
    """The same report, with flags and sign-off, which change no number of it."""
    signed = replace(report.annotation, flags=annotation.flags, sign_off=annotation.sign_off)
    return replace(report, annotation=signed)


def _alone(bench: Bench, kind: str, run: Run, start: Callable[[], Job]) -> Job:
    """Start a job in place of the one of its kind that still runs on this run."""
    latest = _LATEST.setdefault(bench.jobs, {})
    before = latest.get((kind, run.uid))
    if before is not None and before.running:
        before.cancel()
    job = latest[(kind, run.uid)] = start()
    return job
