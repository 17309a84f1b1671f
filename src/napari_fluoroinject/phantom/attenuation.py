"""The energy signal behind soft tissue, bone, steel and iodine, summed over the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import FloatArray
from napari_fluoroinject.phantom import spectra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Window = tuple[slice, slice]
Pixels = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

BONE_MINERAL_G_CM3 = 1.92
"""Density at which bone mineral displaces soft tissue."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matter:
    """What the beam meets, g/cm2.

    `soft`, `bone` and `iodine` are (rows, columns), iodine None when there is none; `steel` and
    `platinum` are (pixels, parts) on pixels, each named once: what a pixel sees is the mean over
    its parts.
    """

    soft: FloatArray
    bone: FloatArray
    steel: tuple[tuple[Pixels, FloatArray], ...] = ()
    iodine: FloatArray | None = None
    platinum: tuple[tuple[Pixels, FloatArray], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shadow:
    """Energy that the detector absorbs, relative to the unattenuated beam.

    `without` is (rows, columns) as if there were no iodine, `behind` the same with iodine, on the
    `window` that iodine shades; both None when there is none.
    """

    without: FloatArray
    behind: FloatArray | None
    window: Window | None

    def signal(self) -> FloatArray:
        """The energy behind everything, (rows, columns)."""
        result = self.without.copy()
        if self.window is not None:
            result[self.window] = self.behind
        return result

    @property
    def od(self) -> FloatArray:
        """Opacity of iodine on the window: -ln(S_with / S_without)."""
        if self.window is None or self.behind is None:
            return np.zeros((0, 0), np.float32)
        return np.asarray(-np.log(self.behind / self.without[self.window]))


def shadow(matter: Matter, spectrum: spectra.Spectrum) -> Shadow:
    """The shadow of matter in the beam of a spectrum."""
    window = None if matter.iodine is None else window_of(matter.iodine)
    iodine = None if matter.iodine is None or window is None else matter.iodine[window]
    without = np.zeros_like(matter.soft)
    behind = None if iodine is None else np.zeros_like(iodine)
    for passed, iodine_mu in _transmissions(matter, spectrum):
        without += passed
        if behind is not None and iodine is not None and window is not None:
            behind += passed[window] * np.exp(iodine * -iodine_mu)
    return Shadow(without=without, behind=behind, window=window)


def opacities(
    matter: Matter, iodine: Sequence[FloatArray | None], spectrum: spectra.Spectrum
) -> FloatArray:
    """Opacity of each iodine picture (g/cm2) before the same matter: (pictures, rows, columns)."""
    without = np.zeros_like(matter.soft)
    behind = np.zeros((len(iodine), *without.shape), np.float32)
    for passed, iodine_mu in _transmissions(matter, spectrum):
        without += passed
        for k, picture in enumerate(iodine):
            behind[k] += passed if picture is None else passed * np.exp(picture * -iodine_mu)
    behind /= without
    np.log(behind, out=behind)
    return np.maximum(-behind, 0)


def window_of(picture: FloatArray) -> Window | None:
    """The smallest window that holds all that is not zero; None when nothing is."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _transmissions(
    matter: Matter, spectrum: spectra.Spectrum
) -> Iterator[tuple[FloatArray, np.float32]]:
    """Per energy bin: the energy that reaches the detector without iodine, and iodine's mu/rho."""
    bone = matter.bone
    soft = matter.soft - bone * np.float32(1 / BONE_MINERAL_G_CM3)
    soft -= np.float32(spectrum.hardened_g_cm2)
    weight = spectrum.fraction * spectra.DETECTED * spectra.ENERGY_KEV
    weight = weight / weight.sum()
    for i in np.flatnonzero(weight):
        passed = np.exp(soft * np.float32(-spectra.SOFT[i]) - bone * np.float32(spectra.BONE[i]))
        for metal, mu in (
            (matter.steel, spectra.STEEL[i]),
            (matter.platinum, spectra.PLATINUM[i]),
        ):
            for place, density in metal:
                passed[place] *= np.exp(density * np.float32(-mu)).mean(axis=1)
        passed *= np.float32(weight[i])
        yield passed, np.float32(spectra.IODINE[i])
