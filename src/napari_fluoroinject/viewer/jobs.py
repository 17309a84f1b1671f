"""Long work beside the screen: in threads, with progress, and to be cancelled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from psygnal import Signal

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.model.closing import Closing

log = logging.getLogger(__name__)

State = Literal["waiting", "working", "done", "failed", "cancelled"]
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""
Post = Callable[[Callable[[], None]], None]
"""Has a call made in the main thread, later; may be called from any thread."""
_Result = TypeVar("_Result")

AT_ONCE = 2
"""A transfer and an analysis beside each other; more would only share the cores."""


class CancelledError(Exception):
    """Raised through the work at its next step once somebody has cancelled it."""


class Job:
    """One piece of work as the screen shows it; changed in the main thread alone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: State = "waiting"
        self.step = ""
        self.fraction = 0.0
        self.error = ""
        self._cancelled = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it waits or works."""
        return self.state in ("waiting", "working")

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for its end; may be read from any thread."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask for its end: it comes at the next step of the work, and nothing is kept."""
        self._cancelled.set()


class Jobs(Closing):
    """Starts work and tells of it in the main thread.

    Parameters
    ----------
    post
        Has a call made in the main thread.

    Attributes
    ----------
    changed
        Emitted in the main thread with a job whenever it has changed.
    """

    changed = Signal(Job)

    def __init__(self, post: Post) -> None:
        self._post = post
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fluoroinject")
        self._jobs: list[Job] = []
        self._closed = False

    @property
    def running(self) -> tuple[Job, ...]:
        """What waits or works now."""
        return tuple(job for job in self._jobs if job.running)

    def start(
        self,
        name: str,
        work: Callable[[Progress], _Result],
        done: Callable[[_Result], None],
        *,
        failed: Callable[[str], None] = lambda _message: None,
    ) -> Job:
        """Do work in a thread.

        Parameters
        ----------
        name
            What a person is told that it is.
        work
            Called in a thread with a function to tell progress to, which raises where the job was
            cancelled: the work must let that through.
        done
            Called in the main thread with what the work returned, unless it was cancelled.
        failed
            Called in the main thread with the message of what the work raised.
        """
        job = Job(name)
        self._jobs = [*self.running, job]

        def tell(step: str, fraction: float) -> None:
            if job.cancelled:
                raise CancelledError
            self._later(lambda: self._progress(job, step, fraction))

        def run() -> None:
            try:
                tell("starting", 0.0)
                result = work(tell)
            except CancelledError:
                self._later(lambda: self._end(job, "cancelled"))
            except Exception as error:  # the edge of the worker: a person gets a sentence
                message = _told(error)
                self._later(lambda: self._fail(job, message, failed))
            else:
                self._later(lambda: self._finish(job, result, done))

        self._threads.submit(run)
        self.changed.emit(job)
        return job

    def close(self) -> None:
        """Cancel everything, and wait for the threads."""
        self._closed = True
        for job in self.running:
            job.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _later(self, call: Callable[[], None]) -> None:
        def unless_closed() -> None:
            if not self._closed:
                call()

        self._post(unless_closed)

    def _progress(self, job: Job, step: str, fraction: float) -> None:
        job.state, job.step, job.fraction = "working", step, fraction
        self.changed.emit(job)

    def _finish(self, job: Job, result: Any, done: Callable[[Any], None]) -> None:
        if job.cancelled:
            self._end(job, "cancelled")
            return
        job.fraction = 1.0
        self._end(job, "done")
        done(result)

    def _fail(self, job: Job, message: str, failed: Callable[[str], None]) -> None:
        job.error = message
        self._end(job, "failed")
        failed(message)

    def _end(self, job: Job, state: State) -> None:
        job.state = state
        self.changed.emit(job)


def _told(error: Exception) -> str:
    """Our own errors speak for themselves; of others the kind must be named, too."""
    if isinstance(error, FluoroinjectError):
        return str(error)
    log.debug("work in the viewer failed", exc_info=error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return f"unexpected {type(error).__name__}: {error}; please report it with this line"
