"""A process that is started again when it ends, later each time it ends at once."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from napari_fluoroinject.service.orders import Orders

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 30.0
_STEADY_S = 10.0
"""A process that has run so long was well started."""
_STOP_S = 10.0


class Supervised:
    """One module of ours as a process; it ends when this process does.

    Parameters
    ----------
    module
        Run with `-m`; it is told our process number and reads its orders from stdin.
    orders
        What it is told.
    """

    def __init__(self, module: str, orders: Orders) -> None:
        self._module = module
        self._orders = orders
        self._process: subprocess.Popen[bytes] | None = None
        self._begun_s = self._next_s = 0.0
        self._wait_s = _FIRST_WAIT_S

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process number; None where it does not run."""
        return self._process.pid if self._process is not None and self.runs else None

    def check(self) -> None:
        """Start it where it does not run and its time has come; call this again and again."""
        now_s = time.monotonic()
        if self._process is not None and not self.runs:
            status = self._process.returncode
            steady = now_s - self._begun_s > _STEADY_S
            self._wait_s = _FIRST_WAIT_S if steady else min(2 * self._wait_s, _LONGEST_WAIT_S)
            self._next_s = now_s + self._wait_s
            log.error(
                "%s ended with status %s; it is started again in %.1f s",
                *(self._module.rpartition(".")[2], status, self._wait_s),
            )
            self._forget()
        if self._process is None and now_s >= self._next_s:
            self._start()

    def stop(self) -> None:
        """Ask it to end, and wait; end it where it does not."""
        if self._process is None:
            return
        with suppress(OSError):
            self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop by itself", self._module.rpartition(".")[2])
            self._process.kill()
            self._process.wait()
        self._forget()

    def _start(self) -> None:
        command = (sys.executable, "-m", self._module, str(os.getpid()))
        self._process = subprocess.Popen(  # noqa: S603 - our own module, and a number
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours: we stop it in order
        )
        self._begun_s = time.monotonic()
        pipe = self._process.stdin
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.write(self._orders.text().encode() + b"\n")
                pipe.flush()  # and left open: it is the lifeline

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process = None
