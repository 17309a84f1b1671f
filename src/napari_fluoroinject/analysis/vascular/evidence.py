"""The loop as the run-off search sees it: small, in units of noise, with every place that could deceive taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
from napari_fluoroinject.compute.backend import Backend
from napari_fluoroinject.model.arrays import BoolArray, FloatArray
from napari_fluoroinject.model.needle import Needle, NoNeedle

GRID_MM = 0.58
"""Pixel in which a vessel of 0.5 to 2 mm is one to four pixels wide: half of 0.29 mm."""
GRID_PX = 256
"""The same where there are no millimetres: this many pixels across the picture."""
BORDER_PX = 8
"""Grid pixels beside a blade or the border that are left out: penumbra and scatter make lines there."""
CORRIDOR_PX = 5.0
"""Grid pixels on either side of the needle's axis that are left out."""
SIGMA_BLUR_PX = 6.0
_MAD_OF_DIFFERENCE = 1.4826 / 2**0.5
"""Standard deviation of one frame over the median absolute difference of two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """The loop on the search's grid.

    Attributes
    ----------
    total
        (frames + 1, rows, columns) float32: running sum over the locked frames of opacity in units of its local
        noise, so that the mean of any window is one subtraction.
    count
        (frames + 1,): running number of locked frames.
    sigma_od
        (rows, columns): noise of one frame on the grid, as opacity.
    allowed
        (rows, columns): where a path may stand.
    trust
        (rows, columns), at most 1: lower where opacity also goes negative, as gas and moving bone do and contrast
        does not.
    factor
        Pixels of the loop in one of the grid.
    """

    total: FloatArray
    count: FloatArray
    sigma_od: FloatArray
    allowed: BoolArray
    trust: FloatArray
    factor: int

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.count) - 1

    def mean(self, start: int, stop: int) -> FloatArray | None:
        """Mean of the locked frames in [start, stop), None where there is none."""
        start, stop = max(start, 0), min(stop, self.frames)
        if start >= stop or self.count[stop] == self.count[start]:
            return None
        mean: FloatArray = (self.total[stop] - self.total[start]) / (
            self.count[stop] - self.count[start]
        )
        return mean


def gather(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> Evidence | None:
    """Put the loop on the search's grid; None where too little of the picture is left to hold a path."""
    factor = _factor(registered)
    weight = opacity.valid.astype(np.float32)
    small = on.kernels.bin_frames(opacity.od, weight, factor)
    corridor = needle_corridor(registered, needle, half_width_px=CORRIDOR_PX * factor)
    steel = _whole(corridor, factor) > 0
    open_ = _whole(opacity.valid, factor) >= 1
    allowed = binary_erosion(open_, iterations=BORDER_PX) & ~steel
    locked = registered.motion.locked.astype(np.float32)
    if not allowed.any() or locked.sum() < 2:
        return None
    small -= np.median(small[:, allowed][:, ::7], axis=1)[:, None, None]
    sigma_od = _local_noise(small, allowed)
    small /= sigma_od
    small *= locked[:, None, None]
    total = np.zeros((len(small) + 1, *small.shape[1:]), np.float32)
    np.cumsum(small, axis=0, out=total[1:])
    # Steel hides what is under it; its neighbourhood stands in, so that it has no edges.
    known = (open_ & ~steel).astype(np.float32)
    filled = on.kernels.smooth(total, known, SIGMA_BLUR_PX)
    total = np.where(known > 0, total, filled)
    residue = _worst(opacity.residue, factor)
    return Evidence(
        total=total,
        count=np.concatenate([[0], np.cumsum(locked)]).astype(np.float32),
        sigma_od=sigma_od,
        allowed=allowed,
        trust=1.0 / np.sqrt(np.maximum(residue, 1.0)),
        factor=factor,
    )


def _factor(registered: RegisteredLoop) -> int:
    mm_per_px = registered.loop.mm_per_px
    if mm_per_px is not None:
        return max(round(GRID_MM / mm_per_px), 1)
    return max(round(max(registered.field.shape) / GRID_PX), 1)


def _local_noise(small: FloatArray, allowed: BoolArray) -> FloatArray:
    """Noise of one frame, per pixel, from the changes between neighbouring frames; smooth, and never 0."""
    change = np.abs(np.diff(small, axis=0))
    typical = _MAD_OF_DIFFERENCE * np.median(change[:: max(len(change) // 24, 1)], axis=0)
    middle = float(np.median(typical[allowed]))
    weight = allowed.astype(np.float32)
    smooth = gaussian_filter(typical * weight, SIGMA_BLUR_PX) / np.maximum(
        gaussian_filter(weight, SIGMA_BLUR_PX), 1e-3
    )
    return np.maximum(smooth, max(0.3 * middle, 1e-6)).astype(np.float32)


def _whole(mask: BoolArray, factor: int) -> FloatArray:
    """Share of each grid pixel that `mask` covers."""
    rows, columns = (side // factor for side in mask.shape)
    blocks = mask[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    share: FloatArray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return share


def _worst(picture: FloatArray, factor: int) -> FloatArray:
    rows, columns = (side // factor for side in picture.shape)
    blocks = picture[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    worst: FloatArray = blocks.max(axis=(1, 3))
    return worst
