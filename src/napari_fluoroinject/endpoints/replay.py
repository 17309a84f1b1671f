"""A feed that gives the frames of a loop at the moments at which they were taken."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.model.cine import CineLoop

_ALONE_S = 1.0
"""A loop of one frame that begins anew gives it once a second."""


class Replay(Closing):
    """The frames of a loop in real time; none is left out, however late the taker is.

    Each pass is due by its own clock, so that a late taker is not given frames faster and faster
    over many passes. Times go on rising over passes, by one typical interval between them.

    Parameters
    ----------
    loop
        A loop with frame times.
    speed
        How many times faster than it was taken.
    again
        Whether it begins anew at its end, until it is closed.
    clock
        Seconds that go on.

    Raises
    ------
    EndpointError
        The loop has no frame times, or the speed is not above 0.
    """

    def __init__(
        self,
        loop: CineLoop,
        *,
        speed: float = 1.0,
        again: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if loop.times_s is None:
            raise EndpointError(
                "this loop does not tell when its frames were taken; expected frame times: "
                "without them it cannot be replayed in real time"
            )
        if not speed > 0:
            raise EndpointError(f"a speed of {speed}; expected one above 0")
        self._loop, self._times_s = loop, loop.times_s - loop.times_s[0]
        self._speed, self._again, self._clock = speed, again, clock
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        """The frames as they come due; the end comes at once when it is closed."""
        index, before_s = 0, 0.0
        gaps = np.diff(self._times_s)
        pause_s = float(np.median(gaps)) if gaps.size else _ALONE_S
        while True:
            began = self._clock()
            for number, own_s in enumerate(self._times_s):
                if self._wait(began + float(own_s) / self._speed):
                    return
                pixels = self._loop.frames.frame(number)
                yield Frame(index=index, time_s=before_s + float(own_s), pixels=pixels)
                index += 1
            before_s += float(self._times_s[-1]) + pause_s
            if not self._again or self._wait(self._clock() + pause_s / self._speed):
                return

    def close(self) -> None:
        """End it, also where somebody waits for its next frame."""
        self._closed.set()

    def _wait(self, until: float) -> bool:
        """Wait for a moment; whether it was closed meanwhile."""
        return self._closed.wait(max(0.0, until - self._clock()))
