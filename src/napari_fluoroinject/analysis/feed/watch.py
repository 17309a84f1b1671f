"""What each frame of a screen's or a grabber's feed is, before any map is made of it."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.feed.finding import Finding, same
from napari_fluoroinject.analysis.feed.lattice import Lattice, in_blocks
from napari_fluoroinject.analysis.feed.look import Look
from napari_fluoroinject.analysis.feed.picture import Picture
from napari_fluoroinject.analysis.feed.repeats import Repeats

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.feed.area import PictureArea
    from napari_fluoroinject.model.arrays import FloatArray, StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

__all__ = ["Look", "Watch"]


class Watch:
    """Looks at every frame of a feed, in order, before anything else is done with it.

    Nothing is told of the first frames: the area is found from 8 exposures.

    Parameters
    ----------
    intensity
        What stored values mean.
    shape
        (rows, columns) of the frames as the feed delivers them.

    Attributes
    ----------
    area
        Where the X-ray picture is, after the last frame; None until that is known.
    """

    def __init__(self, intensity: IntensityScale, shape: tuple[int, int]) -> None:
        self._intensity, self._shape = intensity, shape
        self._lattice = Lattice(shape)
        self.area: PictureArea | None = None
        self._frame, self._index = -1, -1
        self._time_s = -inf
        self._last: StoredArray | None = None
        self._finding: Finding | None = Finding()
        self._repeats = Repeats()
        self._picture: Picture | None = None
        self._told = ""

    def look(self, stored: StoredArray, time_s: float, *, index: int | None = None) -> Look:
        """Tell what the next frame is.

        Parameters
        ----------
        stored
            (rows, columns), as the feed delivers it; not kept.
        time_s
            When it came, later than the one before.
        index
            The feed's own number of it, which tells how many frames are missing; None = not told.

        Raises
        ------
        ValueError
            It is not of the expected size, or not later than the one before. Nothing has changed
            then.
        """
        if stored.shape != self._shape:
            raise ValueError(f"a frame of {stored.shape} pixels; expected {self._shape}")
        if not time_s > self._time_s:
            raise ValueError(f"a frame at {time_s} s after one at {self._time_s} s")
        lost = self._counts(time_s, index)
        now, before = self._lattice.samples(stored), self._last
        self._last = now
        if before is None:
            return Look(frame=self._frame, time_s=time_s)
        step = np.subtract(now, before, dtype=np.float32)
        change = in_blocks(np.abs(step))
        changed = self._find(stored, change)
        look = Look(frame=self._frame, time_s=time_s, area=self.area, area_changed=changed)
        if self._picture is None:
            return look
        seen = self._judged(look, now, step, change, lost=lost)
        return replace(seen, said=self._sentences(seen))

    def cut(self, stored: StoredArray) -> StoredArray:
        """The X-ray picture within a frame, a view of `area.shape_px`.

        Raises
        ------
        ValueError
            The area is not known yet.
        """
        if self.area is None:
            raise ValueError("the X-ray picture has not been found yet; expected an area")
        return self.area.cut(stored)

    def _counts(self, time_s: float, index: int | None) -> bool:
        """Number the frame; whether the feed says that some are missing before it."""
        before, self._index = self._index, self._frame + 1 if index is None else index
        self._frame += 1
        self._time_s = time_s
        return index is not None and self._frame > 0 and index > before + 1

    def _find(self, stored: StoredArray, change: FloatArray) -> bool:
        """Seek the area while it is not known or in doubt; whether it is another now."""
        finding = self._finding
        area = None if finding is None else finding.see(stored, change, self._time_s)
        if finding is None or area is None:
            return False
        self._finding = None
        if self.area is not None and same(self.area, area, self._shape):
            self._picture = None if self._picture is None else self._picture.again()
            return False
        self.area = area
        self._repeats.forget()
        self._picture = Picture(self._lattice.inside(area.in_frame(self._shape)))
        # the last one is that of this frame, which is judged like all that come
        before = list(finding.changes)[:-1]
        self._repeats.learn((came_s, self._picture.size(change)) for came_s, change in before)
        return True

    def _judged(
        self, look: Look, now: StoredArray, step: FloatArray, change: FloatArray, *, lost: bool
    ) -> Look:
        picture = self._picture
        assert picture is not None  # noqa: S101 - `look` made sure
        size = picture.size(change)
        coarse = picture.coarse(step, change) if size > 0 else 0.0
        if size > 0 and picture.is_blank(now):
            self._repeats.pause()
            return replace(look, blank=True)
        if size == 0 and picture.blank:
            return replace(look, blank=True)
        exposed = self._repeats.see(size, coarse, look.time_s, lost=lost)
        look = replace(look, fresh=exposed.fresh, held=exposed.held, gap_s=exposed.gap_s)
        if not exposed.fresh:
            return look
        if self._finding is None and picture.layout.see(change, self._repeats.limit):
            self._finding = Finding(again=True)
        return picture.exposed(look, now, self._intensity)

    def _sentences(self, look: Look) -> tuple[str, ...]:
        """What is new, each thing once."""
        said = []
        if look.area_changed and look.area is not None:
            said.append(f"The X-ray picture: {look.area.form}.")
        if look.moved:
            said.append("The table or the C-arm moved, or another scene is shown.")
        if look.step_ln is not None:
            said.append(f"Automatic brightness: {look.step_ln:+.2f} ln.")
        if look.curve_changed:
            said.append("The brightness changed as no single factor does: display or exposure.")
        state = "blank" if look.blank else "held" if look.held else ""
        if state != self._told and state:
            said.append(_STATES[state])
        if state or look.fresh:
            self._told = state
        return tuple(said)


_STATES = {
    "blank": "There is no X-ray picture: the beam is off.",
    "held": "No new exposure comes: the last image is held.",
}
