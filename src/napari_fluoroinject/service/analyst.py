"""From a job to results in the queue: decide, analyse in a process of its own, note it."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.run import StoppedError, run_worker
from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder
from napari_fluoroinject.decide import Decision, decide
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError
from napari_fluoroinject.service.gather import (
    Frames,
    Runs,
    already_analysed,
    beside,
    settled_s,
)
from napari_fluoroinject.service.scheduled import UnansweredError
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.outgoing import Outgoing, back_off_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_fluoroinject.dicom.requested import Requested
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.index import Arrival
    from napari_fluoroinject.spool.jobs import Job

log = logging.getLogger(__name__)

STORAGE_TRIES = 100
"""How often an analysis is begun whose results the disk does not take: about four days."""
KILLED_TRIES = 20
"""How often one is begun that somebody else ends: the system where memory is short, a person."""
MOST_CRASHES = 20
"""How often the service itself may end while a job is worked on, the last times on it alone."""
_AGAIN_S = 2.0
_ONCE = "once more, for "
"""Begins the reason of a job whose worker broke: the second time it has failed."""


class Analyst:
    """Works on the jobs of a spool; several threads may share one.

    Parameters
    ----------
    root
        Folder of the spool.
    database
        Of the spool.
    settings
        Of the site.
    trail
        What is done is noted there.
    stopping
        Whether the service stops.
    scheduled
        Asks for the worklist item of what a header requests; None where there is none.
    """

    def __init__(
        self,
        root: Path,
        database: Database,
        settings: Settings,
        trail: Trail,
        *,
        stopping: Callable[[], bool] = lambda: False,
        scheduled: Callable[[Requested], Requested | None] = lambda _: None,
    ) -> None:
        self._results = root / "results"
        self._jobs = Jobs(database)
        self._index = Index(database)
        self._settings = settings
        self._trail = trail
        self._stopping = stopping
        self._scheduled = scheduled
        self._turn = threading.Lock()
        self._runs = Runs()
        self._busy_series: set[str] = set()
        self._owed: set[str] = set()

    def step(self) -> bool:
        """Work on the job that is due longest; False when none is due.

        Raises
        ------
        StorageError
            The spool cannot be used now; what was begun is taken up by a later step.
        """
        self._put_back()
        job = self._jobs.claim(time.time())
        if job is None:
            return False
        uid = job.sop_instance_uid
        try:
            self._work(job)
        except StoppedError:
            self._jobs.put_off(uid, due_s=time.time())
        except StorageError:
            with self._turn:
                self._owed.add(uid)
            raise
        except Exception as error:  # the edge of a worker: no job may end the others
            log.exception("an analysis could not be led")
            self._fail(uid, f"unexpected {type(error).__name__} in the service")
        return True

    def _put_back(self) -> None:
        """Let jobs wait again that could not be ended because the database could not be used."""
        with self._turn:
            owed, self._owed = self._owed, set()
        for uid in owed:
            job = self._jobs.get(uid)
            if job is not None and job.state == "working":
                self._jobs.failed(
                    uid,
                    reason="the spool could not be written to",
                    retry_s=back_off_s(job.tries, jitter=0.0),
                    now_s=time.time(),
                )

    def _work(self, job: Job) -> None:
        uid = job.sop_instance_uid
        if job.crashes >= MOST_CRASHES:
            self._fail(uid, f"the service ended {job.crashes} times while it worked on it")
            return
        arrival = self._index.get(uid)
        if arrival is None or not arrival.path.is_file():
            self._fail(uid, "the received file is not in the spool any more")
            return
        try:
            requested = _requested(arrival.path)
        except UnreadableObjectError as error:
            self._fail(uid, _plain(error, arrival))
            return
        if not requested.cine:
            self._skip(uid, f"kept: {_class_of(arrival)} holds no cine loop")
        elif requested.result:
            self._skip(uid, f"kept: a result, not a loop ({_class_of(arrival)})")
        elif requested.single_frame:
            self._work_on_series(job, arrival, requested)
        else:
            frames = Frames(paths=(arrival.path,), uids=(uid,))
            self._analyse(job, arrival, frames, requested)

    def _work_on_series(self, job: Job, arrival: Arrival, requested: Requested) -> None:
        """Analyse the loop that a single picture belongs to, once, when nothing more comes."""
        uid, series = job.sop_instance_uid, arrival.series_instance_uid
        fellows = self._index.series(series)
        settle_s = self._settings.service.settle_s
        whole_s = settled_s(fellows, settle_s=settle_s, now_s=time.time())
        if whole_s > time.time():
            self._jobs.put_off(uid, due_s=whole_s)
            return
        with self._turn:
            busy = series in self._busy_series
            self._busy_series.add(series)
        if busy:
            self._jobs.put_off(uid, due_s=time.time() + _AGAIN_S)
            return
        try:
            frames = self._runs.frames_with(arrival, fellows)
            # half of the time: a job is claimed an instant before it is seen to be due
            since_s = whole_s - settle_s / 2
            earlier = already_analysed(frames, self._jobs, since_s=since_s)
            if earlier is not None:
                self._skip(uid, f"a frame of the loop that was analysed with {earlier}")
            else:
                self._analyse(job, arrival, frames, requested)
        except UnreadableObjectError as error:
            self._fail(uid, _plain(error, arrival))
        finally:
            with self._turn:
                self._busy_series.discard(series)

    def _analyse(self, job: Job, arrival: Arrival, frames: Frames, requested: Requested) -> None:
        uid, service = job.sop_instance_uid, self._settings.service
        decision = self._decision(requested)
        self._trail.note(
            "decided",
            sop_instance_uid=uid,
            procedure=decision.procedure,
            basis=decision.basis,
            level=decision.level,
            side=decision.side,
        )
        begun_s = time.monotonic()
        answer = run_worker(
            self._order(arrival, frames, decision),
            time_s=service.time_limit_s,
            stopping=self._stopping,
        )
        if isinstance(answer, Worked):
            self._keep(uid, answer, decision, seconds=time.monotonic() - begun_s)
        else:
            self._answer_failure(job, answer)

    def _decision(self, requested: Requested) -> Decision:
        """Decide with the worklist, or without one that does not answer."""
        scheduled, without = None, ""
        try:
            scheduled = self._scheduled(requested)
        except UnansweredError:
            without = "; the worklist did not answer"
        decision = decide(
            requested,
            self._settings.service,
            scheduled=scheduled,
            site=self._settings.site_procedures,
        )
        return replace(decision, basis=decision.basis + without)

    def _order(self, arrival: Arrival, frames: Frames, decision: Decision) -> WorkOrder:
        name = hashlib.sha256(frames.uids[0].encode()).hexdigest()
        return WorkOrder(
            paths=frames.paths,
            beside=beside(arrival, frames.uids, self._index),
            out=self._results / name,
            procedure=decision.procedure,
            level=decision.level,
            side=decision.side,
            config=self._settings.path,
            memory_bytes=self._settings.service.memory_limit_mb << 20,
        )

    def _keep(self, uid: str, worked: Worked, decision: Decision, *, seconds: float) -> None:
        """End the job and queue its results, in one transaction."""
        named = self._settings.service.send_to
        destination = None if named is None else self._settings.to_keep(named)
        results = [
            Outgoing(
                sop_instance_uid=one.sop_instance_uid,
                sop_class_uid=one.sop_class_uid,
                sha256=one.sha256,
                path=one.path,
                destination=destination,
                source_uid=worked.source_uid,
            )
            for one in worked.files
            if destination is not None
        ]
        try:
            self._jobs.done(uid, results, procedure=decision.procedure, now_s=time.time())
        except ConflictError as error:
            self._fail(uid, str(error))
            return
        self._trail.note(
            "analysed",
            sop_instance_uid=uid,
            procedure=decision.procedure,
            count=len(worked.files),
            warnings=worked.warnings,
            seconds=round(seconds, 3),
        )
        log.info("…%s was analysed in %.1f s: %d results", uid[-12:], seconds, len(worked.files))
        if destination is not None:
            self._trail.note("queued", source_uid=uid, destination=destination, count=len(results))

    def _answer_failure(self, job: Job, told: NotWorked) -> None:
        uid = job.sop_instance_uid
        if told.fault == "storage" and job.tries < STORAGE_TRIES:
            self._again(uid, told.reason, retry_s=back_off_s(job.tries, jitter=0.0))
        elif told.fault == "killed" and job.tries < KILLED_TRIES:
            self._again(uid, told.reason, retry_s=_AGAIN_S)
        elif told.fault == "broken" and not (job.reason or "").startswith(_ONCE):
            self._again(uid, f"{_ONCE}{told.reason}", retry_s=_AGAIN_S)
        else:
            self._fail(uid, told.reason)

    def _again(self, uid: str, reason: str, *, retry_s: float) -> None:
        log.warning("an analysis is begun again: %s", reason)
        self._jobs.failed(uid, reason=reason, retry_s=retry_s, now_s=time.time())

    def _fail(self, uid: str, reason: str) -> None:
        self._jobs.failed(uid, reason=reason, retry_s=None, now_s=time.time())
        log.error("an object could not be analysed: %s", reason)
        self._trail.note("failed", sop_instance_uid=uid, reason=reason)

    def _skip(self, uid: str, reason: str) -> None:
        self._jobs.skipped(uid, reason=reason, now_s=time.time())
        self._trail.note("skipped", sop_instance_uid=uid, reason=reason)


def _requested(path: Path) -> Requested:
    from napari_fluoroinject.dicom.requested import read_requested

    return read_requested(path)


def _class_of(arrival: Arrival) -> str:
    from napari_fluoroinject.dicom.class_names import class_name

    return class_name(arrival.sop_class_uid)


def _plain(error: UnreadableObjectError, arrival: Arrival) -> str:
    """What is wrong with an object: the name of its file in the spool tells nobody anything."""
    return f"{_class_of(arrival)}: seen {error.seen}; expected {error.expected}"
