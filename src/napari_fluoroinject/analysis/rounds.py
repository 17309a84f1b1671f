"""One look at frames over a template: what they tell of the scene, and where each of them lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.tracking import Freedom, Template, fit_poses, slopes
from napari_fluoroinject.analysis.trust import (
    Quality,
    bone_weight,
    quality_of,
    residuals,
    robust_weight,
    share_weight,
    shifted_field,
    variance_weight,
)
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.compute.backend import Kernels

_CHUNK_PX = 2**19
"""Pixels of the frames that are looked at together: what is made of them stays in the cache."""
LEAST_SPREAD_PX = 0.2
"""With less motion (0.6 px from end to end, evenly) lagging tissue cannot be told from bone, and
does no harm: at half of it noise already chose what was trusted."""
_FEWEST = 8
"""From so many poses their noise can be told."""
_SECOND_DIFFERENCE_NOISE = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Binned, band-passed frames, the part that may be used, their noise, and pixels per bin.

    `noise` (frames,) is relative to the usual one. `counts` (frames,) is False for frames of
    another scene: they are judged, but tell nothing and stay where they are. None = all count.
    """

    frames: FloatArray
    field: FloatArray
    noise: DoubleArray
    factor: int
    counts: BoolArray | None = None

    def every(self, step: int) -> Band:
        """The same with every `step`-th frame only."""
        return Band(
            frames=self.frames[::step],
            field=self.field,
            noise=self.noise[::step],
            factor=self.factor,
            counts=None if self.counts is None else self.counts[::step],
        )

    def weigh(self, weight: FloatArray, part: slice) -> None:
        """Take the weight (frames, rows, columns) of a part's frames that do not count."""
        if self.counts is not None:
            weight[~self.counts[part]] = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What has been learned of what the frames show, each (rows, columns).

    `picture` is their robust mean, `steady` the weight against what varies, `trusted` the weight
    that prefers bone and leaves lagging tissue out.
    """

    picture: FloatArray
    steady: FloatArray
    trusted: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Poses in bins (frames, 3), how well frames lay before they were last moved, the scene.

    `trust` (rows, columns) is how far each pixel counted in the mean over frames.
    """

    pose: DoubleArray
    quality: Quality
    scene: Scene
    trust: FloatArray


@dataclass(frozen=True, slots=True)
class Round:
    """What one look may do: how poses move, how often, and whether lagging tissue is left out."""

    freedom: Freedom
    iterations: int
    seeks_lag: bool


def first_fit(band: Band, pose: DoubleArray, *, kernels: Kernels) -> Fit:
    """Return frames with these poses and the scene as their plain mean."""
    sums = _Sums(band.field.shape)
    for part in _parts(band):
        weight = shifted_field(band.field, pose[part])
        weight *= (1 / np.maximum(band.noise[part], 1) ** 2).astype(np.float32)[:, None, None]
        band.weigh(weight, part)
        sums.add_picture(kernels.warp(band.frames[part], pose[part]), weight)
    picture = sums.picture()
    bone = bone_weight(picture, band.field, kernels=kernels)
    return Fit(
        pose=pose,
        quality=Quality.unknown(len(pose)),
        scene=Scene(picture=picture, steady=band.field, trusted=bone),
        trust=bone,
    )


def improved(band: Band, fit: Fit, step: Round, *, kernels: Kernels) -> Fit:
    """Return frames laid over the scene once more, and the scene as they showed it before.

    Of a frame only its pose and its share in a few pictures are kept, so that memory does not
    grow with the loop.
    """
    scene, pose = fit.scene, fit.pose.copy()
    sigma, sums = np.empty(len(pose)), _Sums(band.field.shape)
    gradient = slopes(scene.picture)
    for part in _parts(band):
        aligned = kernels.warp(band.frames[part], pose[part])
        steady = np.broadcast_to(scene.steady, aligned.shape)
        residual = residuals(aligned, scene.picture, steady)
        robust, sigma[part] = robust_weight(
            residual, band.field, usual=fit.quality.usual, kernels=kernels
        )
        robust *= steady
        robust *= shifted_field(band.field, pose[part])
        band.weigh(robust, part)
        sums.add_picture(aligned, robust)
        ordinary = fit.quality.ordinary(sigma[part])
        if band.counts is not None:
            ordinary &= band.counts[part]
        sums.add_residual(residual[ordinary], pose[part][ordinary])
        pose[part] = fit_poses(
            band.frames[part],
            Template(picture=scene.picture, weight=robust * scene.trusted, gradient=gradient),
            pose[part],
            kernels=kernels,
            iterations=step.iterations,
            freedom=step.freedom,
        )
    quality = quality_of(
        sigma, scene.picture, band.field, noise=band.noise, counts=band.counts, kernels=kernels
    )
    ordinary = quality.ordinary(sigma)
    if band.counts is not None:
        ordinary &= band.counts
    moved = _spread(fit.pose[ordinary]) * band.factor > LEAST_SPREAD_PX
    return Fit(
        pose=pose - pose[ordinary].mean(axis=0),
        quality=quality,
        scene=_learned(band, sums, seeks_lag=step.seeks_lag and moved, kernels=kernels),
        trust=sums.weight * scene.trusted / np.float32(len(pose)),
    )


