"""What a run-off does, searched at every time: it comes and goes, or it stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.analysis.vascular.evidence import Window
from napari_fluoroinject.analysis.vascular.path import Chain, several
from napari_fluoroinject.analysis.vascular.width import line_width_px
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.vascular.evidence import Evidence
    from napari_fluoroinject.analysis.vascular.path import Way
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
        Path mean from which it would alarm, were it alone to decide: the unit of strength.
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

FRONT = Detector(kind="persistent", threshold=2.05, seconds=0.8, stride_s=0.27)
"""Comes as a front and still shows as a thin line at the end: film that comes at once does not."""

CLIP = 8.0
"""A node counts no more than this: one short bright piece carries no path."""
LASTING_CLIP = 3.0
"""The same for what still shows at the end: bright pieces of film are the common deception."""
PER_LOOK = 3
"""Paths that are kept of one look."""
PER_DETECTOR = 4
"""Paths that are kept of one detector, the strongest of each place."""
LEAST_STRENGTH = 0.45
"""Beside the strongest of a look, paths weaker than this are not kept: of synthetic run-offs that
showed at all, one in fifteen had none as strong."""
_SAME_PX = 5.0
"""Paths most of whose nodes are as near as this to those of another are the same."""
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
    """A path that may be a run-off, as one detector saw it.

    Attributes
    ----------
    detector
        Which one.
    strength
        Mean of the nodes' responses over the detector's threshold.
    path
        (nodes, 2), (row, column) on the search's grid.
    window
        First frame of the event and the frame after its last.
    width_mm
        Seen full width at half height of the line under the path: vessels of synthetic loops show
        1.4 to 2.0 mm with the blur of the search, root sleeves 2.3 and more.
    """

    detector: Detector
    strength: float
    path: FloatArray
    window: Window
    width_mm: float


def search(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> tuple[tuple[Candidate, ...], Sigmas]:
    """Find the strongest paths of either kind at any time from frame `first` on.

    Parameters
    ----------
    evidence, suspicion, ticks
        What is searched, how far it is believed, and the windows.
    first
        Frame from which on it is searched.

    Returns
    -------
    tuple
        Candidates, at most `PER_DETECTOR` of each detector and the strongest of each place; none
        where no path fits. Beside them the deviations of the detectors that searched: none where
        nothing could be compared.
    """
    lasting = _lasting(evidence, suspicion, ticks, first=first)
    looks = [
        *_pulse_looks(PULSE, evidence, ticks, first=first),
        *_pulse_looks(LONG_PULSE, evidence, ticks, first=first),
        *_step_looks(evidence, ticks, first=first),
        *([] if lasting is None else _front_looks(evidence, ticks, first=first)),
    ]
    looks.sort(key=lambda look: max(stop for _, stop in look.windows))
    found: dict[Detector, list[Candidate]] = {}
    sigmas: Sigmas = {}
    chains: dict[Detector, tuple[Chain, list[Look]]] = {}
    for look, means in zip(looks, evidence.means([look.windows for look in looks]), strict=True):
        if means is None:
            continue
        answer = _answer(look.detector, means, suspicion, lasting)
        sigmas.setdefault(look.detector, []).append(answer.sigma)
        chain, seen = chains.setdefault(look.detector, (Chain(), []))
        seen.append(look)
        best = chain.follow(answer.response)
        if best is None:
            continue
        least = min(LEAST_STRENGTH * look.detector.threshold, best.mean)
        found.setdefault(look.detector, []).extend(
            _candidate(way, seen, picture=answer.picture, evidence=evidence)
            for way in several(best, most=PER_LOOK, least=least)
        )
    return tuple(one for each in found.values() for one in _distinct(each)), sigmas


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Answer:
    """What a detector answers: its lines' responses, one deviation; `picture` has the width."""

    response: FloatArray
    sigma: float
    picture: FloatArray


def _answer(
    detector: Detector, means: list[FloatArray], suspicion: Suspicion, lasting: _Answer | None
) -> _Answer:
    if detector is FRONT and lasting is not None:
        response, sigma = suspicion.lines(means[0] - means[1])
        np.minimum(response, lasting.response, out=response)
        return _Answer(response=response, sigma=sigma, picture=lasting.picture)
    picture = means[0] - (means[1] if len(means) == 2 else np.maximum(*means[1:]))
    response, sigma = suspicion.lines(picture, most=CLIP)
    return _Answer(response=response, sigma=sigma, picture=picture)


def _lasting(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> _Answer | None:
    """What shows at the end: how much darker than the mask, and the responses of its lines."""
    since = evidence.frames - ticks.late
    calm, end = evidence.mean(*evidence.mask), evidence.mean(since, evidence.frames)
    if calm is None or end is None or since < first:
        return None
    response, sigma = suspicion.lines(end - calm)
    np.minimum(response, LASTING_CLIP, out=response)
    return _Answer(response=response, sigma=sigma, picture=end - calm)


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


def _front_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for a front: after and before it came."""
    starts = range(
        max(first, ticks.pulse), evidence.frames - ticks.pulse + 1, ticks.of(FRONT.stride_s)
    )
    return [
        Look(
            detector=FRONT,
            windows=((start, start + ticks.pulse), (start - ticks.pulse, start)),
            event=(start, start + ticks.pulse),
        )
        for start in starts
    ]


def _candidate(
    way: Way, looks: list[Look], *, picture: FloatArray, evidence: Evidence
) -> Candidate:
    detector = looks[-1].detector
    events = [looks[number].event for number in way.looks]
    path = way.nodes + np.array([part.start for part in evidence.part], np.float32)
    return Candidate(
        detector=detector,
        strength=way.mean / detector.threshold,
        path=path,
        window=(min(start for start, _ in events), max(stop for _, stop in events)),
        width_mm=line_width_px(picture, path) * evidence.grid_mm,
    )


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """The strongest of each place."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda candidate: -candidate.strength):
        if len(kept) < PER_DETECTOR and not any(_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _same(one: Candidate, other: Candidate) -> bool:
    away = np.linalg.norm(one.path[:, None] - other.path[None], axis=2).min(axis=1)
    return bool((away < _SAME_PX).mean() > 0.5)
