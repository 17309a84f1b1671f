"""Contrast opacity of every frame: aligned, scatter taken off, exposure evened out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.exposure import (
    exposure_blocks,
    exposure_offsets,
    offsets_of_blocks,
)
from napari_fluoroinject.analysis.noise import measure_noise
from napari_fluoroinject.analysis.pose import last_frames, open_throughout, poses
from napari_fluoroinject.analysis.ratio import ScatterRatio, estimate_ratio
from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.analysis.scatter import (
    ScatterModel,
    at_pixels,
    blocks_of,
    kernel_sigma_px,
    scatter_model,
    scatter_on_blocks,
    turned_back,
)
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.spread import OpacityScale

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NeedleKind, NoNeedle

LAST_FRAMES = 9
"""So many last frames stand for the end of the run."""
LEAST_PRIMARY = 0.05
"""Primary below this share of what is expected is noise: its logarithm would rule the loop."""
_CONTRAST_BLUR_PX = 2.0
_CONTRAST_OD = 0.10
"""Pixels above this opacity at the end stand for the contrast in the scale."""
_FEWEST_CONTRAST_PX = 200
_SATURATED = 0.2
"""A pixel that stands at the top in this share of the mask frames is saturated."""
_RESIDUE_FRAMES = 9
_RESIDUE_BLUR_PX = 6.0
"""On half-size frames."""
_RESIDUE_ALLOWANCE = 1.5
"""Negative excursions up to this multiple of the field's median are ordinary noise."""


def measure_opacity(
    registered: RegisteredLoop, needle: Needle | NoNeedle, *, kind: NeedleKind, on: Backend
) -> Opacity:
    """Return the contrast opacity of every frame in the reference pose.

    Scatter is subtracted from every frame by the model of `scatter` with a ratio fused from the
    tube voltage and the needle. Loops without a known relation to the beam are only subtracted:
    their `od` is relative.

    Parameters
    ----------
    registered, needle
        The loop and its needle.
    kind
        The needle's gauge and length where a person gave them.
    on
        The compute backend.

    Raises
    ------
    AnalysisError
        The loop has no mask frames, so there is nothing to subtract.
    """
    mask = list(registered.injection.mask_frames)
    if not mask:
        raise AnalysisError(
            "no frames before contrast were found, expected at least one: "
            "opacity needs a picture without contrast"
        )
    aligned = on.kernels.warp(registered.ln, poses(registered.motion))
    quiet = list(registered.quiet_frames)
    quiet_ln = aligned[quiet]
    valid = _valid(registered)
    corridor = needle_corridor(registered, needle)
    scale = _UNSCALED
    if registered.loop.intensity.quantitative:
        scatter = _scatter(registered, needle, kind, on)
        scale = _scale(scatter, registered, aligned, valid & ~corridor, on)
        valid &= _take_off(scatter, registered, aligned, on)
    judged = valid & ~corridor
    od = _against_mask(aligned, mask, judged, on)
    return Opacity(
        od=od,
        valid=valid,
        residue=_residue(od, judged, on),
        scale=scale,
        noise=measure_noise(quiet_ln, od[quiet], judged, on=on),
    )


def _against_mask(
    aligned: FloatArray, mask: list[int], judged: BoolArray, on: Backend
) -> FloatArray:
    """Opacity of aligned log frames against their mask frames, exposures evened out, in place."""
    before = aligned[mask].mean(axis=0)
    blocks = np.concatenate(
        [exposure_blocks(aligned[some], judged, on=on) for some in chunks(len(aligned))]
    )
    blocks = exposure_blocks(before[None], judged, on=on) - blocks
    offsets = offsets_of_blocks(blocks, judged, on=on).astype(np.float32)
    for frame, offset in zip(aligned, offsets, strict=True):
        np.subtract(before - offset, frame, out=frame)
    return aligned


