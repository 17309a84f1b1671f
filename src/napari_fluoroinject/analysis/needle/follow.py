"""Where a shaft lies in every frame: it moves with the skin and the hand, not with bone alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.analysis.needle.line import Line, strip
from napari_fluoroinject.analysis.needle.profile import Profile, across_px, gaussian_profile
from napari_fluoroinject.analysis.robust import MAD_TO_SIGMA
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.needle.refine import Shaft
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.model.arrays import FloatArray

BLOCK_PX = 8
REACH_PX = 3.0
"""How far either end may step across between two frames, beyond the motion of bone."""
GRID_PX = 0.5
TRIES = 3
"""Searches per frame when an end steps to the edge of the grid."""
POLISH_ROUNDS = 2
SMOOTHING_FRAMES = 5
"""A third of a second: halves the noise's variance and keeps a hand's wiggle."""
LEAST_PRESENT = 0.35
"""A frame with less of the shaft's opacity than this does not show it."""
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """The axis of a shaft in every frame.

    Attributes
    ----------
    lines
        One per frame, in the frame's own geometry; the same position along stands on the same
        piece of
        tissue depth in all of them, as far as bone carries it.
    present
        (frames,) opacity of the shaft over its opacity in the reference pose, 1 where it is
        all there.
    seen
        (frames,) whether the frame shows the shaft at all; elsewhere the line is that of the
        nearest frame
        that does, carried by bone.
    """

    lines: tuple[Line, ...]
    present: DoubleArray
    seen: BoolArray


def follow(registered: RegisteredLoop, shaft: Shaft, *, start: int, scale: float) -> Track:
    """Follow a shaft from frame `start` to both ends of the loop.

    Per frame the displacement across the axis and the turn are fitted to the profile across
    the shaft, first
    on a grid, then by re-weighted least squares; along the axis the line is carried by bone.

    Parameters
    ----------
    registered
        The loop; its motion carries the line from one frame to the next.
    shaft
        In the reference pose.
    start
        A frame in which it is known to be seen.
    scale
        Growth of the pixel parameters (`pixel_scale`).
    """
    frames = len(registered.ln)
    search = _Search.of(shaft, scale)
    lines: list[Line] = [shaft.line] * frames
    present, seen = np.zeros(frames), np.zeros(frames, dtype=np.bool_)
    carried = [shaft.line.carried(registered.motion, k) for k in range(frames)]
    for order in (range(start, frames), range(start - 1, -1, -1)):
        deviation = (0.0, 0.0)
        if order.step < 0 and seen[start]:
            deviation = search.deviation(lines[start], carried[start])
        for k in order:
            fitted = search.locate(registered.ln[k], carried[k], deviation)
            present[k] = search.present(registered.ln[k], fitted)
            seen[k] = present[k] >= LEAST_PRESENT
            lines[k] = fitted if seen[k] else search.place(carried[k], deviation)
            deviation = search.deviation(lines[k], carried[k])
    return Track(lines=_smoothed(search, carried, lines), present=present, seen=seen)


def _smoothed(search: _Search, carried: list[Line], lines: list[Line]) -> tuple[Line, ...]:
    """The lines, their deviation from bone freed of noise (Savitzky and Golay 1964)."""
    if len(lines) < SMOOTHING_FRAMES:
        return tuple(lines)
    deviation = [search.deviation(*pair) for pair in zip(lines, carried, strict=True)]
    smooth = smoothed(np.array(deviation))
    return tuple(search.place(line, _point(d)) for line, d in zip(carried, smooth, strict=True))


