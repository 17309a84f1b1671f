"""The two things a run-off does, each searched at every time: it comes and goes, or it stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.vascular.path import best_path
from napari_fluoroinject.analysis.vascular.ridge import line_ridges
from napari_fluoroinject.analysis.vascular.width import line_width_px
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.analysis.vascular.evidence import Evidence
    from napari_fluoroinject.analysis.vascular.suspicion import Suspicion

TRANSIENT_THRESHOLD = 2.6
"""Path mean from which a pulse raises an alarm; `find_run_off` says how it was chosen."""
PERSISTENT_THRESHOLD = 2.05
"""Path mean from which a lasting front raises an alarm."""
TRANSIENT_CLIP = 8.0
"""A node counts no more than this: one short bright piece carries no path."""
PERSISTENT_CLIP = 3.0
"""The same for a lasting front, where bright pieces of film are the common deception."""

VESSEL_WIDTH_MM = 2.1
"""Seen full width at half height up to which a lasting line is as thin as a vessel: those of
synthetic loops show 1.4 to 2.0 mm with the blur of the search, root sleeves 2.3 and more."""

PULSE_S = 0.8
"""A pulse is compared with as long before and after: a bolus in a vessel passes in about 1 s."""
REST_S = 0.2
"""Left out before a pulse."""
GAP_S = 0.27
"""Left out after a pulse."""
LATE_S = 1.33
"""Last part of the run, in which a lasting run-off must still show."""
STRIDE_S = 0.27
"""Times at which is searched."""
_FEWEST_FRAMES = 3
_MASK_FRAMES = 4
"""A pulse is compared with at least the first so many mask frames."""

Kind = Literal["transient", "persistent"]
Window = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The windows of the search in whole frames."""

    pulse: int
    rest: int
    gap: int
    late: int
    stride: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """The best path at one time.

    Attributes
    ----------
    kind
        Which detector found it.
    value
        Mean of the nodes' responses.
    path
        (nodes, 2), (row, column) on the search's grid.
    window
        First frame of the event and the frame after its last.
    sigma
        One standard deviation of a node's response, in units of one frame's noise.
    thinness
        1 for a line as thin as a vessel, less for a wider one.
    """

    kind: Kind
    value: float
    path: FloatArray
    window: Window
    sigma: float
    thinness: float = 1.0

    @property
    def threshold(self) -> float:
        """Value from which the detector raises an alarm."""
        return TRANSIENT_THRESHOLD if self.kind == "transient" else PERSISTENT_THRESHOLD

    @property
    def score(self) -> float:
        """Value over threshold times thinness, at least 0."""
        return max(self.value / self.threshold * self.thinness, 0.0)


def clock(frames_per_s: float) -> Clock:
    """Turn the windows' seconds into frames."""

    def frames(seconds: float, fewest: int) -> int:
        return max(round(seconds * frames_per_s), fewest)

    return Clock(
        pulse=frames(PULSE_S, _FEWEST_FRAMES),
        rest=frames(REST_S, 1),
        gap=frames(GAP_S, 1),
        late=frames(LATE_S, _FEWEST_FRAMES),
        stride=frames(STRIDE_S, 1),
    )


def transient(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> Iterator[Candidate]:
    """Search for what is there for a while: darker than before **and** than after.

    A step, which film makes, is as dark after as during and answers nothing.
    """
    for start in range(first, evidence.frames, ticks.stride):
        stop = start + ticks.pulse
        before = start - ticks.rest
        after = stop + ticks.gap
        if after + ticks.pulse > evidence.frames:
            return
        least = min(evidence.mask[0] + _MASK_FRAMES, start)
        during = evidence.mean(start, stop)
        earlier = evidence.mean(before - ticks.pulse, max(before, least))
        later = evidence.mean(after, after + ticks.pulse)
        if during is None or earlier is None or later is None:
            continue
        response, sigma = line_ridges(during - np.maximum(earlier, later), evidence.allowed)
        np.minimum(response, TRANSIENT_CLIP, out=response)
        suspicion.discount(response, sigma)
        yield _best(evidence, response, "transient", (start, stop), sigma)


def persistent(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> Iterator[Candidate]:
    """Search for a thin front that still shows, thin, at the end of the run.

    Film that comes at once is not thin at the end, and the rim of a film is not a front.
    """
    calm = evidence.mean(*evidence.mask)
    end = evidence.mean(evidence.frames - ticks.late, evidence.frames)
    if calm is None or end is None or evidence.frames - ticks.late < first:
        return
    lasting, sigma = line_ridges(end - calm, evidence.allowed)
    suspicion.discount(lasting, sigma)
    for start in range(max(first, ticks.pulse), evidence.frames, ticks.stride):
        stop = start + ticks.pulse
        if stop > evidence.frames:
            return
        after, before = evidence.mean(start, stop), evidence.mean(start - ticks.pulse, start)
        if after is None or before is None:
            continue
        response, sigma = line_ridges(after - before, evidence.allowed)
        suspicion.discount(response, sigma)
        np.minimum(response, lasting, out=response)
        np.minimum(response, PERSISTENT_CLIP, out=response)
        best = _best(evidence, response, "persistent", (start, stop), sigma)
        yield replace(best, thinness=_thinness(end - calm, best.path, evidence.grid_mm))


def _best(
    evidence: Evidence, response: FloatArray, kind: Kind, window: Window, sigma: float
) -> Candidate:
    response[:, ~evidence.allowed] = -np.inf
    value, path = best_path(response)
    return Candidate(kind=kind, value=value, path=path, window=window, sigma=sigma)


def _thinness(late: FloatArray, path: FloatArray, grid_mm: float) -> float:
    """1 up to the width of a vessel, then falling with the square of the width."""
    if len(path) < 2:
        return 1.0
    width_mm = line_width_px(late, path) * grid_mm
    return min((VESSEL_WIDTH_MM / max(width_mm, 1e-6)) ** 2, 1.0)
