"""A worker process from outside: started, waited for, and ended when it has had its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_S = 0.05
_LONGEST_ANSWER = 1 << 20


class StoppedError(Exception):
    """The analysis was ended because the service stops: nothing is known of the loop."""


def run_worker(
    order: WorkOrder, *, time_s: float, stopping: Callable[[], bool] = lambda: False
) -> Worked | NotWorked:
    """Analyse one loop in a process of its own.

    Parameters
    ----------
    order
        Which, and within which limits.
    time_s
        How long it may take; then it is killed with all that it started.
    stopping
        Asked again and again: whether the service stops.

    Raises
    ------
    StoppedError
        The service stops.
    """
    process = _started()
    try:
        return _waited_for(process, order, time_s=time_s, stopping=stopping)
    finally:
        _kill(process)


def _started() -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "napari_fluoroinject.confined.worker", str(os.getpid()))
    return subprocess.Popen(  # noqa: S603 - our own module, and a number
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may quote values, which may be a patient's
        start_new_session=True,
    )


def _waited_for(
    process: subprocess.Popen[bytes],
    order: WorkOrder,
    *,
    time_s: float,
    stopping: Callable[[], bool],
) -> Worked | NotWorked:
    deadline = time.monotonic() + time_s
    with suppress(BrokenPipeError):  # it died at once: its end is told below
        process.stdin.write(order.text().encode() + b"\n")  # type: ignore[union-attr]  # a pipe
        process.stdin.flush()  # type: ignore[union-attr]  # a pipe
    while True:
        try:
            status = process.wait(timeout=_POLL_S)
            break
        except subprocess.TimeoutExpired:
            if stopping():
                raise StoppedError from None
            if time.monotonic() >= deadline:
                return NotWorked(
                    fault="broken",
                    reason=f"the analysis took longer than {time_s:g} s (service.time_limit_s)",
                )
    answer = read_answer(process.stdout.read(_LONGEST_ANSWER))  # type: ignore[union-attr]  # a pipe
    killed = sys.platform != "win32" and -status in (signal.SIGKILL, signal.SIGTERM)
    return answer or NotWorked(
        fault="killed" if killed else "broken", reason=f"the analysis {_end(status)}"
    )


def _end(status: int) -> str:
    if status >= 0:
        return f"ended with status {status} and no answer"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and its children, and close its pipes."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()
