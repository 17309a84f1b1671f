"""What moves by itself: gas and badly aligned bone, which brighten as well as darken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fluoroinject.analysis.vascular.evidence import SMOOTHING_PX, Evidence
from napari_fluoroinject.analysis.vascular.ridge import line_ridges, steps_across
from napari_fluoroinject.compute.kernels.lines import discount
from napari_fluoroinject.model.arrays import BoolArray, FloatArray

WINDOW_FRAMES = 9
"""Frames that are averaged before a negative excursion counts."""
_STRIDE_FRAMES = 3
_FINE_PX = 0.9
ALLOWANCE = 1.5
"""Excursions up to this multiple of the field's median power are noise."""
NEIGHBOURHOOD_PX = 24.0
"""Sigma over which structure is said to move together: 14 mm, the width of a bubble of gas."""
FILM_OD = 0.04
"""Where film is as dense as this, lines count 0.7 times: root sleeves and the rims of a sheet fill
as fast as vessels. Synthetic false alarms lay in 0.04 to 0.15, run-offs beside film below 0.02."""
FILM_PX = 4.0
"""Sigma of the smoothing that leaves film: 2.3 mm."""
LATE_FRAMES = 20
"""So many frames at the end tell where film is."""
ANATOMY_BAND_PX = (1.0, 6.0)
"""Sigmas between which the anatomy's edges are looked for."""
_NOISE_POWER = 4.0
"""Negative peaks up to this multiple of their median power are noise."""
_LEAST_SHARE = 1e-3
_STEPS_PER_SIGMA = 2.0
"""Half of a moving edge's height counts as doubt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspicion:
    """How little to believe in a line, in the part of the grid that is looked at.

    Attributes
    ----------
    part
        Rows and columns of the grid to which the following belong.
    allowed
        (rows, columns): where a path may stand.
    still
        (rows, columns), at most 1: falls where opacity went negative, for contrast only darkens.
    trust
        (rows, columns), at most 1: the same, and falls in film, too.
    edge
        (directions, rows, columns): the step of the anatomy across a line, times the share of
        the structure around it that moves, in units of noise. A trailing edge of gas only
        darkens, as contrast does; that the bubble moves is seen on its other side.
    """

    part: tuple[slice, slice]
    allowed: BoolArray
    still: FloatArray
    trust: FloatArray
    edge: FloatArray

    def lines(self, picture: FloatArray, *, most: float = np.inf) -> tuple[FloatArray, float]:
        """`line_ridges` less what moving anatomy may explain of them.

        Parameters
        ----------
        picture
            (rows, columns) of the whole grid.
        most
            Responses are clipped to this beforehand.

        Returns
        -------
        tuple
            Responses in the part that is looked at, -inf where no path may stand; and one
            standard deviation.
        """
        response, sigma = line_ridges(np.ascontiguousarray(picture[self.part]), self.allowed)
        discount(
            response.reshape(len(response), -1),
            self.edge.reshape(len(response), -1),
            1.0 / (_STEPS_PER_SIGMA * sigma),
            self.trust.ravel(),
            most,
            np.where(self.allowed, np.float32(np.inf), np.float32(-np.inf)).ravel(),
        )
        return response, sigma


def suspect(evidence: Evidence) -> Suspicion:
    """Look for negative excursions in the whole loop."""
    negative = Excursions(evidence.allowed.shape)
    calm = evidence.mean(*evidence.mask)
    last = evidence.frames - WINDOW_FRAMES
    looks = [[(start, start + WINDOW_FRAMES)] for start in range(0, last + 1, _STRIDE_FRAMES)]
    if calm is not None:
        for means in evidence.means(looks):
            if means is not None:
                negative.add(means[0] - calm, evidence)
    around = Surroundings(evidence.anatomy, evidence.allowed)
    return suspect_by(evidence, negative, steps_across(evidence.anatomy), around)


class Surroundings:
    """What stands around each place of a grid, moved or not: it never changes.

    Parameters
    ----------
    anatomy, allowed
        (rows, columns), as `Evidence` has them.
    """

    def __init__(self, anatomy: FloatArray, allowed: BoolArray) -> None:
        self._inside = allowed
        self._weight = allowed.astype(np.float32)
        self._share = np.maximum(gaussian_filter(self._weight, NEIGHBOURHOOD_PX), _LEAST_SHARE)
        fine, coarse = (gaussian_filter(anatomy, sigma) for sigma in ANATOMY_BAND_PX)
        structure = np.square(fine - coarse)
        typical = float(np.median(structure[allowed])) if allowed.any() else 0.0
        least = max(typical, 1e-12)
        self._structure = self._mean(structure) + least

    def moving_share(self, moved: FloatArray) -> FloatArray:
        """Share, 0 to 1, of the anatomy's structure around a place that moved.

        `moved` (rows, columns) is the power of what did.
        """
        moved = np.maximum(moved - _NOISE_POWER * float(np.median(moved[self._inside])), 0.0)
        moved = self._mean(moved)
        # noise leaves something everywhere; what moves stands out from the rest of the field
        moved = np.maximum(moved - ALLOWANCE * float(np.median(moved[self._inside])), 0.0)
        share: FloatArray = np.sqrt(np.minimum(moved / self._structure, 1.0))
        return share

    def _mean(self, power: FloatArray) -> FloatArray:
        mean: FloatArray = gaussian_filter(power * self._weight, NEIGHBOURHOOD_PX) / self._share
        return mean


class Excursions:
    """Negative excursions so far, of a grid of this shape (rows, columns).

    Attributes
    ----------
    power
        (rows, columns): the largest local power over time.
    deepest
        (rows, columns): the deepest of each pixel.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.deepest = np.zeros(shape, np.float32)
        self.power = np.full(shape, 1e-12, np.float32)

    def add(self, change: FloatArray, evidence: Evidence) -> None:
        """Take in the mean of `WINDOW_FRAMES` frames less that of the mask, in units of noise."""
        excursion = np.minimum(gaussian_filter(change, _FINE_PX), 0.0)
        np.minimum(self.deepest, excursion, out=self.deepest)
        squared = np.square(excursion, out=excursion)
        local = evidence.grid.smooth(squared[None], evidence.allowed, SMOOTHING_PX)[0]
        np.maximum(self.power, local, out=self.power)


