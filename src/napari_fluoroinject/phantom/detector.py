"""From a noise-free signal to stored pixel values: quanta, blur, lag, the vendor's filter, quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, StoredArray, read_only
from napari_fluoroinject.model.cine import IntensityScale

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_fluoroinject.phantom.settings import Intensity

SWANK = 0.85
ELECTRONIC_QUANTA = 2.0
MTF_LP_MM = 1.25
LAG = 0.03
SCATTER_MM = 25.0
"""Width (sigma, at the detector) of scattered radiation (assumed)."""
FOCUS_MM = 0.6

_PAD = 8
_BIN = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposure:
    """How frames were exposed.

    `quanta` detected per pixel at signal 1; `start_up` (frames,) share of the steady dose that the generator gave and the
    display gain undid; `regulation` (frames,) what exposure control and ripple did and nothing undid; `brightness` (frames,)
    what the gain left over; `recursive_weight` the previous-frame weight of the temporal filter.
    """

    quanta: float
    pitch_mm: float
    start_up: DoubleArray
    regulation: DoubleArray
    brightness: DoubleArray
    recursive_weight: float


def scattered(primary: FloatArray, ratio: float, *, pitch_mm: float) -> FloatArray:
    """Total signal of a primary picture with its own scatter: (P + ratio G*P) / (1 + ratio)."""
    rows, columns = primary.shape
    height, width = rows // _BIN * _BIN, columns // _BIN * _BIN
    coarse = primary[:height, :width].reshape(height // _BIN, _BIN, width // _BIN, _BIN).mean(axis=(1, 3))
    spread = ndimage.gaussian_filter(coarse, SCATTER_MM / pitch_mm / _BIN, mode="nearest")
    veil = _upsampling(rows, len(spread)) @ spread @ _upsampling(columns, spread.shape[1]).T
    result: FloatArray = (primary + np.float32(ratio) * veil) * np.float32(1 / (1 + ratio))
    return result


def focal_blur(primary: FloatArray, *, magnification: float, pitch_mm: float) -> FloatArray:
    """The penumbra of the focal spot: a Gaussian of less than a pixel, as three taps (equal variance)."""
    sigma_px = FOCUS_MM * (magnification - 1) / 2.355 / pitch_mm
    side = np.float32(min(sigma_px**2 / 2, 0.25))
    taps = np.array([side, 1 - 2 * side, side], np.float32)
    result: FloatArray = ndimage.correlate1d(ndimage.correlate1d(primary, taps, 0, mode="nearest"), taps, 1, mode="nearest")
    return result


def detect(signal: Iterable[FloatArray], exposure: Exposure, random: np.random.Generator) -> Iterator[FloatArray]:
    """The picture of each frame's signal, float32, 1 where the signal is 1: quanta, blur, electronics, lag, filter."""
    blur: FloatArray | None = None
    lagging = filtered = None
    for k, clean in enumerate(signal):
        if blur is None:
            blur = _transfer(clean.shape[0] + 2 * _PAD, exposure.pitch_mm)
        dose = exposure.quanta * exposure.start_up[k]
        counts = _quanta(clean * np.float32(dose * exposure.regulation[k]), random)
        seen = _blurred(counts, blur)
        seen += np.float32(ELECTRONIC_QUANTA) * random.standard_normal(seen.shape, dtype=np.float32)
        lagging = seen if lagging is None else (1 - np.float32(LAG)) * seen + np.float32(LAG) * lagging
        picture = lagging * np.float32(exposure.brightness[k] / dose)
        weight = np.float32(exposure.recursive_weight)
        filtered = picture if filtered is None or weight == 0 else (1 - weight) * picture + weight * filtered
        yield filtered


def _quanta(expected: FloatArray, random: np.random.Generator) -> FloatArray:
    """Detected quanta: Poisson, with the extra variance of the scintillator's light yield (Swank)."""
    counts = random.poisson(expected).astype(np.float32)
    counts += np.sqrt(expected * np.float32(1 / SWANK - 1)) * random.standard_normal(expected.shape, dtype=np.float32)
    return counts


