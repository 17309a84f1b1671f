"""What only the moment tells of a path that darkens now: how long, where from, and seen before."""

from __future__ import annotations

from collections import deque
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.vascular.suspicion import FILM_PX
from napari_fluoroinject.analysis.vascular.traits import TRAITS
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.vascular.traits import Traits
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

SAME_PX = 5.0
"""Paths most of whose places are as near as this to those of another are the same."""
AGO_FRAMES = 24
"""Paths of so many last frames are compared."""
FILM_FRAMES = 6
"""Of so many last frames it is told where most contrast is."""
_FINE_PX = 2.0
_SAMPLING = 5
_EXTREME = 99.5
_BESIDE_PX = 4.0
_BETWEEN, _MOST = 8, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A path that darkens now, in numbers that the search over whole loops has no need of.

    Attributes
    ----------
    late_s, watched_s
        Seconds that are compared with those before, and seconds that are known.
    rival
        Strength of the strongest path of the same look elsewhere.
    looks, strength_before
        In how many earlier looks of the last seconds the same path was seen, and how strong.
    darkest, brightest
        How far the picture darkened and brightened anywhere, in units of noise.
    most_od, end_od
        Film at its densest anywhere, and at the path's denser end.
    away_mm
        From where film is densest to the path.
    bend_mm
        How far the path leaves the straight line between its ends: a needle does not.
    shaft
        How much darker the mask is along the path than on both sides of it: under a needle it is.
    """

    late_s: float
    watched_s: float
    rival: float
    looks: float
    strength_before: float
    darkest: float
    brightest: float
    most_od: float
    end_od: float
    away_mm: float
    bend_mm: float
    shaft: float


LIVE_TRAITS = (*TRAITS, *(one.name for one in fields(Moment)))
"""The order of a vector that the live forest judges."""


def live_vector(traits: Traits, moment: Moment) -> FloatArray:
    """(traits,), in the order of `LIVE_TRAITS`."""
    return np.concatenate([traits.vector(), np.array(astuple(moment), np.float32)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """What is the same for all paths of a look: how it changed, and where film is."""

    darkest: float
    brightest: float
    film: FloatArray
    densest: tuple[int, int]

    @classmethod
    def of(cls, change: FloatArray, last: Sequence[FloatArray], allowed: BoolArray) -> Field:
        """For a change in units of noise and the last pictures, (rows, columns)."""
        fine = gaussian_filter(change, _FINE_PX)[::2, ::2][allowed[::2, ::2]]
        film = gaussian_filter(np.mean(last, axis=0), FILM_PX)
        row, column = np.unravel_index(int(np.where(allowed, film, -np.inf).argmax()), film.shape)
        return cls(
            darkest=float(np.percentile(fine, _EXTREME)) if len(fine) else 0.0,
            brightest=-float(np.percentile(fine, 100.0 - _EXTREME)) if len(fine) else 0.0,
            film=film,
            densest=(int(row), int(column)),
        )


class Before:
    """The paths of the last looks, by which it is told whether one was seen before."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, DoubleArray, float]] = deque()

    def ask(self, path: FloatArray, count: int) -> tuple[int, float]:
        """In how many looks before frame `count` a path (nodes, 2) was seen; mean strength.

        It is the same where most nodes are near the other.
        """
        while self._kept and self._kept[0][0] < count - AGO_FRAMES:
            self._kept.popleft()
        if not self._kept:
            return 0, 0.0
        others = np.array([places for _, places, _ in self._kept])
        away = np.square(path[:, None] - others[:, None]).sum(axis=3).min(axis=2)
        near = np.flatnonzero((away < SAME_PX**2).mean(axis=1) > _MOST)
        same = {self._kept[at][0]: self._kept[at][2] for at in near.tolist()}
        return len(same), float(np.mean([*same.values()])) if same else 0.0

    def keep(self, path: FloatArray, count: int, strength: float) -> None:
        """Keep a path of the look at frame `count`."""
        self._kept.append((count, _places(path), strength))


def _places(path: FloatArray) -> DoubleArray:
    """Places along a path, (places, 2)."""
    steps = np.linspace(path[:-1], path[1:], _BETWEEN, endpoint=False, dtype=np.float64)
    places: DoubleArray = steps.transpose(1, 0, 2).reshape(-1, 2)
    return places


def shape_of(
    path: FloatArray, field: Field, anatomy: FloatArray, *, mm: float
) -> dict[str, float]:
    """Where a path (nodes, 2) lies and how it runs: what `Moment` tells of its shape."""
    places = _places(path)
    chord = path[-1] - path[0]
    along = chord / max(float(np.hypot(*chord)), 1e-6)
    away = (path - path[0]) @ np.array([-along[1], along[0]])
    steps = np.gradient(places, axis=0)
    steps /= np.maximum(np.hypot(*steps.T), 1e-6)[:, None]
    normal = _BESIDE_PX * np.stack([-steps[:, 1], steps[:, 0]], axis=1)
    sides = 0.5 * (_at(anatomy, places - normal) + _at(anatomy, places + normal))
    densest = np.array(field.densest)
    return {
        "end_od": float(_at(field.film, path[[0, -1]]).max()),
        "most_od": float(field.film[field.densest]),
        "away_mm": float(np.linalg.norm(places - densest, axis=1).min()) * mm,
        "bend_mm": float(np.abs(away).max()) * mm,
        "shaft": float(np.median(sides - _at(anatomy, places))),
    }


def _at(picture: FloatArray, places: DoubleArray | FloatArray) -> FloatArray:
    last = np.array(picture.shape) - 1
    row, column = np.clip(np.rint(places).astype(int), 0, last).T
    values: FloatArray = picture[row, column]
    return values
