"""The two things a run-off does, each searched at every time: it comes and goes, or it stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.vascular.evidence import Window
from napari_fluoroinject.analysis.vascular.path import Chain, trace
from napari_fluoroinject.analysis.vascular.width import line_width_px
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.vascular.evidence import Evidence
    from napari_fluoroinject.analysis.vascular.path import Best
    from napari_fluoroinject.analysis.vascular.suspicion import Suspicion

Kind = Literal["transient", "persistent"]
"""What a run-off does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """What is looked for, and from when on it raises an alarm.

    Attributes
    ----------
    kind
        What it speaks of.
    threshold
        Path mean from which it raises an alarm; `find_run_off` says how it was chosen.
    seconds
        How long what it looks for lasts.
    stride_s
        Times at which it searches.
    """

    kind: Kind
    threshold: float
    seconds: float
    stride_s: float


PULSE = Detector(kind="transient", threshold=4.2, seconds=0.8, stride_s=0.27)
"""Darker than before and than after, as long as a bolus takes to pass."""
LONG_PULSE = Detector(kind="transient", threshold=4.2, seconds=1.6, stride_s=0.53)
"""The same for one that spreads on its way or comes in puffs."""
STEP = Detector(kind="persistent", threshold=3.0, seconds=0.8, stride_s=0.27)
"""Darker in all frames from a time on than in all before it."""

CLIP = 8.0
"""A node counts no more than this: one short bright piece carries no path."""
VESSEL_WIDTH_MM = 2.1
"""Seen full width at half height up to which a line is as thin as a vessel: those of
synthetic loops show 1.4 to 2.0 mm with the blur of the search, root sleeves 2.3 and more."""
REST_S = 0.27
"""Left out before a pulse. Windows and times are multiples of this at the usual frame rate, so
that few sums of frames must be kept."""
GAP_S = 0.27
"""Left out after a pulse."""
LATE_S = 1.33
"""Last part of the run, in which a lasting run-off must still show."""
REFERENCE_S = 4.0
"""A pulse is compared with as much before and after it, or what there is: the more, the less noise
they add, and film that only grows is always darker after it."""
_FEWEST_FRAMES = 3
_MASK_FRAMES = 4
"""A pulse is compared with at least the first so many mask frames."""

