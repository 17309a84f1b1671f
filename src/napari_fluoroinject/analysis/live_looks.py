"""Looks for run-off that are taken beside the frames, so that none waits for them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from napari_fluoroinject.analysis.live_uptake import Uptake, UptakeWatch
    from napari_fluoroinject.model.arrays import FloatArray

MOST_WAITING = 96
"""Where so many frames wait the next ones are not looked at: the machine is too slow. A mask that
was laid is told 40 at once."""


class Looks:
    """Tells an `UptakeWatch` every placed frame; what it finds comes with this frame or a later.

    Parameters
    ----------
    watch
        Who looks.
    beside
        Where it looks, in one thread; None = at once.
    """

    def __init__(self, watch: UptakeWatch, *, beside: Executor | None) -> None:
        self._watch, self._beside = watch, beside
        self._asked: deque[Future[tuple[Uptake, ...]]] = deque()

    def add(self, opacity: FloatArray | None, frame: int, time_s: float) -> tuple[Uptake, ...]:
        """Take in a frame as `UptakeWatch.add` does; the paths that were judged by now."""
        if self._beside is None:
            return self._watch.add(opacity, frame, time_s)
        if len(self._asked) < MOST_WAITING:
            self._asked.append(self._beside.submit(self._watch.add, opacity, frame, time_s))
        found: list[Uptake] = []
        while self._asked and self._asked[0].done():
            found += self._asked.popleft().result()
        return tuple(sorted(found, key=lambda one: -one.score))

    def close(self) -> None:
        """Look at none of those that still wait."""
        while self._asked:
            self._asked.pop().cancel()
