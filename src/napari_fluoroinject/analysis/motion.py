"""How the anatomy moved from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.ndimage import shift as move

from napari_fluoroinject.analysis.smoothing import smooth_track
from napari_fluoroinject.analysis.tracking import Freedom, Template, first_poses, fit_poses
from napari_fluoroinject.analysis.trust import (
    Quality,
    bone_weight,
    gain_weight,
    noise_of,
    quality_of,
    residuals,
    robust_weight,
    shifted_field,
    steady_weight,
)
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.model.motion import Motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.compute.backend import Backend, Kernels
    from napari_fluoroinject.model.arrays import BoolArray

_NOMINAL_SIZE_PX = 512
_COARSE_BAND_PX, _FINE_BAND_PX = (4.0, 16.0), (2.0, 12.0)
"""Sigmas at the nominal size. Between them lies bone; noise is finer, scatter, exposure and most
soft tissue are coarser."""
_SIGMA_BINS = 1.0
"""The finer sigma in bins: its band ends below what bins can hold, so binning loses nothing."""
_BORDER_PX = 20.0
"""At the nominal size: what motion brings in and out, and where the band pass lacks a side."""
_FIRST_ITERATIONS, _ITERATIONS = 15, 4
_LEAST_RANGE_PX = 0.6
"""With less motion lagging tissue cannot be told from bone, and does no harm."""
_FLOOR_PX, _PULL = 0.017, 0.012
"""What noise does not explain, on synthetic loops: a floor, and a share of the motion by which
lagging tissue still pulls."""
_TINY = float(np.finfo(np.float32).tiny)
_LEAST_NOISE = 0.3
"""No frame is believed to be better than this share of the usual noise."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round may do: how poses move, and whether lagging tissue is sought and left out."""

    freedom: Freedom
    seeks_lag: bool


_COARSE_ROUNDS = 2 * (_Round("shift", False),)
_FINE_ROUNDS = (_Round("shift", False),)
_LAST_ROUNDS = 2 * (_Round("shift", True),) + 2 * (_Round("rigid", True),)
"""Turning comes last: tissue that lags on one side of the picture looks like a turn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Band:
    """Binned, band-passed frames, the part that may be used, their noise, and pixels per bin."""

    frames: FloatArray
    field: FloatArray
    noise: DoubleArray
    factor: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Poses in bins, and what was learned on the way to them.

    `robust` (frames, rows, columns) is the weight against what does not fit, `trust` the same with
    bone preferred and lagging tissue left out.
    """

    pose: DoubleArray
    robust: FloatArray
    trust: FloatArray
    quality: Quality


def estimate_motion(ln: FloatArray, field: BoolArray, *, on: Backend) -> Motion:
    """Return the displacement of the anatomy in each frame, zero on average over all frames.

    Gauss-Newton registration of band-passed log frames to a template that is the robust mean of
    all aligned frames. Contrast, needle and gas lose their weight because they do not fit or vary,
    soft tissue because it lags behind. A rotation about the centre of the picture is solved for,
    too, so that it is not taken for a shift.

    Parameters
    ----------
    ln
        (frames, rows, columns) natural log of the beam intensity.
    field
        (rows, columns), True inside the open field.

    Returns
    -------
    Motion
        A single frame has shift 0 and uncertainty infinity; so have fewer than five frames, whose
        shifts are estimated but cannot be judged by their smoothness. The shift of a frame
        that is not locked is what was tried last.
    """
    kernels = on.kernels
    fine = _band(ln, field, _FINE_BAND_PX, kernels)
    if len(ln) < 2 or not fine.field.any():
        return _still(ln.shape)
    coarse = _band(ln, field, _COARSE_BAND_PX, kernels)
    pose = first_poses(coarse.frames, coarse.field, kernels=kernels, iterations=_FIRST_ITERATIONS)
    fit = _begin(coarse, pose)
    for step in _COARSE_ROUNDS:
        fit = _improved(coarse, fit, step, kernels)
    finer = coarse.factor / fine.factor
    fit = _begin(fine, fit.pose * (finer, finer, 1))
    for step in _FINE_ROUNDS + _LAST_ROUNDS:
        fit = _improved(fine, fit, step, kernels)
    return _motion(fine, fit, ln.shape)


def re_reference(motion: Motion, mask_frames: Sequence[int]) -> Motion:
    """Return the motion relative to the mean pose of the mask frames; without any, as it is."""
    if not mask_frames:
        return motion
    pose = motion.shift_px[list(mask_frames)].mean(axis=0)
    return replace(
        motion,
        shift_px=motion.shift_px - pose,
        # What stood at p now stands at p + pose.
        bone_weight=move(motion.bone_weight, pose, order=1),
    )


