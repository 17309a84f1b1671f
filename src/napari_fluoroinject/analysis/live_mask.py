"""The mask of a live loop: what its frames are compared with, and how noisy that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.placing import make_ground
from napari_fluoroinject.compute.curves import Exposures, Subtraction
from napari_fluoroinject.compute.taps import CURVE_TAPS, curve_taps
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, StoredArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.placing import Ground, LaidMask, Lens
    from napari_fluoroinject.compute.backend import Backend, Kernels
    from napari_fluoroinject.model.cine import IntensityScale

LEAST_THRESHOLD, LEAST_REGION_THRESHOLD = 0.06, 0.03
"""Opacity of the picture, about half of what is behind it because of scatter; less is left behind
by motion however little noise there is."""
REGION_FRAMES = 3
"""The region is judged on the mean of so many frames, blurred by so many bins:"""
REGION_SIGMA = 1.0
FEWEST_MASK_FRAMES = 2 * REGION_FRAMES
"""Two means of three frames tell the noise."""
NOISE_MULTIPLE = 4.0
"""A threshold in sigma: of 10 000 places without contrast noise takes about one over it."""
_LEVEL_EVERY = 4
_LEAST_GAP, _MOST_GAPS = 0.5, 4.0
"""Log of the beam by which a mask frame may differ from their median: nothing that moves or is
exposed anew reaches it, what is blank is beyond; and not by more than so many usual gaps."""
_MOST_SPREADS = 1.5
"""A frame that differs from the median by more than so many times the usual is not laid first."""
_SAMPLED = 8
"""Every eighth pixel of every eighth row tells the noise."""
_TAIL, _TAIL_SIGMAS = 99.0, 2.576
"""Dark parts are noisier than the typical pixel, and they are those that cross: sigma is read off
the tail."""
_FRAME_VALUE = (0.25, 0.5, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskFrame:
    """A mask frame: its number, stored values, log in bins, and that of the frame before."""

    frame: int
    stored: StoredArray
    binned: FloatArray
    before: FloatArray


def lay_mask(
    mask: Sequence[MaskFrame], header_field: BoolArray | None, lens: Lens, *, kernels: Kernels
) -> tuple[list[int], LaidMask | None]:
    """Lay mask frames over their mean, and leave out those that are blank or of another scene.

    Returns
    -------
    Which of them were kept, and how they lie; None where they are fewer than
    `FEWEST_MASK_FRAMES`.
    """
    binned = np.stack([one.binned for one in mask])
    before = np.stack([one.before for one in mask])
    usable, spread = _levelled(binned[:, ::_LEVEL_EVERY, ::_LEVEL_EVERY])
    kept = np.flatnonzero(usable)
    while len(kept) >= FEWEST_MASK_FRAMES:
        differ = spread[kept]
        plain = differ[0] <= _MOST_SPREADS * np.median(differ)
        first = 0 if plain else int(np.argmin(differ))
        laid = make_ground(
            binned[kept], before[kept], header_field, lens, first=first, kernels=kernels
        )
        if laid.fits.all():
            return kept.tolist(), laid
        kept = kept[laid.fits]
    return kept.tolist(), None


def _levelled(ln: FloatArray) -> tuple[BoolArray, DoubleArray]:
    """Which frames are no other level than most, and how far each is from the median."""
    flat = np.ptp(ln, axis=(1, 2)) == 0
    # of a loop that is blank as a whole nothing is left out
    seen = ln if flat.all() else ln[~flat]
    change = ln - np.median(seen, axis=0)
    gap = np.abs(change).mean(axis=(1, 2))
    limit = max(_LEAST_GAP, _MOST_GAPS * float(np.median(gap)))
    spread = np.abs(change - np.median(change, axis=(1, 2), keepdims=True)).mean(axis=(1, 2))
    return (gap <= limit) & (~flat | flat.all()), spread.astype(np.float64)


def make_subtraction(
    stored: StoredArray,
    shift_px: DoubleArray,
    field: BoolArray,
    intensity: IntensityScale,
    *,
    on: Backend,
) -> Subtraction:
    """Average the mask frames in the reference pose, and set the threshold of arrival.

    Parameters
    ----------
    stored, shift_px
        Mask frames (frames, rows, columns) and where they stand (frames, 2).
    field
        (rows, columns), where noise is read off.
    intensity
        What stored values mean.
    on
        The compute backend.
    """
    mask = _mean(stored, shift_px, intensity, on.kernels)
    ln = np.stack(
        [_sampled(one, shift, intensity) for one, shift in zip(stored, shift_px, strict=True)]
    )
    inside = ln[:, field[::_SAMPLED, ::_SAMPLED]]
    inside -= np.median(inside, axis=1, keepdims=True)
    before, now, after = inside[:-2], inside[1:-1], inside[2:]
    value = _FRAME_VALUE[0] * before + _FRAME_VALUE[1] * now + _FRAME_VALUE[2] * after
    sigma = _sigma(value[REGION_FRAMES:] - value[:-REGION_FRAMES])
    return Subtraction(
        ln_beam=intensity.ln_beam,
        first_stored=intensity.first_stored,
        mask=mask,
        threshold=max(LEAST_THRESHOLD, NOISE_MULTIPLE * sigma),
    )


def region_threshold(
    binned: FloatArray, pose: DoubleArray, ground: Ground, *, kernels: Kernels
) -> float:
    """Opacity from which a bin belongs to the region; mask frames (frames, rows, columns)."""
    opacity = ground.ln - kernels.warp(binned, pose)
    opacity -= np.median(opacity[:, ground.inner > 0], axis=1)[:, None, None]
    whole = len(opacity) // REGION_FRAMES * REGION_FRAMES
    means = opacity[:whole].reshape(-1, REGION_FRAMES, *opacity.shape[1:]).mean(axis=1)
    change = kernels.smooth(np.diff(means, axis=0), ground.inner, REGION_SIGMA)
    return max(LEAST_REGION_THRESHOLD, NOISE_MULTIPLE * _sigma(change[:, ground.inner > 0]))


def _sigma(change: FloatArray) -> float:
    """Sigma of one of two values, from their differences."""
    if not change.size:
        return 0.0
    return float(np.percentile(np.abs(change), _TAIL)) / _TAIL_SIGMAS / float(np.sqrt(2))


def _mean(
    stored: StoredArray, shift_px: DoubleArray, intensity: IntensityScale, kernels: Kernels
) -> FloatArray:
    """Mean of the frames as the maps sample them, by the maps' own kernel.

    Compared with a picture that is brighter than all, frames are opaque from the first: the area
    under their curve over its length is what they lack of it on average.
    """
    brighter = float(intensity.ln_beam.max()) + 1.0
    count = len(stored)
    maps = kernels.curve_maps(
        stored,
        Exposures(times_s=np.arange(float(count)), shift_px=shift_px, offset=np.zeros(count)),
        Subtraction(
            ln_beam=intensity.ln_beam,
            first_stored=intensity.first_stored,
            mask=np.full(stored.shape[1:], brighter, np.float32),
            threshold=0.5,
        ),
    )
    return brighter - maps.area_s / np.float32(count - 1)


def _sampled(stored: StoredArray, shift_px: DoubleArray, intensity: IntensityScale) -> FloatArray:
    """Log of some pixels of one frame in the reference pose, as the maps sample them."""
    first, weights = curve_taps(shift_px)
    rows, columns = (
        np.clip(np.arange(0, size, _SAMPLED)[:, None] + at + np.arange(CURVE_TAPS), 0, size - 1)
        for size, at in zip(stored.shape, first.astype(np.int64), strict=True)
    )
    # of every pixel its neighbours, in the last two axes
    ln = intensity.ln(stored[rows[:, None, :, None], columns[None, :, None, :]])
    down, right = weights.astype(np.float32)
    sampled: FloatArray = (ln @ right) @ down
    return sampled
