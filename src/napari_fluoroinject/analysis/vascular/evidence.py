"""The loop as the run-off search sees it: coarse, in units of noise, deceptive places left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from napari_fluoroinject.analysis.corridor import needle_corridor
from napari_fluoroinject.analysis.pose import poses
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.analysis.vascular.grid import (
    CHUNK_FRAMES,
    GRID_MM,
    Grid,
    Pictures,
    grid_factor,
)
from napari_fluoroinject.model.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from napari_fluoroinject.analysis.registered import Opacity, RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.needle import Needle, NoNeedle

BORDER_PX = 8
"""Grid pixels beside a blade or the border that are left out: penumbra makes lines there."""
CORRIDOR_PX = 5.0
"""Grid pixels on either side of the needle's axis that are left out."""
SMOOTHING_PX = 6.0
"""Sigma over which noise is even, and from which what lies under steel is filled."""
_SURROUND_PX = 14
"""Around the allowed places so much is looked at: a line with its sides and its smoothing."""
_NOISE_FRAMES = 24
"""So many differences of neighbouring frames tell the noise."""
_SAMPLING = 7
"""Every so many allowed pixels are enough for the median of a frame."""
_LEAST_NOISE = 0.3
"""Noise below this share of the field's median is saturation, not quiet."""
_FIRST_FRAMES = 4
"""Stand for the mask where there is none."""
_MAD_OF_DIFFERENCE = MAD_TO_SIGMA / 2**0.5
"""Standard deviation of one frame over the median absolute difference of two."""

Window = tuple[int, int]
"""First frame, and the frame after the last."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """The loop on the search's grid.

    Attributes
    ----------
    grid
        Where the frames come from.
    level
        (frames,) float32: median of each frame, which is taken off.
    locked
        (frames,) float32: 1 for a frame that counts, else 0.
    sigma_od
        (rows, columns): noise of one frame on the grid, as opacity.
    anatomy
        (rows, columns): log intensity of the mask frames.
    known
        (rows, columns): open and not under steel.
    allowed
        (rows, columns): where a path may stand, at least `BORDER_PX` from the border.
    mask
        First mask frame and the frame after the last.
    grid_mm
        What one pixel of the grid measures.
    """

    grid: Pictures
    level: FloatArray
    locked: FloatArray
    sigma_od: FloatArray
    anatomy: FloatArray
    known: BoolArray
    allowed: BoolArray
    mask: Window
    grid_mm: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.level)

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns that are worth looking at: the allowed places with their surround."""
        row, column = np.nonzero(self.allowed)
        return _around(row), _around(column)

    def mean(self, start: int, stop: int) -> FloatArray | None:
        """Mean of the locked frames in [start, stop), None where there is none.

        It is in units of local noise, (rows, columns).
        """
        means = next(self.means([[(start, stop)]]))
        return None if means is None else means[0]

    def means(self, looks: Sequence[Sequence[Window]]) -> Iterator[list[FloatArray] | None]:
        """`mean` for the windows of each of many looks, None where it is None for one of them.

        One pass over the loop, in which running sums are kept at the windows' ends only, as long
        as a look still needs them: looks should be in the order of time.
        """
        cut = [[self._cut(window) for window in look] for look in looks]
        edges = [[edge for window in look for edge in window] for look in cut]
        # The first edge that this or any later look needs.
        since = list(accumulate((min(e) for e in reversed(edges)), min))[::-1]
        sums = self._sums(sorted({edge for look in edges for edge in look}))
        count = np.concatenate([[0], np.cumsum(self.locked)]).astype(np.float32)
        held: dict[int, FloatArray] = {}
        for look, needed, oldest in zip(cut, edges, since, strict=True):
            while max(needed) not in held:
                edge, total = next(sums)
                held[edge] = total
            locked = all(count[stop] > count[start] for start, stop in look)
            yield [_mean(held, count, *window) for window in look] if locked else None
            held = {edge: total for edge, total in held.items() if edge >= oldest}

    def _cut(self, window: Window) -> Window:
        start, stop = (min(max(edge, 0), self.frames) for edge in window)
        return start, max(start, stop)

    def _sums(self, edges: Sequence[int]) -> Iterator[tuple[int, FloatArray]]:
        """Sums of the locked frames from the first edge to each, in units of local noise."""
        total = np.zeros(self.known.shape, np.float32)
        yield edges[0], total
        for start in range(edges[0], edges[-1], CHUNK_FRAMES):
            stop = min(start + CHUNK_FRAMES, edges[-1])
            frames = self.grid.binned(start, stop)
            frames -= self.level[start:stop, None, None]
            frames *= self.locked[start:stop, None, None] / self.sigma_od
            # A running sum along the first axis costs twenty times as much.
            for before, frame in pairwise([total, *frames]):
                np.add(frame, before, out=frame)
            total = frames[-1].copy()
            here = [edge for edge in edges if start < edge <= stop]
            if here:
                yield from zip(here, self._filled(frames[np.array(here) - start - 1]), strict=True)

    def _filled(self, totals: FloatArray) -> FloatArray:
        """Steel hides what is under it; its surroundings stand in, so that it has no edges."""
        smooth = self.grid.smooth(totals, self.known, SMOOTHING_PX)
        np.copyto(smooth, totals, where=self.known)
        return smooth


