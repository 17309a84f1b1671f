"""Threads whose start cannot wait for ever."""

from __future__ import annotations

import threading

START_S = 5.0
"""For a new thread to run its first lines."""


class _Begun(threading.Event):
    """Set by a thread that runs; whoever starts it waits for that, but not for ever."""

    def wait(self, timeout: float | None = None) -> bool:
        if not super().wait(START_S if timeout is None else timeout):
            raise RuntimeError("a new thread did not begin")
        return True


class CallerThread(threading.Thread):
    """Serves one caller.

    Where memory fails a new thread before its first line, `threading.Thread.start` waits for it
    for ever, and nobody would be accepted any more.
    """

    _started: threading.Event

    def start(self) -> None:
        """Start it.

        Raises
        ------
        RuntimeError, MemoryError
            It cannot be started, or does not begin in time.
        """
        self._started = _Begun()
        try:
            super().start()
        except BaseException:
            # else a thread that never began would count as starting, for good
            threading._limbo.pop(self, None)  # type: ignore[attr-defined] # noqa: SLF001 - see above
            raise
