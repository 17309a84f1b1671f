"""What a candidate path looks like: the numbers by which it is judged."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from napari_fluoroinject.analysis.vascular.detectors import Clock
from napari_fluoroinject.analysis.vascular.evidence import Evidence
from napari_fluoroinject.analysis.vascular.kymograph import Kymograph, kymographs
from napari_fluoroinject.analysis.vascular.passing import NO_FIT, best_fit, run_along
from napari_fluoroinject.analysis.vascular.suspicion import LATE_FRAMES, film_od
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.vascular.detectors import Candidate
    from napari_fluoroinject.analysis.vascular.suspicion import Suspicion

_FRONT_S = 0.3
"""Half of the time that is looked at before and after a front."""
_PEAK_FRAMES = 9
_EDGE_PX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A candidate in numbers.

    Attributes
    ----------
    strength, width_mm
        As its detector saw it.
    passing_snr, passing_median, passing_least, passing_s
        The best fit of contrast that passes: signal over noise, rise of the middlemost and of the
        weakest fifth of the path (in units of noise), how long.
    staying_snr, staying_median, staying_least, staying_slowness
        The same for contrast that stays; the front's slowness in s/mm.
    rise, growth
        Of the line, at the front and from then to the end.
    line_peak, line_late, core_peak, core_late, lowest
        Of the line and of what it stands on, at their highest, at the end, and at its lowest.
    peak_od, side_od
        Highest opacity of the line and of what lies beside it.
    film_od, film_most_od
        Film at the end: along the path, and at most along it.
    still
        Falls from 1 where something moves by itself.
    edge, moving_edge
        The anatomy's step across the path, and as much of it, in units of noise, as structure
        around it moves by itself: a border of lung or gas that breathes looks like a vessel.
    side_lowest
        The lowest that either side comes to: beside an edge that moves it brightens.
    """

    strength: float
    width_mm: float
    passing_snr: float
    passing_median: float
    passing_least: float
    passing_s: float
    staying_snr: float
    staying_median: float
    staying_least: float
    staying_slowness: float
    rise: float
    growth: float
    line_peak: float
    line_late: float
    core_peak: float
    core_late: float
    lowest: float
    peak_od: float
    side_od: float
    film_od: float
    film_most_od: float
    still: float
    edge: float
    moving_edge: float
    side_lowest: float

    def vector(self) -> FloatArray:
        """As an array, in the order of the fields."""
        return np.array(astuple(self), np.float32)


TRAITS = tuple(one.name for one in fields(Traits))
"""The order of a vector."""
AMPLITUDES = tuple(
    name
    for name in TRAITS
    if name not in ("width_mm", "passing_s", "staying_slowness", "still", "edge", "moving_edge")
)
"""Those that grow with the contrast's strength."""


def describe(
    evidence: Evidence,
    suspicion: Suspicion,
    candidates: Sequence[Candidate],
    ticks: Clock,
    *,
    passing: bool = True,
) -> list[Traits]:
    """Look at every candidate again, along its whole course and over the whole loop.

    Parameters
    ----------
    evidence, suspicion, ticks
        As they were searched.
    candidates
        What was found.
    passing
        Whether the loop goes on long enough to ask if contrast passes; else it is taken to stay.
    """
    film = film_od(evidence)
    still, moving_edge = np.ones_like(film), np.zeros_like(film)
    still[suspicion.part] = suspicion.still
    moving_edge[suspicion.part] = suspicion.edge.max(axis=0)
    field = _Field(
        evidence=evidence,
        film=film,
        still=still,
        moving_edge=moving_edge,
        ticks=ticks,
        passing=passing,
    )
    seen = kymographs(evidence, candidates)
    return [_traits(field, *each) for each in zip(candidates, seen, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Field:
    """What is the same for all candidates of a loop."""

    evidence: Evidence
    film: FloatArray
    still: FloatArray
    moving_edge: FloatArray
    ticks: Clock
    passing: bool

    def along(self, picture: FloatArray, points: DoubleArray) -> FloatArray:
        last = np.array(picture.shape) - 1
        row, column = np.clip(np.rint(points).astype(int), 0, last).T
        values: FloatArray = picture[row, column]
        return values

    def beside(self, seen: Kymograph) -> tuple[FloatArray, FloatArray]:
        """The anatomy on both sides of a path."""
        away = _EDGE_PX * seen.normals
        anatomy = self.evidence.anatomy
        return self.along(anatomy, seen.points - away), self.along(anatomy, seen.points + away)


def _traits(field: _Field, candidate: Candidate, seen: Kymograph) -> Traits:
    evidence, rate = field.evidence, field.ticks.frames_per_s
    run = run_along(seen.line, evidence, frames_per_s=rate, event=candidate.window)
    passing = best_fit(run, stays=False) if field.passing else NO_FIT
    staying = best_fit(run, stays=True)
    better = staying if staying.snr > passing.snr else passing
    line, core, side = (
        _moving(part, run.way_mm * better.slowness_s_per_mm * rate)
        for part in (seen.line, seen.core, seen.side)
    )
    start, step, late = better.start_frame, round(_FRONT_S * rate) + 1, len(line) - LATE_FRAMES
    front = _mean(line, start, start + 2 * step)
    calm_core = uniform_filter1d(core, _PEAK_FRAMES)
    film = field.along(field.film, seen.points)
    return Traits(
        strength=candidate.strength,
        width_mm=candidate.width_mm,
        passing_snr=passing.snr,
        passing_median=passing.median,
        passing_least=passing.least,
        passing_s=passing.seconds,
        staying_snr=staying.snr,
        staying_median=staying.median,
        staying_least=staying.least,
        staying_slowness=abs(staying.slowness_s_per_mm),
        rise=front - _mean(line, start - 2 * step, start),
        growth=_mean(line, late, len(line)) - front,
        line_peak=float(uniform_filter1d(line, _PEAK_FRAMES).max()),
        line_late=_mean(line, late, len(line)),
        core_peak=float(calm_core.max()),
        core_late=_mean(core, late, len(core)),
        lowest=float(calm_core.min()),
        peak_od=float(calm_core.max()) * seen.noise_od,
        side_od=float(uniform_filter1d(side, _PEAK_FRAMES).max()) * seen.noise_od,
        film_od=float(film.mean()),
        film_most_od=float(film.max()),
        still=float(field.along(field.still, seen.points).mean()),
        edge=float(np.median(np.abs(np.subtract(*field.beside(seen))))),
        moving_edge=float(np.median(field.along(field.moving_edge, seen.points))),
        side_lowest=float(uniform_filter1d(seen.side_low.mean(axis=1), _PEAK_FRAMES).min()),
    )


def _moving(part: FloatArray, delay_frames: DoubleArray) -> DoubleArray:
    """Mean over the places (frames,), each taken as much later as the front comes there later."""
    frames = np.arange(len(part), dtype=np.float64)
    columns = [
        np.interp(frames + delay, frames, column)
        for delay, column in zip(delay_frames, part.T, strict=True)
    ]
    mean: DoubleArray = np.mean(columns, axis=0)
    return mean


def _mean(curve: DoubleArray, start: int, stop: int) -> float:
    part = curve[max(start, 0) : max(stop, 0)]
    return float(part.mean()) if len(part) else 0.0