Sigmas = dict[Detector, list[float]]
"""One standard deviation of a node's response, in units of one frame's noise, of every look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The windows of the search in whole frames, from the rate of the loop."""

    frames_per_s: float

    def of(self, seconds: float, *, fewest: int = 1) -> int:
        """So many seconds in whole frames."""
        return max(round(seconds * self.frames_per_s), fewest)

    @property
    def pulse(self) -> int:
        """Frames of the shortest pulse."""
        return self.of(PULSE.seconds, fewest=_FEWEST_FRAMES)

    @property
    def late(self) -> int:
        """Frames at the end in which a lasting run-off must show."""
        return self.of(LATE_S, fewest=_FEWEST_FRAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A time at which is searched, and by what.

    Attributes
    ----------
    detector
        Which it is.
    windows
        What should be darker, then what it is compared with.
    event
        First frame of what is seen, and the frame after its last.
    """

    detector: Detector
    windows: tuple[Window, ...]
    event: Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """The best path at one time.

    Attributes
    ----------
    kind
        Which detector found it.
    score
        Mean of the nodes' responses over the detector's threshold, times
        thinness: 1 for a line as thin as a vessel, less for a wider one. At least 0.
    path
        (nodes, 2), (row, column) on the search's grid.
    window
        First frame of the event and the frame after its last.
    """

    kind: Kind
    score: float
    path: FloatArray
    window: Window


def search(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> tuple[Candidate | None, Sigmas]:
    """Find the strongest path of either kind at any time from frame `first` on.

    Parameters
    ----------
    evidence, suspicion, ticks
        What is searched, how far it is believed, and the windows.
    first
        Frame from which on it is searched.

    Returns
    -------
    tuple
        The candidate with the highest score, the first of equals; None where nothing could be
        compared or no path fits. Beside it the deviations of the detectors that searched.
    """
    best: dict[Kind, Candidate] = {}
    sigmas: Sigmas = {}
    chains: dict[Detector, tuple[Chain, list[Look]]] = {}
    looks = [
        *_pulse_looks(PULSE, evidence, ticks, first=first),
        *_pulse_looks(LONG_PULSE, evidence, ticks, first=first),
        *_step_looks(evidence, ticks, first=first),
    ]
    looks.sort(key=lambda look: max(stop for _, stop in look.windows))
    for look, means in zip(looks, evidence.means([look.windows for look in looks]), strict=True):
        if means is None:
            continue
        picture = means[0] - (means[1] if len(means) == 2 else np.maximum(*means[1:]))
        response, sigma = suspicion.lines(picture, most=CLIP)
        sigmas.setdefault(look.detector, []).append(sigma)
        chain, seen = chains.setdefault(look.detector, (Chain(), []))
        seen.append(look)
        path = chain.follow(response)
        if path is None:
            continue
        kind = look.detector.kind
        least = best[kind].score if kind in best else -np.inf
        if _score(path, look.detector) > least:
            found = _candidate(path, seen, picture=picture, evidence=evidence)
            best[kind] = found if found.score > least else best[kind]
    return _strongest(best), sigmas


def _strongest(best: dict[Kind, Candidate]) -> Candidate | None:
    """The candidate with the higher score.

    What passes through a vessel is darker after it came than before, too: where a pulse reaches
    its threshold by itself, it came and went. What stays makes no pulse.
    """
    if not best:
        return None
    strongest = max(best.values(), key=lambda candidate: candidate.score)
    passed = "transient" in best and best["transient"].score >= 1.0
    return replace(strongest, kind="transient") if passed else strongest


def _pulse_looks(
    detector: Detector, evidence: Evidence, ticks: Clock, *, first: int
) -> list[Look]:
    """When to look for what is there for a while: during, before and after it."""
    looks = []
    length = ticks.of(detector.seconds, fewest=_FEWEST_FRAMES)
    reach = max(ticks.of(REFERENCE_S), length)
    for start in range(first, evidence.frames, ticks.of(detector.stride_s)):
        stop = start + length
        before = start - ticks.of(REST_S)
        after = stop + ticks.of(GAP_S)
        if after + ticks.pulse > evidence.frames:
            break
        least = min(evidence.mask[0] + _MASK_FRAMES, start)
        earlier = (before - reach, max(before, least))
        later = (after, after + reach)
        event = (start, stop)
        looks.append(Look(detector=detector, windows=(event, earlier, later), event=event))
    return looks


def _step_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for a step: all frames after and all before it."""
    last = evidence.frames - ticks.late
    starts = range(max(first, ticks.pulse), last + 1, ticks.of(STEP.stride_s))
    begin = evidence.mask[0]
    return [
        Look(
            detector=STEP,
            windows=((start, evidence.frames), (begin, start)),
            event=(start, start + ticks.pulse),
        )
        for start in starts
    ]


def _score(path: Best, detector: Detector) -> float:
    return max(path.mean / detector.threshold, 0.0)


def _candidate(
    best: Best, looks: list[Look], *, picture: FloatArray, evidence: Evidence
) -> Candidate:
    nodes, numbers = trace(best)
    detector = looks[-1].detector
    events = [looks[number].event for number in numbers]
    path = nodes + np.array([part.start for part in evidence.part], np.float32)
    width_mm = line_width_px(picture, path) * evidence.grid_mm
    thinness = min((VESSEL_WIDTH_MM / max(width_mm, 1e-6)) ** 2, 1.0)
    return Candidate(
        kind=detector.kind,
        score=_score(best, detector) * thinness,
        path=path,
        window=(min(start for start, _ in events), max(stop for _, stop in events)),
    )
