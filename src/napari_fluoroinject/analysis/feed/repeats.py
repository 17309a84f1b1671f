"""Which frames of a feed show a new exposure, and which repeat one; when none comes any more."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_fluoroinject.analysis.feed.beat import Beat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

_REMEMBERED = 90
"""Frames from which the change of repeats and of exposures is learned."""
_FEWEST = 6
_APART = 1.2
"""An exposure changes more than a repeat by this factor."""
_TAKES_TURNS = 0.7
"""Share of the stronger changes after which a weaker one comes: a monitor is grabbed more often
than it changes. Movement makes changes stronger, too, but many in a row."""
_NOTHING = 0.02
"""Share of an exposure's change that is none: an exact repeat."""
_FAINT = 0.5
"""Where no repeat has been seen a change below this share of the usual is one."""
_USUAL = 0.25
"""Quantile of the changes by exposures that is the usual one: movement makes more."""
_FEWEST_TURNS, _AT_RANDOM = 3, 0.5
"""Stronger changes that tell whether weaker ones come in turn, and the share below which not."""
_TRIED, _LATELY, _BEAT = 8, 60, 0.12
"""Gaps that are tried for a rhythm, the widest first, in so many last frames; and how much
intervals may differ from their median, as a mean share."""
_ALIVE = 1.6
"""Blocks as wholes change by so many times what noise makes of them: no repeat does that."""
_ALIVE_FRAMES = 5
_INTERVALS, _FEWEST_INTERVALS = 16, 4
_STEADY = 0.35
"""Intervals that differ from their median by more than this share, on average, are no rhythm."""
_MISSING, _HELD = 1.6, 2.5
"""In intervals: later than the first a pulse is missing, later than the second none comes."""
_HELD_S = 1.0
"""Without a rhythm, a picture that stays so long is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """What one frame says about exposures; as `watch.Look` has it."""

    fresh: bool
    held: bool
    gap_s: float | None


class Repeats:
    """Learns by how much a repeat and an exposure change the picture; of no use for one frame.

    Attributes
    ----------
    interval_s
        From one exposure to the next; None where there is no steady rhythm, or not yet.
    """

    def __init__(self) -> None:
        self._changes: deque[float] = deque(maxlen=_REMEMBERED)
        self._fresh: deque[float] = deque(maxlen=_REMEMBERED)
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._last_s: float | None = None
        self._alive = 0
        self._split: Split | None = None
        self._beat = Beat()
        self.interval_s: float | None = None

    def learn(self, changes: Iterable[tuple[float, float]]) -> None:
        """Take in when frames came before there was anything to tell, and their changes."""
        for time_s, change in changes:
            self._beat.see(change, time_s)
            self._take(change)
            if change > self.limit:
                self._fresh.append(change)

    def see(self, change: float, coarse: float, time_s: float, *, lost: bool = False) -> Exposed:
        """Judge the next frame.

        Parameters
        ----------
        change
            By how much its pixels differ from those of the frame before, in the picture.
        coarse
            The same of blocks as wholes, over what noise makes of them.
        time_s
            When it came.
        lost
            Whether the feed says that frames are missing before it.
        """
        fresh, due = change > self.limit, self._beat.see(change, time_s)
        if due is not None and not (self._split is not None and self._split.sure):
            fresh = due
        elif not fresh and change > 0 and coarse > _ALIVE:
            self._alive += 1
            lasts = self._split is None or self._is_long(time_s)
            if lasts and self._alive >= _ALIVE_FRAMES:
                # what was learned no longer holds: exposures have less noise now
                self.forget()
                fresh = True
        elif not fresh:
            self._alive = 0
        self._take(change)
        if not fresh:
            return Exposed(fresh=False, held=self._is_held(time_s), gap_s=None)
        self._alive = 0
        self._fresh.append(change)
        return Exposed(fresh=True, held=False, gap_s=self._came(time_s, lost))

    def pause(self) -> None:
        """Say that there was no picture: how long ago the last exposure was says nothing then."""
        self._last_s = None

    def forget(self) -> None:
        """Forget by how much exposures and repeats change the picture, and keep the rhythm."""
        self._changes.clear()
        self._fresh.clear()
        self._split = None

    @property
    def limit(self) -> float:
        """The change above which a frame is a new exposure."""
        if self._split is not None:
            return self._split.limit
        usual = sorted(self._fresh)[int(_USUAL * len(self._fresh))] if self._fresh else 0.0
        return _FAINT * usual if len(self._fresh) >= _FEWEST else _NOTHING * usual

    def _take(self, change: float) -> None:
        """Learn from a change; what was learned lasts, also while nothing but repeats come."""
        self._changes.append(change)
        changes = np.array(self._changes, np.float64)
        split, before = _split(changes), self._split
        if before is not None and before.sure and (split is None or not split.sure):
            if _one_by_one(changes[-_LATELY:] > before.limit) < _AT_RANDOM:
                self._split = split
        elif split is not None:
            self._split = split

    def _is_long(self, time_s: float) -> bool:
        """Whether none came for so long as no rhythm of exposures has it."""
        return self._is_held(time_s) and time_s - (self._last_s or 0.0) > _HELD_S

    def _is_held(self, time_s: float) -> bool:
        if self._last_s is None:
            return False
        longest_s = _HELD_S if self.interval_s is None else _HELD * self.interval_s
        return time_s - self._last_s > longest_s

    def _came(self, time_s: float, lost: bool) -> float | None:
        """Note when an exposure came; the time since the one before where that is long."""
        before_s, self._last_s = self._last_s, time_s
        if before_s is None:
            return None
        gap_s, usual_s = time_s - before_s, self.interval_s
        late = lost if usual_s is None else gap_s > _MISSING * usual_s
        if not lost:
            self._intervals.append(gap_s)
            self.interval_s = _rhythm(np.array(self._intervals))
        return gap_s if late else None


def _rhythm(intervals_s: DoubleArray) -> float | None:
    if len(intervals_s) < _FEWEST_INTERVALS:
        return None
    usual_s = float(np.median(intervals_s))
    # more than one of two may be off by one grab
    spread = float(np.mean(np.minimum(np.abs(intervals_s / usual_s - 1.0), 1.0)))
    return usual_s if spread <= _STEADY else None


class Split(NamedTuple):
    """A limit between repeats and exposures; whether exposures above it come one by one."""

    limit: float
    sure: bool


def _split(changes: DoubleArray) -> Split | None:
    """Tell the changes of repeats from those of exposures; None where all are one kind.

    The widest gap between them is a limit where stronger changes come one by one. After lossy
    coding repeats change as well, up to a limit above which changes come in a steady rhythm.
    """
    if len(changes) < _FEWEST:
        return None
    ordered = np.sort(changes)
    top = float(np.median(ordered[len(ordered) // 2 :]))
    raised = np.maximum(ordered, _NOTHING * top)
    if raised[-1] <= 0:
        return None
    ratios = raised[1:] / np.maximum(raised[:-1], 1e-12)
    # an outlier on either end is no kind
    ratios[-1] = 1.0
    at = int(ratios.argmax())
    if ratios[at] < _APART:
        return None
    limits = np.sqrt(raised[1:] * raised[:-1])
    widest = Split(float(limits[at]), sure=False)
    strong = changes > widest.limit
    turns = strong[:-1].sum() >= _FEWEST_TURNS and _one_by_one(strong) >= _TAKES_TURNS
    if turns and _spread(strong) < _STEADY:
        return widest._replace(sure=True)
    lately = changes[-_LATELY:]
    for limit in limits[np.argsort(-ratios, kind="stable")][:_TRIED]:
        strong = lately > limit
        if _one_by_one(strong) >= _TAKES_TURNS and _spread(strong) < _BEAT:
            return Split(float(limit), sure=True)
    return widest if turns or ordered[at] <= _NOTHING * top else None


def _one_by_one(strong: BoolArray) -> float:
    """Share of the stronger changes after which a weaker one comes; 1 where there are too few."""
    followed = ~strong[1:][strong[:-1]]
    return float(followed.mean()) if len(followed) >= _FEWEST_TURNS else 1.0


def _spread(strong: BoolArray) -> float:
    """By how much intervals differ from their median, as a mean share."""
    intervals = np.diff(np.flatnonzero(strong))
    if len(intervals) < _FEWEST:
        return np.inf
    return float(np.mean(np.minimum(np.abs(intervals / np.median(intervals) - 1.0), 1.0)))
