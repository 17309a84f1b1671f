"""What noise may do: the limits of the maps, from one stated rate of false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr

from napari_fluoroinject.analysis.noise import (
    FALSE_ALARM_RATE,
    detection_limit_od,
    effective_frames,
    sigmas_for,
    variance_of_frames,
)
from napari_fluoroinject.analysis.opacity import LAST_FRAMES
from napari_fluoroinject.analysis.pose import last_frames
from napari_fluoroinject.analysis.ramp import fit_ramps
from napari_fluoroinject.analysis.ratio import PRIOR_KVP
from napari_fluoroinject.analysis.smoothed import SMOOTHING_PX
from napari_fluoroinject.analysis.spectrum import transmitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.analysis.smoothed import Rectangle, SmoothedOpacity
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.model.spread import NoiseModel

LEAST_IODINE_MG_CM2 = 3.0
"""What counts as contrast where noise would show less: a tenth of a millimetre of undiluted
contrast medium (300 mg iodine per ml)."""
ARRIVAL_MULTIPLE = 2.0
"""Contrast arrives at this multiple of the least opacity: the blur carries the rim of a film to
pixels that the film has not reached. In synthetic loops (20 nGy per frame) arrival at 0.04, 0.06,
0.08, 0.10 and 0.12 was wrong by 0.78, 0.76, 0.80, 0.90 and 1.07 frames."""
GAS_ALLOWANCE = 2.5
"""Negative excursions beyond this multiple of the ordinary raise the evidence that is needed."""
_RAMPS_PER_FRAME = 0.036
"""Independent ramps per frame in which they may start, over t cubed: white and filtered noise of
27 to 162 frames reached its 5 % to 0.01 % quantiles of t within a factor of two of this count."""
_MOST_T = 60.0
_STEP_T = 1e-3
_NEIGHBOURS_PX = 8.0
"""Sigma over which the variance of a dozen frames is averaged: 5 % of itself in white noise."""
_EVERY_PX = 4
_GRID = slice(_EVERY_PX // 2, None, _EVERY_PX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Opacities from which contrast counts, all from `FALSE_ALARM_RATE` and the loop's noise.

    `least_od` is what `LEAST_IODINE_MG_CM2` come to, 0 where opacity has no unit. `region_od` is
    that, or what the mean of the last frames reaches by noise in that share of the pixels;
    `arrival_od` a multiple of it, or what the ramp fitted to noise reaches in that share.
    `detection_od` is the patch that noise alone shows nowhere in the field, its noisiest
    twentieth left out, but in that share of loops. `joining_t` is the evidence of a ramp that
    noise reaches in that share of the pixels.
    """

    least_od: float
    region_od: float
    arrival_od: float
    detection_od: float
    joining_t: float


def measure_limits(
    quiet_frames: FloatArray, opacity: Opacity, registered: RegisteredLoop, *, on: Backend
) -> Limits:
    """Derive the limits of one loop.

    Parameters
    ----------
    quiet_frames
        (frames, rows, columns), smoothed opacity before contrast.
    opacity, registered
        As measured before.
    on
        The compute backend.
    """
    valid, lag1 = opacity.valid, opacity.noise.lag1_time
    sigma = frame_sigma_od(quiet_frames, valid, lag1_time=lag1, on=on)
    usual = float(np.median(sigma[valid])) if valid.any() else float("nan")
    masks = len(registered.injection.mask_frames)
    last = last_frames(registered.motion, LAST_FRAMES)
    frames, rising = _counts(registered, lag1)
    joining_t = evidence_needed(FALSE_ALARM_RATE, frames=frames, rising=rising)
    by_mask = 1.0 / effective_frames(masks, lag1)
    by_last = 1.0 / effective_frames(len(last), lag1)
    late_od = usual * sqrt(by_last + by_mask)
    # Half of the run is what the usual pixel has contrast for.
    ramp_od = usual * sqrt(1.0 / max(0.5 * rising, 1.0) + by_mask)
    least_od = _least_od(opacity, registered)
    return Limits(
        least_od=least_od,
        region_od=_larger(least_od, sigmas_for(FALSE_ALARM_RATE) * late_od),
        arrival_od=_larger(ARRIVAL_MULTIPLE * least_od, joining_t * ramp_od),
        detection_od=detection_limit_od(
            opacity.od[list(registered.quiet_frames)],
            valid,
            sigma,
            averaging=by_last + by_mask,
            mm_per_px=registered.loop.mm_per_px,
        ),
        joining_t=joining_t,
    )


def frame_sigma_od(
    quiet_frames: FloatArray, valid: BoolArray, *, lag1_time: float, on: Backend
) -> FloatArray:
    """Noise of one frame in every pixel, (rows, columns), NaN with fewer than two frames.

    It is measured where it is needed, after scatter was taken off and after the blur, so it holds
    what level, scatter, correlation and restless anatomy make of it.
    """
    if len(quiet_frames) < 2:
        return np.full(valid.shape, np.nan, dtype=np.float32)
    change = quiet_frames - quiet_frames.mean(axis=0)
    variance = variance_of_frames(change, lag1_time)
    even = on.kernels.smooth(variance[None], valid.astype(np.float32), _NEIGHBOURS_PX)[0]
    return np.asarray(np.sqrt(np.maximum(even, 0.0)), dtype=np.float32)


