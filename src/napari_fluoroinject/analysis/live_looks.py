"""What is done beside the frames, so that none waits for it; looks for run-off above all."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari_fluoroinject.analysis.live_uptake import Uptake, UptakeWatch
    from napari_fluoroinject.model.arrays import FloatArray

MOST_WAITING = 96
"""Where so many frames wait the next ones are not looked at: the machine is too slow. A mask that
was laid is told 40 at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Who works while frames go on.

    Attributes
    ----------
    masks
        Lays masks, some tenths of a second each.
    looks
        Looks for run-off, in one thread, up to 45 ms a look: what it finds is told with one of the
        next frames. None = that is done with the frame.
    """

    masks: Executor
    looks: Executor | None = None


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
