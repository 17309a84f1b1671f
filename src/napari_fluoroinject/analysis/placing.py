"""Where one frame after the other lies over the mask frames, when frames come live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from napari_fluoroinject.analysis.field import find_open_field
from napari_fluoroinject.analysis.motion import BORDER_PX, FINE_BAND_PX, NOMINAL_SIZE_PX
from napari_fluoroinject.analysis.recursive import undone_weight
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.tracking import Freedom, Template, fit_poses, slopes
from napari_fluoroinject.analysis.trust import (
    RESIDUAL_SIGMA_PX,
    bone_weight,
    residuals,
    robust_weight,
    share_weight,
    shifted_field,
    steady_weight,
)
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Kernels
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import IntensityScale

_FIRST_ITERATIONS, _ITERATIONS = 8, 3
_ROUNDS: tuple[Freedom, ...] = ("shift", "shift", "shift", "rigid")
"""In which mask frames are laid over their own mean. A turn that is not solved for looks like a
shift: 0.1 px on average in synthetic loops."""
_MOST_ROUNDS = 3
_AGAIN = 0.1
"""A frame that was laid so many bins from where it was tried is tried again: the weights against
contrast, gas and needle are those of the first try."""
_ROBUST_SIGMAS, _MOST_SIGMA = 2.0, 1.3
"""What does not fit loses its weight from so many sigma on; contrast that fills the picture must
not raise that sigma by more."""
_LOST = 1.9
"""A residual above this multiple of the mask frames' is another scene: on synthetic loops contrast
and motion reached 1.5."""
_EVERY = 8
"""A median over every eighth bin is known to 2 %."""
_LEAST_MISFIT = 0.15
"""Share of the picture's own structure that interpolation, contrast and what lags leave."""
_TINY = float(np.finfo(np.float32).tiny)
_LAG_RANGE_PX = 0.6
"""With less motion lagging tissue cannot be told from bone, and does no harm."""
_LAG_EVERY = 8
"""Frames from one look for lagging tissue to the next: it changes slowly and takes time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lens:
    """How frames are looked at: binned, and freed of what is finer or coarser than bone.

    `beam` (entries,) is the intensity of stored values from `first_stored` on, `fine_px` and
    `coarse_px` are sigmas in bins of `factor` x `factor` pixels.
    """

    beam: FloatArray
    first_stored: int
    factor: int
    fine_px: float
    coarse_px: float
    border: int

    @classmethod
    def of(cls, intensity: IntensityScale, shape: tuple[int, int]) -> Lens:
        """For frames of a scale and (rows, columns)."""
        scale = max(1.0, max(shape) / NOMINAL_SIZE_PX)
        fine_px, coarse_px = (sigma * scale for sigma in FINE_BAND_PX)
        factor = max(1, round(fine_px))
        border = min(BORDER_PX * scale / factor, min(shape) / factor / 8)
        return cls(
            beam=np.exp(intensity.ln_beam),
            first_stored=intensity.first_stored,
            factor=factor,
            fine_px=fine_px / factor,
            coarse_px=coarse_px / factor,
            border=max(1, round(border)),
        )

    def binned(self, stored: StoredArray, kernels: Kernels) -> FloatArray:
        """Log of one frame's beam in bins."""
        return kernels.binned_ln(stored, self.beam, self.first_stored, self.factor)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What frames are laid over, all in bins.

    Attributes
    ----------
    field, inner
        The open field, and the part of it where motion brings in nothing.
    ln, picture
        Mean of the aligned mask frames, and of their band.
    weight
        How far each bin is trusted to move with bone.
    slopes
        Of the picture, (2, rows, columns).
    usual
        Sigma of the smoothed residual of a mask frame.
    undone
        Weight of the frame before in a recursive filter that is undone; 0 = there is none.
    """

    field: BoolArray
    inner: FloatArray
    ln: FloatArray
    picture: FloatArray
    weight: FloatArray
    slopes: FloatArray
    usual: float
    undone: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lag:
    """What has been learned about tissue that moves less than bone.

    `energy` and `product` are the sums of `trust.share_weight` over `frames` frames; `range_px`
    is the farthest that bone has moved, in bins.
    """

    energy: FloatArray
    product: FloatArray
    weight: FloatArray
    range_px: float = 0.0
    frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaidMask:
    """Mask frames over their own mean.

    `lag` is what they teach about lagging tissue, `pose` (frames, 3) where they stand in bins, 0
    on average, and `residual` (frames,) the sigma of what is left of each over `Ground.usual`.
    """

    ground: Ground
    lag: Lag
    pose: DoubleArray
    residual: DoubleArray

    @property
    def fits(self) -> BoolArray:
        """Which of the frames show the same scene as most."""
        return np.asarray(self.residual <= _LOST)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """One frame over the ground: pose (3,) in bins, and how well it fits.

    `residual` is the sigma of what is left over `Ground.usual`, `left` (rows, columns) what is
    left and `weight` how far it was trusted, at the pose `tried`, the last but one.
    """

    pose: DoubleArray
    tried: DoubleArray
    residual: float
    left: FloatArray
    weight: FloatArray

    @property
    def locked(self) -> bool:
        """Whether the frame shows the same scene."""
        return self.residual <= _LOST


def make_ground(
    binned: FloatArray,
    before: FloatArray,
    header_field: BoolArray | None,
    lens: Lens,
    *,
    first: int,
    kernels: Kernels,
) -> LaidMask:
    """Lay mask frames over their own mean.

    Parameters
    ----------
    binned, before
        (frames, rows, columns) log of the beam in bins, and that of the frame before each, which
        serves to undo a recursive filter.
    header_field
        What the header's shutter leaves open, in bins.
    first
        The frame over which the others are laid at first.
    """
    field = find_open_field(binned, header_field)
    inner = binary_erosion(field, iterations=lens.border).astype(np.float32)
    undone = undone_weight(np.concatenate([before[:1], binned]), field)
    band = _bands(binned, before, undone, field, lens, kernels)
    pose = np.zeros((len(band), 3))
    picture, weight = band[first], shifted_field(inner, pose)
    for turn in range(len(_ROUNDS)):
        trust = weight * bone_weight(picture, inner, kernels=kernels)
        template = Template(picture=picture, weight=trust)
        pose = _fitted(band, template, pose, turn=turn, kernels=kernels)
        aligned = kernels.warp(band, pose)
        picture = kernels.weighted_mean(aligned, shifted_field(inner, pose))
        left = residuals(aligned, picture, weight)
        robust, sigma = robust_weight(left, inner, kernels=kernels)
        steady = steady_weight(left, inner, kernels=kernels)
        weight = robust * steady * shifted_field(inner, pose)
    nothing = np.zeros_like(picture)
    ground = Ground(
        field=field,
        inner=inner,
        ln=kernels.warp(binned, pose).mean(axis=0),
        picture=picture,
        weight=steady * bone_weight(picture, inner, kernels=kernels),
        slopes=slopes(picture),
        usual=_usual(sigma, picture, inner, kernels),
        undone=undone,
    )
    lag = Lag(energy=nothing, product=nothing, weight=np.ones_like(nothing))
    return LaidMask(
        ground=ground,
        lag=_taught(lag, pose, left, weight, ground.slopes),
        pose=pose,
        residual=_misfit(aligned, ground, kernels),
    )


def _fitted(
    band: FloatArray, template: Template, pose: DoubleArray, *, turn: int, kernels: Kernels
) -> DoubleArray:
    """Poses of mask frames after one of the rounds, 0 on average."""
    found = fit_poses(
        band,
        template,
        pose,
        kernels=kernels,
        iterations=_ITERATIONS if turn else _FIRST_ITERATIONS,
        freedom=_ROUNDS[turn],
    )
    found -= found.mean(axis=0)
    return found


def _bands(
    binned: FloatArray,
    before: FloatArray,
    undone: float,
    field: BoolArray,
    lens: Lens,
    kernels: Kernels,
) -> FloatArray:
    """The bands of mask frames, freed of a recursive filter."""
    open_ = field.astype(np.float32)
    band = kernels.band_pass(binned, open_, lens.fine_px, lens.coarse_px)
    if not undone:
        return band
    last = kernels.band_pass(before, open_, lens.fine_px, lens.coarse_px)
    return _without_filter(band, last, undone)


def _misfit(aligned: FloatArray, ground: Ground, kernels: Kernels) -> DoubleArray:
    """Sigma of each frame over the usual, by the median of all: few strange ones do not count."""
    middle = np.median(aligned, axis=0)
    trusted = np.broadcast_to(ground.weight * ground.inner, aligned.shape)
    left = residuals(aligned, middle, trusted)
    seen = kernels.smooth(left, ground.inner, RESIDUAL_SIGMA_PX)
    sigma = np.array([_sigma_of(one[None], ground.inner) for one in seen])
    return sigma / max(_usual(sigma, middle, ground.inner, kernels), _TINY)


def banded(binned: FloatArray, ground: Ground, lens: Lens, *, kernels: Kernels) -> FloatArray:
    """The band of two frames (2, rows, columns), the later freed of a recursive filter."""
    open_, last = ground.field.astype(np.float32), binned[1:]
    plain = _without_filter(last, binned[:-1], ground.undone)
    band: FloatArray = kernels.band_pass(plain, open_, lens.fine_px, lens.coarse_px)[0]
    return band


def place(
    band: FloatArray, ground: Ground, lag: Lag, pose: DoubleArray, *, kernels: Kernels
) -> Placed:
    """Lay one frame over the ground, from the pose (3,) of the one before on."""
    frame, base = band[None], (ground.weight * lag.weight)[None]
    found = tried = pose[None]
    for _ in range(_MOST_ROUNDS):
        tried = found
        inside = base * shifted_field(ground.inner, tried)
        left = residuals(kernels.warp(frame, tried), ground.picture, inside)
        weight, residual = _robust(left, ground, kernels)
        found = fit_poses(
            frame,
            Template(picture=ground.picture, weight=weight * inside),
            tried,
            kernels=kernels,
            iterations=_ITERATIONS,
            freedom="rigid",
        )
        if np.abs(found - tried)[0, :2].max() < _AGAIN:
            break
    return Placed(pose=found[0], tried=tried[0], residual=residual, left=left[0], weight=weight[0])


def learned(lag: Lag, placed: Placed, ground: Ground, lens: Lens, *, kernels: Kernels) -> Lag:
    """What one more frame teaches about tissue that lags."""
    more = _taught(lag, placed.tried[None], placed.left[None], placed.weight[None], ground.slopes)
    if more.frames % _LAG_EVERY or more.range_px * lens.factor < _LAG_RANGE_PX:
        return more
    weight = share_weight(more.energy, more.product, ground.inner, kernels=kernels)
    return replace(more, weight=weight)


def _taught(
    lag: Lag, pose: DoubleArray, left: FloatArray, weight: FloatArray, slope: FloatArray
) -> Lag:
    change = np.tensordot(pose[:, :2].astype(np.float32), slope, axes=1)
    trusted = weight * change
    return replace(
        lag,
        energy=lag.energy + (trusted * change).sum(axis=0),
        product=lag.product + (trusted * left).sum(axis=0),
        range_px=max(lag.range_px, float(np.abs(pose[:, :2]).max())),
        frames=lag.frames + len(pose),
    )


def _usual(sigma: DoubleArray, picture: FloatArray, inner: FloatArray, kernels: Kernels) -> float:
    """Sigma of a frame over the mean of the mask frames, from theirs over their own mean.

    However clear the frames, not less than a share of the structure.
    """
    count = len(sigma)
    noise = float(np.median(sigma)) * sqrt((count + 1) / (count - 1))
    seen = kernels.smooth(picture[None], inner, RESIDUAL_SIGMA_PX)
    return max(noise, _LEAST_MISFIT * _sigma_of(seen, inner))


def _sigma_of(seen: FloatArray, inner: FloatArray) -> float:
    """Robust sigma of one picture (1, rows, columns)."""
    inside = seen[0][inner > 0][::_EVERY]
    return MAD_TO_SIGMA * float(np.median(np.abs(inside))) if inside.size else 0.0


def _without_filter(frames: FloatArray, before: FloatArray, weight: float) -> FloatArray:
    """Frames as they were before a recursive filter; the log changes little between frames."""
    if not weight:
        return frames
    share = np.float32(weight)
    plain = (frames - share * before) / (np.float32(1) - share)
    return np.asarray(plain, dtype=np.float32)


def _robust(left: FloatArray, ground: Ground, kernels: Kernels) -> tuple[FloatArray, float]:
    """Weights (1, rows, columns) against what does not fit, and its sigma over the usual."""
    seen = kernels.smooth(left, ground.inner, RESIDUAL_SIGMA_PX)
    sigma = _sigma_of(seen, ground.inner)
    limit = _ROBUST_SIGMAS * max(min(sigma, _MOST_SIGMA * ground.usual), _TINY)
    weight = 1 / (1 + np.square(seen / np.float32(limit)))
    return weight, sigma / max(ground.usual, _TINY)
