"""The loop on the grid of the run-off search, a few frames at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_fluoroinject.analysis.registered import Opacity
from napari_fluoroinject.compute.backend import Backend

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray

GRID_MM = 0.58
"""Pixel of the search, half of a usual 0.29 mm: a vessel of 0.5 to 2 mm is 1 to 4 pixels wide."""
GRID_PX = 256
"""The same where there are no millimetres: so many pixels across the picture."""
CHUNK_FRAMES = 16
"""So many frames are put on the grid at once: memory does not grow with the loop."""


class Pictures(Protocol):
    """Frames on the grid of the search, of a whole loop or of its last seconds."""

    @property
    def factor(self) -> int:
        """Pixels of the loop in one of the grid."""
        ...

    def binned(self, start: int, stop: int) -> FloatArray:
        """Frames [start, stop), (frames, rows, columns), nobody else's."""
        ...

    def smooth(self, pictures: FloatArray, of: BoolArray, sigma_px: float) -> FloatArray:
        """Gaussian mean of the grid's pixels `of`, for pictures (pictures, rows, columns)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Opacity as means of `factor` x `factor` pixels; frames are made as they are asked for.

    Attributes
    ----------
    opacity, on
        What is read, and the backend that does it.
    factor
        Pixels of the loop in one of the grid.
    """

    opacity: Opacity
    factor: int
    on: Backend

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.opacity.od)

    def binned(self, start: int, stop: int) -> FloatArray:
        """Frames [start, stop), (frames, rows, columns)."""
        return self.mean(self.opacity.od[start:stop], self.opacity.valid)

    def mean(self, frames: FloatArray, of: BoolArray) -> FloatArray:
        """Mean of the pixels `of` in each of the grid, for frames (frames, rows, columns)."""
        return self.on.kernels.bin_frames(frames, weight(of), self.factor)

    def smooth(self, pictures: FloatArray, of: BoolArray, sigma_px: float) -> FloatArray:
        """Gaussian mean of the grid's pixels `of`, for pictures (pictures, rows, columns)."""
        return self.on.kernels.smooth(pictures, weight(of), sigma_px)

    def cover(self, mask: BoolArray) -> FloatArray:
        """Share of each pixel of the grid that a mask of the loop's pixels covers."""
        rows, columns = (side // self.factor for side in mask.shape)
        shape = (rows, self.factor, columns, self.factor)
        blocks = mask[: rows * self.factor, : columns * self.factor].reshape(shape)
        share: FloatArray = blocks.mean(axis=(1, 3), dtype=np.float32)
        return share


def grid_factor(registered: RegisteredLoop) -> int:
    """Pixels of the loop in one of the grid."""
    mm_per_px = registered.loop.mm_per_px
    if mm_per_px is not None:
        return max(round(GRID_MM / mm_per_px), 1)
    rows, columns = registered.field.shape
    return max(round(int(max(rows, columns)) / GRID_PX), 1)


def weight(mask: BoolArray) -> FloatArray:
    """1 inside, else 0."""
    return mask.astype(np.float32)
