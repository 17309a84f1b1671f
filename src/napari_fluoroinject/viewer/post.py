"""Calls from worker threads into the main thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined] # of either binding

if TYPE_CHECKING:
    from collections.abc import Callable


class MainThread(QObject):
    """Makes calls in the thread that it was made in, in the order in which they were posted.

    It is the `post` of `Jobs`: called from any thread it returns at once, and the call is made
    when the event loop comes round. After `close` nothing is called any more, and posting is
    allowed: a worker may outlive its window.
    """

    _due = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._calls: deque[Callable[[], None]] = deque()
        self._closed = False
        self._due.connect(self._one, Qt.ConnectionType.QueuedConnection)

    def __call__(self, call: Callable[[], None]) -> None:
        """Have this called; from any thread."""
        with self._lock:  # held over the emission: the object may not be deleted meanwhile
            if not self._closed:
                self._calls.append(call)
                self._due.emit()

    def close(self) -> None:
        """Forget what was posted, and take nothing more."""
        with self._lock:
            self._closed = True
            self._calls.clear()
        self.deleteLater()

    def _one(self) -> None:
        """Make one call for each signal, so that the window is painted between them."""
        with self._lock:
            call = self._calls.popleft() if self._calls else None
        if call is not None:
            call()
