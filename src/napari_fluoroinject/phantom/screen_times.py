"""What a C-arm's monitor shows at the moments at which it is grabbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.screen_settings import ScreenSettings

GRAB_PHASE = 0.37
"""Share of a grab's interval by which an exposure is shown before it is grabbed first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timetable:
    """Exposures of the X-ray, (exposures,), and grabs of the monitor, (grabs,).

    Attributes
    ----------
    frame, run, again
        Of each exposure: its frame in the loop, its run, and whether it is of the run's second
        injection.
    times_s
        Of each grab, from the first one.
    shown
        Of each grab, the exposure on the screen; -1 = none, the X-ray is off and all is blank.
    held
        Whether the X-ray was off and the last picture stayed.
    gaps_s
        Time that is missing before a grab; 0 = none.
    """

    frame: npt.NDArray[np.intp]
    run: npt.NDArray[np.intp]
    again: BoolArray
    times_s: DoubleArray
    shown: npt.NDArray[np.intp]
    held: BoolArray
    gaps_s: DoubleArray


def timetable(source_s: DoubleArray, settings: ScreenSettings) -> Timetable:
    """Lay runs, holds and blanks one after another, and grab them."""
    steps = np.diff(source_s)
    if settings.pulse_hz is not None:
        steps = np.full(len(source_s) - 1, 1 / settings.pulse_hz)
    pause = float(np.median(steps))
    own = np.concatenate([[0.0], np.cumsum(steps)])
    one = np.concatenate([own, own[-1] + pause + own]) if settings.second_injection else own
    frames = np.tile(np.arange(len(own)), len(one) // len(own))
    begins = settings.off_s + np.arange(settings.runs) * (one[-1] + pause + settings.hold_s)
    at = (begins[:, None] + one[None, :]).ravel()
    ends = begins + one[-1] + pause
    run = np.repeat(np.arange(settings.runs), len(one))
    until = float(ends[-1] + settings.hold_s + settings.blank_s)
    times, gaps = _grabs(until, settings)
    shown = np.searchsorted(at, times, side="right") - 1
    off = (shown >= 0) & (times >= ends[run[np.maximum(shown, 0)]])
    blank_from = float(ends[-1] + settings.hold_s)
    shown = np.where(times >= blank_from, -1, shown)
    return Timetable(
        frame=np.tile(frames, settings.runs),
        run=run,
        again=np.tile(np.arange(len(one)) >= len(own), settings.runs),
        times_s=times - times[0],
        shown=shown,
        held=off & (shown >= 0),
        gaps_s=gaps,
    )


def _grabs(until_s: float, settings: ScreenSettings) -> tuple[DoubleArray, DoubleArray]:
    """Moments of the grabs that arrived, and the time that is missing before each."""
    random = np.random.default_rng(np.random.SeedSequence((settings.seed, 1)))
    step = 1 / settings.grab_hz
    count = max(2, round(until_s / step))
    moments = np.asarray((np.arange(count) + GRAB_PHASE) * step, np.float64)
    if settings.jitter_s:
        late = np.clip(random.normal(0.0, settings.jitter_s, len(moments)), -0.45 * step, None)
        moments = np.maximum.accumulate(moments + late + 1e-6 * np.arange(len(moments)))
    kept = random.random(len(moments)) >= settings.dropped_share
    if settings.gap_s is not None:
        begin, length = settings.gap_s
        kept &= (moments < begin) | (moments >= begin + length)
    kept[0] = True
    numbers = np.flatnonzero(kept)
    missing = np.diff(numbers, prepend=-1) - 1
    return moments[kept], missing * step
