"""The maps of a run: the frames that are in them, and those that wait to be taken in."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.following import LiveSnapshot, Placer
    from napari_fluoroinject.analysis.live_scene import Kept
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.compute.curves import Exposure
    from napari_fluoroinject.model.arrays import StoredArray


class Filling:
    """Takes frames into maps, a few at a time: many wait where contrast was seen late.

    Parameters
    ----------
    placer
        Who places the frames; what it has placed by now and keeps is what is put in.
    most
        How many frames `go_on` takes in.
    on
        The compute backend.
    """

    def __init__(self, placer: Placer, *, most: int, on: Backend) -> None:
        self._placer, self._most = placer, most
        self._follower = on.kernels.follow_curves(placer.subtraction)
        self._waiting: deque[tuple[StoredArray, Exposure]] = deque()
        self._newest, self._count = -1, 0

    def put(self, kept: Kept, exposure: Exposure) -> None:
        """Have a frame taken in when it is its turn, once."""
        if kept.frame > self._newest:
            self._newest = kept.frame
            self._waiting.append((kept.stored, exposure))

    def go_on(self) -> None:
        """Take in some of the frames that wait."""
        for _ in range(min(self._most, len(self._waiting))):
            self._follower.add(*self._waiting.popleft())
            self._count += 1

    @property
    def mapped(self) -> tuple[int, int]:
        """How many frames are in the maps, and how many were left out because they were lost."""
        return self._count, len(self._placer.lost)

    def snapshot(self) -> LiveSnapshot | None:
        """The maps of the frames that are in them; None as long as there is none."""
        if not self._count:
            return None
        return self._placer.snapshot(self._follower.maps(), count=self._count)
