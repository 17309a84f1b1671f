"""From a noise-free signal to the detector's picture: quanta, blur, lag, the vendor's filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    `quanta` detected per pixel at signal 1; `start_up` (frames,) share of the steady dose that the
    generator gave and the display gain undid; `regulation` (frames,) what exposure control and
    ripple did and nothing undid; `brightness` (frames,) what the gain left over;
    `recursive_weight` the previous-frame weight of the temporal filter.
    """

    quanta: float
    pitch_mm: float
    start_up: DoubleArray
    regulation: DoubleArray
    brightness: DoubleArray
    recursive_weight: float


class Veil:
    """Scatter of pictures of one size: the primary, 8 x 8 binned, under a broad Gaussian."""

    def __init__(self, size: int, *, pitch_mm: float) -> None:
        bins = -(-size // _BIN)
        at = np.arange(size) // _BIN
        binning = (at[None, :] == np.arange(bins)[:, None]).astype(np.float64)
        binning /= binning.sum(axis=1, keepdims=True)
        sigma = SCATTER_MM / pitch_mm / _BIN
        # Beyond the picture the patient goes on: the edge repeats.
        spread = ndimage.gaussian_filter1d(np.eye(bins), sigma, axis=0, mode="nearest")
        self._down = (spread @ binning).astype(np.float32)
        self._up = _upsampling(size, bins)

    def over(self, primary: FloatArray, ratio: float) -> FloatArray:
        """A primary picture with its own scatter: (P + ratio G*P) / (1 + ratio)."""
        coarse = self._down @ primary @ self._down.T
        veil = self._up @ coarse @ self._up.T
        result: FloatArray = (primary + np.float32(ratio) * veil) * np.float32(1 / (1 + ratio))
        return result


def focal_blur(primary: FloatArray, *, magnification: float, pitch_mm: float) -> FloatArray:
    """The penumbra of the focal spot: less than a pixel, three taps of the Gaussian's variance."""
    sigma_px = FOCUS_MM * (magnification - 1) / 2.355 / pitch_mm
    side = np.float32(min(sigma_px**2 / 2, 0.25))
    taps = np.array([side, 1 - 2 * side, side], np.float32)
    result: FloatArray = ndimage.correlate1d(
        ndimage.correlate1d(primary, taps, 0, mode="nearest"), taps, 1, mode="nearest"
    )
    return result


def detect(
    signal: Iterable[FloatArray], exposure: Exposure, random: np.random.Generator
) -> Iterator[FloatArray]:
    """The picture of each frame's signal, float32, on average what the signal is."""
    blur: FloatArray | None = None
    lagging = filtered = None
    for k, clean in enumerate(signal):
        if blur is None:
            blur = _transfer(clean.shape[0] + 2 * _PAD, exposure.pitch_mm)
        dose = exposure.quanta * exposure.start_up[k]
        counts = _quanta(clean * np.float32(dose * exposure.regulation[k]), random)
        seen = _blurred(counts, blur)
        seen += np.float32(ELECTRONIC_QUANTA) * random.standard_normal(
            seen.shape, dtype=np.float32
        )
        lagging = (
            seen if lagging is None else (1 - np.float32(LAG)) * seen + np.float32(LAG) * lagging
        )
        picture = lagging * np.float32(exposure.brightness[k] / dose)
        weight = np.float32(exposure.recursive_weight)
        filtered = (
            picture
            if filtered is None or weight == 0
            else (1 - weight) * picture + weight * filtered
        )
        yield filtered


def _quanta(expected: FloatArray, random: np.random.Generator) -> FloatArray:
    """Detected quanta: Poisson, with the extra variance of the light yield (Swank)."""
    counts = random.poisson(expected).astype(np.float32)
    counts += np.sqrt(expected * np.float32(1 / SWANK - 1)) * random.standard_normal(
        expected.shape, dtype=np.float32
    )
    return counts


def _blurred(counts: FloatArray, transfer: FloatArray) -> FloatArray:
    padded = np.pad(counts, _PAD, mode="reflect")
    blurred = fft.irfft2(fft.rfft2(padded) * transfer, s=padded.shape)
    return np.asarray(blurred[_PAD:-_PAD, _PAD:-_PAD], np.float32)


def _transfer(cells: int, pitch_mm: float) -> FloatArray:
    """Modulation transfer of scintillator and aperture on a real Fourier transform's grid."""
    rows = fft.fftfreq(cells, pitch_mm)[:, None]
    columns = fft.rfftfreq(cells, pitch_mm)[None, :]
    scintillator = 1 / (1 + (rows**2 + columns**2) / MTF_LP_MM**2)
    result: FloatArray = (
        scintillator * np.sinc(rows * pitch_mm) * np.sinc(columns * pitch_mm)
    ).astype(np.float32)
    return result


def _upsampling(fine: int, coarse: int) -> FloatArray:
    """Linear interpolation from bin centres to pixels as a (fine, coarse) matrix."""
    at = np.clip((np.arange(fine) + 0.5) / _BIN - 0.5, 0, coarse - 1)
    matrix: FloatArray = np.maximum(
        1 - np.abs(at[:, None] - np.arange(coarse)[None, :]), 0
    ).astype(np.float32)
    return matrix
