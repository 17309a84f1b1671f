"""Bowel gas that moves over the anatomy by itself: a second layer, found and held still."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import (
    binary_erosion,
    gaussian_filter,
    gaussian_filter1d,
    maximum_filter,
)

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.analysis.ramp import fit_ramps
from napari_fluoroinject.analysis.tracking import Template, fit_poses
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

    IntArray = npt.NDArray[np.int64]

BLOCKS_ACROSS = 64
"""Gas is wide and its edges are soft: so many blocks show it, whatever the size of the picture."""
PAD = 4
"""Blocks around the picture from which gas may come; it is not followed farther than this."""
FEWEST_FRAMES, MOST_FRAMES = 20, 100
"""Longer loops are thinned out for the estimate: breathing takes seconds."""
FEWEST_QUIET_FRAMES = 6
"""With fewer frames before contrast the layers below film are not known."""
FEWEST_BLOCKS = 200
LEAST_SIGMA_OD = 1e-3
"""No block's noise is taken to be less: what interpolation leaves is no noise."""
ROUNDS = 6
ROUND_STEPS, LAST_STEPS, HALF_STEPS = 6, 20, 12
"""Steps of the conjugate gradients: per round, at the end, and for each half of the frames."""
STRENGTH_PRIOR, SLOPE_PRIOR = 0.001, 0.02
"""Ridge on the gas (times the frames) and on its slopes, in blocks and sigmas of a block: small,
for film hides the gas below it for most of the loop, and what is known of it there is faint."""
BLUR_BLOCKS = 1.0
CONTRAST_SIGMAS = 1.0
"""A block in which a ramp has come to this many sigmas of a smoothed frame counts for a quarter,
with more of it soon for nothing: film that is taken for gas would be taken away."""
RIM_BLOCKS = 3
"""Side of the square in which the most contrast decides."""
PATH_BLUR_FRAMES = 1.0
ACCEPT_BLUR_BLOCKS = 4.0
LEAST_GAIN, FULL_GAIN = 0.03, 0.13
"""Share by which the variance of frames that were left out must fall for the layer to be accepted,
and to be accepted whole. Where gas rests it falls by less than .03 (synthetic loops)."""
_MAD = 1.4826
_TINY = 1e-6


