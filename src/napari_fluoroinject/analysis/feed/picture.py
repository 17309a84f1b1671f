"""What is followed within one picture area, exposure by exposure."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.feed.brightness import Brightness
from napari_fluoroinject.analysis.feed.finding import Layout
from napari_fluoroinject.analysis.feed.lattice import SIDE, all_of, in_blocks
from napari_fluoroinject.analysis.feed.movement import Movement

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.feed.look import Look
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray, StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

_QUANTILE = 0.7
"""Of the blocks' changes: a pointer or a clock changes few, an exposure changes most."""
_MOST_BINS = 96
"""Along the longer side of the picture: in these movement is looked for."""
_CONTRASTS, _CONTRAST_RANGE, _BLANK = 31, (10.0, 90.0), 0.2
"""A picture of less than this share of the usual contrast is none."""
_FEW = 3000
"""So many samples tell the contrast, and how much reaches the end of the grey levels."""


class Picture:
    """What is followed within one area; `inside` tells which samples of a frame lie in it."""

    def __init__(self, inside: BoolArray) -> None:
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        self._box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._few = np.flatnonzero(inside)
        self._few = self._few[:: max(1, len(self._few) // _FEW)]
        self._blocks = all_of(inside)
        self._at = np.flatnonzero(self._blocks)
        self._own_blocks = all_of(inside[self._box])
        self.layout = Layout(self._blocks)
        self._brightness = Brightness()
        self._bin = max(1, ceil(max(inside[self._box].shape) / _MOST_BINS))
        self._movement = Movement(all_of(inside[self._box], self._bin))
        self._contrasts: deque[float] = deque(maxlen=_CONTRASTS)
        self._contrast = 0.0
        self.blank = False

    def again(self) -> Picture:
        """The same, its layout learned anew."""
        self.layout = Layout(self._blocks)
        return self

    def size(self, change: FloatArray) -> float:
        """By how much the picture changed, by the change of the blocks of a frame."""
        if not self._at.size:
            return 0.0
        own, rank = change.take(self._at), int(_QUANTILE * self._at.size)
        return float(np.partition(own, rank)[rank])

    def coarse(self, step: FloatArray, change: FloatArray) -> float:
        """By how much blocks changed as wholes, over what noise makes of them."""
        wholes = np.abs(in_blocks(step).take(self._at)).mean()
        return float(SIDE * wholes / change.take(self._at).mean())

    def is_blank(self, now: StoredArray) -> bool:
        """Whether nothing is in the picture that was there."""
        low, high = np.percentile(now.take(self._few), _CONTRAST_RANGE)
        self._contrast = float(high - low)
        usual = float(np.median(self._contrasts)) if self._contrasts else 0.0
        self.blank = self._contrast < _BLANK * usual
        return self.blank

    def exposed(self, look: Look, now: StoredArray, intensity: IntensityScale) -> Look:
        """What a new exposure tells of brightness and movement."""
        self._contrasts.append(self._contrast)
        part = now[self._box]
        ln = intensity.ln(part)
        if self._movement.see(in_blocks(ln, self._bin)):
            self._brightness = Brightness()
            return replace(look, moved=True)
        first, last = intensity.first_stored, intensity.first_stored + len(intensity.ln_beam) - 1
        values = now.take(self._few)
        clipped = float(((values <= first) | (values >= last)).mean())
        stepped = self._brightness.see(in_blocks(ln)[self._own_blocks], clipped)
        return replace(look, step_ln=stepped.step_ln, curve_changed=stepped.curve_changed)
