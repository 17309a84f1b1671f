"""How well a path fits contrast that runs along it, and passes or stays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.evidence import Window
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.analysis.vascular.evidence import Evidence

SLOWNESS_S_PER_MM = (0.0, 0.02, -0.02, 0.04, -0.04)
"""Of the front: at once, and 50 and 25 mm/s either way."""
PASSING_S = (0.5, 0.9, 1.5)
"""How long contrast stays at a place that it passes."""
REFERENCE_S = 4.0
"""So much before and after is compared, or what there is."""
_GAP_S = 0.27
_STARTS = (-9, 3)
"""Frames before the event's first and after its last at which contrast may come."""
_STRIDE_FRAMES = 2
_FEWEST_DURING, _FEWEST_BEFORE, _FEWEST_AFTER = 4, 3, 6
_LEAST_SHARE = 0.9
"""Share of the places at which there must be as many frames."""
_LATEST_FRAMES = 4
_CORRELATED = 1.2
"""Variance of a mean over places, times their number: neighbours share noise."""
_PIECES = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """The moving window in which a line stands out most from before it and, if it ends, after.

    Attributes
    ----------
    snr
        Its mean rise over one standard deviation of that.
    seconds
        How long it lasts at a place; infinite if to the end.
    slowness_s_per_mm
        Of its front, below 0 if it runs from the path's end to its start.
    start_frame
        When it comes at the path's middle.
    median, least
        Rise of the middlemost and of the weakest fifth of the path, in units of noise.
    """

    snr: float
    seconds: float
    slowness_s_per_mm: float
    start_frame: int
    median: float
    least: float


NO_FIT = Fit(snr=0.0, seconds=0.0, slowness_s_per_mm=0.0, start_frame=0, median=0.0, least=0.0)
"""Where no window has enough frames."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A line (frames, places) with what it takes to move windows over it.

    `totals` and `counts` are running sums over the frames that count; `way_mm` (places,) from the
    path's middle; `mask_start` and `event` in frames.
    """

    totals: DoubleArray
    counts: DoubleArray
    way_mm: DoubleArray
    frames_per_s: float
    mask_start: int
    event: Window

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.counts) - 1

    def mean(self, start: DoubleArray, stop: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Mean of each place's own window, and of how many frames."""
        begin, end = (np.clip(np.rint(edge), 0, self.frames).astype(int) for edge in (start, stop))
        end = np.maximum(begin, end)
        place = np.arange(len(self.way_mm))
        count = self.counts[end] - self.counts[begin]
        total = self.totals[end, place] - self.totals[begin, place]
        return total / np.maximum(count, 1), count


def run_along(line: FloatArray, evidence: Evidence, *, frames_per_s: float, event: Window) -> Run:
    """Prepare a line (frames, places) of the evidence, of which its locked frames count."""
    places = np.arange(line.shape[1])
    totals = np.cumsum(line * evidence.locked[:, None], axis=0, dtype=np.float64)
    return Run(
        totals=np.concatenate([np.zeros((1, line.shape[1])), totals]),
        counts=np.concatenate([[0.0], np.cumsum(evidence.locked, dtype=np.float64)]),
        way_mm=(places - places.mean()) * evidence.grid_mm,
        frames_per_s=frames_per_s,
        mask_start=evidence.mask[0],
        event=event,
    )


def best_fit(run: Run, *, stays: bool) -> Fit:
    """The best of all times, speeds and durations; `NO_FIT` where there are too few frames."""
    starts = np.arange(
        max(run.mask_start + _FEWEST_BEFORE, run.event[0] + _STARTS[0]),
        min(run.frames - _LATEST_FRAMES, run.event[1] + _STARTS[1]),
        _STRIDE_FRAMES,
    )
    best, known = NO_FIT, False
    for slowness, seconds in product(SLOWNESS_S_PER_MM, (inf,) if stays else PASSING_S):
        if not len(starts):
            break
        snr, rise = _fits(run, starts, slowness, seconds)
        at = int(np.argmax(snr))
        if snr[at] == -inf or (known and not snr[at] > best.snr):
            continue
        pieces = [float(piece.mean()) for piece in np.array_split(rise[at], _PIECES)]
        known = True
        best = Fit(
            snr=float(snr[at]),
            seconds=seconds,
            slowness_s_per_mm=slowness,
            start_frame=int(starts[at]),
            median=float(np.median(pieces)),
            least=min(pieces),
        )
    return best


def _fits(
    run: Run, starts: npt.NDArray[np.int64], slowness: float, seconds: float
) -> tuple[DoubleArray, DoubleArray]:
    """Windows that begin at many times.

    (starts,) signal over noise, -inf where there are too few frames; (starts, places) rises.
    """
    rate = run.frames_per_s
    start = starts[:, None] + run.way_mm * slowness * rate
    end = np.full(start.shape, float(run.frames)) if seconds == inf else start + seconds * rate
    during, counts = run.mean(start, end)
    before, counts_before = run.mean(
        np.maximum(start - REFERENCE_S * rate, run.mask_start), start - 1
    )
    enough = (counts >= _FEWEST_DURING) & (counts_before >= _FEWEST_BEFORE)
    compared, scatter = before, _scatter(counts_before)
    if seconds != inf:
        later = end + _GAP_S * rate
        after, counts_after = run.mean(later, later + REFERENCE_S * rate)
        enough &= counts_after >= _FEWEST_AFTER
        higher = after.mean(axis=1) > before.mean(axis=1)
        compared = np.where(higher[:, None], after, before)
        scatter = np.where(higher, _scatter(counts_after), scatter)
    rise = during - compared
    variance = (_scatter(counts) + scatter) * _CORRELATED / len(run.way_mm)
    snr = rise.mean(axis=1) / np.sqrt(variance)
    return np.where(enough.mean(axis=1) < _LEAST_SHARE, -inf, snr), rise


def _scatter(counts: DoubleArray) -> DoubleArray:
    """Variance of means of so many frames (starts, places), in units of one frame's."""
    variance: DoubleArray = (1.0 / np.maximum(counts, 1)).mean(axis=1)
    return variance
