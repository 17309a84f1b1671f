"""When contrast came: mask frames before it and the frame of its onset, found in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_fluoroinject.analysis.darkening import (
    NOISE_STRENGTH,
    Darkening,
    Steps,
    fit_steps,
    measure_darkening,
)
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.model.motion import Injection

if TYPE_CHECKING:
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
    from napari_fluoroinject.model.motion import Motion

ALARM_STRENGTH = 20.0
"""A step of this strength is contrast. Gas and needles being advanced reach 19 in synthetic loops
without contrast, intended spread 40 and more at 20 nGy per frame; a lone run-off is weaker than
gas and left to the search for run-off."""
NEARLY = 0.35
RISE_FRAMES = 8
WINDOW_FRAMES = 10
MASK_FRAMES = 12
GUARD_FRAMES = 2
"""Frames before the onset that may already hold contrast: filters smear it, the onset may err."""
FEWEST_FRAMES = 10
UNSETTLED = 1.25
"""First frames whose residual is above this multiple of the loop's are still settling."""
UNSEEN_SHARE = 1 / 3
"""Where no contrast came, the mask frames end at this share of the loop."""


def find_injection(
    ln: FloatArray,
    field: BoolArray,
    motion: Motion,
    *,
    on: Backend,
) -> Injection:
    """Find the onset of contrast and choose the mask frames before it.

    Flat-then-darker curves are fitted to the blocks of the aligned frames; what wanders or also
    brightens (gas, residual motion) is weaker. The onset is the bend of the earliest blocks that
    belong to the strongest step.

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
    frames = len(ln)
    first = _settled(motion)
    if frames - first < FEWEST_FRAMES:
        return Injection(mask_frames=(), onset_frame=None, onset_score=0.0)
    darkening = measure_darkening(ln, field, poses(motion), on=on)
    steps = fit_steps(darkening, first, on=on)
    score = float(steps.strength.max())
    if score < ALARM_STRENGTH:
        last = max(first + MASK_FRAMES, round(frames * UNSEEN_SHARE))
        return Injection(
            mask_frames=_mask(motion, first, min(last, frames)),
            onset_frame=None,
            onset_score=score,
        )
    onset = _first_frame(darkening, steps, first)
    return Injection(
        mask_frames=_mask(motion, first, onset - GUARD_FRAMES),
        onset_frame=onset,
        onset_score=score,
    )


def _settled(motion: Motion) -> int:
    """First frame of ordinary exposure and noise: frame 0 has another exposure (pulsed fluoro)."""
    ordinary = motion.residual <= UNSETTLED
    ordinary[0] = False
    return int(ordinary.argmax()) if ordinary.any() else 1


def _mask(motion: Motion, first: int, end: int) -> tuple[int, ...]:
    frames = [k for k in range(first, max(end, first)) if motion.locked[k]]
    return tuple(frames[-MASK_FRAMES:])


def _spread(steps: Steps) -> BoolArray:
    """Blocks of the strongest step and all that are connected to it and nearly as sure."""
    sure = steps.strength > max(NEARLY * float(steps.strength.max()), NOISE_STRENGTH)
    labels, _ = ndimage.label(sure, structure=np.ones((3, 3)))
    top = np.unravel_index(int(steps.strength.argmax()), steps.strength.shape)
    spread: BoolArray = labels == labels[top]
    return spread


def _first_frame(darkening: Darkening, steps: Steps, first: int) -> int:
    """First frame of contrast: where the earliest blocks of the spread leave their level."""
    spread = _spread(steps)
    begins = np.sort(steps.begin[spread])
    earliest = begins[min(len(begins) // 50 + 1, len(begins) - 1)]
    early = spread & (steps.begin <= earliest + 1.0)
    weight = steps.strength[early]
    curve = darkening.z[:, early] @ (weight / weight.sum())
    return _bend(curve, round(float(earliest)), first)


def _bend(curve: FloatArray, seen: int, first: int) -> int:
    """First frame after the bend of a rise that was seen at `seen`: flat, then a ramp."""
    start = max(first, seen - WINDOW_FRAMES)
    part = curve[start : seen + RISE_FRAMES]
    times = np.arange(len(part), dtype=np.float64)
    bends = np.arange(max(seen - start - 5.0, 0.0), seen - start + 4.0, 0.25)
    bend = bends[int(np.argmin([_misfit(part, times, bend) for bend in bends]))]
    return min(int(start + np.floor(bend) + 1), len(curve) - 1)


def _misfit(curve: FloatArray, times: DoubleArray, bend: float) -> float:
    basis = np.stack([np.ones_like(times), np.maximum(times - bend, 0.0)], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, curve, rcond=None)[0]
    return float(((curve - fitted) ** 2).sum())
