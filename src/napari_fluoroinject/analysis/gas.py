"""Bowel gas that moves over the anatomy by itself: a second layer, found and held still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter, gaussian_filter1d

from napari_fluoroinject.analysis.blocks import (
    BLUR_BLOCKS,
    PAD,
    Blocks,
    blocks_of,
    enlarged,
    free_of_contrast,
    squares_of,
)
from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.tracking import Template, fit_poses
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

    IntArray = npt.NDArray[np.int64]

ROUNDS = 6
ROUND_STEPS, LAST_STEPS, HALF_STEPS = 6, 20, 12
"""Steps of the conjugate gradients: per round, at the end, and for each half of the frames."""
STRENGTH_PRIOR, SLOPE_PRIOR = 0.001, 0.02
"""Ridge on the gas (times the frames) and on its slopes, in blocks and sigmas of a block: small,
for film hides the gas below it for most of the loop, and what is known of it there is faint."""
PATH_BLUR_FRAMES = 1.0
ACCEPT_BLUR_BLOCKS = 4.0
LEAST_GAIN, FULL_GAIN = 0.03, 0.13
"""Share by which the variance of frames that were left out must fall for the layer to be accepted,
and to be accepted whole. Where gas rests it falls by less than .03 (synthetic loops)."""
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
    loop = blocks_of(opacity, registered, needle, on)
    if loop is None:
        return np.zeros(opacity.valid.shape, dtype=np.float32)
    gas = _find(loop, registered, on)
    accepted = _accepted(loop, gas, on)
    if accepted.any():
        _apply(opacity.od, loop, gas, accepted, registered, on=on)
    share: FloatArray = enlarged(accepted[None], loop.factor, opacity.od.shape[1:], on)[0]
    return share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Gas:
    """The gas in its own mean pose, where it stands in each frame (blocks), and the weights."""

    picture: FloatArray
    path: DoubleArray
    weight: FloatArray


def _find(loop: Blocks, registered: RegisteredLoop, on: Backend) -> _Gas:
    """Alternate between the layers, given the path, and the path, given the layers."""
    weight = free_of_contrast(loop.change, loop, registered, on)
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
        weight = free_of_contrast(left, loop, registered, on)
    layers = _split(loop.change, weight, path, layers, LAST_STEPS, on=on)
    return _Gas(picture=layers[1], path=path, weight=weight)


def _first_path(loop: Blocks, weight: FloatArray, on: Backend) -> DoubleArray:
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


def _accepted(loop: Blocks, gas: _Gas, on: Backend) -> FloatArray:
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
        without += squares_of(loop.change[tried] - mean, gas.weight[tried])
        with_gas += squares_of(loop.change[tried] - layers[0] - moved, gas.weight[tried])
    before, after = (gaussian_filter(sums, ACCEPT_BLUR_BLOCKS) for sums in (without, with_gas))
    gain = (before - after) / np.maximum(before, np.float32(_TINY))
    share = np.clip((gain - LEAST_GAIN) / (FULL_GAIN - LEAST_GAIN), 0.0, 1.0)
    inner: FloatArray = share[PAD:-PAD, PAD:-PAD].astype(np.float32)
    return inner


def _apply(
    od: FloatArray,
    loop: Blocks,
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
            locked[some], enlarged(brighter, loop.factor, od.shape[1:], on), strict=True
        ):
            od[frame] += one


def _placed(gas: _Gas, loop: Blocks, frames: IntArray, on: Backend) -> FloatArray:
    """The gas where it stands in each of these frames, without padding."""
    path = np.stack([np.interp(frames, loop.frames, way) for way in gas.path.T], axis=1)
    return _moved(gas.picture, path, on)[:, PAD:-PAD, PAD:-PAD]


def _moved(picture: FloatArray, path: DoubleArray, on: Backend) -> FloatArray:
    """What stood at p now stands at p + path, for one picture or one per frame; 0 comes in.

    Bilinear, so that moving back by the same path is the transpose, which least squares need.
    """
    frames = picture if picture.ndim == 3 else picture[None]
    return on.kernels.sample(frames, -path, 1.0, frames.shape[1:])
