"""When contrast came: found by itself, and told from gas, needle and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from napari_fluoroinject.model.motion import Injection

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.motion import Motion

_NOMINAL_SIZE_PX, _BIN_PX = 512, 2
_WIDE_PX, _NEAR_PX = 12.0, 5.0
"""Sigmas at the nominal size: the wide one joins both sides of a moving bubble or shaft, of which
one darkens and one brightens; the near one sees the first drops."""
_NODE_STEP = 4
_BORDER_PX = 28.0
_RISES = (3, 12, 40)
"""Frames that contrast takes to fill a place."""
_LEAST_FRAMES = 10
_LEAST_SCORE, _LEAST_ASYMMETRY, _USUAL_BRIGHTENING = 20.0, 1.5, 10.0
"""Darkening must stand out of the noise and out of the loop's own brightening. Without contrast
both are alike, so the brightening is the yardstick of what gas and needle do to this loop."""
_SHARE_OF_BEST = 0.35
_SEEN_SIGMAS, _FIRST_SIGMAS = 6.0, 3.0
_GAP_FRAMES, _MASK_FRAMES, _FIRST_MASK_FRAME = 3, 12, 2
"""The mask ends this long before the onset: a time filter and the error of the onset lie between."""
_REFINEMENTS = 4
_QUIET_SHARE = 6
"""Without onset the mask lies in the first sixth of the loop: contrast too faint to be found
comes later as a rule."""
_NOISY = 1.5
_LEAST_RANGE_PX = 0.6
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Darkening:
    """Opacity of every node over the frames (frames, nodes), and its best rise (nodes,).

    `score` and `brightening` (nodes,) are the strongest rise and fall in standard deviations of
    what they leave unexplained, `first` the frame in which the rise begins, `sigma` the noise.
    """

    opacity: DoubleArray
    score: DoubleArray
    brightening: DoubleArray
    first: npt.NDArray[np.int64]
    sigma: DoubleArray


def find_injection(ln: FloatArray, field: BoolArray, motion: Motion, *, on: Backend) -> Injection:
    """Return the frame in which contrast is first seen, and the frames before it that make a mask.

    Every place of the aligned loop is compared with saturating rises of all beginnings (a
    change-point search by matched filters). Contrast is seen where a darkening explains a place's
    curve 20 standard deviations better than nothing does, and 1.5 times better than any
    brightening elsewhere explains its own. From there the first frame is traced back.

    Parameters
    ----------
    ln
        (frames, rows, columns) natural log of the beam intensity.
    field
        (rows, columns), True inside the open field.
    motion
        From `estimate_motion`; frames that are not locked are left out.

    Returns
    -------
    Injection
        `onset_frame` is None where no contrast was seen. It is 0, and there are no mask frames,
        where contrast was already running in.
    """
    good = _usable(motion)
    if good.size < _LEAST_FRAMES:
        return Injection(mask_frames=_quiet(good, len(ln)), onset_frame=None, onset_score=0.0)
    wide = _darkening(ln, field, motion, good, _WIDE_PX, on)
    best = float(wide.score.max(initial=0.0))
    limit = max(_LEAST_SCORE, _LEAST_ASYMMETRY * _yardstick(wide))
    if best < limit:
        return Injection(mask_frames=_quiet(good, len(ln)), onset_frame=None, onset_score=best)
    near = _darkening(ln, field, motion, good, _NEAR_PX, on)
    index = _first_index(near, wide.score >= max(limit, _SHARE_OF_BEST * best))
    if index is None:
        return Injection(mask_frames=(), onset_frame=0, onset_score=best)
    onset = int(good[index])
    before = good[(good >= _FIRST_MASK_FRAME) & (good <= onset - _GAP_FRAMES)]
    mask = tuple(int(frame) for frame in before[-_MASK_FRAMES:])
    return Injection(mask_frames=mask, onset_frame=onset if mask else 0, onset_score=best)


def _usable(motion: Motion) -> npt.NDArray[np.int64]:
    """Frames to search: locked, of usual noise, and not the first, whose exposure differs."""
    good = motion.locked & (motion.residual < _NOISY)
    good[:1] = False
    return np.flatnonzero(good)


def _quiet(good: npt.NDArray[np.int64], count: int) -> tuple[int, ...]:
    """Mask frames of a loop in which no contrast was seen."""
    early = good[(good >= _FIRST_MASK_FRAME) & (good <= max(count // _QUIET_SHARE + 1, 4))]
    return tuple(int(frame) for frame in early[-_MASK_FRAMES:])


def _yardstick(darkening: _Darkening) -> float:
    return max(float(darkening.brightening.max(initial=0.0)), _USUAL_BRIGHTENING)


def _darkening(
    ln: FloatArray,
    field: BoolArray,
    motion: Motion,
    good: npt.NDArray[np.int64],
    sigma_px: float,
    on: Backend,
) -> _Darkening:
    opacity = _nodes(ln, field, motion, good, sigma_px, on)
    sigma = np.abs(np.diff(opacity, axis=0))
    sigma = np.maximum(_MAD_TO_SIGMA * np.median(sigma, axis=0) / np.sqrt(2), 1e-6)
    shift = motion.shift_px[good]
    nuisance = np.ones((len(good), 1))
    if np.ptp(shift, axis=0).max() > _LEAST_RANGE_PX:
        # What lags behind bone shows up in the rhythm of the motion.
        nuisance = np.column_stack([nuisance, shift - shift.mean(axis=0)])
    known, _ = np.linalg.qr(nuisance)
    rises, begin = _rises(len(good))
    rises = rises - known @ (known.T @ rises)
    length = np.linalg.norm(rises, axis=0)
    rises = rises / np.maximum(length, 1e-9) * (length > 1e-3)
    free = opacity - known @ (known.T @ opacity)
    fit = rises.T @ free
    left = np.maximum((free**2).sum(axis=0) - fit**2, 0) / len(good)
    score = fit / np.sqrt(left + sigma**2)
    return _Darkening(
        opacity=opacity,
        score=score.max(axis=0, initial=0.0),
        brightening=-score.min(axis=0, initial=0.0),
        first=begin[score.argmax(axis=0)],
        sigma=sigma,
    )


def _nodes(
    ln: FloatArray,
    field: BoolArray,
    motion: Motion,
    good: npt.NDArray[np.int64],
    sigma_px: float,
    on: Backend,
) -> DoubleArray:
    """Opacity (frames, nodes) of aligned, smoothed frames less what the whole field does."""
    scale = max(1.0, max(field.shape) / _NOMINAL_SIZE_PX)
    factor = max(1, round(_BIN_PX * scale))
    weight = field.astype(np.float32)
    binned = on.kernels.bin_frames(np.ascontiguousarray(ln[good]), weight, factor)
    share = on.kernels.bin_frames(weight[None], np.ones_like(weight), factor)[0]
    open_ = (share > 0.5).astype(np.float32)
    smooth = on.kernels.smooth(binned, open_, sigma_px * scale / factor)
    pose = np.column_stack([motion.shift_px[good] / factor, np.zeros(len(good))])
    aligned = on.kernels.warp(smooth, pose)
    border = max(1, round(min(_BORDER_PX * scale / factor, min(open_.shape) / 8)))
    safe = binary_erosion(open_, iterations=border)[::_NODE_STEP, ::_NODE_STEP]
    opacity = -aligned[:, ::_NODE_STEP, ::_NODE_STEP][:, safe].astype(np.float64)
    change = opacity - np.median(opacity, axis=0)
    exposure: DoubleArray = np.median(change, axis=1, keepdims=True)
    return opacity - exposure


def _rises(count: int) -> tuple[DoubleArray, npt.NDArray[np.int64]]:
    """Saturating rises (frames, rises) and the index in which each begins, negative if before."""
    time = np.arange(count)[:, None]
    begins = [np.arange(2 - length, count - 2) for length in _RISES]
    rises = [
        np.clip((time - begin + 1) / length, 0, 1)
        for length, begin in zip(_RISES, begins, strict=True)
    ]
    return np.concatenate(rises, axis=1), np.concatenate(begins)


def _first_index(near: _Darkening, region: BoolArray) -> int | None:
    """Index of the first frame with contrast in a region of the nodes, None if before the loop."""
    around = np.where(region, near.score, 0.0)
    strong = around >= _SHARE_OF_BEST * around.max()
    opacity, sigma = near.opacity[:, strong], near.sigma[strong]
    index = int(np.percentile(near.first[strong], 10))
    for _ in range(_REFINEMENTS):
        end = index - _GAP_FRAMES
        if end < 1:
            return None
        base = opacity[max(0, end - _MASK_FRAMES) : end]
        spread = np.maximum(base.std(axis=0), sigma)
        seen = (opacity - base.mean(axis=0)) / spread
        earlier = _begin(seen, index)
        if earlier == index:
            break
        index = earlier
    return index


def _begin(seen: DoubleArray, index: int) -> int:
    """Trace back (or forth) from `index` to where the first place begins to darken for good."""
    three = (seen[:-2] + seen[1:-1] + seen[2:]) / np.sqrt(3)
    dark = (three > _SEEN_SIGMAS).any(axis=1)
    window = np.arange(max(index - _GAP_FRAMES, 0), min(index + _GAP_FRAMES, len(dark)))
    frames = window[dark[window]]
    if not frames.size:
        return index
    first = int(frames[0])
    while first > 0 and dark[first - 1]:
        first -= 1
    place = int(three[first].argmax())
    late = np.flatnonzero(seen[first : first + _GAP_FRAMES, place] >= _FIRST_SIGMAS)
    return first + (int(late[0]) if late.size else 0)