_UNSCALED = OpacityScale(
    scale=None,
    relative_uncertainty=None,
    scatter_to_primary=None,
    scatter_to_primary_sigma=None,
    basis=("pixel values are not known to follow the beam: differences are relative",),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scatter:
    """All about scatter in one loop; `form_sigma` is the scale's 1 sigma from the kernel."""

    blocks: FloatArray
    model: ScatterModel
    ratio: ScatterRatio
    form_sigma: float


def _scatter(
    registered: RegisteredLoop, needle: Needle | NoNeedle, kind: NeedleKind, on: Backend
) -> _Scatter:
    sigma_px, form_sigma, assumed = kernel_sigma_px(
        registered.loop.detector_mm_per_px, registered.field.shape[1]
    )
    model = scatter_model(registered.field, sigma_px)
    blocks = np.concatenate(
        [
            blocks_of(np.exp(registered.ln[some]), registered.field, on=on)
            for some in chunks(len(registered.ln))
        ]
    )
    mask_blocks = blocks[list(registered.injection.mask_frames)].mean(axis=0)
    ratio = estimate_ratio(registered, needle, mask_blocks, model, kind=kind)
    if assumed is not None:
        ratio = replace(ratio, basis=(*ratio.basis, assumed))
    return _Scatter(blocks=blocks, model=model, ratio=ratio, form_sigma=form_sigma)


def _take_off(
    scatter: _Scatter, registered: RegisteredLoop, aligned: FloatArray, on: Backend
) -> BoolArray:
    """Turn aligned log frames into the log of their primary, in place; True where that holds."""
    ratio, shift = scatter.ratio.value, registered.motion.shift_px
    on_blocks = turned_back(
        scatter_on_blocks(scatter.blocks, scatter.model, ratio), registered.motion.angle_rad, on=on
    )
    mask = list(registered.injection.mask_frames)
    gain = np.float32(1.0 + ratio)
    total = _mean_beam(aligned, mask) * gain
    mask_scatter = at_pixels(
        on_blocks[mask].mean(axis=0)[None], scatter.model, shift[mask].mean(axis=0)[None], on=on
    )[0]
    least = np.float32(LEAST_PRIMARY)
    primary = total - mask_scatter
    safe = primary > least * total
    floor = least * np.maximum(primary, least * total)
    straight = np.empty_like(floor)
    for some in chunks(len(aligned)):
        scattered = at_pixels(on_blocks[some], scatter.model, shift[some], on=on)
        for frame, one in zip(aligned[some], scattered, strict=True):
            np.exp(frame, out=straight)
            straight *= gain
            straight -= one
            np.log(np.maximum(straight, floor, out=straight), out=frame)
    return np.asarray(safe)


def _mean_beam(aligned: FloatArray, frames: list[int]) -> FloatArray:
    """Mean intensity of some log frames, (rows, columns); one frame at a time."""
    total = np.zeros(aligned.shape[1:], dtype=np.float32)
    beam = np.empty_like(total)
    for frame in frames:
        total += np.exp(aligned[frame], out=beam)
    total /= np.float32(len(frames))
    return total


def _scale(
    scatter: _Scatter,
    registered: RegisteredLoop,
    aligned: FloatArray,
    judged: BoolArray,
    on: Backend,
) -> OpacityScale:
    """Corrected over measured log difference at the end of the run, and how sure it is."""
    ratio = scatter.ratio
    factors = _factors(
        scatter,
        registered,
        aligned,
        judged,
        (ratio.value, max(ratio.value - ratio.sigma, 0.0), ratio.value + ratio.sigma),
        on,
    )
    from_ratio = abs(factors[2] - factors[1]) / (2.0 * factors[0])
    return OpacityScale(
        scale=factors[0],
        relative_uncertainty=hypot(from_ratio, scatter.form_sigma),
        scatter_to_primary=ratio.value,
        scatter_to_primary_sigma=ratio.sigma,
        basis=ratio.basis,
    )


def _factors(
    scatter: _Scatter,
    registered: RegisteredLoop,
    aligned: FloatArray,
    judged: BoolArray,
    ratios: tuple[float, ...],
    on: Backend,
) -> list[float]:
    """Median of corrected over measured difference for each ratio, over the contrast.

    Where there is no contrast, what a faint one would gain in the brighter half of the field.
    """
    mask = list(registered.injection.mask_frames)
    last = last_frames(registered.motion, LAST_FRAMES)
    pairs = _mean_primaries(scatter, registered, aligned, mask, ratios, on=on)
    ends = _mean_primaries(scatter, registered, aligned, last, ratios, on=on)
    measured = _evened(pairs[0][0] / ends[0][0], judged, on)
    corrected = [_evened(m[1] / e[1], judged, on) for m, e in zip(pairs, ends, strict=True)]
    contrast = judged & (corrected[0] > _CONTRAST_OD) & (measured > 0.25 * _CONTRAST_OD)
    if contrast.sum() >= _FEWEST_CONTRAST_PX and registered.injection.onset_frame is not None:
        return [float(np.median(od[contrast] / measured[contrast])) for od in corrected]
    level = pairs[0][0]
    if not judged.any():
        return [1.0 + ratio for ratio in ratios]
    bright = judged & (level >= np.median(level[judged]))
    return [float(np.median((total / straight)[bright])) for total, straight in pairs]


def _mean_primaries(
    scatter: _Scatter,
    registered: RegisteredLoop,
    aligned: FloatArray,
    frames: list[int],
    ratios: tuple[float, ...],
    *,
    on: Backend,
) -> list[tuple[FloatArray, FloatArray]]:
    """Mean of (1 + k) I and of its primary over frames, both (rows, columns), for each ratio."""
    beam = _mean_beam(aligned, frames)
    blocks = scatter.blocks[frames].mean(axis=0)[None]
    shift = registered.motion.shift_px[frames].mean(axis=0)[None]
    means = []
    for ratio in ratios:
        total = beam * np.float32(1.0 + ratio)
        on_blocks = scatter_on_blocks(blocks, scatter.model, ratio)
        straight = total - at_pixels(on_blocks, scatter.model, shift, on=on)[0]
        means.append((total, np.maximum(straight, np.float32(LEAST_PRIMARY) * total)))
    return means


def _evened(quotient: FloatArray, judged: BoolArray, on: Backend) -> FloatArray:
    """Smoothed log of a quotient of pictures, free of the exposures' difference."""
    od = np.log(quotient)
    od = od - np.float32(exposure_offsets(od[None], judged, on=on)[0])
    smooth = on.kernels.smooth(od[None], judged.astype(np.float32), _CONTRAST_BLUR_PX)
    return np.asarray(smooth[0])


def _valid(registered: RegisteredLoop) -> BoolArray:
    """Inside the open field in every locked frame, and not saturated before contrast."""
    motion, mask = registered.motion, list(registered.injection.mask_frames)
    top = registered.ln[mask].max()
    field = registered.field & (
        np.mean(registered.ln[mask] >= top, axis=0, dtype=np.float32) <= _SATURATED
    )
    return open_throughout(field, motion)


def _residue(od: FloatArray, judged: BoolArray, on: Backend) -> FloatArray:
    """Strength of negative excursions, at least 1: contrast only darkens, gas goes both ways."""
    means = _half_means(od, judged, on)
    negative = np.square(np.minimum(means, 0.0, out=means), out=means)
    everywhere = np.ones(means.shape[1:], dtype=np.float32)
    strongest: FloatArray = on.kernels.smooth(negative, everywhere, _RESIDUE_BLUR_PX).max(axis=0)
    inside = on.kernels.bin_frames(judged[None].astype(np.float32), np.ones_like(od[0]), 2)[0] > 0
    typical = float(np.median(strongest[inside])) if inside.any() else 0.0
    relative = strongest / (_RESIDUE_ALLOWANCE * typical) if typical > 0 else strongest * 0.0
    whole = np.ones(od.shape[1:], dtype=np.float32)
    wide = np.repeat(np.repeat(relative, 2, axis=0), 2, axis=1)
    whole[: wide.shape[0], : wide.shape[1]] = np.maximum(wide, 1.0)
    return whole


def _half_means(od: FloatArray, judged: BoolArray, on: Backend) -> FloatArray:
    """Half-size means over `_RESIDUE_FRAMES`, three of them for each such time.

    Beyond the first and the last frame these are repeated.
    """
    count, weight = len(od), judged.astype(np.float32)
    length = min(_RESIDUE_FRAMES, count)
    middles = np.arange(0, count, _RESIDUE_FRAMES // 3)
    window = middles[:, None] + np.arange(-(length // 2), length - length // 2)
    share = np.zeros((len(middles), count), dtype=np.float32)
    np.add.at(share, (np.arange(len(middles))[:, None], window.clip(0, count - 1)), 1.0 / length)
    means = np.zeros((len(middles), *(size // 2 for size in od.shape[1:])), dtype=np.float32)
    for some in chunks(count):
        half = on.kernels.bin_frames(od[some], weight, 2)
        near = np.flatnonzero(share[:, some].any(axis=1))
        means[near] += np.tensordot(share[near][:, some], half, axes=1)
    return means