def evidence_needed(rate: float, *, frames: float, rising: float) -> float:
    """Evidence t that the best of all ramps reaches at this rate in a pixel of noise alone.

    A search over start, rise and decay passes a high level as often as a smooth random field in
    three dimensions does: t cubed times the tail of one test (Worsley 1996, Human Brain Mapping
    4:58), which is Student's, because a pixel's own frames tell its noise.

    Parameters
    ----------
    rate
        Pixels of noise that reach it, of all.
    frames, rising
        Independent frames, and those in which a ramp may start.
    """
    low, high = sqrt(3.0), _MOST_T  # the number falls from the square root of 3 on
    while high - low > _STEP_T:
        t = 0.5 * (low + high)
        tail = float(stdtr(max(frames - 1.0, 1.0), -t))
        if _RAMPS_PER_FRAME * rising * t**3 * tail > rate:
            low = t
        else:
            high = t
    return high


def independent_places(area_px: float, noise: NoiseModel, *, blur_px: float) -> float:
    """How many pixels with noise of their own a smoothed area has, at least 1.

    The blur and the detector's own, read off the correlation of neighbours, make one of
    4 pi sigma^2 pixels.
    """
    near = noise.lag1_space if np.isfinite(noise.lag1_space) else 0.0
    detector = -0.25 / log(min(near, 0.9)) if near > 0 else 0.0
    return max(area_px / (4.0 * pi * (blur_px**2 + detector)), 1.0)


def evidence_alone(opacity: Opacity, registered: RegisteredLoop) -> FloatArray:
    """Evidence that noise alone reaches somewhere in the field in `FALSE_ALARM_RATE` of loops.

    (rows, columns); more where the picture also brightens.
    """
    lag1 = opacity.noise.lag1_time
    frames, rising = _counts(registered, lag1)
    places = independent_places(float(opacity.valid.sum()), opacity.noise, blur_px=SMOOTHING_PX)
    noise_t = evidence_needed(FALSE_ALARM_RATE / places, frames=frames, rising=rising)
    doubt = np.maximum(np.sqrt(opacity.residue) / GAS_ALLOWANCE, 1.0)
    return (noise_t * doubt).astype(np.float32)


def evidence_of_brightening(
    samples: FloatArray,
    opacity: Opacity,
    registered: RegisteredLoop,
    judged: BoolArray,
    *,
    on: Backend,
) -> float:
    """Strongest evidence of a ramp that brightens.

    Contrast only darkens. What brightens like a ramp is anatomy that moves, and as much of it
    darkens: darkening must exceed it where nothing says that contrast is to be expected.

    Parameters
    ----------
    samples
        See `samples_of`.
    opacity, registered
        As measured before.
    judged
        (rows, columns), where nothing but anatomy and noise can brighten.
    on
        The compute backend.
    """
    fit = fit_ramps(-samples, registered, lag1_time=opacity.noise.lag1_time, on=on)
    brightening = fit.t[judged[_GRID, _GRID]]
    # One pixel by itself may be a defect.
    return float(np.partition(brightening, -2)[-2]) if brightening.size > 1 else 0.0


def samples_of(smooth: SmoothedOpacity) -> FloatArray:
    """Room for every fourth pixel of every fourth line of all frames: the blur leaves no more."""
    here = smooth.opacity.valid[_GRID, _GRID]
    return np.zeros((len(smooth.opacity.od), *here.shape), dtype=np.float32)


def sampled(
    strips: Iterable[tuple[Rectangle, FloatArray]], samples: FloatArray
) -> Iterator[tuple[Rectangle, FloatArray]]:
    """The same strips, of which `samples` keep what is theirs as each goes by."""
    for (down, right), frames in strips:
        rows, columns = (_grid_in(part) for part in (down, right))
        part = frames[:, rows - down.start][:, :, columns - right.start]
        samples[:, rows[:, None] // _EVERY_PX, columns // _EVERY_PX] = part
        yield (down, right), frames


def _grid_in(part: slice) -> npt.NDArray[np.intp]:
    """The lines of the grid that lie in a part of the picture."""
    lines = np.arange(part.start, part.stop)
    return np.asarray(lines[lines % _EVERY_PX == _GRID.start])


def _counts(registered: RegisteredLoop, lag1_time: float) -> tuple[float, float]:
    """Independent frames of the fit, and those in which a ramp may start."""
    locked = registered.motion.locked
    quiet = registered.quiet_frames
    after = registered.injection.onset_frame
    after = max(quiet) + 1 if after is None else after
    return (
        effective_frames(int(locked[min(quiet) :].sum()), lag1_time),
        effective_frames(int(locked[after:].sum()), lag1_time),
    )


def _least_od(opacity: Opacity, registered: RegisteredLoop) -> float:
    if opacity.scale.scale is None:
        return 0.0
    kvp = registered.loop.kvp or PRIOR_KVP[1]
    return float(-np.log(transmitted("iodine", np.array([LEAST_IODINE_MG_CM2 / 1000.0]), kvp))[0])


def _larger(floor: float, noise: float) -> float:
    """The larger one; what is known where the noise is not."""
    return floor if np.isnan(noise) else max(floor, noise)
