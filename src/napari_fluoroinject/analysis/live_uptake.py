"""Run-off while frames come: paths that darken now, judged as the search over whole loops does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from napari_fluoroinject.analysis.live_moment import (
    FILM_FRAMES,
    Before,
    Field,
    Moment,
    live_vector,
    shape_of,
)
from napari_fluoroinject.analysis.vascular.detectors import CLIP, FRONT, Candidate, Clock
from napari_fluoroinject.analysis.vascular.evidence import SMOOTHING_PX, Evidence, Window
from napari_fluoroinject.analysis.vascular.forest import load_live_forest
from napari_fluoroinject.analysis.vascular.grid import GRID_MM, weight
from napari_fluoroinject.analysis.vascular.path import Chain, several
from napari_fluoroinject.analysis.vascular.ridge import steps_across
from napari_fluoroinject.analysis.vascular.suspicion import (
    WINDOW_FRAMES,
    Excursions,
    Surroundings,
    Suspicion,
    suspect_by,
)
from napari_fluoroinject.analysis.vascular.traits import Traits, describe
from napari_fluoroinject.analysis.vascular.width import line_width_px
from napari_fluoroinject.compute.backend import Backend
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.vascular.path import Way
    from napari_fluoroinject.model.arrays import BoolArray

SPANS_S = ((0.33, 1.07), (0.67, 1.33), (1.0, 1.6))
"""The last so many seconds are compared with so many before them."""
TURNS = (0, 1, 0, 2)
"""Which of these looks when, one after the other: fainter run-offs show in longer spans."""
STRIDE_S = 0.13
"""From one look to the next."""
KEPT_FRAMES = 48
"""What a path did is asked over so many last frames."""
LEAST_MEAN = 1.9
"""Paths of a lower mean response are noise, and are not judged. Within 22 frames, 25 of 44
run-offs of synthetic loops had a path on them that reached it, 20 one that reached 2.3."""
PER_LOOK, KEPT_PER_LOOK = 3, 6
"""Paths of a look that are judged, and that are kept to tell later which were seen before."""
LEAST_KEPT = 1.7
FIRST_FRAMES = 12
"""Frames before the first look: noise, and what moves by itself, must be known."""
BORDER_PX = 5
"""Bins beside what motion brings into the picture that are left out."""
WARM_FRAMES = 20
"""After so many frames of noise every kernel has been used."""
_MASK_FRAMES = 4
_FEWEST_LATE, _FEWEST_EARLY = 3, 5
_NOISE_SHARE = 0.08
_MEAN_TO_SIGMA = 1.2533 / 2**0.5
"""Standard deviation of one frame over the mean absolute difference of two."""
_LEAST_NOISE = 0.3
_SAMPLING = 7
_SUSPECT_EVERY, _EXCURSION_EVERY = 8, 4
_LOOKS_KEPT = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uptake:
    """A path that may be a run-off, as it was seen in the last frames.

    `score` 1 = the alarm; `first_frame` and `last_frame` are those that were told with the
    frames; `path_px` (nodes, 2) is in bins of the reference pose.
    """

    score: float
    first_frame: int
    last_frame: int
    path_px: FloatArray
    traits: Traits
    moment: Moment

    def vector(self) -> FloatArray:
        """(traits,), in the order of `LIVE_TRAITS`."""
        return live_vector(self.traits, self.moment)


class UptakeWatch:
    """Told every placed frame's opacity over one mask, it looks for run-off every `STRIDE_S`.

    The lines, the paths, the suspicion of what moves by itself and the traits are those of the
    search over whole loops (`analysis.vascular`), asked of the last `KEPT_FRAMES` frames: what
    is darker in the last third of a second than in the second before. A forest that was grown on
    such moments of synthetic loops judges them. Neither needle nor gas is known here, and what
    comes later (whether contrast passes) cannot be asked, so that fewer run-offs are found than
    in the whole loop. That none is found says nothing.

    Parameters
    ----------
    inner, anatomy
        (rows, columns) of bins: 1 where motion brings in nothing; log of the mask.
    on
        The compute backend.
    mm_per_bin
        What one bin measures; None = not known.
    """

    def __init__(
        self,
        inner: FloatArray,
        anatomy: FloatArray,
        *,
        on: Backend,
        mm_per_bin: float | None = None,
    ) -> None:
        self._known = inner > 0
        self._allowed = binary_erosion(self._known, iterations=BORDER_PX)
        self._on = on
        self._anatomy = anatomy.astype(np.float32)
        self._steps = steps_across(self._anatomy)
        self._around = Surroundings(self._anatomy, self._allowed)
        self._mm = GRID_MM if mm_per_bin is None else mm_per_bin
        self._some = tuple(places[::_SAMPLING] for places in np.nonzero(self._allowed))
        self._pictures: deque[FloatArray] = deque(maxlen=KEPT_FRAMES)
        self._frames: deque[int] = deque(maxlen=KEPT_FRAMES)
        self._times_s: deque[float] = deque(maxlen=KEPT_FRAMES)
        self._change: FloatArray | None = None
        self._sigma = np.ones(inner.shape, np.float32)
        self._negative = Excursions(inner.shape)
        self._suspicion: Suspicion | None = None
        self._chains = [Chain() for _ in SPANS_S]
        self._looks: list[dict[int, Window]] = [{} for _ in SPANS_S]
        self._before = Before()
        self._looked = 0
        self._count = 0
        self._next_look = FIRST_FRAMES

    def add(self, opacity: FloatArray | None, frame: int, time_s: float) -> tuple[Uptake, ...]:
        """Take in a frame's opacity in the reference pose, (rows, columns); None = it was lost.

        Returns the paths of this look that were judged, the likeliest first; most often none.
        """
        if opacity is None or len(self._some[0]) == 0:
            return ()
        picture = opacity - np.median(opacity[self._some])
        if self._pictures:
            self._learn_noise(np.abs(picture - self._pictures[-1]))
        self._pictures.append(picture)
        self._frames.append(frame)
        self._times_s.append(time_s)
        self._count += 1
        if self._count < FIRST_FRAMES:
            return ()
        if self._suspicion is None or self._count % _EXCURSION_EVERY == 0:
            self._suspect()
        if self._count < self._next_look:
            return ()
        ticks = Clock(frames_per_s=self._rate())
        self._next_look = self._count + ticks.of(STRIDE_S)
        span = TURNS[self._looked % len(TURNS)]
        self._looked += 1
        known = len(self._pictures) - ticks.of(SPANS_S[span][0])
        return self._look(ticks, span if known >= _FEWEST_EARLY else 0)

    def _rate(self) -> float:
        step = float(np.median(np.diff(np.array(self._times_s))))
        return 1.0 / step if step > 0 else 15.0

    def _learn_noise(self, change: FloatArray) -> None:
        if self._change is None:
            self._change = change
        else:
            share = max(_NOISE_SHARE, 1 / (self._count + 1))
            self._change += np.float32(share) * (change - self._change)

    def _suspect(self) -> None:
        """Learn anew how noisy the picture is and what in it moves by itself."""
        evidence = self._evidence()
        if self._suspicion is None or self._count % _SUSPECT_EVERY == 0:
            assert self._change is not None  # noqa: S101 - there are FIRST_FRAMES
            typical = self._change * np.float32(_MEAN_TO_SIGMA)
            least = max(_LEAST_NOISE * float(np.median(typical[self._allowed])), 1e-6)
            smooth = evidence.grid.smooth(typical[None], self._allowed, SMOOTHING_PX)[0]
            self._sigma = np.maximum(smooth, np.float32(least))
            evidence = self._evidence()
        last = np.mean([*self._pictures][-WINDOW_FRAMES:], axis=0)
        self._negative.add(last / self._sigma, evidence)
        if self._suspicion is None or self._count % _SUSPECT_EVERY == 0:
            self._suspicion = suspect_by(evidence, self._negative, self._steps, self._around)

    def _look(self, ticks: Clock, span: int) -> tuple[Uptake, ...]:
        assert self._suspicion is not None  # noqa: S101 - made with the first look
        late, early = (ticks.of(seconds, fewest=_FEWEST_LATE) for seconds in SPANS_S[span])
        pictures = [*self._pictures]
        before = pictures[-late - early : -late]
        if len(before) < _FEWEST_EARLY:
            return ()
        picture = np.mean(pictures[-late:], axis=0) - np.mean(before, axis=0)
        picture /= self._sigma
        response, _ = self._suspicion.lines(picture, most=CLIP)
        chain, looks = self._chains[span], self._looks[span]
        looks[chain.count] = (self._count - late, self._count)
        looks.pop(chain.count - _LOOKS_KEPT, None)
        best = chain.follow(response)
        if best is None or best.mean < LEAST_MEAN:
            return ()
        corner = np.array([side.start for side in self._suspicion.part], np.float32)
        ways = [
            replace(way, nodes=way.nodes + corner)
            for way in several(best, most=KEPT_PER_LOOK, least=LEAST_KEPT)
        ]
        judged = [way for way in ways if way.mean >= LEAST_MEAN][:PER_LOOK]
        moments = self._moments(ways, judged, picture, late / ticks.frames_per_s)
        candidates = [self._candidate(way, looks, picture) for way in judged]
        traits = describe(self._evidence(), self._suspicion, candidates, ticks, passing=False)
        found = [self._judged(*each) for each in zip(candidates, traits, moments, strict=True)]
        return tuple(sorted(found, key=lambda one: -one.score))

    def _moments(
        self, ways: list[Way], judged: list[Way], picture: FloatArray, late_s: float
    ) -> list[Moment]:
        """What only the moment tells of those that are judged; all are kept."""
        before = [self._before.ask(way.nodes, self._count) for way in judged]
        for way in ways:
            self._before.keep(way.nodes, self._count, way.mean)
        field = Field.of(picture, [*self._pictures][-FILM_FRAMES:], self._allowed)
        # the second rivals the first, the first all others
        rivals = [way.mean for way in ways[1::-1]] if len(ways) > 1 else [0.0]
        return [
            Moment(
                late_s=late_s,
                watched_s=len(self._pictures) / self._rate(),
                rival=rivals[min(number, len(rivals) - 1)],
                looks=looks,
                strength_before=strength,
                darkest=field.darkest,
                brightest=field.brightest,
                **shape_of(way.nodes, field, self._anatomy, mm=self._mm),
            )
            for number, (way, (looks, strength)) in enumerate(zip(judged, before, strict=True))
        ]

    def _candidate(self, way: Way, looks: dict[int, Window], picture: FloatArray) -> Candidate:
        events = [looks[number] for number in way.looks]
        # of the pictures that are kept, after those that stand for the mask
        gone = self._count - len(self._pictures) - _MASK_FRAMES
        return Candidate(
            detector=FRONT,
            strength=way.mean,
            path=way.nodes,
            window=(
                max(min(start for start, _ in events) - gone, _MASK_FRAMES),
                max(stop for _, stop in events) - gone,
            ),
            width_mm=line_width_px(picture, way.nodes) * self._mm,
        )

    def _judged(self, candidate: Candidate, traits: Traits, moment: Moment) -> Uptake:
        forest = load_live_forest()
        first, stop = (edge - _MASK_FRAMES for edge in candidate.window)
        return Uptake(
            score=forest.judge(live_vector(traits, moment)) / forest.alarm,
            first_frame=self._frames[first],
            last_frame=self._frames[stop - 1],
            path_px=candidate.path,
            traits=traits,
            moment=moment,
        )

    def _evidence(self) -> Evidence:
        count = len(self._pictures) + _MASK_FRAMES
        return Evidence(
            grid=_Last(pictures=tuple(self._pictures), on=self._on),
            level=np.zeros(count, np.float32),
            locked=np.ones(count, np.float32),
            sigma_od=self._sigma,
            anatomy=self._anatomy,
            known=self._known,
            allowed=self._allowed,
            mask=(0, _MASK_FRAMES),
            grid_mm=self._mm,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Last:
    """The last frames, after some without any opacity that stand for the mask."""

    pictures: tuple[FloatArray, ...]
    on: Backend

    @property
    def factor(self) -> int:
        """Pixels of the picture in one of the grid: they are bins already."""
        return 1

    def binned(self, start: int, stop: int) -> FloatArray:
        """Frames [start, stop), (frames, rows, columns)."""
        none = np.zeros_like(self.pictures[0])
        stop = min(stop, len(self.pictures) + _MASK_FRAMES)
        return np.array(
            [
                none if at < _MASK_FRAMES else self.pictures[at - _MASK_FRAMES]
                for at in range(start, stop)
            ]
        )

    def smooth(self, pictures: FloatArray, of: BoolArray, sigma_px: float) -> FloatArray:
        """Gaussian mean of the pixels `of`, for pictures (pictures, rows, columns)."""
        return self.on.kernels.smooth(pictures, weight(of), sigma_px)