def _band(
    ln: FloatArray, field: BoolArray, band_px: tuple[float, float], kernels: Kernels
) -> _Band:
    scale = max(1.0, max(ln.shape[1:]) / _NOMINAL_SIZE_PX)
    fine_px, coarse_px = (sigma * scale for sigma in band_px)
    factor = max(1, round(fine_px / _SIGMA_BINS))
    weight = field.astype(np.float32)
    share = kernels.bin_frames(weight[None], np.ones_like(weight), factor)[0]
    open_ = (share > 0.5).astype(np.float32)
    binned = kernels.bin_frames(ln, weight, factor)
    border = max(1, round(min(_BORDER_PX * scale / factor, min(open_.shape) / 8)))
    inner = binary_erosion(open_, iterations=border).astype(np.float32)
    return _Band(
        frames=kernels.band_pass(binned, open_, fine_px / factor, coarse_px / factor),
        field=inner,
        noise=noise_of(binned, inner),
        factor=factor,
    )


def _begin(band: _Band, pose: DoubleArray) -> _Fit:
    seen = shifted_field(band.field, pose)
    quality = Quality(residual=np.ones(len(pose)), locked=np.ones(len(pose), dtype=np.bool_))
    return _Fit(pose=pose, robust=seen, trust=seen, quality=quality)


def _improved(band: _Band, fit: _Fit, step: _Round, kernels: Kernels) -> _Fit:
    """One round: align all frames, renew template and weights, align again."""
    aligned = kernels.warp(band.frames, fit.pose)
    template = kernels.weighted_mean(aligned, fit.robust)
    residual = residuals(aligned, template, fit.robust)
    robust, sigma = robust_weight(residual, band.field, kernels=kernels)
    quality = quality_of(sigma, template, band.field, noise=band.noise, kernels=kernels)
    robust *= steady_weight(residual[quality.locked], band.field, kernels=kernels)
    robust *= shifted_field(band.field, fit.pose)
    trusted = bone_weight(template, band.field, kernels=kernels)
    away = _away(fit.pose, quality.locked)
    if step.seeks_lag and _range_px(away, band) > _LEAST_RANGE_PX:
        trusted *= gain_weight(residual, template, away, band.field, kernels=kernels)
    trust = robust * trusted
    pose = fit_poses(
        band.frames,
        Template(picture=kernels.weighted_mean(aligned, robust), weight=trust),
        fit.pose,
        kernels=kernels,
        iterations=_ITERATIONS,
        freedom=step.freedom,
    )
    return _Fit(
        pose=pose - pose[quality.locked].mean(axis=0), robust=robust, trust=trust, quality=quality
    )


def _away(pose: DoubleArray, locked: BoolArray) -> DoubleArray:
    """Poses relative to the mean of the locked frames; 0 for the others."""
    away: DoubleArray = np.where(locked[:, None], pose - pose[locked].mean(axis=0), 0)
    return away


def _range_px(pose: DoubleArray, band: _Band) -> float:
    return float(np.ptp(pose[:, :2], axis=0).max()) * band.factor


def _motion(band: _Band, fit: _Fit, shape: tuple[int, ...]) -> Motion:
    pose = fit.pose * (band.factor, band.factor, 1)
    residual, locked = fit.quality.residual, fit.quality.locked
    smooth, noise_px = smooth_track(pose, np.maximum(residual, _LEAST_NOISE))
    spread_px = float(np.sqrt(smooth[locked, :2].var(axis=0).mean()))
    return Motion(
        shift_px=smooth[:, :2],
        residual=residual,
        locked=locked,
        bone_weight=_unbinned(fit.trust[locked].mean(axis=0), band.factor, shape[1:]),
        uncertainty_px=float(np.hypot(np.hypot(noise_px, _FLOOR_PX), _PULL * spread_px)),
    )


def _unbinned(weight: FloatArray, factor: int, shape: tuple[int, ...]) -> FloatArray:
    """The weight for every pixel, its highest value 1."""
    full = np.repeat(np.repeat(weight, factor, axis=0), factor, axis=1)
    rows, columns = shape
    padded = np.pad(full, ((0, rows - full.shape[0]), (0, columns - full.shape[1])))
    scaled: FloatArray = (padded / max(float(padded.max()), _TINY)).astype(np.float32)
    return scaled


def _still(shape: tuple[int, ...]) -> Motion:
    """What can be said where nothing can be compared."""
    count = shape[0]
    return Motion(
        shift_px=np.zeros((count, 2)),
        residual=np.ones(count),
        locked=np.ones(count, dtype=np.bool_),
        bone_weight=np.zeros(shape[1:], dtype=np.float32),
        uncertainty_px=float("inf"),
    )
