"""The energy signal behind soft tissue, bone, steel and iodine, summed over the spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import FloatArray
from napari_fluoroinject.phantom import spectra

Window = tuple[slice, slice]

BONE_MINERAL_G_CM3 = 1.92
"""Density at which bone mineral displaces soft tissue."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matter:
    """What the beam meets, g/cm2: `soft` and `bone` (rows, columns), `steel` on windows, `iodine` (rows, columns) or None."""

    soft: FloatArray
    bone: FloatArray
    steel: tuple[tuple[Window, FloatArray], ...] = ()
    iodine: FloatArray | None = None


def signals(matter: Matter, spectrum: spectra.Spectrum) -> tuple[FloatArray, FloatArray, Window | None]:
    """Energy absorbed by the detector, relative to the unattenuated beam.

    Returns
    -------
    without
        (rows, columns) float32 as if there were no iodine.
    with_iodine
        The same on the window that iodine shades (empty when there is none).
    window
        That window, None when there is no iodine.
    """
    soft = matter.soft - matter.bone * np.float32(1 / BONE_MINERAL_G_CM3) - np.float32(spectrum.hardened_g_cm2)
    window = None if matter.iodine is None else window_of(matter.iodine)
    without = np.zeros_like(soft)
    iodine = np.zeros((0, 0), np.float32) if window is None or matter.iodine is None else matter.iodine[window]
    shaded = np.zeros_like(iodine)
    for weight, soft_mu, bone_mu, steel_mu, iodine_mu in _bins(spectrum):
        passed = np.exp(soft * -soft_mu - matter.bone * bone_mu)
        for place, density in matter.steel:
            passed[place] *= np.exp(density * -steel_mu)
        passed *= weight
        without += passed
        if window is not None:
            shaded += passed[window] * np.exp(iodine * -iodine_mu)
    return without, shaded, window


def _bins(spectrum: spectra.Spectrum) -> list[tuple[np.float32, ...]]:
    weight = spectrum.fraction * spectra.DETECTED * spectra.ENERGY_KEV
    weight = weight / weight.sum()
    rows = (weight, spectra.SOFT, spectra.BONE, spectra.STEEL, spectra.IODINE)
    return [tuple(np.float32(row[i]) for row in rows) for i in np.flatnonzero(weight)]


def window_of(iodine: FloatArray) -> Window | None:
    """The smallest window that holds all of a picture that is not zero; None when there is none."""
    """The smallest window that holds all of a picture that is not zero; None when there is none."""
    rows, columns = np.flatnonzero(iodine.any(axis=1)), np.flatnonzero(iodine.any(axis=0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
