"""Which frame of a run is due, by its own times, and an exact count of what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray, read_only

Mode = Literal["time", "every"]
"""`time` leaves out frames that are late, `every` shows all of them and takes longer."""

ASSUMED_RATE = 15.0
"""Frames per second at which a run without times is played: what most C-arms are set to."""
SLOWEST, FASTEST = 0.1, 4.0
"""Of the speeds at which a run can be played, as factors."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """One pass through a window of frames.

    Attributes
    ----------
    order
        (steps,) the frames in the order in which they are shown.
    starts_s
        (steps,) float64: when each is due, in seconds from the first of them, rising.
    period_s
        How long the pass takes, the last frame's time included.
    loop
        Whether another pass follows.
    """

    order: npt.NDArray[np.int64]
    starts_s: DoubleArray
    period_s: float
    loop: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", read_only(self.order, np.int64))
        object.__setattr__(self, "starts_s", read_only(self.starts_s, np.float64))

    @property
    def steps(self) -> int:
        """Frames of one pass."""
        return len(self.order)

    def frame(self, step: int) -> int:
        """The frame of a step; steps count on through all passes."""
        return int(self.order[step % self.steps])

    def start_s(self, step: int) -> float:
        """When a step is due."""
        passes, place = divmod(step, self.steps)
        return passes * self.period_s + float(self.starts_s[place])

    def step_at(self, position_s: float) -> int:
        """The step that is due at a time of the run; the last one where no pass follows."""
        if not self.loop:
            position_s = min(max(position_s, 0.0), float(self.starts_s[-1]))
        passes = int(position_s // self.period_s)
        within = np.searchsorted(self.starts_s, position_s - passes * self.period_s, "right")
        step = passes * self.steps + max(int(within) - 1, 0)
        # Rounding may put the start of a step just before or behind itself.
        if position_s >= self.start_s(step + 1) and not self._last(step):
            return step + 1
        return step - 1 if position_s < self.start_s(step) and step > 0 else step

    def place_of(self, frame: int) -> int | None:
        """Where in the pass a frame comes; None = it is not in the window."""
        found = np.flatnonzero(self.order == frame)
        return int(found[0]) if len(found) else None

    def _last(self, step: int) -> bool:
        return not self.loop and step >= self.steps - 1


def frame_starts(times_s: DoubleArray | None, frames: int) -> tuple[DoubleArray, float]:
    """When each frame starts, from 0, and when the last one ends, in seconds.

    The last frame lasts as long as the median of the others. Without times, or with times that
    never move on, `ASSUMED_RATE` is assumed; a time before an earlier one counts as that one.
    """
    assumed = np.arange(frames) / ASSUMED_RATE
    if times_s is None or not np.isfinite(times_s).all():
        return assumed, frames / ASSUMED_RATE
    starts = np.maximum.accumulate(times_s - times_s[0])
    steps = np.diff(starts)
    steps = steps[steps > 0]
    if not len(steps):
        return assumed, frames / ASSUMED_RATE
    return starts, float(starts[-1] + np.median(steps))


def acquired_rate(times_s: DoubleArray | None, frames: int) -> float | None:
    """Frames per second, by the median of the times between them; None = the file does not say."""
    if times_s is None or frames < 2 or not np.isfinite(times_s).all():
        return None
    middle_s = float(np.median(np.diff(times_s)))
    return 1 / middle_s if middle_s > 0 else None


def schedule(
    times_s: DoubleArray | None,
    frames: int,
    *,
    window: tuple[int, int] | None = None,
    backwards: bool = False,
    loop: bool = True,
) -> Schedule:
    """Make the pass through a run of `frames` frames, or through a window (first, last) of it.

    Each frame is shown for as long as it lasted, in either direction.
    """
    first, last = window or (0, frames - 1)
    first = min(max(first, 0), frames - 1)
    last = min(max(last, first), frames - 1)
    starts, end = frame_starts(times_s, frames)
    edges = np.append(starts, end)[first : last + 2]
    order = np.arange(first, last + 1)
    if edges[-1] <= edges[0]:  # frames of one and the same time
        edges = np.arange(len(edges)) / ASSUMED_RATE
    if backwards:
        order, edges = order[::-1], edges[-1] - edges[::-1]
    return Schedule(
        order=order,
        starts_s=edges[:-1] - edges[0],
        period_s=float(edges[-1] - edges[0]),
        loop=loop,
    )


class Clock:
    """Says which frame to show, and counts: due = shown + skipped + pending, always.

    Parameters
    ----------
    run
        What is played.
    now_s
        The time on any clock that never goes back; all other times are of the same clock.
    start
        The frame that is on the screen: if it is in the window it is the first one, shown already.
    speed
        How much faster than the run was acquired.
    mode
        What happens to frames that are late.
    """

    def __init__(
        self, run: Schedule, now_s: float, *, start: int, speed: float = 1.0, mode: Mode = "time"
    ) -> None:
        self._run, self._mode = run, mode
        self._speed = min(max(speed, SLOWEST), FASTEST)
        place = run.place_of(start)
        at_end = place is not None and not run.loop and place == run.steps - 1 > 0
        known = place is not None and not at_end
        self._begin = place if place is not None and known else 0
        self._step = self._begin if known else -1
        self._origin_s = now_s - run.start_s(self._begin) / self._speed
        self.pending = False
        self.shown = int(known)
        self.skipped = 0

    @property
    def due(self) -> int:
        """Frames that were due until now, over all passes, as far as anybody asked."""
        return self._step - self._begin + 1

    @property
    def frame(self) -> int:
        """The frame that was asked for last."""
        return self._run.frame(max(self._step, 0))

    @property
    def over(self) -> bool:
        """Whether the last frame was asked for and none follows."""
        return not self._run.loop and self._step >= self._run.steps - 1 and not self.pending

    def ask(self, now_s: float) -> int | None:
        """The frame to show now; None where none is due, or one is still pending."""
        due = self._run.step_at((now_s - self._origin_s) * self._speed)
        if self.pending or due <= self._step:
            return None
        following = self._step + 1 if self._mode == "every" else due
        if following < due:  # late by a frame: time stands still meanwhile, it is never made up
            self._origin_s = now_s - self._run.start_s(following) / self._speed
        self.skipped += following - self._step - 1
        self._step, self.pending = following, True
        return self._run.frame(following)

    def drawn(self) -> bool:
        """Count the pending frame as shown; returns whether there was one."""
        if not self.pending:
            return False
        self.pending, self.shown = False, self.shown + 1
        return True

    def missed(self) -> bool:
        """Count the pending frame as skipped: it never came; returns whether there was one."""
        if not self.pending:
            return False
        self.pending, self.skipped = False, self.skipped + 1
        return True

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next frame is due, at least 0."""
        at_s = self._origin_s + self._run.start_s(self._step + 1) / self._speed
        return max(at_s - now_s, 0.0)
