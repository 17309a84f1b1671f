"""The begin of contrast, found while frames come: what darkens anew, and brightens nowhere."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

ALARM = 190.0
"""Sum over a group of blocks of how many sigma they darkened, from which on it is contrast. Chosen
on synthetic loops of seeds 7000 to 7116 and 8000 to 8007 (tests/proofs/live_accuracy.py reports on
others): half of the spreads that are seen at all reach it within 7 frames of their first trace; as
long as a mask is known well, gas and needles that move rarely do, but some do tenfold."""
LATE_FRAMES, GAP_FRAMES, EARLY_FRAMES = 3, 3, 8
"""The last frames are compared with earlier ones, and with the mask; those between may hold the
first contrast."""
SURE_SIGMAS = 4.0
"""A block that darkened by more belongs to a group, one that brightened by more answers it."""
BLOCK_BINS = 2
BLUR_BLOCKS = 1.6
BORDER_BLOCKS = 3
"""Blocks along the border that are left out: what moves comes in from there."""
ANSWER_BLOCKS = 10
"""As far from a group a brighter block belongs to the same bubble of gas or needle."""
ANSWER_WEIGHT = 1.5
WANDER_SIGMAS, WANDER_BLOCKS = 2.5, 7
"""What went on changing by more, as near as this, before the frames that are compared, is no
begin: gas and breath go on, contrast begins."""
FADING = 0.97
"""Share that is left, a frame later, of what once brightened or wandered."""
START_SHARE = 0.2
"""Contrast began with the first frame from which on its blocks kept above this share of what they
darkened by."""
LEARNING_FRAMES, LEARNING_FACTOR = 22, 3.8
"""Of so many first frames it takes more: how the picture wanders is not known yet. Of loops of
other seeds, gas and needles reached 2 to 10 alarms within eight frames after the mask."""
NEW_MASK_FRAMES = 8
"""So many frames after a mask was laid it takes more, too: what moved since shows at once. After
the first mask nothing begins in them."""
_NOISE_SHARE, _NOISE_LAG = 0.1, 2
_LEAST_NOISE = 0.7
_NOISE_BLOCKS = 5
_MASK_FRAMES = 12
_GROUPS = 4
_FEWEST = LATE_FRAMES + 3
_LAG_FRAMES = 8
_MEAN_TO_SIGMA = 1.2533
"""Standard deviation of a normal variable over its mean absolute value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Contrast was seen: it came `frames_ago`, its group of blocks reached `strength` alarms."""

    frames_ago: int
    strength: float


class OnsetWatch:
    """Told every placed frame's opacity over one mask, it says when contrast has begun.

    A group of connected blocks must be darker than in the mask and than half a second ago, by a
    sum of `ALARM` sigma, less what brightens beside it now or did not long ago (a bubble of gas
    and a needle that move do both), and less what changed there before (breath, gas that drifts).
    One factor over the whole picture is taken off beforehand. Contrast that is in the mask
    already, or comes as faintly and thinly as a lone vessel, is not found.

    Parameters
    ----------
    inner
        (rows, columns) of bins, 1 where motion brings in nothing.

    Attributes
    ----------
    strength
        The strongest group of the last frame over `ALARM`.
    """

    def __init__(self, inner: FloatArray) -> None:
        self.strength = 0.0
        self._seen = _blocks(inner) > 0.99
        self._judged = ndimage.binary_erosion(self._seen, iterations=BORDER_BLOCKS)
        self._weight = ndimage.gaussian_filter(self._seen.astype(np.float32), BLUR_BLOCKS) + 1e-3
        self._pictures: deque[FloatArray] = deque(maxlen=LATE_FRAMES + GAP_FRAMES + EARLY_FRAMES)
        self._changed: deque[FloatArray] = deque(maxlen=_LAG_FRAMES)
        none = np.zeros(self._seen.shape, np.float32)
        self._noise: FloatArray | None = None
        self._count, self._silent, self._unsure = 0, 0, LEARNING_FRAMES
        self._brightened, self._wandered = none, none

    def add(self, opacity: FloatArray | None) -> Begin | None:
        """Take in a frame's opacity in the reference pose, (rows, columns); None = lost."""
        if opacity is None or not self._judged.any():
            return None
        self.strength = 0.0
        self._pictures.append(self._picture(opacity))
        self._count += 1
        self._learn_noise()
        if len(self._pictures) < _FEWEST or self._noise is None:
            return None
        darker, sigma = self._darker(self._noise)
        groups, count = ndimage.label(darker > SURE_SIGMAS, np.ones((3, 3)))
        if not count:
            return None
        alarm = ALARM * (LEARNING_FACTOR if self._count <= self._unsure else 1.0)
        numbers = np.arange(1, count + 1)
        sums = np.asarray(ndimage.sum(darker, groups, numbers))
        for number in numbers[np.argsort(-sums)][:_GROUPS]:
            group = np.asarray(groups == number)
            left = float(sums[number - 1]) - ANSWER_WEIGHT * self._answer(group)
            self.strength = max(self.strength, left / ALARM)
            if left >= alarm and self._count > self._silent:
                return Begin(frames_ago=self._frames_ago(group, sigma), strength=left / ALARM)
        return None

    def doubt(self) -> None:
        """Take more for a begin in the next frames: the mask is new."""
        if self._count < LEARNING_FRAMES:
            self._silent = self._count + NEW_MASK_FRAMES
        self._unsure = max(self._unsure, self._count + NEW_MASK_FRAMES)

    def _picture(self, opacity: FloatArray) -> FloatArray:
        blocks = ndimage.gaussian_filter(_blocks(opacity) * self._seen, BLUR_BLOCKS)
        blocks /= self._weight
        blocks -= np.median(blocks[self._seen])
        picture: FloatArray = blocks
        return picture

    def _learn_noise(self) -> None:
        if len(self._pictures) <= _NOISE_LAG:
            return
        change = np.abs(self._pictures[-1] - self._pictures[-1 - _NOISE_LAG])
        if self._noise is None:
            self._noise = change
        else:
            self._noise = self._noise + np.float32(_NOISE_SHARE) * (change - self._noise)

    def _darker(self, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How many sigma each block darkened anew, less what wanders; and the sigma of a frame."""
        sigma = ndimage.uniform_filter(noise * np.float32(_MEAN_TO_SIGMA / 2**0.5), _NOISE_BLOCKS)
        sigma = np.maximum(sigma, _LEAST_NOISE * float(np.median(sigma[self._seen])) + 1e-6)
        pictures = np.array(self._pictures)
        late = pictures[-LATE_FRAMES:].mean(axis=0)
        early = pictures[: max(len(pictures) - LATE_FRAMES - GAP_FRAMES, 1)]
        change = (late - early.mean(axis=0)) / sigma
        change /= np.float32(np.sqrt(1 / LATE_FRAMES + 1 / len(early)))
        since_mask = late / (sigma * np.float32(np.sqrt(1 / LATE_FRAMES + 1 / _MASK_FRAMES)))
        if len(self._changed) == _LAG_FRAMES:
            self._wandered = np.maximum(self._wandered * np.float32(FADING), self._changed[0])
        self._changed.append(
            ndimage.maximum_filter(np.where(self._seen, change, 0), WANDER_BLOCKS)
        )
        darker = np.where(self._judged, np.minimum(change, since_mask), 0)
        darker -= np.maximum(self._wandered - np.float32(WANDER_SIGMAS), 0)
        brighter = np.where(self._seen, np.maximum(-change, -since_mask), 0)
        self._brightened = np.maximum(self._brightened * np.float32(FADING), brighter)
        return darker, sigma

    def _answer(self, group: BoolArray) -> float:
        """The sum of what brightened beside a group."""
        box = ndimage.find_objects(group.astype(np.int8))[0]
        wide = tuple(
            slice(max(side.start - ANSWER_BLOCKS, 0), side.stop + ANSWER_BLOCKS) for side in box
        )
        near = ndimage.distance_transform_edt(~group[wide]) <= ANSWER_BLOCKS
        bright = self._brightened[wide][near]
        return float(bright[bright > SURE_SIGMAS].sum())

    def _frames_ago(self, group: BoolArray, sigma: FloatArray) -> int:
        """How many frames ago the blocks of a group began to stay above a share of their rise."""
        curve = np.array([float((one[group] / sigma[group]).mean()) for one in self._pictures])
        early = curve[: max(len(curve) - LATE_FRAMES - GAP_FRAMES, 1)]
        level = float(early.mean())
        least = level + START_SHARE * (float(curve[-LATE_FRAMES:].max()) - level)
        below = np.flatnonzero(curve <= least)
        return len(curve) - 1 - (int(below[-1]) + 1 if len(below) else 0)


def _blocks(bins: FloatArray) -> FloatArray:
    """Means of 2 x 2 bins; what is left over at the end is dropped."""
    rows, columns = (size // BLOCK_BINS for size in bins.shape)
    cut = bins[: rows * BLOCK_BINS, : columns * BLOCK_BINS].astype(np.float32, copy=False)
    whole: FloatArray = cut.reshape(rows, BLOCK_BINS, columns, BLOCK_BINS).mean(axis=(1, 3))
    return whole