def hold_gas_still(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> FloatArray:
    """Take out of the opacity what gas does that moves against the anatomy, in place.

    The log of the primary beam is the sum of what rests with bone and of a layer of gas that is
    displaced as a whole, contrast apart. Both layers come from all frames by least squares, gas is
    followed from frame to frame, and blocks count only as long as no contrast has come to them, so
    that film is not taken for gas. What gas changes against its mean over the mask frames is
    subtracted, but only where it lowers the variance of frames that had no part in the estimate.

    Parameters
    ----------
    opacity
        Its `od` is changed: a loop is not held twice. Without an onset, with few frames, or where
        nothing moves by itself it stays as it is.
    registered, needle
        The loop and its needle.
    on
        The compute backend.

    Returns
    -------
    FloatArray
        (rows, columns), the share of the correction that was accepted, 0 to 1.

    References
    ----------
    Layers that add up and move by themselves: Irani, Rousso and Peleg 1994 (IJCV 12:5).
    """
    loop = _blocks_of(opacity, registered, needle, on)
    if loop is None:
        return np.zeros(opacity.valid.shape, dtype=np.float32)
    gas = _find(loop, registered, on)
    accepted = _accepted(loop, gas, on)
    if accepted.any():
        _apply(opacity.od, loop, gas, accepted, registered, on=on)
    share: FloatArray = _enlarged(accepted[None], loop.factor, opacity.od.shape[1:], on)[0]
    return share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Blocks:
    """Padded blocks of the frames that count, in sigmas of a block in one frame.

    `change` (frames, rows, columns) is brightness against the mean before contrast, `anatomy`
    (rows, columns) that mean, `open_` (rows, columns) 1 where blocks may be used, else 0; `frames`
    the frames' numbers, `sigma_od` the unit.
    """

    change: FloatArray
    anatomy: FloatArray
    open_: FloatArray
    frames: tuple[int, ...]
    sigma_od: np.float32
    factor: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Gas:
    """The gas in its own mean pose, where it stands in each frame (blocks), and the weights."""

    picture: FloatArray
    path: DoubleArray
    weight: FloatArray


def _blocks_of(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, on: Backend
) -> _Blocks | None:
    """None where there is too little to tell two layers apart."""
    injection, quiet = registered.injection, list(registered.quiet_frames)
    # The first frame has another exposure and more noise (pulsed fluoroscopy).
    frames = tuple(int(k) for k in np.flatnonzero(registered.motion.locked) if k > 0)
    frames = frames[:: ceil(len(frames) / MOST_FRAMES) or 1]
    enough = len(frames) >= FEWEST_FRAMES and len(quiet) >= FEWEST_QUIET_FRAMES
    if injection.onset_frame is None or not enough:
        return None
    judged = (opacity.valid & ~needle_corridor(registered, needle)).astype(np.float32)
    factor = max(1, ceil(max(judged.shape) / BLOCKS_ACROSS))
    share = on.kernels.bin_frames(judged[None], np.ones_like(judged), factor)[0]
    open_ = np.pad((share > 0.5).astype(np.float32), PAD)
    if open_.sum() < FEWEST_BLOCKS:
        return None
    bright = _padded(-on.kernels.bin_frames(opacity.od, judged, factor))[list(frames)]
    inside = bright[:, open_ > 0]
    sigma = max(_sigma(np.diff(inside, axis=0)) / np.sqrt(2.0), LEAST_SIGMA_OD)
    before = on.kernels.warp(registered.ln[quiet], poses(registered.motion)[quiet]).mean(axis=0)
    anatomy = _padded(on.kernels.bin_frames(before[None], judged, factor))[0]
    bright -= np.median(inside, axis=1)[:, None, None]
    unit = np.float32(sigma)
    return _Blocks(
        change=bright * open_ / unit,
        anatomy=anatomy * np.float32(opacity.scale.scale or 1.0) / unit,
        open_=open_,
        frames=frames,
        sigma_od=unit,
        factor=factor,
    )


def _find(loop: _Blocks, registered: RegisteredLoop, on: Backend) -> _Gas:
    """Alternate between the layers, given the path, and the path, given the layers."""
    weight = _free_of_contrast(loop.change, loop, registered, on)
    path = _first_path(loop, weight, on)
    layers = np.zeros((2, *loop.open_.shape), dtype=np.float32)
    for _ in range(ROUNDS):
        layers = _split(loop.change, weight, path, layers, ROUND_STEPS, on=on)
        pose = fit_poses(
            loop.change - layers[0],
            Template(picture=layers[1], weight=_moved(weight, -path, on)),
            np.column_stack([path, np.zeros(len(path))]),
            kernels=on.kernels,
            iterations=2,
            freedom="shift",
        )[:, :2]
        pose = gaussian_filter1d(pose, PATH_BLUR_FRAMES, axis=0, mode="nearest")
        path = np.clip(pose - pose.mean(axis=0), -PAD, PAD)
        left = loop.change - layers[0] - _moved(layers[1], path, on)
        weight = _free_of_contrast(left, loop, registered, on)
    layers = _split(loop.change, weight, path, layers, LAST_STEPS, on=on)
    return _Gas(picture=layers[1], path=path, weight=weight)


def _free_of_contrast(
    left: FloatArray, loop: _Blocks, registered: RegisteredLoop, on: Backend
) -> FloatArray:
    """Weights (frames, rows, columns) that fall as the ramp fitted to the darkening rises."""
    inside = loop.open_ > 0
    left = left - np.median(left[:, inside], axis=1)[:, None, None]
    dark = -on.kernels.smooth(left, loop.open_, BLUR_BLOCKS)
    sigma = max(_sigma(np.diff(dark[:, inside], axis=0)) / np.sqrt(2.0), _TINY)
    count = len(registered.ln)
    whole = np.zeros((count, *loop.open_.shape), dtype=np.float32)
    whole[list(loop.frames)] = dark
    fit = fit_ramps(whole, _with_frames(registered, loop.frames), on=on)
    ramps = np.stack([fit.at(float(fit.positions[k])) for k in loop.frames])
    # Film that grows pulls the gas along by its rim, where a ramp is still too faint to be seen.
    ramps = maximum_filter(ramps, (1, RIM_BLOCKS, RIM_BLOCKS))
    doubt = np.square(ramps / np.float32(CONTRAST_SIGMAS * sigma))
    weight: FloatArray = loop.open_ / np.square(1.0 + doubt).astype(np.float32)
    return weight


def _with_frames(registered: RegisteredLoop, frames: tuple[int, ...]) -> RegisteredLoop:
    """The loop as if no other frames were registered."""
    locked = np.isin(np.arange(len(registered.ln)), frames)
    return replace(registered, motion=replace(registered.motion, locked=locked))


def _first_path(loop: _Blocks, weight: FloatArray, on: Backend) -> DoubleArray:
    """A rough path (frames, 2): how the picture would have to move where it changes most.

    Where gas changes the picture its slopes are those of the gas.
    """
    smooth = on.kernels.smooth(loop.change, loop.open_, BLUR_BLOCKS)
    smooth = gaussian_filter1d(smooth, 1.0, axis=0, mode="nearest")
    total = np.maximum(weight.sum(axis=0), _TINY)
    change = (smooth - (smooth * weight).sum(axis=0) / total) * weight
    spread = np.square(change).sum(axis=0) / total
    inside = binary_erosion(loop.open_ > 0, iterations=2)
    usual = float(np.median(spread[loop.open_ > 0]))
    busy = (np.maximum(spread / max(usual, _TINY) - 2.0, 0.0) * inside).astype(np.float32)
    slopes = np.stack(np.gradient(on.kernels.smooth(loop.anatomy[None], loop.open_, 1.0)[0]))
    matrix = np.einsum("nrc,prc,qrc->npq", weight * busy, slopes, slopes, optimize=True)
    vector = -np.einsum("nrc,prc->np", change * busy, slopes, optimize=True)
    ridge = 1e-3 * float(np.trace(matrix, axis1=1, axis2=2).mean()) + _TINY
    path = np.linalg.solve(matrix.astype(np.float64) + ridge * np.eye(2), vector[..., None])
    path = path[..., 0] - path[..., 0].mean(axis=0)
    result: DoubleArray = np.clip(path, -PAD, PAD)
    return result


def _split(
    change: FloatArray,
    weight: FloatArray,
    path: DoubleArray,
    start: FloatArray,
    steps: int,
    *,
    on: Backend,
) -> FloatArray:
    """Layers (2, rows, columns), at rest and gas, that explain the change best, from `start` on.

    Conjugate gradients on the normal equations, scaled by their diagonal; each frame's brightness
    is free.
    """
    total = np.maximum(weight.sum(axis=(1, 2)), _TINY)
    ridge = np.float32(STRENGTH_PRIOR * len(path))

    def weighted(frames: FloatArray) -> FloatArray:
        mean = np.einsum("nrc,nrc->n", frames, weight) / total
        result: FloatArray = weight * (frames - mean[:, None, None])
        return result

    def gathered(frames: FloatArray) -> FloatArray:
        return np.stack([frames.sum(axis=0), _moved(frames, -path, on).sum(axis=0)])

    def normal(layers: FloatArray) -> FloatArray:
        result = gathered(weighted(layers[0] + _moved(layers[1], path, on)))
        result[1] += ridge * layers[1] + np.float32(SLOPE_PRIOR) * _roughness(layers[1])
        return result

    scale = 1.0 / (gathered(weight) + np.array([0, ridge])[:, None, None] + 0.3)
    scale = scale.astype(np.float32)
    layers = start.copy()
    left = gathered(weighted(change)) - normal(layers)
    scaled = scale * left
    step, size = scaled.copy(), float((left * scaled).sum())
    for _ in range(steps):
        answer = normal(step)
        length = np.float32(size / max(float((step * answer).sum()), _TINY))
        layers += length * step
        left -= length * answer
        scaled = scale * left
        before, size = size, float((left * scaled).sum())
        step = scaled + np.float32(size / max(before, _TINY)) * step
    return layers


def _roughness(picture: FloatArray) -> FloatArray:
    """Half the gradient of the sum of squared slopes."""
    result = np.zeros_like(picture)
    down, right = np.diff(picture, axis=0), np.diff(picture, axis=1)
    result[:-1] -= down
    result[1:] += down
    result[:, :-1] -= right
    result[:, 1:] += right
    return result


def _accepted(loop: _Blocks, gas: _Gas, on: Backend) -> FloatArray:
    """Share of the correction to accept, (rows, columns) without padding.

    Layers are estimated from every second frame and tried on the others, and the other way round.
    """
    without, with_gas = np.zeros_like(loop.open_), np.zeros_like(loop.open_)
    even, odd = slice(0, None, 2), slice(1, None, 2)
    nothing = np.zeros((2, *loop.open_.shape), dtype=np.float32)
    for known, tried in ((even, odd), (odd, even)):
        weight, path = gas.weight[known], gas.path[known]
        layers = _split(loop.change[known], weight, path, nothing, HALF_STEPS, on=on)
        total = np.maximum(weight.sum(axis=0), np.float32(1e-3))
        mean = (loop.change[known] * weight).sum(axis=0) / total
        moved = _moved(layers[1], gas.path[tried], on)
        without += _squares(loop.change[tried] - mean, gas.weight[tried])
        with_gas += _squares(loop.change[tried] - layers[0] - moved, gas.weight[tried])
    before, after = (gaussian_filter(sums, ACCEPT_BLUR_BLOCKS) for sums in (without, with_gas))
    gain = (before - after) / np.maximum(before, np.float32(_TINY))
    share = np.clip((gain - LEAST_GAIN) / (FULL_GAIN - LEAST_GAIN), 0.0, 1.0)
    inner: FloatArray = share[PAD:-PAD, PAD:-PAD].astype(np.float32)
    return inner


def _squares(left: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted sum of squares over the frames, each frame's own brightness taken off."""
    total = np.maximum(weight.sum(axis=(1, 2)), _TINY)
    mean = np.einsum("nrc,nrc->n", left, weight) / total
    result: FloatArray = (weight * np.square(left - mean[:, None, None])).sum(axis=0)
    return result


def _apply(
    od: FloatArray,
    loop: _Blocks,
    gas: _Gas,
    accepted: FloatArray,
    registered: RegisteredLoop,
    *,
    on: Backend,
) -> None:
    """Add what gas brightened against the mask frames, in every frame that is registered."""
    locked = np.flatnonzero(registered.motion.locked)
    mask = np.asarray(registered.injection.mask_frames)
    unit = accepted * loop.sigma_od
    rest = _placed(gas, loop, mask, on).mean(axis=0)
    for some in chunks(len(locked)):
        brighter = (_placed(gas, loop, locked[some], on) - rest) * unit
        for frame, one in zip(
            locked[some], _enlarged(brighter, loop.factor, od.shape[1:], on), strict=True
        ):
            od[frame] += one


def _placed(gas: _Gas, loop: _Blocks, frames: IntArray, on: Backend) -> FloatArray:
    """The gas where it stands in each of these frames, without padding."""
    path = np.stack([np.interp(frames, loop.frames, way) for way in gas.path.T], axis=1)
    return _moved(gas.picture, path, on)[:, PAD:-PAD, PAD:-PAD]


def _moved(picture: FloatArray, path: DoubleArray, on: Backend) -> FloatArray:
    """What stood at p now stands at p + path, for one picture or one per frame; 0 comes in.

    Bilinear, so that moving back by the same path is the transpose, which least squares need.
    """
    frames = picture if picture.ndim == 3 else picture[None]
    return on.kernels.sample(frames, -path, 1.0, frames.shape[1:])


def _enlarged(blocks: FloatArray, factor: int, shape: tuple[int, ...], on: Backend) -> FloatArray:
    """Blocks (frames, ...) as pictures of `shape`, interpolated between their centres."""
    # Beyond the outermost centres, and where rows are left over, the edge is repeated.
    wide = np.pad(blocks, ((0, 0), (2, 2), (2, 2)), mode="edge")
    place = np.full((len(blocks), 2), 2.0 + 0.5 / factor - 0.5)
    return on.kernels.sample(wide, place, 1.0 / factor, (shape[0], shape[1]))


def _padded(frames: FloatArray) -> FloatArray:
    return np.pad(frames, ((0, 0), (PAD, PAD), (PAD, PAD)))


def _sigma(values: FloatArray) -> float:
    return _MAD * float(np.median(np.abs(values)))
