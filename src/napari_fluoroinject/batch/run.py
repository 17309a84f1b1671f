"""A batch from its first loop to its last: what is due is given out, what ends is kept."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.due import Due, Kept, Plan, judged_twice
from napari_fluoroinject.batch.journal import Ended, Journal
from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder, Unplanned
from napari_fluoroinject.batch.outcome import BatchOutcome, Failure, Standing, Terms
from napari_fluoroinject.batch.state import request_digest
from napari_fluoroinject.batch.task import Answer, Pool, Task, leave_token
from napari_fluoroinject.confined.work import NotWorked
from napari_fluoroinject.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_DEATHS = 2
"""Processes that one loop may cost before it is set aside."""
_STORAGE_TRIES = 2
_POLL_S = 0.2
_PROBE_BYTES = 1 << 20


def run_batch(
    opening: Callable[[], Plan],
    journal: Journal,
    pool: Pool,
    terms: Terms,
    *,
    watch: Callable[[Standing], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> BatchOutcome:
    """Work on all loops of a plan that have no results yet.

    Parameters
    ----------
    opening
        Opens the plan, in a thread that is all the plan's own.
    journal
        Of the folder of results.
    pool
        Who works; it is not closed.
    terms
        How.
    watch
        Told several times a second how it stands.
    stopping
        Asked as often: whether to begin no further loop; those in work are ended.

    Raises
    ------
    FluoroinjectError
        The request is wrong, the results or the journal cannot be written, or the workers are
        lost. What ended before is kept.
    """
    leave_token(terms.out, terms.token)
    due = Due(opening, journal=journal, out=terms.out, retry=terms.retry, most=terms.ahead)
    run = _Run(due=due, journal=journal, pool=pool, terms=terms)
    try:
        while run.step(stopping=stopping()):
            watch(run.standing())
    finally:
        due.close()
    due.check()
    run.end()
    return run.outcome


@dataclass(slots=True, kw_only=True)
class _Run:
    due: Due
    journal: Journal
    pool: Pool
    terms: Terms
    working: dict[str, LoopOrder] = field(default_factory=dict)
    again: deque[LoopOrder] = field(default_factory=deque)
    storage: dict[str, int] = field(default_factory=dict)
    worked: int = 0
    outcome: BatchOutcome = field(default_factory=BatchOutcome)
    began_s: float = field(default_factory=time.monotonic)

    def step(self, *, stopping: bool) -> bool:
        """Give out what there is room for, keep what ended; False when nothing is left."""
        self.outcome.stopped |= stopping
        if not stopping:
            self._fill()
        if self.working:
            self._collect(_POLL_S)
            return True
        if not self.pool.size():
            time.sleep(_POLL_S)  # until workers come back
        planned = self.due.complete and not self.due.waiting and not self.again
        self.outcome.stopped &= not planned
        return not (planned or stopping)

    def end(self) -> None:
        """Judge what was ordered twice, and sum up."""
        if not self.outcome.stopped:
            for one in self.due.repeated():
                other = judged_twice(one, self.journal)
                if other is None:
                    self.outcome.copies += 1
                else:
                    self._note(other)
        self.outcome.seconds = time.monotonic() - self.began_s
        self.outcome.damaged = self.journal.damaged

    def standing(self) -> Standing:
        """How it stands."""
        left = len(self.working) + self.due.waiting + len(self.again)
        return Standing(
            done=self.outcome.done,
            kept=self.outcome.kept,
            failed=len(self.outcome.failures),
            worked=self.worked,
            working=len(self.working),
            left=left if self.due.complete else None,
            seconds=time.monotonic() - self.began_s,
        )

    def _fill(self) -> None:
        while len(self.working) < self.pool.size():
            if self.again:
                self._give(self.again.popleft())
                continue
            one = self.due.take(0.0 if self.working else _POLL_S)
            if one is None:
                return
            if isinstance(one, LoopOrder):
                self._give(one)
            else:
                self._note(one)

    def _give(self, order: LoopOrder) -> None:
        self.working[order.key] = order
        task = Task(
            order=order, out=self.terms.out, limits=self.terms.limits, token=self.terms.token
        )
        self.pool.give(task)

    def _note(self, one: Kept | Unplanned) -> None:
        if isinstance(one, Unplanned):
            told = Failure(key=None, source=one.source, state="unplanned", reason=one.reason)
            self.outcome.failures.append(told)
        elif one.ended.state == "done":
            self.outcome.kept += 1
        else:
            self._fail(one.order, one.ended, before=True)

    def _fail(self, order: LoopOrder, ended: Ended, *, before: bool = False) -> None:
        self.outcome.failures.append(
            Failure(
                key=ended.key,
                source=order.source,
                state=ended.state,
                reason=ended.reason or "",
                before=before,
            )
        )

    def _collect(self, timeout_s: float) -> None:
        took = self.pool.took(timeout_s)
        while took is not None:
            key, answer = took
            self._keep(self.working.pop(key), answer)
            took = self.pool.took(0.0)

    def _keep(self, order: LoopOrder, answer: Answer) -> None:
        spent = answer.told.spent
        if spent is not None:
            self.outcome.cpu_seconds += spent.cpu_seconds
            self.outcome.peak_bytes = max(self.outcome.peak_bytes, spent.peak_bytes or 0)
        ended = self._ended(order, answer)
        before = self.journal.last(order.key)
        if isinstance(answer.told, NotWorked) and answer.told.fault == "storage":
            probe(self.terms.out)
            self.storage[order.key] = self.storage.get(order.key, 0) + 1
            if self.storage[order.key] < _STORAGE_TRIES:
                self.again.append(order)
                return
        self.journal.note(ended)
        if ended.state == "again":
            self.again.appendleft(order)
            return
        self.due.ended(order)
        self.worked += 1
        if ended.state == "done":
            self.outcome.done += 1
            self.outcome.anew += before is not None and before.state == "done"
        else:
            self._fail(order, ended)

    def _ended(self, order: LoopOrder, answer: Answer) -> Ended:
        deaths = self.journal.tries(order.key)
        told, spent = answer.told, answer.told.spent
        ended = Ended(
            key=order.key,
            state="done",
            study_uid=order.study_uid,
            procedure=order.asked.get("procedure"),
            inputs=answer.inputs,
            request=request_digest(order.asked),
            version=__version__,
            origin=order.origin,
            tries=deaths + 1,
            seconds=None if spent is None else spent.seconds,
            cpu_seconds=None if spent is None else spent.cpu_seconds,
            peak_bytes=None if spent is None else spent.peak_bytes,
            summary_sha256=answer.summary_sha256,
            results_sha256=answer.results_sha256,
        )
        if not isinstance(told, NotWorked):
            return ended
        reason = told.reason.replace(f"{self.terms.out}{os.sep}", "")  # it leaves the machine
        ended = replace(ended, state="failed", reason=reason, fault=told.fault)
        if not answer.deaths:
            return ended
        deaths += answer.deaths
        if deaths < MOST_DEATHS:
            return replace(ended, state="again", tries=deaths)
        return replace(
            ended, state="set_aside", tries=deaths, reason=f"tried {deaths} times: {reason}"
        )


def probe(out: Path) -> None:
    """Try whether results can be written; the batch ends where none can.

    Raises
    ------
    StorageError
        They cannot.
    """
    path = out / JOB_FOLDER / f"probe-{os.getpid()}"
    try:
        try:
            path.write_bytes(bytes(_PROBE_BYTES))
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{out}: results cannot be written there ({error.strerror}); what was done is kept: "
            "make room, and give the same command again"
        ) from error
