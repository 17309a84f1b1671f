"""A worker process that is kept: many loops one after another, and a fresh one when it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POLL_S = 0.05
_LONGEST_ANSWER = 1 << 20
_LAST_WORDS_S = 2.0
"""How long a process that said nothing of use may take to end, so that its end can be told."""
_THREADS = (
    *("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "FLUOROINJECT_THREADS"),
)
"""Variables that say how many threads the array libraries start, and our own decoding."""


class StoppedError(Exception):
    """The analysis was ended because whoever ordered it stops: nothing is known of the loop."""


class WarmWorker:
    """One process at a time that analyses loops, one after another.

    It is started by the first order, and anew when it was lost, when it has had its number of
    loops, or when an order brings other limits. It ends with the thread that orders from it: all
    orders come from one thread.

    Parameters
    ----------
    most
        Loops of one process: what libraries keep does not add up for ever.
    threads
        How many the array libraries start; None = as many as they like.
    environment
        Variables of the process beside those of this one.
    """

    def __init__(
        self,
        *,
        most: int = 100,
        threads: int | None = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._most = most
        told = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
        self._environment = os.environ | told | dict(environment or {})
        self._process: _Process | None = None

    def __enter__(self) -> WarmWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        return None if self._process is None else self._process.running.pid

    def close(self) -> None:
        """End the process, and what it started."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def work(
        self, order: WorkOrder, *, time_s: float, stopping: Callable[[], bool] = lambda: False
    ) -> Worked | NotWorked:
        """Analyse one loop.

        Parameters
        ----------
        order
            Which, and within which limits.
        time_s
            How long it may take; then the process is killed with all that it started.
        stopping
            Asked again and again: whether to stop.

        Raises
        ------
        StoppedError
            It stops.
        """
        limits = order.memory_bytes, order.niceness
        if self._process is not None and (
            self._process.limits != limits or self._process.running.poll() is not None
        ):
            self.close()
        if self._process is None:
            self._process = _started(self._most, self._environment, limits)
        try:
            answer = self._process.asked(order, time_s=time_s, stopping=stopping)
        except BaseException:
            self.close()
            raise
        # whoever met a fault of the program, or too little memory, is not to be trusted further
        broken = isinstance(answer, NotWorked) and answer.fault in ("broken", "killed")
        if broken or self._process.answered >= self._most:
            self.close()
        return answer


@dataclass(slots=True, kw_only=True)
class _Process:
    """A running one; its answers come through a thread, which Windows' pipes need."""

    running: subprocess.Popen[bytes]
    limits: tuple[int, int]
    answers: SimpleQueue[bytes] = field(default_factory=SimpleQueue)
    answered: int = 0

    def asked(
        self, order: WorkOrder, *, time_s: float, stopping: Callable[[], bool]
    ) -> Worked | NotWorked:
        deadline = time.monotonic() + time_s
        with suppress(BrokenPipeError):  # it died at once: its end is told below
            self.running.stdin.write(order.text().encode() + b"\n")  # type: ignore[union-attr]  # a pipe
            self.running.stdin.flush()  # type: ignore[union-attr]  # a pipe
        while True:
            try:
                line = self.answers.get(timeout=_POLL_S)
                break
            except Empty:
                if stopping():
                    raise StoppedError from None
                if time.monotonic() >= deadline:
                    return NotWorked(
                        fault="broken",
                        reason=f"the analysis took longer than {time_s:g} s "
                        f"({order.limit_names[0]})",
                        lost=True,
                    )
        self.answered += 1
        return read_answer(line) or self._end()

    def _end(self) -> NotWorked:
        """Tell how a process without an answer ended."""
        try:
            status = self.running.wait(timeout=_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            return NotWorked(fault="broken", reason="the analysis gave no answer", lost=True)
        killed = sys.platform != "win32" and -status in (signal.SIGKILL, signal.SIGTERM)
        return NotWorked(
            fault="killed" if killed else "broken",
            reason=f"the analysis {_end(status)}",
            lost=True,
        )

    def kill(self) -> None:
        """End it and its children, and close its pipes."""
        if sys.platform == "win32":
            self.running.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        with suppress(OSError):
            self.running.stdin.close()  # type: ignore[union-attr]  # a pipe


def _started(most: int, environment: Mapping[str, str], limits: tuple[int, int]) -> _Process:
    module = "napari_fluoroinject.confined.worker"
    running = subprocess.Popen(  # noqa: S603 - our own module, and numbers
        (sys.executable, "-m", module, str(os.getpid()), str(most)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may quote values, which may be a patient's
        start_new_session=True,
        env=dict(environment),
    )
    process = _Process(running=running, limits=limits)
    threading.Thread(target=_listen, args=(running, process.answers), daemon=True).start()
    return process


def _listen(running: subprocess.Popen[bytes], answers: SimpleQueue[bytes]) -> None:
    """Hand on what it answers; an empty line when it ends."""
    with running.stdout as pipe, suppress(OSError, ValueError):  # type: ignore[union-attr]  # a pipe
        while line := pipe.readline(_LONGEST_ANSWER):
            answers.put(line)
    answers.put(b"")


def _end(status: int) -> str:
    if status >= 0:
        return f"ended with status {status} and no answer"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
