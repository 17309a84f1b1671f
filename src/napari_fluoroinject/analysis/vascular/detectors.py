"""The two things a run-off does, each searched at every time: it comes and goes, or it stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.vascular.evidence import Window
from napari_fluoroinject.analysis.vascular.path import best_path
from napari_fluoroinject.analysis.vascular.width import line_width_px
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
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
Sigmas = dict[Kind, list[float]]
"""One standard deviation of a node's response, in units of one frame's noise, of every look."""
THRESHOLD: dict[Kind, float] = {
    "transient": TRANSIENT_THRESHOLD,
    "persistent": PERSISTENT_THRESHOLD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The windows of the search in whole frames."""

    pulse: int
    rest: int
    gap: int
    late: int
    stride: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A time at which is searched, and by what.

    Attributes
    ----------
    kind
        Which detector.
    windows
        The event, then what it is compared with.
    """

    kind: Kind
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """The best path at one time.

    Attributes
    ----------
    kind
        Which detector found it.
    score
        Mean of the nodes' responses over the detector's threshold, times thinness: 1 for a line
        as thin as a vessel, less for a wider one. At least 0.
    path
        (nodes, 2), (row, column) on the search's grid.
    window
        First frame of the event and the frame after its last.
    """

    kind: Kind
    score: float
    path: FloatArray
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lasting:
    """What shows at the end: how much darker than the mask, and the responses of its lines."""

    picture: FloatArray
    response: FloatArray
    grid_mm: float


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


def search(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> tuple[Candidate | None, Sigmas]:
    """Find the strongest path of either kind at any time from frame `first` on.

    Returns
    -------
    tuple
        The candidate with the highest score, the first of equals; None where nothing could be
        compared or no path fits. Beside it the deviations of the kinds that were searched.
    """
    best: Candidate | None = None
    sigmas: Sigmas = {}
    lasting = _lasting(evidence, suspicion, ticks, first=first)
    looks = _transient_looks(evidence, ticks, first=first)
    looks += [] if lasting is None else _persistent_looks(evidence, ticks, first=first)
    looks.sort(key=lambda look: max(stop for _, stop in look.windows))
    for look, means in zip(looks, evidence.means([look.windows for look in looks]), strict=True):
        if means is None:
            continue
        if lasting is None or look.kind == "transient":
            response, sigma = _pulse(suspicion, *means)
        else:
            response, sigma = _front(suspicion, lasting, *means)
        sigmas.setdefault(look.kind, []).append(sigma)
        least = -np.inf if best is None else best.score
        found = best_path(response, above=least * THRESHOLD[look.kind])
        if found is not None:
            candidate = _candidate(look, *found, suspicion=suspicion, lasting=lasting)
            best = candidate if candidate.score > least else best
    return best, sigmas


def _transient_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for what is there for a while: during, before and after it."""
    looks = []
    for start in range(first, evidence.frames, ticks.stride):
        stop = start + ticks.pulse
        before = start - ticks.rest
        after = stop + ticks.gap
        if after + ticks.pulse > evidence.frames:
            break
        least = min(evidence.mask[0] + _MASK_FRAMES, start)
        earlier = (before - ticks.pulse, max(before, least))
        later = (after, after + ticks.pulse)
        looks.append(Look(kind="transient", windows=((start, stop), earlier, later)))
    return looks


def _persistent_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for a front: after and before it came."""
    last = evidence.frames - ticks.pulse
    return [
        Look(
            kind="persistent",
            windows=((start, start + ticks.pulse), (start - ticks.pulse, start)),
        )
        for start in range(max(first, ticks.pulse), last + 1, ticks.stride)
    ]


def _lasting(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> _Lasting | None:
    since = evidence.frames - ticks.late
    calm, end = evidence.mean(*evidence.mask), evidence.mean(since, evidence.frames)
    if calm is None or end is None or since < first:
        return None
    response, _ = suspicion.lines(end - calm)
    np.minimum(response, PERSISTENT_CLIP, out=response)
    return _Lasting(picture=end - calm, response=response, grid_mm=evidence.grid_mm)


def _pulse(
    suspicion: Suspicion, during: FloatArray, earlier: FloatArray, later: FloatArray
) -> tuple[FloatArray, float]:
    """Lines that are darker than before **and** than after.

    A step, which film makes, is as dark after as during and answers nothing.
    """
    return suspicion.lines(during - np.maximum(earlier, later), most=TRANSIENT_CLIP)


def _front(
    suspicion: Suspicion, lasting: _Lasting, after: FloatArray, before: FloatArray
) -> tuple[FloatArray, float]:
    """Thin lines that come and still show, thin, at the end of the run.

    Film that comes at once is not thin at the end, and the rim of a film is not a front.
    """
    response, sigma = suspicion.lines(after - before)
    return np.minimum(response, lasting.response, out=response), sigma


def _candidate(
    look: Look, mean: float, path: FloatArray, *, suspicion: Suspicion, lasting: _Lasting | None
) -> Candidate:
    rows, columns = suspicion.part
    path = path + np.array([rows.start, columns.start], np.float32)
    thinness = 1.0
    if lasting is not None and look.kind == "persistent":
        width_mm = line_width_px(lasting.picture, path) * lasting.grid_mm
        thinness = min((VESSEL_WIDTH_MM / max(width_mm, 1e-6)) ** 2, 1.0)
    return Candidate(
        kind=look.kind,
        score=max(mean / THRESHOLD[look.kind] * thinness, 0.0),
        path=path,
        window=look.windows[0],
    )
