"""When contrast came: mask frames before it and the frame of its onset, found in the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fluoroinject.analysis.darkening import (
    BLOCK_PX,
    USUAL_NOISE,
    fit_steps,
    measure_darkening,
)
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.motion import Injection

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion

ALARM_STRENGTH = 20.0
LEAST_ALARM, LARGEST_ALARM = 12.5, 25.0
"""A step of this strength is contrast, in a loop of the usual noise; the strength falls as noise
rises, within the limits. In synthetic loops at 20 nGy per frame intended spread reached 25 and
more (median 60), gas and needles 16 (9 loops without contrast); at 5 nGy 12 and more against 11.
A lone run-off is weaker than gas and left to the search for run-off."""
CORE_SHARE = 0.5
"""The onset is read off the blocks of at least this share of the strength: gas that touches the
spread is weaker."""
EARLY_SHARE = 0.4
"""The onset is read off the first part of the rise, before the spread leaves the field."""
EVEN_FRAMES = 5
"""A median over this many frames leaves steps and takes the noise that would cross that part."""
MOST_AWAY = 3.0
"""A frame further from that median than this many times what is usual has no more say than this:
one odd frame among the first had drawn the bend to it, 12 frames early."""
FEWEST_FITTED = 6
MASK_FRAMES = 12
GUARD_FRAMES = 3
"""Frames before the onset that may already hold contrast: filters smear it, the onset may err."""
FEWEST_FRAMES = 10
UNSETTLED = 1.25
"""First frames whose residual is above this multiple of the loop's are still settling."""
UNSEEN_SHARE = 1 / 5
"""Where no contrast was seen the mask frames end at this share of the loop: what was too faint to
be found comes later as a rule."""
UNSEEN_FEWEST = 6
"""Mask frames of a short loop in which no contrast was seen."""


def find_injection(
    ln: FloatArray,
    field: BoolArray,
    motion: Motion,
    *,
    on: Backend,
) -> Injection:
    """Find the onset of contrast and choose the mask frames before it.

    Flat-then-darker curves are fitted to the blocks of the aligned frames; what wanders or also
    brightens (gas, residual motion) is weaker. The onset is the bend of the darkening of the whole
    spread that belongs to the strongest step. Frames that the registration lost have no say.

    Parameters
    ----------
    ln, field, motion
        Log frames (frames, rows, columns), open field (rows, columns), registration.
    on
        The compute backend.

    Returns
    -------
    Injection
        `mask_frames` is empty where contrast is there from the start, or the loop is too short for
        a subtraction; `onset_frame` is None where no contrast was seen.
    """
    first = _settled(motion)
    frames = _locked(motion, first)
    if len(frames) < FEWEST_FRAMES:
        return Injection(mask_frames=(), onset_frame=None, onset_score=0.0)
    darkening = measure_darkening(ln, field, motion, on=on)
    steps = fit_steps(darkening, first, on=on)
    score = float(steps.strength.max())
    if score < _alarm_strength(darkening.noise):
        last = max(int(frames[UNSEEN_FEWEST]), round(len(ln) * UNSEEN_SHARE))
        return Injection(
            mask_frames=_mask(motion, first, last),
            onset_frame=None,
            onset_score=score,
        )
    group = steps.groups == steps.groups.flat[int(steps.strength.argmax())]
    core = group & (steps.strength > CORE_SHARE * score)
    top = steps.strength == steps.strength.max()
    curve = np.full(len(ln), np.nan, dtype=np.float32)
    curve[darkening.frames] = darkening.z[:, core].mean(axis=1)
    injection = read_onset(curve, motion, score=score)
    row, column = (BLOCK_PX * (float(at.mean()) + 0.5) - 0.5 for at in np.nonzero(top))
    return replace(injection, seen_at_px=_placed((row, column), motion, injection.mask_frames))


def read_onset(
    curve: DoubleArray | FloatArray, motion: Motion, *, score: float, earliest: int = 0
) -> Injection:
    """Read the onset off one curve of darkening and choose the mask frames before it.

    Parameters
    ----------
    curve
        (frames,), rising where contrast is known to come; it may end before the loop. What it is
        in lost frames is not looked at.
    motion
        Registration of the loop.
    score
        What made it known.
    earliest
        The onset is sought from this frame on.

    Returns
    -------
    Injection
        Without an onset and mask frames where too few frames are locked to tell.
    """
    first = _settled(motion)
    frames = _locked(motion, max(first, earliest), len(curve))
    if len(frames) < FEWEST_FITTED:
        return Injection(mask_frames=(), onset_frame=None, onset_score=score)
    onset = _first_frame(curve[frames], frames)
    # Contrast may have come in any of the lost frames before it.
    clear = int(frames[frames < onset][-1]) + 1
    return Injection(
        mask_frames=_mask(motion, first, clear - GUARD_FRAMES),
        onset_frame=onset,
        onset_score=score,
    )


def _alarm_strength(noise: float) -> float:
    """Strength from which a step is contrast, in a loop of this noise."""
    expected = ALARM_STRENGTH * USUAL_NOISE / max(noise, 1e-6)
    return min(max(expected, LEAST_ALARM), LARGEST_ALARM)


def _placed(seen: Point, motion: Motion, mask_frames: tuple[int, ...]) -> Point:
    """Where a point of the aligned frames stands in the mask frames' mean pose."""
    if not mask_frames:
        return seen
    row, column = motion.all_in_frame(np.array(seen), mask_frames).mean(axis=0)
    return float(row), float(column)


def _settled(motion: Motion) -> int:
    """First frame of ordinary exposure and noise: frame 0 has another exposure (pulsed fluoro)."""
    ordinary = (motion.residual <= UNSETTLED) & motion.locked
    ordinary[0] = False
    return int(ordinary.argmax()) if ordinary.any() else 1


def _mask(motion: Motion, first: int, end: int) -> tuple[int, ...]:
    return tuple(_locked(motion, first, max(end, first))[-MASK_FRAMES:].tolist())


def _locked(motion: Motion, first: int, end: int | None = None) -> npt.NDArray[np.int64]:
    """Numbers of the locked frames from `first` on and before `end`."""
    return first + np.flatnonzero(motion.locked[first:end])


def _first_frame(curve: DoubleArray | FloatArray, frames: npt.NDArray[np.int64]) -> int:
    """First of these frames after the bend of the whole spread's curve: flat, then a steady rise.

    What is injected at a steady rate darkens the whole spread steadily, however it flows.
    """
    # Mirrored, the first frame is one of five, not three of them.
    even = ndimage.median_filter(curve, size=EVEN_FRAMES, mode="mirror")
    usual = MAD_TO_SIGMA * float(np.median(np.abs(curve - even)))
    tame = np.clip(curve, even - MOST_AWAY * usual, even + MOST_AWAY * usual)
    level, top = float(even.min()), float(even.max())
    risen = int(np.argmax(even >= level + EARLY_SHARE * (top - level)))
    # The frame that has risen belongs to it: a step has no other.
    part = np.asarray(tame[: max(risen + 1, FEWEST_FITTED)], dtype=np.float64)
    times = (frames[: len(part)] - frames[0]).astype(np.float64)
    bends = np.arange(0.0, times[-1], 0.25)
    bend = bends[int(np.argmin([_misfit(part, times, bend) for bend in bends]))]
    return int(frames[frames > frames[0] + bend][0])


def _misfit(curve: DoubleArray | FloatArray, times: DoubleArray, bend: float) -> float:
    basis = np.stack([np.ones_like(times), np.maximum(times - bend, 0.0)], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, curve, rcond=None)[0]
    return float(((curve - fitted) ** 2).sum())
