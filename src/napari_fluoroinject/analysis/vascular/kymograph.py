"""What happened along a path: its opacity over time, beside that of its sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, map_coordinates, uniform_filter1d

from napari_fluoroinject.analysis.vascular.grid import CHUNK_FRAMES
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.vascular.detectors import Candidate
    from napari_fluoroinject.analysis.vascular.evidence import Evidence

Index = npt.NDArray[np.int64]

REACH_PX = 6
"""How far to either side of the path is read."""
SIDE_PX = (3, 4)
"""Distances of the sides from the line's middle."""
OFF_AXIS_PX = 2
"""How far a path may run beside the line's middle."""
_SMOOTH_PATH_PX = 2.0
_SMOOTH_PLACES = 7
_SIDE_FRAMES = 9
_CORE = (0.25, 0.5, 0.25)
"""Weights of the middle and its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kymograph:
    """Opacity along one path over time, less that of the mask frames, in units of local noise.

    Attributes
    ----------
    points
        (places, 2), (row, column) on the search's grid: the path, smooth, a place per pixel.
    normals
        (places, 2): unit vectors across it.
    core
        (frames, places): of the line itself.
    side
        (frames, places): the larger of what lies on its two sides, smooth.
    side_low
        (frames, places): the smaller of them.
    line
        (frames, places): how far the core stands above the larger of its sides.
    noise_od
        Opacity that is one unit, the median along the path.
    """

    points: DoubleArray
    normals: DoubleArray
    core: FloatArray
    side: FloatArray
    side_low: FloatArray
    line: FloatArray
    noise_od: float


def kymographs(evidence: Evidence, candidates: Sequence[Candidate]) -> list[Kymograph]:
    """Read every candidate's opacity over time, in one pass over the loop."""
    courses = [_course(candidate.path) for candidate in candidates]
    fans = [_fan(*course) for course in courses]
    strips = [np.empty((evidence.frames, *fan.shape[1:]), np.float32) for fan in fans]
    for start in range(0, evidence.frames, CHUNK_FRAMES):
        stop = min(start + CHUNK_FRAMES, evidence.frames)
        frames = evidence.grid.binned(start, stop) - evidence.level[start:stop, None, None]
        for number, frame in enumerate(frames, start):
            for fan, strip in zip(fans, strips, strict=True):
                strip[number] = map_coordinates(frame, fan, order=1, mode="nearest")
    parts = zip(candidates, courses, fans, strips, strict=True)
    return [_kymograph(evidence, *each) for each in parts]


def _course(path: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    """A place per pixel along the path, smooth, and what is across it at each."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    along = np.arange(0.0, way[-1] + 1e-6, 1.0)
    points = np.stack([np.interp(along, way, one) for one in path.T], axis=1)
    points = gaussian_filter1d(points, _SMOOTH_PATH_PX, axis=0, mode="nearest")
    ahead = np.gradient(points, axis=0)
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    return points, np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)


def _fan(points: DoubleArray, normals: DoubleArray) -> DoubleArray:
    """Where is read: (2, places, offsets)."""
    across = np.arange(-REACH_PX, REACH_PX + 1.0)
    fan: DoubleArray = points[:, None] + across[None, :, None] * normals[:, None]
    return fan.transpose(2, 0, 1)


def _kymograph(
    evidence: Evidence,
    candidate: Candidate,
    course: tuple[DoubleArray, DoubleArray],
    fan: DoubleArray,
    strip: FloatArray,
) -> Kymograph:
    strip -= strip[slice(*evidence.mask)].mean(axis=0)
    noise_od = float(np.median(map_coordinates(evidence.sigma_od, fan, order=1, mode="nearest")))
    middle = _middle(_during(evidence, candidate, strip))
    place = np.arange(strip.shape[1])

    def at(offset: int) -> FloatArray:
        column = np.clip(middle + offset, 0, strip.shape[2] - 1)
        values: FloatArray = strip[:, place, column]
        return values

    core = _CORE[0] * at(-1) + _CORE[1] * at(0) + _CORE[2] * at(1)
    sides = [np.mean([at(sign * px) for px in SIDE_PX], axis=0) for sign in (-1, 1)]
    calm = [_smooth(side) for side in sides]
    larger = np.where(calm[0] > calm[1], *sides)
    return Kymograph(
        points=course[0],
        normals=course[1],
        core=(core / noise_od).astype(np.float32),
        side=(np.maximum(*calm) / noise_od).astype(np.float32),
        side_low=(np.minimum(*calm) / noise_od).astype(np.float32),
        line=((core - larger) / noise_od).astype(np.float32),
        noise_od=noise_od,
    )


def _during(evidence: Evidence, candidate: Candidate, strip: FloatArray) -> FloatArray:
    """Mean of the event's frames, (places, offsets)."""
    event = slice(*candidate.window)
    locked = evidence.locked[event] > 0
    frames = strip[event][locked] if locked.any() else strip[event]
    mean: FloatArray = frames.mean(axis=0)
    return mean


def _middle(during: FloatArray) -> Index:
    """Offset's index of the line's middle at each place: the highest, smooth along the path."""
    smooth = uniform_filter1d(during, _SMOOTH_PLACES, axis=0)
    near = smooth[:, REACH_PX - OFF_AXIS_PX : REACH_PX + OFF_AXIS_PX + 1]
    off = near.argmax(axis=1).astype(np.float64) - OFF_AXIS_PX
    middle: Index = REACH_PX + np.rint(uniform_filter1d(off, _SMOOTH_PLACES)).astype(np.int64)
    return middle


def _smooth(side: FloatArray) -> FloatArray:
    smooth: FloatArray = uniform_filter1d(uniform_filter1d(side, _SIDE_FRAMES, 0), _SIDE_FRAMES, 1)
    return smooth
