"""Workers of a Dask cluster as a pool: tasks and answers go as one line of JSON each."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.task import Answer, Task
from napari_fluoroinject.batch.worker import worked
from napari_fluoroinject.confined.work import NotWorked
from napari_fluoroinject.errors import UnreachableError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from distributed import Client, Future

_ANSWER_S = 60.0
_STATUS_LOST = ("connecting", "closing", "closed")
_COUNT_EVERY_S = 1.0


class DaskPool:
    """Workers of a Dask cluster; each works on one loop at a time, in a process that it keeps.

    Parameters
    ----------
    client
        Connected to the scheduler.
    stack
        Closed with the pool.
    """

    def __init__(self, client: Client, stack: ExitStack) -> None:
        self._client, self._stack = client, stack
        self._answers: SimpleQueue[tuple[str, Future]] = SimpleQueue()
        self._given = 0
        self._counted: tuple[int, float] | None = None

    @property
    def link(self) -> str | None:
        """Address of Dask's own page on what it does; None where there is none."""
        if not self._client.scheduler_info().get("services", {}).get("dashboard"):
            return None
        return str(self._client.dashboard_link)

    def size(self) -> int:
        """How many workers there are, as of a moment ago.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        self._check()
        if self._counted is None or time.monotonic() - self._counted[1] > _COUNT_EVERY_S:
            try:
                workers = self._client.scheduler_info(n_workers=-1)["workers"]
            except (OSError, TimeoutError) as error:
                raise self._lost() from error
            self._counted = len(workers), time.monotonic()
        return self._counted[0]

    def give(self, task: Task) -> None:
        """Hand over a task.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        self._check()
        self._given += 1
        future = self._client.submit(worked, task.text(), key=f"loop-{self._given}", pure=False)
        key = task.order.key
        future.add_done_callback(lambda ended: self._answers.put((key, ended)))

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        """Wait for one that is ended; its key and what became of it, None when none was.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        try:
            key, future = self._answers.get(timeout=timeout_s)
        except Empty:
            self._check()
            return None
        return key, self._answer(future)

    def close(self) -> None:
        """Let go of the cluster; one of our own ends, whatever it does."""
        self._stack.close()

    def _answer(self, future: Future) -> Answer:
        from distributed.scheduler import KilledWorker

        if future.status not in ("finished", "error"):
            raise self._lost()
        try:
            error = future.exception(timeout=_ANSWER_S)
            if error is None:
                return Answer.read(future.result(timeout=_ANSWER_S))
        except (OSError, TimeoutError) as lost:
            raise self._lost() from lost
        if isinstance(error, KilledWorker):
            deaths = int(error.allowed_failures) + 1
            reason = "the worker that had it ended"
            return Answer(told=NotWorked(fault="killed", reason=reason, lost=True), deaths=deaths)
        reason = f"unexpected {type(error).__name__} in a worker"
        return Answer(told=NotWorked(fault="broken", reason=reason))

    def _check(self) -> None:
        if self._client.status in _STATUS_LOST:
            raise self._lost()

    def _lost(self) -> UnreachableError:
        return UnreachableError(
            "the Dask scheduler is lost; what was done is kept: give the same command again when "
            "there is one"
        )
