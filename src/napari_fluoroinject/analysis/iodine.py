"""Opacity as iodine: how much of it a ray met, and how much there is in the region."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.analysis.spectrum import transmitted

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

SPECTRUM_UNCERTAINTY = 0.08
"""Relative, 1 sigma: 5 cm more or less of patient change the opacity of iodine by 5.5 %, a tenth
of a millimetre of copper in the filter by about as much."""
DENSEST_MG_CM2 = 400.0
"""1.6 cm of the strongest contrast medium and more than any opacity that can be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Iodine:
    """Iodine in the region at the end of the loop.

    `mass_mg` holds in the calibrated plane, None without millimetres; `peak_mg_cm2` is what the
    peak opacity comes to; `relative_uncertainty` (1 sigma) is that of both.
    """

    mass_mg: float | None
    peak_mg_cm2: float | None
    relative_uncertainty: float


def measure_iodine(
    opacity: Opacity, registered: RegisteredLoop, region: BoolArray, peak_od: float | None
) -> Iodine | None:
    """Measure iodine; None where opacity has no unit or the tube voltage is unknown.

    Parameters
    ----------
    opacity, registered
        As measured before.
    region
        (rows, columns), contrast in the last frames.
    peak_od
        The region's peak opacity.
    """
    kvp, uncertainty = registered.loop.kvp, opacity.scale.relative_uncertainty
    if kvp is None or uncertainty is None or not region.any():
        return None
    late = opacity.od[last_frames(registered.motion, LAST_FRAMES)][:, region].mean(axis=0)
    mm_per_px = registered.loop.mm_per_px
    per_px_cm2 = None if mm_per_px is None else (0.1 * mm_per_px) ** 2
    mass = float(areal_density_mg_cm2(late, kvp).sum())
    return Iodine(
        mass_mg=None if per_px_cm2 is None else mass * per_px_cm2,
        peak_mg_cm2=None
        if peak_od is None
        else float(areal_density_mg_cm2(np.array([peak_od]), kvp)[0]),
        relative_uncertainty=hypot(uncertainty, SPECTRUM_UNCERTAINTY),
    )


def areal_density_mg_cm2(od: FloatArray | DoubleArray, kvp: float) -> DoubleArray:
    """Iodine of this opacity in mg/cm2, the shape of `od`.

    The beam hardens, so twice the iodine is less than twice the opacity. Below 0, where there is
    only noise, the first slope goes on, so that noise cancels in a sum.
    """
    density = np.concatenate([np.linspace(0.0, 20.0, 81), np.linspace(21.0, DENSEST_MG_CM2, 380)])
    table_od = -np.log(transmitted("iodine", density / 1000.0, kvp))
    per_od = float((density[1] - density[0]) / table_od[1])
    return np.where(od < 0, od * per_od, np.interp(od, table_od, density))
