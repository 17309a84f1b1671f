"""What each frame of a screen's or a grabber's feed is, before any map is made of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.feed.area import PictureArea
from napari_fluoroinject.analysis.feed.brightness import Brightness
from napari_fluoroinject.analysis.feed.finding import Finding, Layout, same
from napari_fluoroinject.analysis.feed.lattice import SIDE, Lattice, all_of, in_blocks
from napari_fluoroinject.analysis.feed.movement import Movement
from napari_fluoroinject.analysis.feed.repeats import Repeats

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray, StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

_PERCENTILE = 70.0
"""Of the blocks' changes: a pointer or a clock changes few, an exposure changes most."""
_MOST_BINS = 96
"""Along the longer side of the picture: in these movement is looked for."""
_CONTRASTS, _CONTRAST_RANGE, _BLANK = 31, (10.0, 90.0), 0.2
"""A picture of less than this share of the usual contrast is none."""
_FEW = 7
"""Every seventh sample tells the contrast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one frame of a feed is.

    Attributes
    ----------
    frame, time_s
        Which frame, counted from 0, and when it came.
    area
        Where the X-ray picture is; None until that is known.
    area_changed
        Whether `area` is another from this frame on, also where it has just become known: what is
        cut out of this frame and of the one before does not fit together.
    fresh
        Whether this frame is the first to show an exposure; False for a repeat, and as long as
        there is no area.
    held
        Whether no exposure has come for longer than usual while the picture stays: the last image
        is held.
    gap_s
        Seconds since the exposure before, on a fresh frame that came later than the rhythm of the
        exposures has it; None where none is missing, or no rhythm is known.
    step_ln
        By how much ln of the whole picture is brighter than before (automatic brightness), where
        one factor tells it and it can be undone by it; None where nothing changed.
    curve_changed
        Whether brightness changed so that no factor undoes it: another display curve, or pixels
        that reached its end.
    moved
        Whether the table or the C-arm moved, or another scene is shown: a mask from before no
        longer fits.
    blank
        Whether there is no X-ray picture in the area: the beam is off, and nothing is held.
    said
        What is new with this frame, in sentences for a person.
    """

    frame: int
    time_s: float
    area: PictureArea | None = None
    area_changed: bool = False
    fresh: bool = False
    held: bool = False
    gap_s: float | None = None
    step_ln: float | None = None
    curve_changed: bool = False
    moved: bool = False
    blank: bool = False
    said: tuple[str, ...] = ()


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
        self._picture: _Picture | None = None
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
        self._picture = _Picture(self._lattice.inside(area.in_frame(self._shape)))
        # the last one is that of this frame, which is judged like all that come
        self._repeats.learn(self._picture.size(one) for one in list(finding.changes)[:-1])
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
            self._finding = Finding()
        return picture.exposed(look, now, self._intensity)

    def _sentences(self, look: Look) -> tuple[str, ...]:
        """What is new, each thing once."""
        said = []
        if look.area_changed and look.area is not None:
            said.append(f"The X-ray picture was found: {look.area.form}.")
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


class _Picture:
    """What is followed within one area; `inside` tells which samples of a frame lie in it."""

    def __init__(self, inside: BoolArray) -> None:
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        self._box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._inside = inside
        self._blocks = all_of(inside)
        self._own_blocks = all_of(inside[self._box])
        self.layout = Layout(self._blocks)
        self._brightness = Brightness()
        self._bin = max(1, ceil(max(inside[self._box].shape) / _MOST_BINS))
        self._movement = Movement(all_of(inside[self._box], self._bin))
        self._contrasts: deque[float] = deque(maxlen=_CONTRASTS)
        self._contrast = 0.0
        self.blank = False

    def again(self) -> _Picture:
        """The same, its layout learned anew."""
        self.layout = Layout(self._blocks)
        return self

    def size(self, change: FloatArray) -> float:
        """By how much the picture changed, by the change of the blocks of a frame."""
        own = change[self._blocks]
        return float(np.percentile(own, _PERCENTILE)) if own.size else 0.0

    def coarse(self, step: FloatArray, change: FloatArray) -> float:
        """By how much blocks changed as wholes, over what noise makes of them."""
        wholes = np.abs(in_blocks(step)[self._blocks]).mean()
        return float(SIDE * wholes / change[self._blocks].mean())

    def is_blank(self, now: StoredArray) -> bool:
        """Whether nothing is in the picture that was there."""
        low, high = np.percentile(now[self._inside][::_FEW], _CONTRAST_RANGE)
        self._contrast = float(high - low)
        usual = float(np.median(self._contrasts)) if self._contrasts else 0.0
        self.blank = self._contrast < _BLANK * usual
        return self.blank

    def exposed(self, look: Look, now: StoredArray, intensity: IntensityScale) -> Look:
        """What a new exposure tells of brightness and movement."""
        self._contrasts.append(self._contrast)
        part = now[self._box]
        ln = intensity.ln(part)
        if self._movement.see(in_blocks(ln, self._bin)):
            self._brightness = Brightness()
            return replace(look, moved=True)
        first, last = intensity.first_stored, intensity.first_stored + len(intensity.ln_beam) - 1
        values = now[self._inside]
        clipped = float(((values <= first) | (values >= last)).mean())
        stepped = self._brightness.see(in_blocks(ln)[self._own_blocks], clipped)
        return replace(look, step_ln=stepped.step_ln, curve_changed=stepped.curve_changed)
