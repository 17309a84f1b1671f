"""The frames of all open runs as pictures, each opened once and shared by the views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.viewer.frames import LazyFrames, first_window, of_differences, of_frames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.subtracted import SubtractedLoop
    from napari_fluoroinject.viewer.run import Run


class Pictures(Closing):
    """Opens pictures when they are first shown, and keeps them."""

    def __init__(self) -> None:
        self._native: dict[str, tuple[LazyFrames, tuple[float, float]]] = {}
        self._subtracted: dict[str, tuple[SubtractedLoop, LazyFrames]] = {}

    def native(self, run: Run) -> tuple[LazyFrames, tuple[float, float]]:
        """Return the frames of a run and the window of its first one, the only one decoded."""
        if run.uid not in self._native:
            frames = of_frames(run.loop.frames)
            self._native[run.uid] = frames, first_window(frames.frame(0), run.loop)
        return self._native[run.uid]

    def subtracted(self, uid: str, made: SubtractedLoop) -> LazyFrames:
        """Return the differences of a run."""
        held = self._subtracted.get(uid)
        if held is None or held[0] is not made:
            if held is not None:
                held[1].close()
            held = made, of_differences(made.stored)
            self._subtracted[uid] = held
        return held[1]

    def keep_only(self, uids: Iterable[str]) -> None:
        """Let go of all other runs."""
        wanted = set(uids)
        for uid in [one for one in self._native if one not in wanted]:
            self._native.pop(uid)[0].close()
        for uid in [one for one in self._subtracted if one not in wanted]:
            self._subtracted.pop(uid)[1].close()

    def close(self) -> None:
        """Let go of everything."""
        self.keep_only(())