def smoothed(track: DoubleArray) -> DoubleArray:
    """The track (frames, values) as parabolas over `SMOOTHING_FRAMES` frames see it.

    Savitzky and Golay 1964 (Analytical Chemistry 36:1627); the first and the last frames lie on
    the first and the last parabola. SciPy's own takes a second to import.
    """
    half = SMOOTHING_FRAMES // 2
    basis = np.vander(np.arange(-half, half + 1.0), 3)
    hat = basis @ np.linalg.pinv(basis)
    windows = np.lib.stride_tricks.sliding_window_view(track, SMOOTHING_FRAMES, axis=0)
    return np.concatenate(
        [
            hat[:half] @ track[:SMOOTHING_FRAMES],
            windows @ hat[half],
            hat[half + 1 :] @ track[-SMOOTHING_FRAMES:],
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """What is compared with each frame: the shaft cut into blocks along its axis.

    `between` tells, for every displacement of both ends on the grid and every block, where in
    what the blocks gain (blocks, grid), laid out flat, it comes to stand, and how far beyond.
    """

    ends_px: tuple[float, float]
    along_px: DoubleArray
    place_px: DoubleArray
    height: DoubleArray
    across_px: DoubleArray
    grid: Profile
    between: tuple[npt.NDArray[np.int64], DoubleArray]
    derivative: DoubleArray

    @staticmethod
    def of(shaft: Shaft, scale: float) -> _Search:
        blocks = max(int(shaft.length_px // BLOCK_PX), 2)
        first = int(np.searchsorted(shaft.along_px, shaft.start_px))
        used = slice(first, first + blocks * BLOCK_PX)
        along = shaft.along_px[used]
        blocks = len(along) // BLOCK_PX
        along = along[: blocks * BLOCK_PX]
        curve = np.nan_to_num(shaft.curve[used][: blocks * BLOCK_PX])
        across = across_px(scale)
        reach = REACH_PX * scale
        centres = np.arange(-reach, reach + GRID_PX / 2, GRID_PX)
        middle = gaussian_profile(across, np.zeros(1), shaft.sigma_px)
        slope = across / shaft.sigma_px**2 * np.exp(-0.5 * (across / shaft.sigma_px) ** 2)
        basis, _ = np.linalg.qr(
            np.column_stack([np.vander(across / np.abs(across).max(), 3), middle.filters[0]])
        )
        slope = slope - basis @ (basis.T @ slope)
        place = along.reshape(blocks, BLOCK_PX).mean(axis=1)
        return _Search(
            ends_px=(float(along[0]), float(along[-1])),
            along_px=along,
            place_px=place,
            height=np.maximum(curve.reshape(blocks, BLOCK_PX).mean(axis=1), 0.0),
            across_px=across,
            grid=gaussian_profile(across, centres, shaft.sigma_px),
            between=_between((place - along[0]) / (along[-1] - along[0]), len(centres)),
            derivative=slope / float(slope @ slope),
        )

    def place(self, line: Line, deviation: tuple[float, float]) -> Line:
        """The line displaced across by `deviation` at its two ends."""
        first, last = self.ends_px
        slope = (deviation[1] - deviation[0]) / (last - first)
        return line.turned(deviation[0], slope, about_px=first)

    def deviation(self, line: Line, other: Line) -> tuple[float, float]:
        """How far `line` lies across from `other` at the two ends."""
        first, last = (other.project(line.at(end))[1] for end in self.ends_px)
        return first, last

    def locate(self, ln: FloatArray, carried: Line, deviation: tuple[float, float]) -> Line:
        """The shaft's axis in one frame, looked for around a predicted deviation."""
        line = self.place(carried, deviation)
        for _ in range(TRIES):
            step, at_edge = self._coarse(self._blocks(ln, line))
            line = self.place(line, step)
            if not at_edge:
                break
        for _ in range(POLISH_ROUNDS):
            line = self.place(line, self._fine(self._blocks(ln, line)))
        return line

    def present(self, ln: FloatArray, line: Line) -> float:
        """Opacity of the shaft along `line` over its opacity in the reference."""
        blocks = self._blocks(ln, line)
        middle = len(self.grid.centres_px) // 2
        heights = blocks @ self.grid.filters[middle]
        weight = np.where(np.isfinite(heights), self.height, 0.0)
        total = float(weight @ self.height)
        return float(weight @ np.nan_to_num(heights)) / total if total > 0 else 0.0

    def _blocks(self, ln: FloatArray, line: Line) -> DoubleArray:
        values = -strip(ln, line, self.along_px, self.across_px)
        blocks: DoubleArray = values.reshape(len(self.place_px), BLOCK_PX, -1).mean(
            axis=1, dtype=np.float64
        )
        return blocks

    def _coarse(self, blocks: DoubleArray) -> tuple[tuple[float, float], bool]:
        """Best displacement of both ends on a grid, by what every block gains there."""
        heights = np.nan_to_num(blocks @ self.grid.filters.T)
        bound = 2 * self.height[:, None]
        gained = self.height[:, None] * (
            2 * np.clip(heights, -bound, bound) - self.height[:, None]
        )
        gained *= self.grid.gain
        count = len(self.grid.centres_px)
        low, part = self.between
        near = gained.ravel()[low]
        total = (near + part * (gained.ravel()[low + 1] - near)).sum(axis=-1)
        i, j = np.unravel_index(int(np.argmax(total)), total.shape)
        edge = {0, count - 1}
        centres = self.grid.centres_px
        return (float(centres[i]), float(centres[j])), int(i) in edge or int(j) in edge

    def _fine(self, blocks: DoubleArray) -> tuple[float, float]:
        """Displacement of the two ends from the antisymmetric part of each block's profile."""
        moment = blocks @ self.derivative
        known = np.isfinite(moment) & (self.height > 0)
        if known.sum() < 2:
            return 0.0, 0.0
        place, height = self.place_px[known], self.height[known]
        offset = np.clip(moment[known] / height, -2.0, 2.0)
        weight = height**2
        for _ in range(4):
            level, slope, middle = _straight(place, offset, weight)
            residual = offset - level - slope * (place - middle)
            spread = max(MAD_TO_SIGMA * _median(np.abs(residual)), 0.05)
            weight = height**2 / (1 + (residual / (2 * spread)) ** 2) ** 2
        first, last = (level + slope * (end - middle) for end in self.ends_px)
        return first, last


def _between(share: DoubleArray, count: int) -> tuple[npt.NDArray[np.int64], DoubleArray]:
    """`_Search.between` for blocks at these shares of the way from end to end."""
    first, last = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    position = first[..., None] + (last - first)[..., None] * share
    low = np.clip(np.floor(position).astype(np.int64), 0, count - 2)
    return low + count * np.arange(len(share)), position - low


def _straight(
    place: DoubleArray, value: DoubleArray, weight: DoubleArray
) -> tuple[float, float, float]:
    """Weighted least squares: a line's value at the mean place, its slope, and that place."""
    total = float(weight.sum())
    middle, level = float(weight @ place) / total, float(weight @ value) / total
    away = place - middle
    weighted = weight * away
    return level, float(weighted @ value) / max(float(weighted @ away), _TINY), middle


def _median(values: DoubleArray) -> float:
    """Median of a few values: what NumPy's own takes to begin with is most of its cost."""
    ordered, count = np.sort(values), len(values)
    return 0.5 * float(ordered[(count - 1) // 2] + ordered[count // 2])


def _point(step: DoubleArray) -> tuple[float, float]:
    return float(step[0]), float(step[1])
