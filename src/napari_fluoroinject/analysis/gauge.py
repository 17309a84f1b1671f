"""Millimetres from a needle of known gauge, the last rung of the calibration ladder."""

from __future__ import annotations

from math import hypot, isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.ratio import PRIOR_KVP, prior_ratio
from napari_fluoroinject.analysis.wedge import primary_fraction
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.needle import Needle, NeedleKind, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop

START_MM_PER_PX = 0.3
"""Where the search begins: only the width of the profile's window depends on it."""
PLAUSIBLE_MM_PER_PX = (0.08, 0.9)
"""Pixels of C-arms at the patient, 512 to 2048 columns; outside, the fit went wrong."""
ANATOMY_SIGMA = 0.10
"""Relative 1 sigma of the primary fraction from the anatomy beside a needle."""
_ROUNDS = 6
_SETTLED = 0.005


def calibrate_by_gauge(
    registered: RegisteredLoop, needle: Needle | NoNeedle, *, kind: NeedleKind
) -> Calibration | None:
    """Millimetres per pixel at the needle, from the shadow that its steel must cast.

    The area of the dip across the shaft, in the intensity domain, does not depend on blur: in
    pixels it is `F * area_mm / mm_per_px`, with F the primary fraction that the tube voltage lets
    expect. The uncertainty of F is that of the calibration, and is told with it. None where pixel
    values are no beam intensity, the gauge is unknown, or the shaft too short.
    """
    loop = registered.loop
    if isinstance(needle, NoNeedle) or kind.gauge not in NEEDLE_DIAMETER_MM:
        return None
    if not loop.intensity.quantitative or not registered.injection.mask_frames:
        return None
    ratio = prior_ratio(loop.kvp)
    expected = 1.0 / (1.0 + ratio.value)
    kvp = PRIOR_KVP[1] if loop.kvp is None else loop.kvp
    mm_per_px, error = START_MM_PER_PX, 0.0
    for _ in range(_ROUNDS):
        wedge = primary_fraction(registered, needle, kind=kind, kvp=kvp, mm_per_px=mm_per_px)
        if wedge is None or wedge.fraction <= 0 or not isfinite(wedge.fraction):
            return None
        step = expected / wedge.fraction
        mm_per_px *= step
        if not PLAUSIBLE_MM_PER_PX[0] <= mm_per_px <= PLAUSIBLE_MM_PER_PX[1]:
            return None
        error = wedge.error / wedge.fraction
        if abs(step - 1.0) < _SETTLED:
            break
    ratio_sigma = ratio.sigma * expected  # d ln F / dk = -1 / (1 + k)
    return Calibration(
        mm_per_px=mm_per_px,
        basis="needle_gauge",
        relative_uncertainty=hypot(ratio_sigma, ANATOMY_SIGMA, error),
    )
