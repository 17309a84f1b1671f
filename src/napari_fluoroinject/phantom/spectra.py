"""X-ray spectra, detector efficiency and attenuation in 5 keV bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, read_only

ENERGY_KEV = read_only(np.arange(22.5, 95.0, 5.0), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """Photon fractions per bin behind `hardened_g_cm2` of soft tissue, and their detection.

    `photons_mm2_ugy` is the fluence per air kerma and `qde` the quantum detection efficiency, both
    of the beam that reaches the detector.
    """

    name: str
    kvp: float
    fraction: DoubleArray
    hardened_g_cm2: float
    photons_mm2_ugy: float
    qde: float


def _row(text: str) -> DoubleArray:
    values = read_only(np.array(text.split(), np.float64), np.float64)
    assert values.shape == ENERGY_KEV.shape  # noqa: S101 - no table with a gap
    return values


# Computed with spekpy 2.5.4 and xraydb 4.5.8 (Elam), bin means; CsI 600 um at 75 % packing. B: 75
# kV + 0.2 mm Cu after 20 cm of water; C: 85 kV + 0.2 mm Cu after 25 cm; D: 95 kV + 0.1 mm Cu after
# 32 cm. A (75 kV, entrance) reaches the detector as B does.
SPECTRA = {
    spectrum.name: spectrum
    for spectrum in (
        Spectrum(
            name="A",
            kvp=75.0,
            fraction=_row(
                ".0124 .0565 .1104 .1443 .1535 .1449 .1262 .1096 .0758 .0497 .0167 0 0 0 0"
            ),
            hardened_g_cm2=0.0,
            photons_mm2_ugy=30_883.0,
            qde=0.84,
        ),
        Spectrum(
            name="C",
            kvp=85.0,
            fraction=_row(
                "0 .0002 .0034 .0187 .0496 .0875 .1206 .1882 .1485 .1602 .1118 .0796 .0317 0 0"
            ),
            hardened_g_cm2=25.0,
            photons_mm2_ugy=32_264.0,
            qde=0.77,
        ),
        Spectrum(
            name="D",
            kvp=95.0,
            fraction=_row(
                "0 .0001 .0018 .0108 .031 .0583 .0854 .1661 .1199"
                " .1506 .1103 .1012 .084 .058 .0226"
            ),
            hardened_g_cm2=32.0,
            photons_mm2_ugy=32_436.0,
            qde=0.71,
        ),
    )
}

DETECTED = _row(".970 .890 .885 .991 .980 .948 .898 .831 .764 .692 .624 .558 .501 .447 .405")
"""Fraction of photons of each bin that the detector absorbs."""

# Mass attenuation, cm2/g: ICRU soft tissue, ICRU-44 cortical bone, stainless steel 304, iodine.
SOFT = _row(
    ".593 .427 .337 .286 .2545 .2341 .2198 .2088 .2011 .1946 .1893 .1845 .1806 .1770 .1741"
)
BONE = _row(
    "2.626 1.625 1.076 .7658 .5823 .4666 .3896 .3340 .2978 .2693 .2479 .2305 .2173 .2061 .1978"
)
STEEL = _row(
    "16.5 9.986 6.336 4.250 3.004 2.216 1.692 1.316 1.073 .8848 .7459 .6351 .5532 .4853 .4368"
)
# 90 % platinum with 10 % iridium: xraydb 4.5.8 (Elam), bin means.
PLATINUM = _row(
    "56.63 33.40 21.54 14.78 10.64 7.950 6.125 4.837 3.902 3.205 2.674 4.831 7.937 6.753 5.922"
)
IODINE = _row(
    "16.88 10.49 19.86 25.93 18.81 14.10 10.84 8.423 6.822 5.559 4.611 3.843 3.268 2.786 2.439"
)
