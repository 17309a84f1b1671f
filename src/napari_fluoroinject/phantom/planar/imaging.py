"""How the second family's detector sees: five spectral lines, tailed scatter, layered screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom import spectra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_fluoroinject.phantom.planar.steel import Pixels

# 75 kV + 0.2 mm Cu after 20 cm of water: photon fractions as in `spectra`, same computation.
_BEHIND_20_CM = np.zeros(len(spectra.ENERGY_KEV))
_BEHIND_20_CM[1:11] = (
    *(0.0007, 0.0098, 0.0415, 0.0927, 0.1433),
    *(0.1761, 0.1975, 0.1652, 0.1259, 0.0474),
)
# kVp, fractions behind the patient, photons per mm2 and uGy, quantum detection efficiency.
_BEAMS = (
    (75.0, _BEHIND_20_CM, 30_883.0, 0.84),
    (85.0, spectra.SPECTRA["C"].fraction, 32_264.0, 0.77),
    (95.0, spectra.SPECTRA["D"].fraction, 32_436.0, 0.71),
)
_LINES = ((0, 5), (5, 7), (7, 9), (9, 11), (11, 15))
"""Bins of 5 keV that make one line each."""

BONE_G_CM3 = 1.85

_CORE_MM, _TAIL_MM, _CORE_SHARE = 7.0, 34.0, 0.25
"""Scatter at the detector: a Gaussian core and an exponential tail (assumed)."""
_COARSE = 8
# Screen: light from its far side spreads more (Lubberts 1968), so noise is sharper than signal.
_DEEP_SHARE, _DEEP_LP_MM, _NEAR_LP_MM = 0.5, 0.75, 2.1
_ELECTRONIC, _ROW = 1.8, 0.25
_PAD = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """A spectrum of five lines: weight in the detected signal and mass attenuation, cm2/g."""

    kvp: float
    photons_mm2_ugy: float
    qde: float
    weight: FloatArray
    soft: FloatArray
    bone: FloatArray
    steel: FloatArray
    iodine: FloatArray

    def transmissions(
        self, soft: FloatArray, bone: FloatArray, typical_g_cm2: float
    ) -> Iterator[tuple[FloatArray, int]]:
        """Per line what passes tissue and bone, g/cm2, and the line's number.

        The spectrum is that behind `typical_g_cm2` of soft tissue already.
        """
        tissue = soft - bone * np.float32(1 / BONE_G_CM3) - np.float32(typical_g_cm2)
        for i, weight in enumerate(self.weight):
            passed = np.exp(-self.soft[i] * tissue - self.bone[i] * bone)
            yield passed * weight, i


def lines_of(kvp: float) -> Lines:
    """The spectrum of a tube voltage between 75 and 95 kV, mixed of its neighbours."""
    at = np.interp(kvp, [beam[0] for beam in _BEAMS], [0.0, 1.0, 2.0])
    low = min(int(at), 1)
    share = float(at - low)
    first, second = _BEAMS[low], _BEAMS[low + 1]
    fraction = (1 - share) * first[1] + share * second[1]
    weight = fraction * spectra.DETECTED * spectra.ENERGY_KEV
    weight = weight / weight.sum()

    def grouped(values: DoubleArray) -> FloatArray:
        means = [np.average(values[a:b], weights=weight[a:b] + 1e-12) for a, b in _LINES]
        return np.array(means, np.float32)

    return Lines(
        kvp=kvp,
        photons_mm2_ugy=(1 - share) * first[2] + share * second[2],
        qde=(1 - share) * first[3] + share * second[3],
        weight=np.array([weight[a:b].sum() for a, b in _LINES], np.float32),
        soft=grouped(spectra.SOFT),
        bone=grouped(spectra.BONE),
        steel=grouped(spectra.STEEL),
        iodine=grouped(spectra.IODINE),
    )


def shadow(
    passing: Iterable[tuple[FloatArray, int]],
    lines: Lines,
    *,
    steel: tuple[Pixels, FloatArray] | None,
    iodine_g_cm2: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """The signal without and with iodine, (rows, columns) each, behind steel in both.

    `steel` is (pixels, parts) g/cm2: its shadow is the mean over the parts of a pixel.
    """
    without: FloatArray | None = None
    behind: FloatArray | None = None
    for passed, i in passing:
        if steel is not None:
            passed[steel[0]] *= np.exp(-lines.steel[i] * steel[1]).mean(axis=1)
        shaded = passed
        if iodine_g_cm2 is not None:
            shaded = passed * np.exp(-lines.iodine[i] * iodine_g_cm2)
        without = passed if without is None else without + passed
        behind = shaded if behind is None else behind + shaded
    assert without is not None  # noqa: S101 - a spectrum has lines
    assert behind is not None  # noqa: S101 - as above
    return without, behind


def opacities(
    pictures: Sequence[FloatArray | None], passing: Sequence[FloatArray], lines: Lines
) -> FloatArray:
    """Opacity (pictures, rows, columns) of iodine, g/cm2, behind what lets `passing` through."""
    without = np.sum(passing, axis=0, dtype=np.float64)
    od = np.zeros((len(pictures), *without.shape), np.float32)
    for k, picture in enumerate(pictures):
        if picture is not None:
            behind = sum(
                passed * np.exp(-mu * picture)
                for passed, mu in zip(passing, lines.iodine, strict=True)
            )
            od[k] = np.maximum(-np.log(behind / without), 0)
    return od


class Glare:
    """Scatter of one size of picture: convolution on a coarse lattice whose edge repeats."""

    def __init__(self, size: int, *, pitch_mm: float) -> None:
        self._size = size
        self._bins = -(-size // _COARSE)
        self._pad = max(self._bins // 2, 24)
        side = self._bins + 2 * self._pad
        at = np.minimum(np.arange(side), side - np.arange(side)) * _COARSE * pitch_mm
        radius = np.hypot(at[:, None], at[None, :])
        core, tail = np.exp(-0.5 * (radius / _CORE_MM) ** 2), np.exp(-radius / _TAIL_MM)
        kernel = _CORE_SHARE * core / core.sum() + (1 - _CORE_SHARE) * tail / tail.sum()
        self._transfer = fft.rfft2(kernel.astype(np.float32))

    def over(self, primary: FloatArray, ratio: float) -> FloatArray:
        """(P + ratio K*P) / (1 + ratio), K the kernel of unit sum."""
        if ratio == 0:
            return primary
        extra = self._bins * _COARSE - self._size
        full = np.pad(primary, ((0, extra), (0, extra)), mode="edge")
        coarse = full.reshape(self._bins, _COARSE, self._bins, _COARSE).mean(axis=(1, 3))
        padded = np.pad(coarse, self._pad, mode="edge")
        spread = fft.irfft2(fft.rfft2(padded) * self._transfer, s=padded.shape)
        inner = spread[self._pad : -self._pad, self._pad : -self._pad]
        # Cell centres of the coarse lattice lie between pixels: sample at pixel centres.
        at = (np.arange(self._size) + 0.5) / _COARSE - 0.5
        fine = ndimage.map_coordinates(
            inner, np.meshgrid(at, at, indexing="ij"), order=1, mode="nearest", output=np.float32
        )
        result: FloatArray = (primary + np.float32(ratio) * fine) * np.float32(1 / (1 + ratio))
        return result


def detect(
    signal: FloatArray,
    *,
    quanta: DoubleArray,
    gain: DoubleArray,
    pitch_mm: float,
    recursive_weight: float,
    random: np.random.Generator,
) -> Iterator[FloatArray]:
    """The picture of each frame, float32.

    `quanta` (frames,) are detected per pixel at signal 1, `gain` (frames,) is what the display
    does to the steady dose's quanta.
    """
    deep, near = _screens(signal.shape[1] + 2 * _PAD, pitch_mm)
    kept: FloatArray | None = None
    for clean, dose, factor in zip(signal, quanta, gain, strict=True):
        expected = np.pad(clean, _PAD, mode="edge") * np.float32(dose)
        far = random.poisson(expected * np.float32(_DEEP_SHARE)).astype(np.float32)
        close = random.poisson(expected * np.float32(1 - _DEEP_SHARE)).astype(np.float32)
        light = fft.irfft2(fft.rfft2(far) * deep + fft.rfft2(close) * near, s=far.shape)
        seen = light[_PAD:-_PAD, _PAD:-_PAD].astype(np.float32)
        seen += np.float32(_ELECTRONIC) * random.standard_normal(seen.shape, dtype=np.float32)
        seen += np.float32(_ROW) * random.standard_normal((len(seen), 1), dtype=np.float32)
        picture = seen * np.float32(factor)
        weight = np.float32(0 if kept is None else recursive_weight)
        kept = picture if kept is None else picture + weight * (kept - picture)
        yield kept


def _screens(side: int, pitch_mm: float) -> tuple[FloatArray, FloatArray]:
    """Transfer of light from the far and the near side of the screen."""
    rows, columns = fft.fftfreq(side, pitch_mm)[:, None], fft.rfftfreq(side, pitch_mm)[None, :]
    square = rows**2 + columns**2
    deep, near = (np.exp(-square / (2 * f**2)) for f in (_DEEP_LP_MM, _NEAR_LP_MM))
    return deep.astype(np.float32), near.astype(np.float32)
