"""The scatter-to-primary ratio of one loop, from all that speaks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from napari_fluoroinject.analysis.scatter import (
    BLOCK_PX,
    ScatterModel,
    kernel_sigma_px,
    scatter_on_blocks,
)
from napari_fluoroinject.analysis.shadow import (
    KERNEL_WIDTH_FACTOR,
    NoShadow,
    shadow_ratio,
)
from napari_fluoroinject.analysis.wedge import PrimaryFraction, primary_fraction
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.needle import Needle, NeedleKind, NoNeedle

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
NEEDLE_SIGMA = 0.06
"""1 sigma of the ratio from what all stations share: the beam's spectrum, blur, millimetres."""
ASSUMED_WIDTH_FACTOR = 1.5
"""1 sigma of the kernel's width, as a factor, where the detector's pixel is assumed."""
_FARTHEST = 2.5
"""What contradicts the ratio known before it by more sigmas is not believed."""
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
    kind: NeedleKind,
) -> ScatterRatio:
    """Fuse the prior of the tube voltage, the collimator's shadow and the needle's step wedge.

    Each in turn narrows what is known, weighted by its inverse variance; one that contradicts what
    was known before it is left out, and that is told.

    Parameters
    ----------
    registered, needle
        The loop; the needle speaks only where its gauge and the millimetres are known.
    mask_blocks
        (blocks down, blocks across) mean intensity of the mask frames.
    model
        The scatter kernel.
    kind
        The needle's gauge and length as far as they are known.
    """
    known = _with_shadow(prior_ratio(registered.loop.kvp), registered)
    wedge, why = _wedge(registered, needle, kind)
    if wedge is None:
        return replace(known, basis=(*known.basis, why))
    value, sigma = _as_one(_invert(wedge, mask_blocks, model), known)
    return _fused(
        known,
        _Estimate(
            value=value,
            sigma=sigma,
            name="needle step wedge",
            told=f"{kind.gauge}G needle as a step wedge",
            doubt="hollow, tilted or of another gauge",
        ),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estimate:
    """What one estimator says; `told` and `doubt` are its words when it is believed or not."""

    value: float
    sigma: float
    name: str
    told: str
    doubt: str


def _with_shadow(known: ScatterRatio, registered: RegisteredLoop) -> ScatterRatio:
    width_px, _, assumed = kernel_sigma_px(
        registered.loop.detector_mm_per_px, registered.field.shape[1]
    )
    factor = KERNEL_WIDTH_FACTOR if assumed is None else ASSUMED_WIDTH_FACTOR
    shadow = shadow_ratio(registered, width_px, width_factor=factor)
    if isinstance(shadow, NoShadow):
        return replace(known, basis=(*known.basis, f"no collimator shadow: {shadow.reason}"))
    return _fused(
        known,
        _Estimate(
            value=shadow.value,
            sigma=shadow.sigma,
            name="collimator shadow",
            told="collimator shadow",
            doubt="no shadow of blades, or scatter of another form",
        ),
    )


def _fused(known: ScatterRatio, one: _Estimate) -> ScatterRatio:
    """The inverse-variance mean, or what was known where the estimate contradicts it."""
    if abs(one.value - known.value) > _FARTHEST * hypot(known.sigma, one.sigma):
        why = (
            f"{one.name} rejected: its ratio of {one.value:.2f} contradicts {known.value:.2f} +- "
            f"{known.sigma:.2f} from the rest ({one.doubt})"
        )
        return replace(known, basis=(*known.basis, why))
    weights = np.array([known.sigma**-2, one.sigma**-2])
    return ScatterRatio(
        value=float(np.average([known.value, one.value], weights=weights)),
        sigma=float(weights.sum() ** -0.5),
        basis=(*known.basis, f"{one.told}: {one.value:.2f} +- {one.sigma:.2f}"),
    )


def _wedge(
    registered: RegisteredLoop, needle: Needle | NoNeedle, kind: NeedleKind
) -> tuple[PrimaryFraction | None, str]:
    calibration, kvp = registered.loop.calibration, registered.loop.kvp
    if isinstance(needle, NoNeedle):
        return None, "no needle to use as a step wedge"
    if kind.gauge is None or kind.gauge not in NEEDLE_DIAMETER_MM:
        return None, "needle gauge unknown: no step wedge"
    if calibration is None or calibration.basis == "needle_gauge":
        return None, "no millimetres but from the needle itself: no step wedge"
    wedge = primary_fraction(
        registered,
        needle,
        kind=kind,
        kvp=PRIOR_KVP[1] if kvp is None else kvp,
        mm_per_px=calibration.mm_per_px,
    )
    if wedge is None:
        return None, "no step wedge: shaft too short, or its hub is not in the picture"
    if wedge.fraction >= 1.0 or wedge.fraction <= 0.0:
        return None, "needle step wedge rejected: more steel than its gauge has"
    return wedge, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """The ratio with 1 sigma that one length of the needle speaks for, and the length's share."""

    share: float
    ratio: float
    sigma: float


def _invert(
    wedge: PrimaryFraction, mask_blocks: FloatArray, model: ScatterModel
) -> list[_Candidate]:
    """For every length the ratio at which the model's primary fraction is the measured one.

    What no ratio explains is followed beyond them all, to be judged by how far off it is.
    """
    expected = np.array([_expected(wedge, mask_blocks, model, ratio) for ratio in _TRIED])
    falling = np.minimum.accumulate(expected)
    steepness = np.maximum(np.abs(np.gradient(falling, _TRIED)), 1e-3)
    candidates = []
    for one in wedge.by_length:
        ratio = float(np.interp(-one.fraction, -falling, _TRIED))
        slope = float(np.interp(ratio, _TRIED, steepness))
        over, under = max(one.fraction - falling[0], 0.0), max(falling[-1] - one.fraction, 0.0)
        candidates.append(
            _Candidate(
                share=one.share,
                ratio=ratio + float(under - over) / slope,
                sigma=hypot(NEEDLE_SIGMA, one.error / slope),
            )
        )
    return candidates


def _as_one(candidates: list[_Candidate], known: ScatterRatio) -> tuple[float, float]:
    """Ratio and 1 sigma, each length counted by its share and how well what is known agrees."""
    ratio = np.array([one.ratio for one in candidates])
    variance = np.array([one.sigma**2 for one in candidates])
    apart = known.sigma**2 + variance
    unlikely = 0.5 * (ratio - known.value) ** 2 / apart + 0.5 * np.log(apart)
    share = np.array([one.share for one in candidates]) * np.exp(unlikely.min() - unlikely)
    share /= share.sum()
    mean = float(share @ ratio)
    return mean, float(np.sqrt(share @ (variance + (ratio - mean) ** 2)))


def _expected(
    wedge: PrimaryFraction, mask_blocks: FloatArray, model: ScatterModel, ratio: float
) -> float:
    scatter = scatter_on_blocks(mask_blocks[None], model, float(ratio))[0]
    place: DoubleArray = (wedge.places_px.T - 0.5 * (BLOCK_PX - 1)) / BLOCK_PX
    beside = map_coordinates(scatter, place, order=1, mode="nearest")
    return float(np.median(1.0 - beside / ((1.0 + ratio) * wedge.beside)))