def _learned(band: Band, sums: _Sums, *, seeks_lag: bool, kernels: Kernels) -> Scene:
    picture = sums.picture()
    trusted = bone_weight(picture, band.field, kernels=kernels)
    if seeks_lag:
        energy, product = sums.change(picture)
        trusted *= share_weight(energy, product, band.field, kernels=kernels)
    variance, steady = sums.variance(), band.field
    if variance is not None:
        steady = band.field * variance_weight(variance, band.field, kernels=kernels)
    return Scene(picture=picture, steady=steady, trusted=trusted)


def _spread(pose: DoubleArray) -> float:
    """Standard deviation of shifts along an axis, in bins, that noise does not explain."""
    if len(pose) < _FEWEST:
        return float(pose[:, :2].std(axis=0).max(initial=0.0))
    rough = np.median(np.abs(np.diff(pose[:, :2], 2, axis=0)), axis=0)
    noise2 = (MAD_TO_SIGMA * rough) ** 2 / _SECOND_DIFFERENCE_NOISE
    return float(np.sqrt(np.maximum(pose[:, :2].var(axis=0) - noise2, 0.0)).max())


def _parts(band: Band) -> Iterator[slice]:
    """Slices of frames that are looked at together."""
    count = len(band.frames)
    size = max(1, _CHUNK_PX // band.field.size)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


class _Sums:
    """What frames add up to, (rows, columns) each."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.weight, self._picture, self._residual, self._square = (
            np.zeros(shape, dtype=np.float32) for _ in range(4)
        )
        self._moved = np.zeros((3, *shape), dtype=np.float32)
        self._moments = np.zeros((3, 3))
        self._count = 0

    def add_picture(self, aligned: FloatArray, weight: FloatArray) -> None:
        """Frames with a weight for each pixel."""
        self.weight += weight.sum(axis=0)
        self._picture += np.einsum("nrc,nrc->rc", aligned, weight)

    def add_residual(self, residual: FloatArray, pose: DoubleArray) -> None:
        """What frames leave over, and how that goes with their poses."""
        self._residual += residual.sum(axis=0)
        self._square += np.einsum("nrc,nrc->rc", residual, residual)
        self._moved += np.einsum("ni,nrc->irc", pose.astype(np.float32), residual)
        self._moments += pose.T @ pose
        self._count += len(pose)

    def picture(self) -> FloatArray:
        """Weighted mean of the frames, 0 where nothing was seen."""
        known = self.weight > 0
        return np.where(known, self._picture / np.where(known, self.weight, 1), np.float32(0))

    def variance(self) -> FloatArray | None:
        """Of what frames leave over, None of too few frames."""
        if self._count <= 2:
            return None
        mean = self._residual / self._count
        variance: FloatArray = np.maximum(self._square / self._count - mean**2, 0)
        return variance

    def change(self, picture: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums over frames of e^2 and r e: e is how their poses change the picture, r is left."""
        rows, columns = picture.shape
        down, right = slopes(picture)
        y = np.arange(rows, dtype=np.float32)[:, None] - np.float32((rows - 1) / 2)
        x = np.arange(columns, dtype=np.float32)[None, :] - np.float32((columns - 1) / 2)
        moves = np.stack([down, right, down * x - right * y])
        energy = np.zeros_like(picture)
        for one, row in zip(moves, self._moments.astype(np.float32), strict=True):
            for other, moment in zip(moves, row, strict=True):
                energy += moment * one * other
        return energy, np.einsum("irc,irc->rc", moves, self._moved)
