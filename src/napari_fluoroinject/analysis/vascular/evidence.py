"""The loop as the run-off search sees it: coarse, in units of noise, deceptive places left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.model.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

GRID_MM = 0.58
"""Pixel of the search, half of a usual 0.29 mm: a vessel of 0.5 to 2 mm is 1 to 4 pixels wide."""
GRID_PX = 256
"""The same where there are no millimetres: so many pixels across the picture."""
BORDER_PX = 8
"""Grid pixels beside a blade or the border that are left out: penumbra makes lines there."""
CORRIDOR_PX = 5.0
"""Grid pixels on either side of the needle's axis that are left out."""
SMOOTHING_PX = 6.0
"""Sigma over which noise is even, and from which what lies under steel is filled."""
_NOISE_FRAMES = 24
"""So many differences of neighbouring frames tell the noise."""
_LEAST_NOISE = 0.3
"""Noise below this share of the field's median is saturation, not quiet."""
_FIRST_FRAMES = 4
"""Stand for the mask where there is none."""
_MAD_OF_DIFFERENCE = 1.4826 / 2**0.5
"""Standard deviation of one frame over the median absolute difference of two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """The loop on the search's grid.

    Attributes
    ----------
    total
        (frames + 1, rows, columns) float32: running sum over the locked frames of opacity in
        units of its local noise, so that the mean of any window is one subtraction.
    count
        (frames + 1,) float32: running number of locked frames.
    sigma_od
        (rows, columns): noise of one frame on the grid, as opacity.
    anatomy
        (rows, columns): log intensity of the mask frames.
    allowed
        (rows, columns): where a path may stand.
    mask
        First mask frame and the frame after the last.
    factor, grid_mm
        Pixels of the loop in one of the grid, and what one of the grid measures.
    """

    total: FloatArray
    count: FloatArray
    sigma_od: FloatArray
    anatomy: FloatArray
    allowed: BoolArray
    mask: tuple[int, int]
    factor: int
    grid_mm: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.count) - 1

    def mean(self, start: int, stop: int) -> FloatArray | None:
        """Mean of the locked frames in [start, stop), None where there is none."""
        start, stop = max(start, 0), min(stop, self.frames)
        if start >= stop or self.count[stop] == self.count[start]:
            return None
        mean: FloatArray = self.total[stop] - self.total[start]
        mean /= self.count[stop] - self.count[start]
        return mean


def gather(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> Evidence | None:
    """Put the loop on the search's grid; None where no place or no time is left to search."""
    factor = _factor(registered)
    open_ = _cover(opacity.valid, factor) >= 1
    corridor = needle_corridor(registered, needle, half_width_px=CORRIDOR_PX * factor)
    steel = _cover(corridor, factor) > 0
    allowed = binary_erosion(open_, iterations=BORDER_PX) & ~steel
    locked = registered.motion.locked.astype(np.float32)
    if not allowed.any() or locked.sum() < 2:
        return None
    small = on.kernels.bin_frames(opacity.od, opacity.valid.astype(np.float32), factor)
    small -= np.median(small[:, allowed][:, ::7], axis=1)[:, None, None]
    sigma_od = _local_noise(small, allowed, on)
    small *= locked[:, None, None] / sigma_od
    total = np.zeros((len(small) + 1, *small.shape[1:]), np.float32)
    np.cumsum(small, axis=0, out=total[1:])
    # Steel hides what is under it; its neighbourhood stands in, so that it has no edges.
    known = open_ & ~steel
    total = np.where(known, total, on.kernels.smooth(total, _weight(known), SMOOTHING_PX))
    mm_per_px = registered.loop.mm_per_px
    return Evidence(
        total=total,
        count=np.concatenate([[0], np.cumsum(locked)]).astype(np.float32),
        sigma_od=sigma_od,
        anatomy=_anatomy(registered, factor, on),
        allowed=allowed,
        mask=_mask(registered),
        factor=factor,
        grid_mm=GRID_MM if mm_per_px is None else factor * mm_per_px,
    )


def _factor(registered: RegisteredLoop) -> int:
    mm_per_px = registered.loop.mm_per_px
    if mm_per_px is not None:
        return max(round(GRID_MM / mm_per_px), 1)
    rows, columns = registered.field.shape
    return max(round(int(max(rows, columns)) / GRID_PX), 1)


def _mask(registered: RegisteredLoop) -> tuple[int, int]:
    frames = registered.quiet_frames
    return (min(frames), max(frames) + 1) if frames else (0, _FIRST_FRAMES)


def _anatomy(registered: RegisteredLoop, factor: int, on: Backend) -> FloatArray:
    """Mask frames in the reference pose, averaged on the grid."""
    start, stop = _mask(registered)
    aligned = on.kernels.warp(registered.ln[start:stop], poses(registered.motion)[start:stop])
    mean = aligned.mean(axis=0, keepdims=True)
    picture: FloatArray = on.kernels.bin_frames(mean, _weight(registered.field), factor)[0]
    return picture


def _local_noise(small: FloatArray, allowed: BoolArray, on: Backend) -> FloatArray:
    """Noise of one frame per pixel, from changes between neighbouring frames; smooth, never 0."""
    stride = max((len(small) - 1) // _NOISE_FRAMES, 1)
    change = np.abs(small[1::stride] - small[: len(small) - 1 : stride])
    typical = (_MAD_OF_DIFFERENCE * np.median(change, axis=0)).astype(np.float32)
    least = np.float32(max(_LEAST_NOISE * float(np.median(typical[allowed])), 1e-6))
    smooth = on.kernels.smooth(typical[None], _weight(allowed), SMOOTHING_PX)[0]
    noise: FloatArray = np.maximum(smooth, least)
    return noise


def _weight(mask: BoolArray) -> FloatArray:
    return mask.astype(np.float32)


def _cover(mask: BoolArray, factor: int) -> FloatArray:
    """Share of each grid pixel that `mask` covers."""
    rows, columns = (side // factor for side in mask.shape)
    blocks = mask[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    share: FloatArray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return share
