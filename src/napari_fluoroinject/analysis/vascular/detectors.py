"""The two things a run-off does: it comes and goes, or it comes at once and stays, thin and long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_fluoroinject.analysis.vascular.evidence import Evidence
from napari_fluoroinject.analysis.vascular.path import Joining, best_path
from napari_fluoroinject.analysis.vascular.ridge import line_ridges
from napari_fluoroinject.model.arrays import FloatArray

TRANSIENT_THRESHOLD = 3.64
PERSISTENT_THRESHOLD = 2.3

PULSE_S, GAP_S, STRIDE_S = 0.8, 0.25, 0.25
FRONT_S = 0.55
LATE_S = 0.8
BRIGHTEST = 8.0
"""A node counts no more than this: a short bright piece is no path."""

Kind = Literal["transient", "persistent"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """The best path of one detector: its value, what would raise an alarm, where, and in which frames."""

    kind: Kind
    value: float
    path: FloatArray
    frames: tuple[int, int]
    sigma: float

    @property
    def score(self) -> float:
        threshold = TRANSIENT_THRESHOLD if self.kind == "transient" else PERSISTENT_THRESHOLD
        return self.value / threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Windows in whole frames."""

    pulse: int
    gap: int
    stride: int
    front: int
    late: int


def clock(frames_per_s: float) -> Clock:
    def n(s: float) -> int:
        return max(round(s * frames_per_s), 1)

    return Clock(
        pulse=max(n(PULSE_S), 3),
        gap=n(GAP_S),
        stride=n(STRIDE_S),
        front=max(n(FRONT_S), 3),
        late=max(n(LATE_S), 3),
    )


def transient(
    evidence: Evidence, clock: Clock, *, first: int, mask: tuple[int, int]
) -> Iterator[Candidate]:
    for start in range(first, evidence.frames, clock.stride):
        stop = start + clock.pulse
        after = (stop + clock.gap, stop + clock.gap + clock.pulse)
        if after[1] > evidence.frames:
            break
        before = (start - clock.gap - clock.pulse, start - clock.gap)
        before = (max(before[0], 0), max(before[1], mask[0] + 4))
        a, b, c = (evidence.mean(*w) for w in ((start, stop), before, after))
        if a is None or b is None or c is None:
            continue
        pulse = np.minimum(a - b, a - c)
        response, sigma = line_ridges(pulse, evidence.allowed)
        np.minimum(response, BRIGHTEST, out=response)
        yield _candidate(evidence, response, "transient", (start, stop), sigma, by="mean")


def persistent(
    evidence: Evidence, clock: Clock, *, first: int, mask: tuple[int, int]
) -> Iterator[Candidate]:
    end = evidence.mean(evidence.frames - clock.late, evidence.frames)
    start_mean = evidence.mean(*mask)
    if end is None or start_mean is None:
        return
    late, late_sigma = line_ridges(end - start_mean, evidence.allowed)
    for start in range(first, evidence.frames - clock.front + 1, clock.stride):
        a, b = evidence.mean(start, start + clock.front), evidence.mean(start - clock.front, start)
        if a is None or b is None:
            continue
        front, sigma = line_ridges(a - b, evidence.allowed)
        np.minimum(front, late, out=front)
        yield _candidate(
            evidence, front, "persistent", (start, start + clock.front), sigma, by="weakest"
        )


def _candidate(
    evidence: Evidence,
    response: FloatArray,
    kind: Kind,
    frames: tuple[int, int],
    sigma: float,
    *,
    by: Joining,
) -> Candidate:
    response *= evidence.trust
    response[:, ~evidence.allowed] = -np.inf
    value, path = best_path(response, by=by)
    return Candidate(kind=kind, value=value, path=path, frames=frames, sigma=sigma)
