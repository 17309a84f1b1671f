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
    clip
        A node counts no more than this: one short bright piece carries no path.
    """

    kind: Kind
    threshold: float
    clip: float


PULSE = Detector(kind="transient", threshold=2.6, clip=8.0)
"""Darker than before and than after."""
FRONT = Detector(kind="persistent", threshold=2.05, clip=3.0)
"""Comes as a front and shows at the end; bright pieces of film are the common deception."""
STEP = Detector(kind="persistent", threshold=2.4, clip=4.0)
"""Darker in all frames from a time on than in all before it: only where no film was seen, which
does the same. All frames together show fainter vessels than a front."""

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
_STEP_STRIDES = 2
"""A step over all frames shows nearly as well some frames beside its time."""
_FEWEST_FRAMES = 3
_MASK_FRAMES = 4
"""A pulse is compared with at least the first so many mask frames."""

Sigmas = dict[Detector, list[float]]
"""One standard deviation of a node's response, in units of one frame's noise, of every look."""


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
class _Answer:
    """What a detector answers: the responses of its lines, and one standard deviation.

    `picture` is where the width of a line is measured, None where it does not matter.
    """

    response: FloatArray
    sigma: float
    picture: FloatArray | None = None


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
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int, alone: bool
) -> tuple[Candidate | None, Sigmas]:
    """Find the strongest path of either kind at any time from frame `first` on.

    Parameters
    ----------
    evidence, suspicion, ticks
        What is searched, how far it is believed, and the windows.
    first
        Frame from which on it is searched.
    alone
        Whether no film was seen that a lasting run-off could be mistaken for.

    Returns
    -------
    tuple
        The candidate with the highest score, the first of equals; None where nothing could be
        compared or no path fits. Beside it the deviations of the detectors that searched.
    """
    best: Candidate | None = None
    sigmas: Sigmas = {}
    lasting = None if alone else _lasting(evidence, suspicion, ticks, first=first)
    looks = _pulse_looks(evidence, ticks, first=first)
    if alone:
        looks += _step_looks(evidence, ticks, first=first)
    elif lasting is not None:
        looks += _front_looks(evidence, ticks, first=first)
    looks.sort(key=lambda look: max(stop for _, stop in look.windows))
    for look, means in zip(looks, evidence.means([look.windows for look in looks]), strict=True):
        if means is None:
            continue
        answer = _answer(look.detector, means, suspicion, lasting)
        sigmas.setdefault(look.detector, []).append(answer.sigma)
        least = -np.inf if best is None else best.score
        found = best_path(answer.response, above=least * look.detector.threshold)
        if found is not None:
            candidate = _candidate(look, *found, answer=answer, evidence=evidence)
            best = candidate if candidate.score > least else best
    return best, sigmas


def _pulse_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
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
        event = (start, stop)
        looks.append(Look(detector=PULSE, windows=(event, earlier, later), event=event))
    return looks


def _front_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for a front: after and before it came."""
    last = evidence.frames - ticks.pulse
    events = [
        (start, start + ticks.pulse)
        for start in range(max(first, ticks.pulse), last + 1, ticks.stride)
    ]
    return [
        Look(detector=FRONT, windows=(event, (event[0] - ticks.pulse, event[0])), event=event)
        for event in events
    ]


def _step_looks(evidence: Evidence, ticks: Clock, *, first: int) -> list[Look]:
    """When to look for a step: all frames after and all before it."""
    last = evidence.frames - ticks.late
    starts = range(max(first, ticks.pulse), last + 1, _STEP_STRIDES * ticks.stride)
    begin = evidence.mask[0]
    return [
        Look(
            detector=STEP,
            windows=((start, evidence.frames), (begin, start)),
            event=(start, start + ticks.pulse),
        )
        for start in starts
    ]


def _lasting(
    evidence: Evidence, suspicion: Suspicion, ticks: Clock, *, first: int
) -> _Answer | None:
    """What shows at the end: how much darker than the mask, and the responses of its lines."""
    since = evidence.frames - ticks.late
    calm, end = evidence.mean(*evidence.mask), evidence.mean(since, evidence.frames)
    if calm is None or end is None or since < first:
        return None
    response, sigma = suspicion.lines(end - calm)
    np.minimum(response, FRONT.clip, out=response)
    return _Answer(response=response, sigma=sigma, picture=end - calm)


def _answer(
    detector: Detector, means: list[FloatArray], suspicion: Suspicion, lasting: _Answer | None
) -> _Answer:
    if detector is PULSE:
        return _pulse(suspicion, *means)
    if lasting is None:
        return _step(suspicion, *means)
    return _front(suspicion, lasting, *means)


def _pulse(
    suspicion: Suspicion, during: FloatArray, earlier: FloatArray, later: FloatArray
) -> _Answer:
    """Lines that are darker than before **and** than after.

    A step, which film makes, is as dark after as during and answers nothing.
    """
    picture = during - np.maximum(earlier, later)
    response, sigma = suspicion.lines(picture, most=PULSE.clip)
    return _Answer(response=response, sigma=sigma)


def _front(
    suspicion: Suspicion, lasting: _Answer, after: FloatArray, before: FloatArray
) -> _Answer:
    """Thin lines that come and still show, thin, at the end of the run.

    Film that comes at once is not thin at the end, and the rim of a film is not a front.
    """
    response, sigma = suspicion.lines(after - before)
    np.minimum(response, lasting.response, out=response)
    return _Answer(response=response, sigma=sigma, picture=lasting.picture)


def _step(suspicion: Suspicion, after: FloatArray, before: FloatArray) -> _Answer:
    """Thin lines that come and stay, in all frames together."""
    picture = after - before
    response, sigma = suspicion.lines(picture)
    np.minimum(response, STEP.clip, out=response)
    return _Answer(response=response, sigma=sigma, picture=picture)


def _candidate(
    look: Look, mean: float, path: FloatArray, *, answer: _Answer, evidence: Evidence
) -> Candidate:
    rows, columns = evidence.part
    path = path + np.array([rows.start, columns.start], np.float32)
    thinness = 1.0
    if answer.picture is not None:
        width_mm = line_width_px(answer.picture, path) * evidence.grid_mm
        thinness = min((VESSEL_WIDTH_MM / max(width_mm, 1e-6)) ** 2, 1.0)
    return Candidate(
        kind=look.detector.kind,
        score=max(mean / look.detector.threshold * thinness, 0.0),
        path=path,
        window=look.event,
    )
