"""The scatter-to-primary ratio of one loop, from all that speaks of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from napari_fluoroinject.analysis.scatter import BLOCK_PX, ScatterModel, scatter_on_blocks
from napari_fluoroinject.analysis.wedge import PrimaryFraction, primary_fraction
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.needle import Needle, NoNeedle

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

PRIOR_KVP = (75.0, 85.0, 95.0)
PRIOR_RATIO = (0.57, 0.65, 0.73)
"""Automatic exposure raises the voltage with thickness, and scatter rises with thickness."""
PRIOR_SIGMA = 0.20
"""Ratios behind a grid run from 0.3 to 1.0: this is the spread of that range."""
BLIND_RATIO = 0.65
BLIND_SIGMA = 0.23
"""The middle of the range and its spread where the voltage is not told."""
NEEDLE_SIGMA = 0.10
"""1 sigma of the needle's ratio from the anatomy beside it, measured on simulated scenes."""
_FARTHEST = 2.5
"""A needle that contradicts the prior by more sigmas is hollow, tilted or of another gauge."""
_TRIED = np.linspace(0.0, 2.0, 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterRatio:
    """The ratio k with 1 sigma, and the names of the estimators that were fused."""

    value: float
    sigma: float
    basis: tuple[str, ...]


def estimate_ratio(
    registered: RegisteredLoop,
    needle: Needle | NoNeedle,
    mask_blocks: FloatArray,
    model: ScatterModel,
    *,
    gauge: int | None,
) -> ScatterRatio:
    """Fuse the prior of the tube voltage with the needle's step wedge.

    Parameters
    ----------
    registered, needle
        The loop; the needle speaks only where its gauge and the millimetres are known.
    mask_blocks
        (blocks down, blocks across) mean intensity of the mask frames.
    model
        The scatter kernel.
    gauge
        The needle's gauge, None when unknown.
    """
    prior = prior_ratio(registered.loop.kvp)
    wedge, why = _wedge(registered, needle, gauge)
    if wedge is None:
        return ScatterRatio(value=prior.value, sigma=prior.sigma, basis=(*prior.basis, why))
    ratio, sigma = _invert(wedge, mask_blocks, model)
    if abs(ratio - prior.value) > _FARTHEST * hypot(prior.sigma, sigma):
        why = (
            f"needle step wedge rejected: its ratio of {ratio:.2f} contradicts the prior of "
            f"{prior.value:.2f} (hollow, tilted or of another gauge)"
        )
        return ScatterRatio(value=prior.value, sigma=prior.sigma, basis=(*prior.basis, why))
    weights = np.array([prior.sigma**-2, sigma**-2])
    value = float(np.average([prior.value, ratio], weights=weights))
    return ScatterRatio(
        value=value,
        sigma=float(weights.sum() ** -0.5),
        basis=(*prior.basis, f"{gauge}G needle as a step wedge: {ratio:.2f} +- {sigma:.2f}"),
    )


def prior_ratio(kvp: float | None) -> ScatterRatio:
    """Return the ratio to expect at a tube voltage before the loop itself has been asked."""
    if kvp is None:
        return ScatterRatio(
            value=BLIND_RATIO, sigma=BLIND_SIGMA, basis=("prior, tube voltage unknown",)
        )
    value = float(np.interp(kvp, PRIOR_KVP, PRIOR_RATIO))
    return ScatterRatio(
        value=value, sigma=PRIOR_SIGMA, basis=(f"tube voltage prior: {value:.2f}",)
    )


def _wedge(
    registered: RegisteredLoop, needle: Needle | NoNeedle, gauge: int | None
) -> tuple[PrimaryFraction | None, str]:
    calibration, kvp = registered.loop.calibration, registered.loop.kvp
    if isinstance(needle, NoNeedle):
        return None, "no needle to use as a step wedge"
    if gauge not in NEEDLE_DIAMETER_MM:
        return None, "needle gauge unknown: no step wedge"
    if calibration is None or calibration.basis == "needle_gauge":
        return None, "no millimetres but from the needle itself: no step wedge"
    wedge = primary_fraction(
        registered,
        needle,
        gauge=gauge,
        kvp=PRIOR_KVP[1] if kvp is None else kvp,
        mm_per_px=calibration.mm_per_px,
    )
    if wedge is None:
        return None, "no step wedge: shaft too short, or its hub is not in the picture"
    if wedge.fraction >= 1.0 or wedge.fraction <= 0.0:
        return None, "needle step wedge rejected: more steel than its gauge has"
    return wedge, ""


def _invert(
    wedge: PrimaryFraction, mask_blocks: FloatArray, model: ScatterModel
) -> tuple[float, float]:
    """The ratio at which the model's primary fraction beside the needle is the measured one."""
    expected = np.array([_expected(wedge, mask_blocks, model, ratio) for ratio in _TRIED])
    falling = np.minimum.accumulate(expected)
    ratio = float(np.interp(-wedge.fraction, -falling, _TRIED))
    slope = float(np.interp(ratio, _TRIED, np.abs(np.gradient(falling, _TRIED))))
    return ratio, hypot(NEEDLE_SIGMA, wedge.error / max(slope, 1e-3))


def _expected(
    wedge: PrimaryFraction, mask_blocks: FloatArray, model: ScatterModel, ratio: float
) -> float:
    scatter = scatter_on_blocks(mask_blocks[None], model, float(ratio))[0]
    place: DoubleArray = (wedge.places_px.T - 0.5 * (BLOCK_PX - 1)) / BLOCK_PX
    beside = map_coordinates(scatter, place, order=1, mode="nearest")
    return float(np.median(1.0 - beside / ((1.0 + ratio) * wedge.beside)))
