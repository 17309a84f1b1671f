"""The family of curves that contrast may follow in a pixel, laid out for every backend once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import DoubleArray

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RampFamily:
    """Ramps that rise in a straight line and then wash out, sampled at the frames' positions.

    A curve is 0 until `start`, 1 at `start + rise`, and then falls with the time constant
    `decay`; curve `i * len(decay) + d` has the start and rise of ramp i.

    Attributes
    ----------
    positions
        (frames,) float64, rising.
    start, rise
        (ramps,) float64, in the unit of `positions`.
    decay
        (decays,) float64, infinity for what stays.
    held_frames
        A constant is fitted beside the curve, held near 0 as if by so many more frames.
    """

    positions: DoubleArray
    start: DoubleArray
    rise: DoubleArray
    decay: DoubleArray
    held_frames: float

    def curves(self) -> DoubleArray:
        """Every curve, (ramps * decays, frames)."""
        start, rise = self.start[:, None, None], self.rise[:, None, None]
        up = np.clip((self.positions - start) / rise, 0.0, 1.0)
        since = np.maximum(self.positions - start - rise, 0.0)
        down = np.exp(-since / self.decay[:, None])
        return np.asarray((up * down).reshape(-1, len(self.positions)))

    def energy(self, curves: DoubleArray) -> DoubleArray:
        """Sum of squares of each curve (curves, frames) once the constant has had its share.

        With a constant b ~ N(0, s^2 / m) the likelihood of n frames has the weight matrix
        1 - J / (n + m), J all ones. It is 0 where only rounding tells a curve from a constant, and
        where the curve starts at the last frame but for rounding.
        """
        count = curves.shape[1] + self.held_frames
        whole = np.square(curves).sum(axis=1)
        left = whole - curves.sum(axis=1) ** 2 / count
        return np.where((left > _ROUNDING * whole) & (whole > _ROUNDING), left, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RampTables:
    """What running sums need so that a curve costs the same however many frames there are.

    `first` and `full` (ramps,) are the first frames after the start and at the end of the rise;
    `after` (ramps, decays) is what is left at frame `full` of what was there at the end of the
    rise, `fade` (decays, frames) what is left of a frame's value in the next; `share`
    (ramps, decays) is the constant's share, `norm` (ramps, decays) one over the root of the
    energy, 0 for curves that no frame sees.
    """

    first: npt.NDArray[np.int64]
    full: npt.NDArray[np.int64]
    after: DoubleArray
    fade: DoubleArray
    share: DoubleArray
    norm: DoubleArray


@lru_cache(maxsize=2)
def ramp_tables(family: RampFamily) -> RampTables:
    """Lay out a family of ramps; the last ones are remembered, for a picture comes in parts."""
    positions, decay = family.positions, family.decay
    end = family.start + family.rise
    first = np.searchsorted(positions, family.start, side="right")
    full = np.searchsorted(positions, end, side="left")
    there = np.append(positions, np.inf)[full]
    with np.errstate(invalid="ignore"):
        since = np.where(full < len(positions), there - end, 0.0)
    curves = family.curves()
    energy = family.energy(curves).reshape(len(end), len(decay))
    share = curves.sum(axis=1) / (len(positions) + family.held_frames)
    seen = energy > 0
    return RampTables(
        first=first,
        full=full,
        after=np.exp(-since[:, None] / decay),
        fade=np.exp(-np.diff(positions, append=positions[-1]) / decay[:, None]),
        share=share.reshape(energy.shape),
        norm=np.where(seen, 1.0 / np.sqrt(np.where(seen, energy, 1.0)), 0.0),
    )


def lattice(
    earliest: float, latest: float, rises: Sequence[float], steps: Sequence[float]
) -> tuple[DoubleArray, DoubleArray]:
    """(start, rise) of every ramp: for each rise, starts from `earliest`, its step apart."""
    starts = [np.arange(earliest, latest, step) for step in steps]
    rise = np.repeat(np.asarray(rises, dtype=np.float64), [len(part) for part in starts])
    return np.concatenate(starts), rise