def gather(
    opacity: Opacity, registered: RegisteredLoop, needle: Needle | NoNeedle, *, on: Backend
) -> Evidence | None:
    """Put the loop on the search's grid; None where no place or no time is left to search."""
    grid = Grid(opacity=opacity, factor=grid_factor(registered), on=on)
    open_ = grid.cover(opacity.valid) >= 1
    corridor = needle_corridor(registered, needle, half_width_px=CORRIDOR_PX * grid.factor)
    steel = grid.cover(corridor) > 0
    allowed = binary_erosion(open_, iterations=BORDER_PX) & ~steel
    locked = registered.motion.locked.astype(np.float32)
    if not allowed.any() or locked.sum() < 2:
        return None
    level, changes = _levels(grid, allowed)
    mm_per_px = registered.loop.mm_per_px
    return Evidence(
        grid=grid,
        level=level,
        locked=locked,
        sigma_od=_local_noise(changes, grid, allowed),
        anatomy=_anatomy(registered, grid),
        known=open_ & ~steel,
        allowed=allowed,
        mask=_mask(registered),
        grid_mm=GRID_MM if mm_per_px is None else grid.factor * mm_per_px,
    )


def _mean(sums: dict[int, FloatArray], count: FloatArray, start: int, stop: int) -> FloatArray:
    mean: FloatArray = sums[stop] - sums[start]
    mean /= count[stop] - count[start]
    return mean


def _around(places: npt.NDArray[np.int64]) -> slice:
    return slice(max(int(places.min()) - _SURROUND_PX, 0), int(places.max()) + _SURROUND_PX + 1)


def _mask(registered: RegisteredLoop) -> tuple[int, int]:
    frames = registered.quiet_frames
    return (min(frames), max(frames) + 1) if frames else (0, _FIRST_FRAMES)


def _anatomy(registered: RegisteredLoop, grid: Grid) -> FloatArray:
    """Mask frames in the reference pose, averaged on the grid."""
    start, stop = _mask(registered)
    pose = poses(registered.motion)[start:stop]
    aligned = grid.on.kernels.warp(registered.ln[start:stop], pose)
    picture: FloatArray = grid.mean(aligned.mean(axis=0, keepdims=True), registered.field)[0]
    return picture


def _levels(grid: Grid, allowed: BoolArray) -> tuple[FloatArray, list[FloatArray]]:
    """Median of each frame, and changes between neighbouring frames at some times."""
    row, column = (places[::_SAMPLING] for places in np.nonzero(allowed))
    stride = max((grid.frames - 1) // _NOISE_FRAMES, 1)
    levels, changes = [], []
    last = np.empty(0, np.float32)
    for start in range(0, grid.frames, CHUNK_FRAMES):
        for frame in grid.binned(start, start + CHUNK_FRAMES):
            levels.append(np.median(frame[row, column]))
            picture = frame - levels[-1]
            if len(levels) > 1 and (len(levels) - 2) % stride == 0:
                changes.append(np.abs(picture - last))
            last = picture
    return np.array(levels, np.float32), changes


def _local_noise(changes: list[FloatArray], grid: Grid, allowed: BoolArray) -> FloatArray:
    """Noise of one frame per pixel, from changes between neighbouring frames; smooth, never 0."""
    typical = (_MAD_OF_DIFFERENCE * np.median(changes, axis=0)).astype(np.float32)
    least = np.float32(max(_LEAST_NOISE * float(np.median(typical[allowed])), 1e-6))
    noise: FloatArray = np.maximum(grid.smooth(typical[None], allowed, SMOOTHING_PX)[0], least)
    return noise
