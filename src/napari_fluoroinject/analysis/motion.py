"""How the anatomy moved from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.ndimage import shift as move

from napari_fluoroinject.analysis.chunks import chunks
from napari_fluoroinject.analysis.rounds import (
    LEAST_SPREAD_PX,
    Band,
    Fit,
    Round,
    first_fit,
    improved,
)
from napari_fluoroinject.analysis.scenes import find_scenes
from napari_fluoroinject.analysis.smoothing import smooth_track
from napari_fluoroinject.analysis.tracking import first_poses
from napari_fluoroinject.analysis.trust import Quality, roughness
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.model.motion import Motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.compute.backend import Backend, Kernels
    from napari_fluoroinject.model.arrays import BoolArray

NOMINAL_SIZE_PX = 512
_COARSE_BAND_PX, FINE_BAND_PX = (4.0, 16.0), (2.0, 12.0)
"""Sigmas at the nominal size. Between them lies bone; noise is finer, scatter, exposure and most
soft tissue are coarser."""
_SIGMA_BINS = 1.0
"""The finer sigma in bins: its band ends below what bins can hold, so binning loses nothing."""
BORDER_PX = 20.0
"""At the nominal size: what motion brings in and out, and where the band pass lacks a side."""
_FIRST_ITERATIONS = 15
_FLOOR_PX, _PULL = 0.017, 0.012
"""What noise does not explain, on synthetic loops: a floor, and a share of the motion by which
lagging tissue still pulls."""
_TINY = float(np.finfo(np.float32).tiny)
_LEAST_NOISE = 0.3
"""No frame is believed to be better than this share of the usual noise."""
_UNSURE_NOISE = 2.0
"""A frame with so many times the usual noise may have been laid over anything: at 5 nGy the first
ones were off by up to 5 px."""
_STILL_TURNING_PX = 0.015
"""At the rim. Without a turn the second round changes no more than 0.016, with one 0.05 to 0.2."""
_TURN_PERCENTILE, _TURN_FLOOR_PX = 98.0, 0.01
_TURN_SIGMAS, _STILL_SIGMAS = 8.0, 16.0
"""A turn is believed where so many percent of the frames do not reach so many sigma. On synthetic
loops noise and what lags reach 4.3, turns of 0.1 degrees and more 8.6; where bone hardly shifts,
what lags cannot be told from it and reaches 8.4."""


_LEARNING_FRAMES = 60
"""So many frames, evenly spread, tell what the scene looks like: the template of so many holds an
eighth of a frame's noise. Then all frames are laid over it."""
_COARSE_ROUNDS = 2 * (Round("shift", 2, seeks_lag=False),)
_FINE_ROUNDS = (
    Round("shift", 2, seeks_lag=False),
    *3 * (Round("shift", 2, seeks_lag=True),),
    Round("rigid", 2, seeks_lag=True),
)
"""Turning comes last: tissue that lags on one side of the picture looks like a turn."""
_TURNING_ROUND = Round("rigid", 2, seeks_lag=True)
_MOST_TURNING_ROUNDS = 12
"""Bone that turns looks at first like tissue that lags, and is trusted by and by."""
_AHEAD = 0.7
"""Share of the last growth of a turn by which the next round starts ahead: fewer rounds."""
_TRIAL_EVERY, _TRIAL_ROUNDS = 2, 2
"""Every second frame is tried. Poses follow the scene of one look before, so that two looks tell
whether a trial is trusted more."""
_LAST_ROUND = Round("rigid", 3, seeks_lag=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sieve:
    """How a band is cut out: bins of so many pixels, sigmas in bins, and where bins are open.

    `inner` leaves out the border as well.
    """

    factor: int
    fine_px: float
    coarse_px: float
    open_: FloatArray
    inner: FloatArray


def estimate_motion(
    ln: FloatArray, field: BoolArray, *, on: Backend, among: BoolArray | None = None
) -> Motion:
    """Return the displacement of the anatomy in each frame, zero on average over all frames.

    Gauss-Newton registration of band-passed log frames to a template that is the robust mean of
    all aligned frames. Contrast, needle and gas lose their weight because they do not fit or vary,
    soft tissue because it lags behind. A rotation about the centre of the picture is solved for,
    too; where it does not stand out from its noise the angle is 0 in every frame.

    Parameters
    ----------
    ln
        (frames, rows, columns) natural log of the beam intensity.
    field
        (rows, columns), True inside the open field.
    among
        (frames,): of several scenes that one is followed which most of these frames show. None =
        most of all frames.

    Returns
    -------
    Motion
        A single frame has shift 0 and uncertainty infinity; so have fewer than five frames, whose
        shifts are estimated but cannot be judged by their smoothness. The shift of a frame
        that is not locked is what was tried last, its angle is 0.
    """
    kernels = on.kernels
    sieves = [_sieve(field, band_px, kernels) for band_px in (_COARSE_BAND_PX, FINE_BAND_PX)]
    if len(ln) < 2 or not all(sieve.inner.any() for sieve in sieves):
        return _still(ln.shape)
    coarse, fine = _bands(ln, field, sieves, kernels)
    pose = first_poses(coarse.frames, coarse.field, kernels=kernels, iterations=_FIRST_ITERATIONS)
    scene, pose = find_scenes(coarse.frames, coarse.field, pose, kernels=kernels)
    if scene.any():
        counts = scene == (0 if among is None else np.bincount(scene[among]).argmax())
        coarse, fine = (replace(band, counts=counts) for band in (coarse, fine))
        pose = _held(pose, counts)
    every = max(1, len(ln) // _LEARNING_FRAMES)
    some = coarse.every(every)
    fit = _learned(some, pose[::every], _COARSE_ROUNDS, kernels)
    pose = _of_all(coarse, _between(pose, fit, every), fit, _COARSE_ROUNDS[-1], kernels).pose
    finer = coarse.factor / fine.factor
    pose = pose * (finer, finer, 1)
    some = fine.every(every)
    fit = _turned(some, _learned(some, pose[::every], _FINE_ROUNDS, kernels), kernels)
    fit = _of_all(fine, _between(pose, fit, every), fit, _LAST_ROUND, kernels)
    return _motion(fine, fit, ln.shape)


def re_reference(motion: Motion, mask_frames: Sequence[int]) -> Motion:
    """Return the motion relative to the mean pose of the mask frames; without any, as it is."""
    if not mask_frames:
        return motion
    angle = motion.angle_rad - motion.angle_rad[list(mask_frames)].mean()
    turns = _turns(angle)
    # The pose that leaves the mask frames no shift on average.
    pose = np.linalg.solve(
        turns[list(mask_frames)].mean(axis=0), motion.shift_px[list(mask_frames)].mean(axis=0)
    )
    return replace(
        motion,
        shift_px=motion.shift_px - turns @ pose,
        angle_rad=angle,
        # What stood at p now stands at p + pose; turned, it would hardly look otherwise.
        bone_weight=move(motion.bone_weight, pose, order=1),
    )


def _turns(angle_rad: DoubleArray) -> DoubleArray:
    """Matrices (frames, 2, 2) that turn (row, column) as `Motion` says."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], -2)


def _sieve(field: BoolArray, band_px: tuple[float, float], kernels: Kernels) -> _Sieve:
    scale = max(1.0, max(field.shape) / NOMINAL_SIZE_PX)
    fine_px, coarse_px = (sigma * scale for sigma in band_px)
    factor = max(1, round(fine_px / _SIGMA_BINS))
    weight = field.astype(np.float32)
    share = kernels.bin_frames(weight[None], np.ones_like(weight), factor)[0]
    open_ = (share > 0.5).astype(np.float32)
    border = max(1, round(min(BORDER_PX * scale / factor, min(open_.shape) / 8)))
    return _Sieve(
        factor=factor,
        fine_px=fine_px / factor,
        coarse_px=coarse_px / factor,
        open_=open_,
        inner=binary_erosion(open_, iterations=border).astype(np.float32),
    )


def _bands(
    ln: FloatArray, field: BoolArray, sieves: Sequence[_Sieve], kernels: Kernels
) -> tuple[Band, ...]:
    """What each sieve leaves; log frames are read once, a few at a time."""
    frames = [np.empty((len(ln), *sieve.open_.shape), dtype=np.float32) for sieve in sieves]
    rough = np.empty(len(ln))
    weight = field.astype(np.float32)
    for part in chunks(len(ln)):
        for sieve, into in zip(sieves, frames, strict=True):
            binned = kernels.bin_frames(ln[part], weight, sieve.factor)
            into[part] = kernels.band_pass(binned, sieve.open_, sieve.fine_px, sieve.coarse_px)
        # Bins of the last sieve: the finer they are, the more of them are noise.
        rough[part] = roughness(binned, sieve.inner)
    usual = float(np.median(rough))
    noise = rough / usual if usual > 0 else np.ones(len(ln))
    return tuple(
        Band(frames=stack, field=sieve.inner, noise=noise, factor=sieve.factor)
        for sieve, stack in zip(sieves, frames, strict=True)
    )


def _held(pose: DoubleArray, counts: BoolArray) -> DoubleArray:
    """Poses of which those that do not count follow from the nearest that do."""
    frames = np.arange(len(pose))
    held: DoubleArray = np.stack(
        [np.interp(frames, frames[counts], column[counts]) for column in pose.T], axis=1
    )
    return held


def _learned(band: Band, pose: DoubleArray, rounds: Sequence[Round], kernels: Kernels) -> Fit:
    fit = first_fit(band, pose, kernels=kernels)
    for step in rounds:
        fit = improved(band, fit, step, kernels=kernels)
    return fit


def _of_all(band: Band, pose: DoubleArray, fit: Fit, step: Round, kernels: Kernels) -> Fit:
    """All frames laid over the scene that some of them showed."""
    quality = Quality.unknown(len(pose), usual=fit.quality.usual)
    fit = replace(fit, pose=pose, quality=quality)
    return improved(band, fit, step, kernels=kernels)


def _between(pose: DoubleArray, fit: Fit, every: int) -> DoubleArray:
    """Poses of all frames, corrected as `every`-th was in the fit.

    First poses follow a twitch but drift, so what is corrected varies slowly.
    """
    frames = np.arange(len(pose))
    seen = frames[::every][fit.quality.locked]
    change = (fit.pose - pose[::every])[fit.quality.locked]
    corrected: DoubleArray = pose + np.stack(
        [np.interp(frames, seen, column) for column in change.T], axis=1
    )
    corrected[::every] = fit.pose
    return corrected


def _turned(band: Band, fit: Fit, kernels: Kernels) -> Fit:
    """A turn followed to its end, and where it is believed tried at twice its size as well."""
    first, fit = _followed(band, fit, kernels)
    if not _angle(band, fit).any():
        return first
    # Where a turn is half followed, bone seems to lag and tissue that does not turn looks right.
    twice = _turned_on(fit.pose, fit, fit.pose[:, 2])
    some = band.every(_TRIAL_EVERY)
    tried = replace(fit, pose=twice[::_TRIAL_EVERY], quality=fit.quality.every(_TRIAL_EVERY))
    for _ in range(_TRIAL_ROUNDS):
        tried = improved(some, tried, _TURNING_ROUND, kernels=kernels)
    if tried.trust.sum() <= fit.trust.sum():
        return fit
    tried = replace(tried, pose=_between(twice, tried, _TRIAL_EVERY), quality=fit.quality)
    return _followed(band, tried, kernels)[1]


def _followed(band: Band, fit: Fit, kernels: Kernels) -> tuple[Fit, Fit]:
    """One more round, and that with further ones for as long as a turn grows."""
    before, first = fit, improved(band, fit, _TURNING_ROUND, kernels=kernels)
    fit = first
    for _ in range(1, _MOST_TURNING_ROUNDS):
        if _turn(before, fit).std() * _rim_px(band) < _STILL_TURNING_PX:
            break
        grown = _AHEAD * (fit.pose - before.pose)[:, 2]
        ahead = replace(fit, pose=_turned_on(fit.pose, fit, grown))
        after = improved(band, ahead, _TURNING_ROUND, kernels=kernels)
        if _turn(fit, after) @ fit.pose[after.quality.locked, 2] < 0:
            break
        before, fit = fit, after
    return first, fit


def _turned_on(pose: DoubleArray, fit: Fit, angle: DoubleArray) -> DoubleArray:
    """Poses of which those that are locked have turned further by an angle, 0 on average."""
    locked = fit.quality.locked
    pose = pose.copy()
    pose[locked, 2] += angle[locked] - angle[locked].mean()
    return pose


def _turn(before: Fit, after: Fit) -> DoubleArray:
    """How the angles of the locked frames have changed, without their mean."""
    angle = (after.pose - before.pose)[after.quality.locked, 2]
    change: DoubleArray = angle - angle.mean()
    return change


def _rim_px(band: Band) -> float:
    """Half the longer side: an angle times this is a displacement as large as a shift's."""
    return float(0.5 * band.factor * max(band.field.shape))


def _motion(band: Band, fit: Fit, shape: tuple[int, ...]) -> Motion:
    residual, locked = fit.quality.residual, fit.quality.locked
    relative_noise = np.maximum(residual, _LEAST_NOISE)
    smooth, noise_px = smooth_track(
        fit.pose[:, :2] * band.factor, relative_noise, unsure=band.noise > _UNSURE_NOISE
    )
    spread_px = float(np.sqrt(smooth[locked].var(axis=0).mean()))
    # Bins left over at the end move the centre by half a pixel, which a turn moves by nothing.
    return Motion(
        shift_px=smooth,
        angle_rad=_angle(band, fit),
        residual=residual,
        locked=locked,
        bone_weight=_unbinned(fit.trust, band.factor, shape[1:]),
        uncertainty_px=float(np.hypot(np.hypot(noise_px, _FLOOR_PX), _PULL * spread_px)),
        other_scene=np.zeros(len(locked), np.bool_) if band.counts is None else ~band.counts,
    )


def _angle(band: Band, fit: Fit) -> DoubleArray:
    """Angles (frames,) freed of their noise, in radians; 0 where there is nothing else."""
    locked, rim_px = fit.quality.locked, _rim_px(band)
    relative_noise = np.maximum(fit.quality.residual, _LEAST_NOISE)
    smooth, noise_px = smooth_track(
        fit.pose[:, 2:] * rim_px, relative_noise, unsure=band.noise > _UNSURE_NOISE
    )
    away = smooth[:, 0] - np.median(smooth[locked, 0])
    reached = np.percentile(np.abs(away[locked]), _TURN_PERCENTILE)
    still = fit.pose[locked, :2].std(axis=0).max() * band.factor < LEAST_SPREAD_PX
    sigmas = _STILL_SIGMAS if still else _TURN_SIGMAS
    if not reached > sigmas * np.hypot(noise_px, _TURN_FLOOR_PX):
        return np.zeros(len(away))
    angle: DoubleArray = np.where(locked, away - away[locked].mean(), 0.0) / rim_px
    return angle


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
