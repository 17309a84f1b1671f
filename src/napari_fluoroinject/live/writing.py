"""The thread that hands frames to the recorder: a slow disk holds up no picture."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy.typing as npt

    from napari_fluoroinject.live.slot import Shot

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""After a failure so long no frame is offered to the recorder."""
MOST_WAITING_BYTES = 64 << 20
"""Frames that may wait for the disk; when there are more, whoever brings them waits."""


class Records(Protocol):
    """What a recorder does, in memory or on disk."""

    def add(
        self, pixels: npt.NDArray[Any], *, index: int, time_s: float, wall_s: float | None
    ) -> None:
        """Keep a frame, or raise `StorageError`, or `ValueError` for what is no picture."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class Writing(Closing):
    """Keeps every frame that is put, in order; `close` waits until the last is kept.

    Parameters
    ----------
    recorder
        Who keeps them; it is closed at the end.
    clock
        Seconds that go on.

    Attributes
    ----------
    recorded, unrecorded
        Frames that were kept, and those that could not be.
    error
        Why frames are not kept now; empty where they are.
    """

    def __init__(self, recorder: Records, clock: Callable[[], float]) -> None:
        self.recorded = self.unrecorded = 0
        self.error = ""
        self._recorder, self._clock = recorder, clock
        self._row: deque[Shot] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ending = False
        self._retry_at_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name="fluoroinject-writing", daemon=True)
        self._thread.start()

    def put(self, shot: Shot) -> None:
        """Hand a frame over; waits only where too many wait for the disk already."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < MOST_WAITING_BYTES)
            self._row.append(shot)
            self._waiting_bytes += shot.pixels.nbytes
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until every frame is kept, then close the recorder."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (shot := self._next()) is not None:
            self._keep(shot)
            with self._changed:
                self._waiting_bytes -= shot.pixels.nbytes
                self._changed.notify_all()
        self._recorder.close()

    def _next(self) -> Shot | None:
        with self._changed:
            self._changed.wait_for(lambda: self._row or self._ending)
            return self._row.popleft() if self._row else None

    def _keep(self, shot: Shot) -> None:
        if self._clock() < self._retry_at_s:
            self.unrecorded += 1
            return
        try:
            self._recorder.add(
                shot.pixels, index=shot.index, time_s=shot.time_s, wall_s=shot.wall_s
            )
        except (StorageError, ValueError) as error:
            self.error = str(error)
            self._retry_at_s = self._clock() + RETRY_S
            self.unrecorded += 1
            log.warning("a live frame was not recorded: %s", type(error).__name__)
        except Exception as error:  # the edge of the thread: a person gets a sentence
            log.debug("recording failed", exc_info=error)
            self.error = f"unexpected {type(error).__name__}; please report it with this line"
            self._retry_at_s = self._clock() + RETRY_S
            self.unrecorded += 1
        else:
            self.error = ""
            self.recorded += 1