def suspect_by(
    evidence: Evidence, negative: Excursions, steps: FloatArray, around: Surroundings
) -> Suspicion:
    """Say how little to believe in lines, by excursions that were seen.

    `steps` is `ridge.steps_across` of the evidence's anatomy, and `around` is of it, too.
    """
    power = negative.power
    typical = ALLOWANCE * float(np.median(power[evidence.allowed]))
    moving = around.moving_share(np.square(negative.deepest * evidence.sigma_od))
    part = evidence.part
    edge = np.ascontiguousarray(steps[:, *part])
    edge *= (moving / evidence.sigma_od)[part]
    still = 1.0 / np.sqrt(np.maximum(power / max(typical, 1e-12), 1.0))
    trust = still / np.sqrt(1.0 + np.square(film_od(evidence) / FILM_OD))
    return Suspicion(
        part=part,
        allowed=np.ascontiguousarray(evidence.allowed[part]),
        still=np.ascontiguousarray(still[part]),
        trust=np.ascontiguousarray(trust[part]),
        edge=edge,
    )


def film_od(evidence: Evidence) -> FloatArray:
    """Opacity at the end of the loop, smooth: of film most is left, of a vessel hardly any.

    (rows, columns); 0 where there is nothing to compare.
    """
    calm = evidence.mean(*evidence.mask)
    late = evidence.mean(max(evidence.frames - LATE_FRAMES, 0), evidence.frames)
    if calm is None or late is None:
        return np.zeros(evidence.allowed.shape, np.float32)
    film: FloatArray = gaussian_filter((late - calm) * evidence.sigma_od, FILM_PX)
    return np.maximum(film, 0.0)
