"""What steel and iodine let through of the beam behind a patient, by tube voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray

Material = Literal["steel", "iodine"]

_ENERGY_KEV = np.arange(22.5, 93.0, 5.0)
# Photon fractions per 5 keV bin behind a typical patient (spekpy 2.5.4), by tube voltage:
# 75 kV + 0.2 mm Cu after 20 cm of water, 85 kV + 0.2 Cu after 25 cm, 95 kV + 0.1 Cu after 32 cm.
_SPECTRA = {
    75.0: "0 .0007 .0098 .0415 .0927 .1433 .1761 .1975 .1652 .1259 .0474 0 0 0 0",
    85.0: "0 .0002 .0034 .0187 .0496 .0875 .1206 .1882 .1485 .1602 .1118 .0796 .0317 0 0",
    95.0: "0 .0001 .0018 .0108 .0310 .0583 .0854 .1661 .1199 .1506 .1103 .1012 .0840 .0580 .0226",
}
# Absorption of 600 um of CsI, 75 % packed (xraydb 4.5.8, Elam tables).
_DETECTOR = ".970 .890 .885 .991 .980 .948 .898 .831 .764 .692 .624 .558 .501 .447 .405"
# Mass attenuation in cm2/g, bin means (xraydb 4.5.8, Elam tables); steel is SS304.
_ATTENUATION: dict[Material, str] = {
    "steel": (
        "16.5 9.986 6.336 4.250 3.004 2.216 1.692 1.316 1.073 .8848 .7459 .6351 .5532 .4853 .4368"
    ),
    "iodine": (
        "16.88 10.49 19.86 25.93 18.81 14.10 10.84 8.423 6.822 5.559 4.611 3.843 3.268 2.786 2.439"
    ),
}


def transmitted(material: Material, density_g_cm2: DoubleArray, kvp: float) -> DoubleArray:
    """Share of the detected energy that passes areal densities, the shape of `density_g_cm2`.

    The beam hardens in the material, so this is no exponential. Between tube voltages that are
    tabulated it is interpolated, beyond them the nearest holds.
    """
    attenuation = _numbers(_ATTENUATION[material])
    shares = []
    for text in _SPECTRA.values():
        signal = _numbers(text) * _numbers(_DETECTOR) * _ENERGY_KEV
        passed = np.exp(-np.multiply.outer(density_g_cm2, attenuation)) @ signal
        shares.append(passed / signal.sum())
    place = float(np.interp(kvp, list(_SPECTRA), range(len(_SPECTRA))))
    low = min(int(place), len(_SPECTRA) - 2)
    return np.asarray(shares[low] + (place - low) * (shares[low + 1] - shares[low]))


def _numbers(text: str) -> DoubleArray:
    return np.array(text.split(), dtype=np.float64)