def _blurred(counts: FloatArray, transfer: FloatArray) -> FloatArray:
    padded = np.pad(counts, _PAD, mode="reflect")
    blurred = fft.irfft2(fft.rfft2(padded) * transfer, s=padded.shape)
    return np.asarray(blurred[_PAD:-_PAD, _PAD:-_PAD], np.float32)


def _transfer(cells: int, pitch_mm: float) -> FloatArray:
    """Modulation transfer of scintillator and pixel aperture on the grid of a real Fourier transform."""
    rows = fft.fftfreq(cells, pitch_mm)[:, None]
    columns = fft.rfftfreq(cells, pitch_mm)[None, :]
    scintillator = 1 / (1 + (rows**2 + columns**2) / MTF_LP_MM**2)
    result: FloatArray = (scintillator * np.sinc(rows * pitch_mm) * np.sinc(columns * pitch_mm)).astype(np.float32)
    return result


def _upsampling(fine: int, coarse: int) -> FloatArray:
    """Linear interpolation from bin centres to pixels as a (fine, coarse) matrix."""
    at = np.clip((np.arange(fine) + 0.5) / _BIN - 0.5, 0, coarse - 1)
    matrix: FloatArray = np.maximum(1 - np.abs(at[:, None] - np.arange(coarse)[None, :]), 0).astype(np.float32)
    return matrix


LINEAR_LEVEL = 1000.0
_LINEAR_TOP = 3900.0
_LOG_STEP = 560.0
_LOG_ZERO = 2600.0
_STORED_TOP = 4095


class Recorder:
    """Turns pictures into stored values of one intensity relationship, and knows the way back to ln of the beam."""

    def __init__(self, intensity: Intensity, *, brightest: float) -> None:
        self.intensity = intensity
        # Nothing but the twin that says so may clip: the brightest gas stays below the top.
        self.level = min(LINEAR_LEVEL, _LINEAR_TOP / max(brightest, 1e-6))
        self._top = np.log(max(brightest, 1.5))

    def stored(self, picture: FloatArray) -> StoredArray:
        """Stored values of one picture."""
        if self.intensity == "linear":
            return np.clip(np.rint(picture * np.float32(self.level)), 0, _STORED_TOP).astype(np.uint16)
        log = np.log(np.maximum(picture, np.float32(1e-3)))
        if self.intensity == "log":
            return np.clip(np.rint(log * np.float32(_LOG_STEP) + np.float32(_LOG_ZERO)), 0, _STORED_TOP).astype(np.uint16)
        return self._displayed(log)

    def scale(self) -> IntensityScale:
        """What a stored value says about the beam."""
        if self.intensity == "linear":
            values = np.arange(_STORED_TOP + 1, dtype=np.float64)
            return IntensityScale(relationship="linear", ln_beam=read_only(np.log(np.maximum(values, 0.5)), np.float32))
        if self.intensity == "log":
            values = (np.arange(_STORED_TOP + 1, dtype=np.float64) - _LOG_ZERO) / _LOG_STEP
            return IntensityScale(relationship="log", ln_beam=read_only(values, np.float32))
        values = np.log(np.arange(256, dtype=np.float64) + 8)
        return IntensityScale(relationship="display", ln_beam=read_only(values, np.float32))

    def _displayed(self, log: FloatArray) -> StoredArray:
        """The screen's grey: compressed and edge-enhanced, 8 bit."""
        grey = np.clip((log + np.float32(2.6)) * np.float32(1 / (2.6 + self._top)), 0, 1) ** np.float32(1.15) * 255
        sharp = grey + np.float32(0.6) * (grey - ndimage.gaussian_filter(grey, 2.0))
        return np.clip(np.rint(sharp), 0, 255).astype(np.uint8)
