"""What surrounds the thoracic spine: chest wall, lungs, heart and muscles of the back."""

from __future__ import annotations

import numpy as np

from napari_fluoroinject.phantom.body import Hollow, Muscle, Trunk

LUNG_AT_MM = (22.0, 66.0, 20.0)
"""Middle of the left lung; the right one's lies as far on the other side (assumed)."""
LUNG_HALF_MM = (66.0, 48.0, 165.0)
"""Its half sizes: the pleura passes 5 to 10 mm lateral of the costotransverse joint (assumed)."""
_LUNG_FILLED = (0.24, 0.36)
"""Share of soft tissue in lung (assumed: 0.25 to 0.35 g/cm3)."""


def draw_chest(random: np.random.Generator) -> Trunk:
    """Draw a chest: 19 to 23 cm deep, 28 to 33 cm wide (assumed), with lungs and no bowel."""
    half_depth, half_width = random.uniform(96, 116), random.uniform(142, 166)
    back, exponent = random.uniform(66, 78), random.uniform(2.2, 2.8)
    filled = random.uniform(*_LUNG_FILLED)
    return Trunk(
        half_depth_mm=float(half_depth),
        half_width_mm=float(half_width),
        back_mm=float(back),
        exponent=float(exponent),
        muscles=tuple(
            Muscle(at_mm=(-42.0, side * 26.0), half_mm=(12.0, 20.0)) for side in (1.0, -1.0)
        ),
        gas_mm=np.empty((0, 3)),
        gas_half_mm=np.empty((0, 2)),
        gas_depth_mm=np.empty(0),
        hollows=tuple(
            Hollow(
                at_mm=(LUNG_AT_MM[0], side * LUNG_AT_MM[1], LUNG_AT_MM[2]),
                half_mm=LUNG_HALF_MM,
                filled=float(filled),
            )
            for side in (1.0, -1.0)
        ),
    )


def pleura_y(x_mm: float, z_mm: float) -> float:
    """Distance from the midline at which the pleura of either side faces the spine.

    Ventral or dorsal, above or below of the lung it is that of the lung's nearest rim.
    """
    x = (x_mm - LUNG_AT_MM[0]) / LUNG_HALF_MM[0]
    z = (z_mm - LUNG_AT_MM[2]) / LUNG_HALF_MM[2]
    return LUNG_AT_MM[1] - LUNG_HALF_MM[1] * float(np.sqrt(max(1 - x * x - z * z, 0.0)))
