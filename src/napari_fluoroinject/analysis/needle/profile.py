"""The profile across a shaft: a Gaussian on a quadratic background, fitted by projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray

HALF_WIDTH_PX = 9.0
ACROSS_STEP_PX = 0.5


def across_px(scale: float) -> DoubleArray:
    """Positions across a shaft at which profiles are sampled, symmetric about 0."""
    half = round(HALF_WIDTH_PX * scale / ACROSS_STEP_PX)
    return ACROSS_STEP_PX * np.arange(-half, half + 1, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """Matched filters for a Gaussian at several centres, blind to a quadratic background.

    Attributes
    ----------
    across_px
        (samples,) positions.
    centres_px
        (centres,) where the Gaussian may stand.
    sigma_px
        Its width.
    filters
        (centres, samples): filter @ profile is the amplitude by least squares.
    gain
        (centres,): amplitude squared times gain is what the Gaussian takes from the sum of
        squares.
    """

    across_px: DoubleArray
    centres_px: DoubleArray
    sigma_px: float
    filters: DoubleArray
    gain: DoubleArray


def gaussian_profile(across: DoubleArray, centres: DoubleArray, sigma_px: float) -> Profile:
    """Matched filters by projecting the background out (linear least squares)."""
    shapes = np.exp(-0.5 * ((across[None, :] - centres[:, None]) / sigma_px) ** 2)
    basis, _ = np.linalg.qr(np.vander(across / np.abs(across).max(), 3))
    pure = shapes - (shapes @ basis) @ basis.T
    gain = np.einsum("cs,cs->c", pure, pure)
    return Profile(
        across_px=across, centres_px=centres, sigma_px=sigma_px,
        filters=pure / gain[:, None], gain=gain,
    )  # fmt: skip


def amplitude(profiles: DoubleArray, model: Profile) -> DoubleArray:
    """Amplitude of each profile (..., samples) for the model's middle centre; (...)."""
    middle = len(model.centres_px) // 2
    heights: DoubleArray = profiles @ model.filters[middle]
    return heights


def best_centre(profiles: DoubleArray, model: Profile) -> tuple[DoubleArray, DoubleArray]:
    """Centre and amplitude of the best-fitting Gaussian of each profile (n, samples).

    The centre is refined between the model's centres by a parabola on the misfit; only
    positive amplitudes count.
    """
    amplitudes = np.maximum(profiles @ model.filters.T, 0.0)
    taken = amplitudes**2 * model.gain
    peak = np.clip(np.argmax(taken, axis=1), 1, len(model.centres_px) - 2)
    each = np.arange(len(profiles))
    before, here, after = (taken[each, peak + step] for step in (-1, 0, 1))
    curve = before - 2 * here + after
    offset = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, -1.0), 0.0)
    step = model.centres_px[1] - model.centres_px[0]
    centre = model.centres_px[peak] + step * np.clip(offset, -0.5, 0.5)
    return centre, amplitudes[each, peak]


def misfit(profile: DoubleArray, model: Profile) -> float:
    """RMS of a profile (samples,) after the fit, over the fitted amplitude; or infinity."""
    basis, _ = np.linalg.qr(np.vander(model.across_px / np.abs(model.across_px).max(), 3))
    residual = profile - basis @ (basis.T @ profile)
    middle = len(model.centres_px) // 2
    height = float(model.filters[middle] @ profile)
    if height <= 0:
        return float("inf")
    left = float(residual @ residual) - height**2 * float(model.gain[middle])
    return float(np.sqrt(max(left, 0.0) / len(profile))) / height
