"""Stored pixel values of an intensity relationship, and the way back to the beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.model.arrays import FloatArray, StoredArray, read_only
from napari_fluoroinject.model.cine import IntensityScale

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.settings import Intensity

LINEAR_LEVEL = 1000.0
"""Stored value of the measuring field's mean in a linear loop, unless gas would clip."""
TOP_12_BIT = 4095
TOP_8_BIT = 255
DISPLAY_OFFSET = 8.0
"""Added before the logarithm of a screen's grey, which says nothing exact about the beam."""

_LINEAR_TOP = 3900.0
_LOG_STEP = 560.0
_LOG_ZERO = 2600.0
_FAINTEST = np.float32(1e-3)
_DARK_LN = 2.6
_GAMMA = 1.15
_SHARPNESS = 0.6


class Recorder:
    """Stored values of one intensity relationship; `brightest` is the greatest signal to record.

    Nothing but noise may clip: the brightest gas stays below the top.
    """

    def __init__(self, intensity: Intensity, *, brightest: float) -> None:
        self.intensity = intensity
        self.level = min(LINEAR_LEVEL, _LINEAR_TOP / max(brightest, 1e-6))
        self._bright_ln = float(np.log(max(brightest, 1.5)))

    def stored(self, picture: FloatArray) -> StoredArray:
        """Stored values of one picture (signal 1 is the mean of the measuring field)."""
        if self.intensity == "linear":
            return _whole(picture * np.float32(self.level), TOP_12_BIT)
        log = np.log(np.maximum(picture, _FAINTEST))
        if self.intensity == "log":
            return _whole(log * np.float32(_LOG_STEP) + np.float32(_LOG_ZERO), TOP_12_BIT)
        return _whole(self._grey(log), TOP_8_BIT)

    def scale(self) -> IntensityScale:
        """What a stored value says about the beam."""
        values = np.arange(TOP_12_BIT + 1, dtype=np.float64)
        if self.intensity == "linear":
            ln = np.log(np.maximum(values, 0.5))
        elif self.intensity == "log":
            ln = (values - _LOG_ZERO) / _LOG_STEP
        else:
            ln = np.log(values[: TOP_8_BIT + 1] + DISPLAY_OFFSET)
        return IntensityScale(relationship=self.intensity, ln_beam=read_only(ln, np.float32))

    def _grey(self, log: FloatArray) -> FloatArray:
        """The screen's grey: compressed and edge-enhanced."""
        share = np.clip((log + _DARK_LN) / (_DARK_LN + self._bright_ln), 0, 1)
        grey = np.asarray(TOP_8_BIT * share**_GAMMA, np.float32)
        return np.asarray(grey + _SHARPNESS * (grey - ndimage.gaussian_filter(grey, 2.0)))


def _whole(values: FloatArray, top: int) -> StoredArray:
    whole = np.clip(np.rint(values), 0, top)
    return np.asarray(whole, np.uint8) if top <= TOP_8_BIT else np.asarray(whole, np.uint16)
