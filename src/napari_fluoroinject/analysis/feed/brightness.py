"""Automatic brightness: by how much a whole picture got brighter, told apart from contrast."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

_LEAST_LN = 0.025
"""Of a step; smaller ones add up until they are one."""
_LEAST_SIGMAS = 4.0
_SIGMAS, _ROUNDS = 2.5, 3
"""Blocks that differ from most by more hold contrast, a needle or what moves, and have no say."""
_BACK = 4
"""Exposures over which a curve's change may take place."""
_BENT_LN, _BENT_SHARE = 0.06, 0.6
"""What one factor leaves between dark and bright parts, and the share of what is left that their
brightness tells: where the scene moves it tells half of it at most."""
_RANGE = (10.0, 90.0)
_LEAST_RANGE_LN = 0.2
_CLIPPED = 0.02
"""Share of the picture that has reached the end of the grey levels with a step."""
_FEWEST, _MOST = 12, 1000
"""Blocks; of more some tell as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """`step_ln` and `curve_changed` as `watch.Look` has them."""

    step_ln: float | None = None
    curve_changed: bool = False


class Brightness:
    """Follows the brightness of exposures of one area."""

    def __init__(self) -> None:
        self._reference: FloatArray | None = None
        self._recent: deque[tuple[FloatArray, float]] = deque(maxlen=_BACK)
        self._bent = False

    def see(self, ln: FloatArray, clipped: float) -> Stepped:
        """Judge the next exposure.

        Parameters
        ----------
        ln
            (blocks,), mean ln of the beam in each block of the picture.
        clipped
            Share of its pixels at either end of the grey levels.
        """
        ln = ln[:: max(1, len(ln) // _MOST)]
        if self._reference is None:
            self._reference = ln
        if len(ln) < _FEWEST:
            return Stepped()
        # contrast that comes slowly is told from a gain by how much it has made in the end
        step_ln, sigma = _offset(ln - self._reference)
        stepped = abs(step_ln) > max(_LEAST_LN, _LEAST_SIGMAS * sigma)
        oldest, clipped_before = self._recent[0] if self._recent else (ln, clipped)
        self._recent.append((ln, clipped))
        bent = clipped - clipped_before > _CLIPPED or _is_bent(ln, oldest)
        begins = bent and not self._bent
        self._bent = bent
        if not stepped:
            return Stepped(curve_changed=begins)
        self._reference = ln
        return Stepped(step_ln=None if bent else step_ln, curve_changed=begins)


def _offset(change: FloatArray) -> tuple[float, float]:
    """What most blocks have in common, and how well that is known."""
    kept = change
    for _ in range(_ROUNDS):
        middle = _median(kept)
        spread = MAD_TO_SIGMA * _median(np.abs(kept - middle))
        kept = change[np.abs(change - middle) <= _SIGMAS * max(spread, 1e-6)]
    return float(kept.mean()), max(spread, 1e-6) / float(np.sqrt(len(kept)))


def _is_bent(ln: FloatArray, before: FloatArray) -> bool:
    """Whether dark and bright blocks changed differently, all over the picture."""
    dark, bright = np.percentile(before, _RANGE)
    if bright - dark < _LEAST_RANGE_LN:
        return False
    change, place = _tame(ln - before), before - before.mean()
    slope = float((place * change).mean() / (place * place).mean())
    told = float((slope * place).var() / max(change.var(), 1e-12))
    return abs(slope) * float(bright - dark) > _BENT_LN and told > _BENT_SHARE


def _tame(change: FloatArray) -> DoubleArray:
    """Changes less what most have in common, none stronger than most: contrast has little say."""
    own = change - _median(change)
    usual = MAD_TO_SIGMA * _median(np.abs(own))
    tamed: DoubleArray = np.clip(own, -_SIGMAS * usual, _SIGMAS * usual).astype(np.float64)
    return tamed


def _median(values: FloatArray) -> float:
    """The upper median, in a third of NumPy's time."""
    at = len(values) // 2
    return float(np.partition(values, at)[at])
